"""What nobody should send to a bot, and does: a clear state or answer comes of it, and nothing that follows is lost."""

import re
from pathlib import Path

from carrier.testing.discord import Discord, File
from tests.discord_scene import scene, until_heard
from tests.test_discord_sending import saying, states

SLOW = {"agents.d/script.yaml": "kind: script\nname: tifa\nrules: [{ say: done, delay: 0.3s }]\n"}


async def test_a_channel_that_is_deleted_before_the_answer_is_a_clear_state(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, files=SLOW)
    cellar = discord.world.text(bar.guild, "cellar")

    async with bar.host() as host:
        discord.say(bar.anna, cellar, "hello", mentions=[bar.tifa])
        await discord.until(lambda: discord.typed)
        discord.world.delete_channel(cellar)
        assert await states(host) == [("failed", "the channel is gone")]
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("done")


async def test_a_message_of_a_mention_alone_is_answered(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        discord.say(bar.anna, bar.general, "", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa")


async def test_a_message_of_nothing_costs_nothing(discord: Discord, tmp_path: Path) -> None:
    discord.clock.speed = 20
    bar = scene(discord, tmp_path)
    direct = discord.world.dm(bar.anna, bar.tifa)

    async with bar.host():
        said = discord.say(bar.anna, direct, "soon nothing")
        await bar.answered("you said: soon nothing", channel=direct)
        event = {
            "id": str(said.id + 1), "channel_id": str(direct.id), "content": "", "type": 0, "tts": False,
            "author": {"id": str(bar.anna.id), "username": "anna", "discriminator": "0", "avatar": None},
            "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None, "mention_everyone": False,
            "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": False,
        }  # fmt: skip
        discord.gateway.dispatch("MESSAGE_CREATE", event)
        discord.gateway.dispatch("MESSAGE_CREATE", event | {"id": str(said.id + 2), "content": "x" * 6000})
        discord.gateway.dispatch("MESSAGE_CREATE", event | {"id": str(said.id + 3), "content": "half \ud800 a pair"})
        discord.say(bar.anna, direct, "after")
        await discord.until(lambda: "you said: after" in discord.said(direct, bar.tifa), 20)

    said_there = discord.said(direct, bar.tifa)
    assert "".join(said_there).count("x") == 6000
    assert any(re.fullmatch("you said: half �+ a pair", text) for text in said_there)
    assert said_there[-1] == "you said: after"


async def test_half_a_pair_in_an_answer_is_said_as_a_mark(discord: Discord, tmp_path: Path) -> None:
    bar = scene(
        discord,
        tmp_path,
        files={"agents.d/script.yaml": "kind: script\nname: tifa\nrules: [{ say: '{{ \"a\\ud83dz\" }}' }]\n"},
    )

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        assert await states(host) == [("sent", "")]

    (answer,) = discord.said(bar.general, bar.tifa)
    assert re.fullmatch("a�+z", answer)


async def test_a_file_of_five_hundred_megabytes_is_only_named(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host() as host:
        huge = File("film.png", b"", "image/png", 500_000_000)
        discord.say(bar.anna, bar.general, "look", mentions=[bar.tifa], files=[huge])
        await discord.until(lambda: discord.said(bar.general, bar.tifa))
        (message,) = await until_heard(host, 1)

    assert [(file.name, file.size, file.path) for file in message.attachments] == [("film.png", 500_000_000, "")]


async def test_everyone_in_a_model_s_answer_is_not_pinged(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, files=saying("Hear, @everyone and @here!"))

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await states(host)

    assert not discord.feed(bar.general)[-1].pinged
