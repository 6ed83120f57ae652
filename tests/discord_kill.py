"""Hosts in processes of their own that are killed while people talk to their bot, and what came of it."""

import asyncio
import json
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

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
GROWING = {
    **FILES,
    "carrier.yaml": FILES["carrier.yaml"].replace("large: scripted/tifa", "large: 'models/slow.py:Slow'"),
    "models/slow.py": """\
import asyncio

from carrier.types.models import Completion


class Slow:
    def __init__(self, *made_of):
        self.name = "slow"

    async def complete(self, request):
        return Completion(f"heard {request.prompt.conversation[-1].text}")

    async def stream(self, request):
        whole = await self.complete(request)
        for word in whole.text.split():
            yield f"{word} "
            await asyncio.sleep(0.15)
        yield whole
""",
}
"""The same, with a model whose answers take their time to grow."""
QUICK = """
from carrier.clients.discord import connection, pacing, previews
from carrier.runtime import showing

pacing.IDENTIFY_EVERY = 0.0
connection.GUILDS_SECONDS = 0.05
showing.EVERY = previews.EDIT_EVERY = 0.07
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

    async def until_connected(self) -> None:
        async with asyncio.timeout(SECONDS):
            while not await self.connected():  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)


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


async def load_in(
    there: Place, folder: Path, seed: int, files: Mapping[str, str] = FILES, more: str = ""
) -> tuple[Load, Project]:
    """Three channels and direct messages, and a project with a bot that is in them; its client has `more` lines."""
    await there.do("guild", name="bar")
    rooms = [await there.do("text", guild="bar", name=name) for name in ("general", "cellar", "roof")]
    await there.do("user", name="anna", guilds=["bar"])
    bot = await there.do("bot", name="Tifa", guilds=["bar"])
    rooms.append(await there.do("dm", user="anna", bot="Tifa"))
    client = CLIENT.format(token=bot["token"], api=there.told["api"], gateway=there.told["gateway"])
    return Load(there, Random(seed), rooms), project(folder / "crash", {**files, "agents.d/bar.yaml": client + more})


async def begun(load: Load, project: Project, program: tuple[str, ...] = PROGRAM) -> HostProcess:
    """A host that has met each room: what was said before it is no concern of a bot. All is answered, and noted."""
    host = await HostProcess.start(project, program)
    try:
        await _met(load, project)
    except BaseException:
        await host.kill()
        raise
    return host


async def _met(load: Load, project: Project) -> None:
    await load.place.until_connected()
    for room in load.rooms:
        await load.say(room)
    async with asyncio.timeout(SECONDS):
        while not await load.all_answered() or _left(project):  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)


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
