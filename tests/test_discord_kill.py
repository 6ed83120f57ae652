"""Hosts that are killed again and again while people talk to their bot: each word is answered once, in its order."""

import asyncio
import json
import re
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from carrier.testing.hosts import SECONDS, HostProcess
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: crash
embeddings: { use: none }
models: { large: scripted/tifa, small: scripted/tifa }
server: { port: 0 }
""",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\n",
    "agents.d/script.yaml": 'kind: script\nname: tifa\nrules: [{ say: "heard {{ text }}", delay: 10ms }]\n',
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}
CLIENT = """\
kind: client
name: bar
type: discord
agent: tifa
token: '{token}'
gather: 0
reply: true
connection: {{ identifies: 100000/h }}
endpoint: {{ api: '{api}', gateway: '{gateway}' }}
"""
QUICK = """
from carrier.clients.discord import connection, pacing

pacing.IDENTIFY_EVERY = 0.0
connection.GUILDS_SECONDS = 0.05
"""
"""A host that waits no longer than the local Discord wants it to."""
RUN = "from carrier.cli import main\nmain()\n"
PROGRAM = ("-c", QUICK + RUN)
MOMENT = 0.05
WAITING = 2
"""Words that wait in each room when a host starts."""


@dataclass
class Place:
    """A local Discord in a process of its own, which outlives the hosts."""

    web: aiohttp.ClientSession
    control: str
    told: dict[str, str]

    async def do(self, deed: str, **arguments: Any) -> Any:
        async with self.web.post(f"{self.control}/{deed}", json=arguments) as answer:
            done = await answer.json()
            assert answer.status == 200, done
            return done

    async def connected(self) -> bool:
        """Whether the bot is."""
        return bool((await self.do("world"))["bots"][0]["connected"])


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carrier.testing.discord", "--identify-every", "0", "--speed", "20",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stdout
        told = json.loads(await server.stdout.readline())
        async with aiohttp.ClientSession() as web:
            yield Place(web, told["control"], told)
    finally:
        server.terminate()
        await server.wait()


@dataclass
class Load:
    """What is said, and what has to be answered to it, by channel."""

    place: Place
    random: Random
    rooms: list[str]
    said: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """The ids and words of each room."""

    async def say(self, room: str) -> None:
        word = f"word-{sum(map(len, self.said.values()))}"
        mentions = [] if room == self.rooms[-1] else ["Tifa"]
        told = await self.place.do("say", user="anna", channel=room, text=word, mentions=mentions)
        self.said.setdefault(room, []).append((told["id"], word))

    async def answers(self, room: str) -> list[tuple[str, str]]:
        """What was answered there: to which message, and its last word."""
        feed = await self.place.do("feed", channel=room)
        said = [it for it in feed if it["author"]["username"] == "Tifa"]
        return [((it.get("message_reference") or {}).get("message_id", ""), it["content"].split()[-1]) for it in said]

    async def top_up(self) -> None:
        for room in self.rooms:
            waiting = len(self.said.get(room, ())) - len(await self.answers(room))
            for _ in range(WAITING - waiting):
                await self.say(room)

    async def all_answered(self) -> bool:
        return all([len(await self.answers(room)) >= len(self.said[room]) for room in self.rooms])

    async def wrong(self) -> list[str]:
        found: list[str] = []
        for room in self.rooms:
            found += _odd(room, self.said[room], await self.answers(room))
        return found


def _odd(room: str, said: list[tuple[str, str]], answers: list[tuple[str, str]]) -> Iterator[str]:
    counted = Counter(word for _, word in answers)
    yield from (f"{word} was answered {counted[word]} times" for _, word in said if counted[word] != 1)
    if list(dict.fromkeys(answers)) != [one for one in said if one in answers]:
        yield f"{room} was answered in the order {answers}"


async def load_in(there: Place, folder: Path, seed: int) -> tuple[Load, Project]:
    """Three channels and direct messages, and a project with a bot that is in them."""
    await there.do("guild", name="bar")
    rooms = [await there.do("text", guild="bar", name=name) for name in ("general", "cellar", "roof")]
    await there.do("user", name="anna", guilds=["bar"])
    bot = await there.do("bot", name="Tifa", guilds=["bar"])
    rooms.append(await there.do("dm", user="anna", bot="Tifa"))
    client = CLIENT.format(token=bot["token"], api=there.told["api"], gateway=there.told["gateway"])
    return Load(there, Random(seed), rooms), project(folder / "crash", {**FILES, "agents.d/bar.yaml": client})


async def begun(load: Load, project: Project) -> None:
    """A first life, in which each room is met: what was said before it is no concern of a bot."""
    host = await HostProcess.start(project, PROGRAM)
    try:
        async with asyncio.timeout(SECONDS):
            while not await load.place.connected():  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)
        for room in load.rooms:
            await load.say(room)
        async with asyncio.timeout(SECONDS):
            while not await load.all_answered() or _left(project):  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)
    finally:
        await host.kill()


async def killed(load: Load, project: Project, kills: int, program: tuple[str, ...]) -> None:
    """Start hosts and kill each, at any moment of its life, while people go on talking."""
    for _ in range(kills):
        await load.top_up()
        host = await HostProcess.start(project, program)
        talking = asyncio.create_task(_go_on(load))
        try:
            if load.random.random() < 2 / 3:
                await _until_it_answers(load, host)
            await asyncio.sleep(load.random.uniform(0, 0.4))
        finally:
            await host.kill()
            await talking
        assert await host.ended() == -signal.SIGKILL, host.printed


async def _go_on(load: Load) -> None:
    for _ in range(3):
        await asyncio.sleep(load.random.uniform(0.0, 0.5))
        await load.say(load.random.choice(load.rooms))


async def _until_it_answers(load: Load, host: HostProcess) -> None:
    async def count() -> int:
        return sum([len(await load.answers(room)) for room in load.rooms])

    before = await count()
    async with asyncio.timeout(SECONDS):
        while await count() == before and host.process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)


async def finished(load: Load, project: Project, seconds: float = 40.0) -> None:
    """A last host, until all is answered and nothing is left to be sent."""
    host = await HostProcess.start(project, PROGRAM)
    try:
        async with asyncio.timeout(seconds):
            # One that is told to stop before it has begun cannot stop as it should.
            while not await load.place.connected() or not await load.all_answered() or _left(project):  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)
        assert await host.stop() == 0, host.printed
    except TimeoutError:
        raise AssertionError(f"{await load.wrong()} {_left(project)}\n{host.printed[-5000:]}") from None
    finally:
        await host.kill()


def _left(project: Project) -> list[Any]:
    """What the ledger has not done with, or has given up."""
    queries = (
        "SELECT message, state FROM inbox WHERE state != 'done'",
        "SELECT key, state, error FROM outbox WHERE state != 'sent'",
    )
    with closing(sqlite3.connect(project.data / "ledger.db")) as ledger:
        return [row for query in queries for row in ledger.execute(query).fetchall()]


async def test_a_host_that_is_killed_loses_nothing_and_says_nothing_twice(tmp_path: Path) -> None:
    async with place() as there:
        load, project = await load_in(there, tmp_path, 1)
        await begun(load, project)
        await killed(load, project, 3, PROGRAM)
        await finished(load, project)

        assert await load.wrong() == []
        assert await there.do("breaches") == []


@pytest.mark.torture
@pytest.mark.timeout(3600)
async def test_two_hundred_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    async with place() as there:
        load, project = await load_in(there, tmp_path, 2)
        await begun(load, project)
        await killed(load, project, 200, PROGRAM)
        await finished(load, project, 300)

        words, breaches = sum(map(len, load.said.values())), await there.do("breaches")
        with capsys.disabled():
            print(f"\n200 kills, {words} words, {len(breaches)} breaches, {time.monotonic() - start:.0f} s")
        assert await load.wrong() == []
        assert breaches == []


# --- naive hosts, which these tests notice ---------------------------------------------------------------------------

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


async def died_after(load: Load, project: Project, program: str, holds: Callable[[], Awaitable[bool]]) -> list[str]:
    """What is wrong after one word, where a host is killed as soon as this holds, and a good one follows."""
    await begun(load, project)
    host = await HostProcess.start(project, ("-c", QUICK + program + RUN))
    try:
        async with asyncio.timeout(SECONDS):
            while not await load.place.connected():  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)
            await load.say(load.rooms[0])
            while not await holds():  # noqa: ASYNC110
                await asyncio.sleep(0)
    finally:
        await host.kill()
    with suppress(AssertionError):
        await finished(load, project, 8)
    return await load.wrong()


async def test_a_host_that_sends_before_it_records_answers_twice(tmp_path: Path) -> None:
    async with place() as there:
        load, project = await load_in(there, tmp_path, 3)

        async def is_said() -> bool:
            return len(await load.answers(load.rooms[0])) == 2

        # The answer is made, and the host dies before it hears of it.
        await there.do(
            "fault", on="rest", do="hang", match={"method": "POST", "path": "/messages$", "nth": 5}, how={"after": True}
        )
        (told,) = await died_after(load, project, FORGETFUL, is_said)
        assert re.fullmatch("word-4 was answered [23] times", told)


async def test_a_host_that_sends_before_it_records_is_the_only_one_that_does(tmp_path: Path) -> None:
    async with place() as there:
        load, project = await load_in(there, tmp_path, 3)

        async def is_said() -> bool:
            return len(await load.answers(load.rooms[0])) == 2

        await there.do(
            "fault", on="rest", do="hang", match={"method": "POST", "path": "/messages$", "nth": 5}, how={"after": True}
        )
        assert await died_after(load, project, "", is_said) == []


async def test_a_host_that_takes_as_read_what_it_has_not_stored_loses_it(tmp_path: Path) -> None:
    async with place() as there:
        load, project = await load_in(there, tmp_path, 4)

        async def is_read() -> bool:
            (last, _), path = load.said[load.rooms[0]][-1], project.data / "ledger.db"
            with closing(sqlite3.connect(path)) as ledger:
                return ledger.execute("SELECT 1 FROM cursors WHERE position = ?", (last,)).fetchone() is not None

        assert await died_after(load, project, HASTY, is_read) == ["word-4 was answered 0 times"]
