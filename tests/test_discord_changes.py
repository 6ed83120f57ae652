"""What is edited or deleted on Discord: before its turn, and afterwards."""

import asyncio
from pathlib import Path

from carrier.host import Host
from carrier.testing.discord import Discord, File
from carrier.testing.hosts import MOMENT, until
from carrier.types.memory import Scope
from tests.discord_scene import Scene, heard, scene, until_heard

SLOW = """\
kind: script
name: tifa
rules:
  - { when: slow, say: done, delay: 0.7s }
  - { say: "you said: {{ text }}" }
"""


def slow(discord: Discord, folder: Path, *client: str) -> Scene:
    """A bar where the answer to "slow" takes a moment, in which what follows waits."""
    return scene(discord, folder, *client, files={"agents.d/script.yaml": SLOW})


async def test_a_message_edited_before_its_turn_is_answered_as_it_says_then(discord: Discord, tmp_path: Path) -> None:
    bar = slow(discord, tmp_path)

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "slow", mentions=[bar.tifa])
        second = discord.say(bar.anna, bar.general, "teh soup", mentions=[bar.tifa])
        await until_heard(host, 2)
        discord.edit(second, f"{bar.tifa.mention} the soup")
        await bar.answered("done", "you said: @Tifa the soup")


async def test_a_message_deleted_before_its_turn_is_not_answered(discord: Discord, tmp_path: Path) -> None:
    bar = slow(discord, tmp_path)

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "slow", mentions=[bar.tifa])
        second = discord.say(bar.anna, bar.general, "forget it", mentions=[bar.tifa])
        await until_heard(host, 2)
        discord.delete(second)
        discord.say(bar.anna, bar.general, "third", mentions=[bar.tifa])
        await bar.answered("done", "you said: @Tifa third")


async def recalled(host: Host, bar: Scene, text: str) -> list[str]:
    found = await host.memories.recall(Scope("tifa", room=f"bar/{bar.general.id}"), text, 10)
    return [each.memory.text for each in found if each.memory.kind == "message"]


async def test_what_is_remembered_follows_an_edit(discord: Discord, tmp_path: Path) -> None:
    bar = slow(discord, tmp_path)

    async with bar.host() as host:
        said = discord.say(bar.anna, bar.general, "my cat is called Cait")
        await until_heard(host, 1)
        discord.edit(said, "my cat is called Sith")
        async with asyncio.timeout(10):
            while await recalled(host, bar, "cat") != ["my cat is called Sith"]:  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)

        assert [message.text for message in await heard(host)] == ["my cat is called Sith"]


async def test_an_edit_is_ignored_afterwards_where_that_is_wanted(discord: Discord, tmp_path: Path) -> None:
    bar = slow(discord, tmp_path, "edits: ignore")

    async with bar.host() as host:
        said = discord.say(bar.anna, bar.general, "one")
        await until_heard(host, 1)
        discord.edit(said, "two")
        discord.say(bar.anna, bar.general, "three")

        assert [message.text for message in await until_heard(host, 2)] == ["one", "three"]


async def test_a_preview_of_a_link_is_no_edit(discord: Discord, tmp_path: Path) -> None:
    bar = slow(discord, tmp_path)

    async with bar.host() as host:
        said = discord.say(bar.anna, bar.general, "https://example.com")
        await until_heard(host, 1)
        discord.gateway.dispatch("MESSAGE_UPDATE", {"id": str(said.id), "channel_id": str(bar.general.id)})
        discord.say(bar.anna, bar.general, "next")

        assert [message.text for message in await until_heard(host, 2)] == ["https://example.com", "next"]


async def test_of_a_deleted_message_nothing_is_kept(discord: Discord, tmp_path: Path) -> None:
    bar = slow(discord, tmp_path)
    picture = File("cat.png", b"\x89PNG", "image/png")

    async with bar.host() as host:
        said = discord.say(bar.anna, bar.general, "a secret", mentions=[bar.tifa], files=[picture])
        await discord.until(lambda: discord.said(bar.general, bar.tifa))
        kept = bar.files.data / (await heard(host))[0].attachments[0].path
        discord.delete(said)
        await until(lambda: not kept.exists())

        assert [message.text for message in await heard(host)] == [""]
        assert await recalled(host, bar, "secret") == []
    assert b"a secret" not in b"".join(
        file.read_bytes() for file in bar.files.data.glob("files/**/*") if file.is_file()
    )


async def test_a_deleted_message_may_be_kept_and_still_leaves_the_prompt(discord: Discord, tmp_path: Path) -> None:
    bar = slow(discord, tmp_path, "deletions: keep")

    async with bar.host() as host:
        said = discord.say(bar.anna, bar.general, "a secret")
        await until_heard(host, 1)
        discord.delete(said)
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")

        assert [message.text for message in await heard(host)] == ["a secret", "@Tifa hello"]
        window = await host.turns.windows.recent(host.agents["tifa"].agent, (await heard(host))[1], 10)
        assert [line.text for line in window] == []
