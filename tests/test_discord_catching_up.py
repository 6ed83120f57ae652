"""What was said while nobody listened is answered afterwards: once, in its order, as far as it is not too old."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carrier.clients.discord import catching_up
from carrier.clients.discord.catching_up import CatchingUp
from carrier.testing.discord import Discord
from carrier.testing.discord.faults import Rest, delay, status
from carrier.types.talk import Message
from tests.discord_scene import heard, scene, until_heard


async def test_what_was_said_while_the_host_was_down_is_answered_in_order(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host():
        discord.say(bar.anna, bar.general, "zero", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa zero")

    for word in ("one", "two", "three"):
        discord.say(bar.anna, bar.general, word, mentions=[bar.tifa])

    async with bar.host():
        await bar.answered(*(f"you said: @Tifa {word}" for word in ("zero", "one", "two", "three")))


async def test_direct_messages_of_the_meantime_are_answered(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    direct = discord.world.dm(bar.anna, bar.tifa)
    async with bar.host():
        discord.say(bar.anna, direct, "one")
        await bar.answered("you said: one", channel=direct)

    discord.say(bar.anna, direct, "two")

    async with bar.host():
        await bar.answered("you said: one", "you said: two", channel=direct)


async def test_a_room_where_nothing_was_heard_before_is_looked_through_too(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host() as host:
        await discord.until(lambda: True)
        while not await host.ledger.read(lambda it: it.exec_driver_sql("SELECT * FROM cursors").first()):
            pass

    discord.clock.now()
    discord.say(bar.anna, bar.general, "first words", mentions=[bar.tifa])

    async with bar.host():
        await bar.answered("you said: @Tifa first words")


async def test_what_was_said_before_the_first_start_is_no_concern_of_the_bot(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    discord.say(bar.anna, bar.general, "long ago", mentions=[bar.tifa])

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "now", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa now")

        assert len(await heard(host)) == 1


async def test_only_the_latest_are_looked_for(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "backfill: { messages: 2 }")
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    for word in ("one", "two", "three"):
        discord.say(bar.anna, bar.general, word)

    async with bar.host() as host:
        assert [message.text for message in await until_heard(host, 3)] == ["zero", "two", "three"]


async def test_nothing_is_looked_for_where_that_is_not_wanted(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "backfill: { age: 0 }")
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    discord.say(bar.anna, bar.general, "one")

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "two")
        assert [message.text for message in await until_heard(host, 2)] == ["zero", "two"]


async def test_what_is_said_now_waits_for_what_was_said_before(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    discord.say(bar.anna, bar.general, "before")
    discord.faults.add(Rest("GET", "/messages$"), delay(1.0))

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "now")
        assert [message.text for message in await until_heard(host, 3)] == ["zero", "before", "now"]


async def test_a_look_that_fails_is_repeated(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    discord.say(bar.anna, bar.general, "before")
    discord.faults.add(Rest("GET", "/messages$"), status(503))

    async with bar.host() as host:
        assert [message.text for message in await until_heard(host, 2)] == ["zero", "before"]


async def test_a_session_that_is_lost_loses_no_message(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        discord.say(bar.anna, bar.general, "one", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one")
        discord.gateway.invalidate(bar.tifa)
        discord.say(bar.anna, bar.general, "two", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one", "you said: @Tifa two", seconds=20)


async def test_a_session_that_goes_on_needs_no_look(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        discord.say(bar.anna, bar.general, "one", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one")
        discord.gateway.reconnect(bar.tifa)
        discord.say(bar.anna, bar.general, "two", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one", "you said: @Tifa two")

    assert discord.gateway.resumes == 1
    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1


async def test_one_of_several_connections_that_begins_anew_loses_no_message(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "connection: { shards: 2 }")

    async with bar.host():
        discord.say(bar.anna, bar.general, "one", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one")
        (its,) = [it for it in discord.gateway.of(bar.tifa) if it.session and it.session.holds(bar.guild)]
        discord.gateway.forget(its.session)
        its.abort()
        discord.say(bar.anna, bar.general, "two", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one", "you said: @Tifa two", seconds=20)


# --- what changes while it is looked for ------------------------------------------------------------------


def said(id: int, text: str) -> Message:
    return Message("bar", str(id), "bar/1", "discord:7", text)


class Delivered:
    """What is handed over, with where the client goes on; while `fails` is not empty, nothing is kept."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.cursors: dict[str, str] = {}
        self.fails: list[str] = []
        self.before: Callable[[], None] = lambda: None

    async def __call__(self, message: Message, cursor: str = "") -> None:
        self.before()
        if message.text in self.fails:
            self.fails.remove(message.text)
            raise OSError("the disk is full")
        if message.text not in self.texts:
            self.texts.append(message.text)
        self.cursors |= {message.room: cursor} if cursor else {}

    async def move(self, cursors: Mapping[str, str]) -> None:
        self.cursors |= cursors


class Catching:
    """A client that catches up in one room, where a test says what is found and when."""

    def __init__(self) -> None:
        self.delivered, self.found = Delivered(), [said(1, "one"), said(2, "two"), said(3, "three")]
        self.asked, self.goes_on, here = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        deliver: Any = self.delivered
        self.up = CatchingUp(deliver, self.look, self.spawn, here)

    async def look(self, room: str, after: int) -> Collection[Message]:
        found = [message for message in self.found if int(message.platform_id) > after]
        self.asked.set()
        await self.goes_on.wait()
        return found

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def begin(self) -> None:
        await self.up.catch_up({"bar/1": 0})
        await self.asked.wait()

    async def end(self) -> None:
        self.goes_on.set()
        async with asyncio.timeout(10):
            while self.tasks:
                await self.tasks.pop()


async def test_what_is_deleted_while_it_is_looked_for_is_not_handed_over() -> None:
    catching = Catching()
    await catching.begin()
    catching.up.withdrawn([2])
    await catching.end()

    assert catching.delivered.texts == ["one", "three"]


async def test_what_is_edited_while_it_is_looked_for_is_handed_over_as_it_says_then() -> None:
    catching = Catching()
    await catching.begin()
    catching.up.changed(said(2, "2"))
    await catching.end()

    assert catching.delivered.texts == ["one", "2", "three"]


async def test_what_cannot_be_kept_does_not_lose_what_is_said_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "PATIENCE", 0.0)
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.01)
    catching = Catching()
    catching.up.began()
    await catching.begin()
    four, five = said(4, "four"), said(5, "five")
    catching.delivered.fails.append("four")
    for message in (four, five):
        catching.found.append(message)
        await catching.up.heard(message)
    await catching.end()

    assert sorted(catching.delivered.texts) == ["five", "four", "one", "three", "two"]


async def test_what_cannot_be_kept_as_a_session_begins_leaves_all_rooms_to_be_looked_through() -> None:
    catching = Catching()
    await catching.up.catch_up({})
    catching.delivered.fails.append("three")
    catching.delivered.before = catching.up.began
    await catching.up.heard(said(3, "three"))
    await catching.up.heard(replace(said(9, "elsewhere"), room="bar/2"))

    assert catching.delivered.cursors == {}
