"""What people say on Discord reaches the agent, and its answer stands where it was asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from carrier.testing.discord import Discord, local_discord
from tests.discord_scene import scene


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with local_discord() as discord:
        yield discord


async def test_who_mentions_the_bot_gets_one_answer_in_reply(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")

    answer = discord.feed(bar.general)[-1]
    assert answer.referenced is asked
    assert not answer.pinged
    assert discord.breaches == []
