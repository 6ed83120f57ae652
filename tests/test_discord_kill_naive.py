"""Hosts that are careless in one thing, and killed right then: the tests of kills notice what comes of it."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from carrier.testing.hosts import SECONDS, HostProcess
from carrier.testing.projects import Project
from tests.discord_kill import MOMENT, PROGRAM, QUICK, RUN, Load, begun, finished, load_in, place

FORGETFUL = """
from carrier.ledger import outbox
from carrier.clients.discord import sending

outbox.sending = lambda connection, **row: None
sending.nonce = lambda outgoing: __import__("secrets").token_hex(12)
"""
"""Sends before it records that it does, and by a new nonce each time."""
HASTY = """
import asyncio
from carrier.clients.discord import session


class Hasty:
    def __init__(self, deliver):
        self.deliver, self.later = deliver, set()

    def __getattr__(self, name):
        return getattr(self.deliver, name)

    async def __call__(self, message, cursor=""):
        await self.deliver.move({message.room: message.platform_id})
        self.later.add(asyncio.create_task(self.store(message, cursor)))

    async def store(self, message, cursor):
        await asyncio.sleep(5)
        await self.deliver(message, cursor)


class CatchingUp(session.CatchingUp):
    def __init__(self, deliver, *more):
        super().__init__(Hasty(deliver), *more)


session.CatchingUp = CatchingUp
"""
"""Takes a message as read before it has stored it."""


def program(naive: str) -> tuple[str, ...]:
    return ("-c", QUICK + naive + RUN)


async def died_once(load: Load, host: HostProcess, holds: Callable[[], Awaitable[bool]]) -> None:
    """Somebody says one word, and the host is killed as soon as this holds."""
    try:
        async with asyncio.timeout(SECONDS):
            await load.say(load.rooms[0])
            while not await holds():  # noqa: ASYNC110
                await asyncio.sleep(0)
    finally:
        await host.kill()


async def died_before_it_heard(load: Load, project: Project, naive: str = "") -> list[str]:
    """What is wrong where an answer is made, and the host dies before it hears of it."""
    host = await begun(load, project, program(naive))
    match, how = {"method": "POST", "path": "/messages$"}, {"after": True}
    await load.place.do("fault", on="rest", do="hang", match=match, how=how)

    async def is_said() -> bool:
        return len(await load.answers(load.rooms[0])) == 2

    await died_once(load, host, is_said)
    await finished(load, project)
    return await load.wrong()


async def test_a_host_that_sends_before_it_records_answers_twice(tmp_path: Path) -> None:
    async with place() as there:
        (told,) = await died_before_it_heard(*await load_in(there, tmp_path, 3), FORGETFUL)
        assert re.fullmatch("word-4 was answered [23] times", told)


async def test_a_host_that_sends_before_it_records_is_the_only_one_that_does(tmp_path: Path) -> None:
    async with place() as there:
        assert await died_before_it_heard(*await load_in(there, tmp_path, 3)) == []


async def wrong_after_another_word(load: Load, project: Project) -> list[str]:
    """What is wrong once a good host has answered what was said to it."""
    host, room = await HostProcess.start(project, PROGRAM), load.rooms[0]
    try:
        await load.place.until_connected()
        await load.say(room)
        async with asyncio.timeout(SECONDS):
            while load.said[room][-1] not in await load.answers(room):  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)
    finally:
        await host.kill()
    return await load.wrong()


async def test_a_host_that_takes_as_read_what_it_has_not_stored_loses_it(tmp_path: Path) -> None:
    async with place() as there:
        load, project = await load_in(there, tmp_path, 4)
        await (await begun(load, project)).kill()
        hasty = await HostProcess.start(project, program(HASTY))
        await there.until_connected()

        async def is_read() -> bool:
            (last, _), path = load.said[load.rooms[0]][-1], project.data / "ledger.db"
            with closing(sqlite3.connect(path)) as ledger:
                return ledger.execute("SELECT 1 FROM cursors WHERE position = ?", (last,)).fetchone() is not None

        await died_once(load, hasty, is_read)
        assert await wrong_after_another_word(load, project) == ["word-4 was answered 0 times"]
