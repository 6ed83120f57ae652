"""Agents under their own names on Discord: where no webhook can be had the bot speaks, and no channel has two."""

from pathlib import Path

import pytest

from carrier.testing.discord import Discord
from carrier.testing.discord.faults import Rest, delay, rate_limited, status
from carrier.testing.discord.permissions import MANAGE_WEBHOOKS
from tests.discord_scene import Scene, scene
from tests.test_discord_sending import ask


def personas(discord: Discord, folder: Path, *client: str) -> Scene:
    bar = scene(discord, folder, "persona: webhook", *client)
    discord.world.give(bar.guild, bar.tifa, discord.world.role(bar.guild, "keeper", MANAGE_WEBHOOKS))
    return bar


async def test_where_others_have_all_webhooks_the_bot_speaks(discord: Discord, tmp_path: Path) -> None:
    bar = personas(discord, tmp_path)
    full = {"message": "Maximum number of webhooks reached (15)", "code": 30007}
    discord.faults.always(Rest("POST", "/channels/[0-9]+/webhooks$"), status(400, full))

    async with bar.host():
        await ask(bar)
        await bar.answered("you said: @Tifa hello")


async def test_two_threads_of_one_channel_share_its_webhook(discord: Discord, tmp_path: Path) -> None:
    bar = personas(discord, tmp_path)
    threads = [discord.thread(bar.anna, bar.general, name) for name in ("one", "two")]
    discord.faults.add(Rest("POST", "/channels/[0-9]+/webhooks$"), delay(0.5))

    async with bar.host():
        for thread in threads:
            discord.say(bar.anna, thread, "hello", mentions=[bar.tifa])
        for thread in threads:
            await discord.until(lambda thread=thread: "you said: @Tifa hello" in discord.said(thread))  # type: ignore[misc]

    assert len(discord.world.webhooks) == 1


async def test_no_token_of_a_webhook_is_logged(
    discord: Discord, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bar = personas(discord, tmp_path)
    discord.faults.add(Rest("POST", "^/webhooks/"), rate_limited(0.1))

    async with bar.host():
        await ask(bar)
        await discord.until(lambda: "you said: @Tifa hello" in discord.said(bar.general))

    (webhook,) = discord.world.webhooks.values()
    assert webhook.token not in caplog.text
