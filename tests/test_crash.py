"""Hosts that are killed again and again under load: nothing acknowledged is lost, nothing is done or said twice."""

import asyncio
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import pytest

from carrier.testing.hosts import PROGRAM, SECONDS, HostProcess
from carrier.testing.platform import Platform, Sent, local_platform
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: crash
models: { large: scripted/worker, small: scripted/worker }
embeddings: { use: none }
server: { port: 0 }
""",
    "agents.d/worker.yaml": r"""
character: { bio: Notes what it is told. }
context: [recent_messages]
actions: [note, note_again]
words: { failed: That one is too much for me. }
---
kind: script
name: worker
rules:
  - when: '^note (?P<key>\S+)(?: dying (?P<die>\w+))?'
    call: { note: { key: "{{ key }}", die: "{{ die }}" } }
    delay: 10ms
  - when: '^note_again (?P<key>\S+)(?: dying (?P<die>\w+))?'
    call: { note_again: { key: "{{ key }}", die: "{{ die }}" } }
    delay: 10ms
  - after: note
    say: "{{ result }}"
  - after: note_again
    say: "{{ result }}"
  - say: "heard {{ text }}"
    delay: 10ms
""",
    "actions/note.yaml": """
name: note
type: python
entrypoint: "actions/note.py:note"
---
kind: action
name: note_again
type: python
entrypoint: "actions/note.py:note"
repeat: safe
""",
    "actions/note.py": '''
"""Notes a key in a file, and kills its own process half-way when told to; but only the first time."""

import os
import signal
from pathlib import Path

DATA = Path(__file__).parent.parent / "var"


def note(key: str, die: str = "") -> str:
    if die == "before":
        die_once(key)
    append("runs", key)
    if die == "after":
        die_once(key)
    return f"noted {key}"


def die_once(key: str) -> None:
    deaths = DATA / "deaths"
    if not deaths.exists() or key not in deaths.read_text().split():
        append("deaths", key)
        os.kill(os.getpid(), signal.SIGKILL)


def append(name: str, key: str) -> None:
    file = os.open(DATA / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{key}\\n".encode())
    os.fsync(file)
    os.close(file)
''',
    "templates/chat.j2": "You note what you are told.\n",
}

CLIENT = "kind: client\ntype: carrier.testing.platform:PlatformClient\nagent: worker\nport: {port}\n"

ROOMS = [f"r{number}" for number in range(8)]
WAITING = 5
"""Messages that wait in each room when a host starts."""


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with local_platform() as platform:
        yield platform


@pytest.fixture
def crashing(tmp_path: Path, platform: Platform) -> Project:
    return project(tmp_path / "crash", {**FILES, "agents.d/platform.yaml": CLIENT.format(port=platform.port)})


@pytest.fixture
def dying(crashing: Project) -> Project:
    """One that dies at chosen points, where what LanceDB does meanwhile shows nothing more."""
    crashing.edit("carrier.yaml", "server:", "memory: { type: carrier.testing.memories:in_a_list }\nserver:")
    return crashing


# --- at random points -----------------------------------------------------------------------------------------


async def test_kills_at_random_points_lose_nothing_and_double_nothing(crashing: Project, platform: Platform) -> None:
    load = Load(platform, Random(1))

    await killed(crashing, load, kills=5)
    await finished(crashing, load)

    assert wrong(crashing, load) == []


@pytest.mark.torture
@pytest.mark.timeout(3600)
async def test_two_hundred_kills_lose_nothing_and_double_nothing(
    crashing: Project, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    load, begun = Load(platform, Random(2)), time.monotonic()

    kills = await killed(crashing, load, kills=200)
    kills += await finished(crashing, load)

    with capsys.disabled():
        print(f"\n{kills} kills, {len(load.texts)} messages, {len(platform.sent)} answers, "
              f"{len(in_doubt(platform))} in doubt, {time.monotonic() - begun:.0f} s")  # fmt: skip
    assert wrong(crashing, load) == []


@dataclass
class Load:
    """What is said, and to be answered, in all rooms."""

    platform: Platform
    random: Random
    texts: dict[str, str] = field(default_factory=dict)
    """By message, in the order they are said."""

    def say(self, room: str, text: str) -> None:
        message = f"{room}-{len(self.texts)}"
        self.texts[message] = text.format(key=message)
        self.platform.say(message, room, self.texts[message])

    def top_up(self) -> None:
        """Let so many messages wait in each room."""
        answered = {sent.reply_to for sent in self.platform.sent}
        waiting = Counter(_room(message) for message in self.texts if message not in answered)
        for room in ROOMS:
            for _ in range(WAITING - waiting[room]):
                self.say(room, self._some_text())

    def _some_text(self) -> str:
        what = self.random.choice(["hello {key}", "note {key}", "note_again {key}"])
        dying = self.random.choice([" dying before", " dying after"])
        return what + (dying if self.random.random() < 0.02 and "note" in what else "")

    @property
    def progress(self) -> int:
        return len(self.platform.acknowledged) + len(self.platform.sent)

    def has_gone_on(self, since: int) -> bool:
        return self.progress > since

    def all_answered(self) -> bool:
        return len(self.platform.sent) >= len(self.texts)


def _room(message: str) -> str:
    return message.partition("-")[0]


async def killed(project: Project, load: Load, kills: int) -> int:
    """Start hosts and kill each: a third while it starts, the others while they work."""
    for _ in range(kills):
        load.top_up()
        host = await HostProcess.start(project)
        try:
            if load.random.random() < 1 / 3:
                await _ends_within(load.random.uniform(0, 1), host)
            else:
                await _until(host, load, partial(load.has_gone_on, since=load.progress))
                await _ends_within(load.random.uniform(0, 0.3), host)
        finally:
            await host.kill()
        assert await host.ended() == -signal.SIGKILL, host.printed
    return kills


async def finished(project: Project, load: Load, program: tuple[str, ...] = PROGRAM) -> int:
    """Start hosts until all is answered, and stop the last one; returns how many died of what they had to do."""
    deaths = 0
    while True:
        host = await HostProcess.start(project, program)
        try:
            await _until(host, load, load.all_answered)
            if load.all_answered():
                assert await host.stop() == 0, host.printed
                return deaths
            assert await host.ended() == -signal.SIGKILL, host.printed
            deaths += 1
        finally:
            await host.kill()


async def _ends_within(seconds: float, host: HostProcess) -> None:
    """Let it live so long at most."""
    with suppress(TimeoutError):
        await host.ended(seconds)


async def _until(host: HostProcess, load: Load, holds: Callable[[], bool]) -> None:
    """Until this holds, or the host has ended."""
    waits = [asyncio.create_task(load.platform.until(holds, SECONDS)), asyncio.create_task(host.process.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    assert holds() or host.process.returncode is not None, f"the host does not get on:\n{host.printed}"


# --- what has to hold -----------------------------------------------------------------------------------------


def wrong(project: Project, load: Load) -> list[str]:
    """All that was lost, said or done twice, or out of order."""
    return [*_lost(load), *_unlike_what_was_asked(project, load), *_out_of_order(load), *_odd_in_the_ledger(project)]


def _lost(load: Load) -> Iterator[str]:
    acknowledged, answers = set(load.platform.acknowledged), Counter(sent.reply_to for sent in load.platform.sent)
    for message in load.texts:
        if message not in acknowledged:
            yield f"{message} was not acknowledged"
        if answers[message] != 1:
            yield f"{message} was answered {answers[message]} times"


def _unlike_what_was_asked(project: Project, load: Load) -> Iterator[str]:
    """Each answer says what came of it, and each action ran as often as its answer says."""
    runs = Counter(_lines(project, "runs"))
    for sent in load.platform.sent:
        key = sent.reply_to
        match load.texts[key].split()[0], sent.text:
            case "hello", text:
                fits = text == f"heard hello {key}"
            case "note", text if "[in doubt]" in text:
                fits = runs[key] <= 1
            case "note", text:
                fits = text == f"noted {key}" and runs[key] == 1
            case _, text:
                fits = text == f"noted {key}" and runs[key] >= 1
        if not fits:
            yield f"{load.texts[key]} ran {runs[key]} times and got {sent.text!r}"


def _lines(project: Project, name: str) -> list[str]:
    path = project.data / name
    return path.read_text().split() if path.exists() else []


def _out_of_order(load: Load) -> Iterator[str]:
    for room, answers in load.platform.by_room().items():
        answered = [sent.reply_to for sent in answers]
        if answered != [message for message in load.texts if _room(message) == room]:
            yield f"{room} was answered in the order {answered}"


def _odd_in_the_ledger(project: Project) -> Iterator[str]:
    expected = {
        "PRAGMA integrity_check": [("ok",)],
        "SELECT id, outcome FROM turns WHERE state != 'closed' OR outcome != 'answered'": [],
        "SELECT message, state FROM inbox WHERE state != 'done'": [],
        "SELECT key, state FROM outbox WHERE state != 'sent'": [],
        "SELECT turn, name FROM journal WHERE ended_at = 0": [],
    }
    with closing(sqlite3.connect(project.data / "ledger.db")) as ledger:
        for query, rows in expected.items():
            if (found := ledger.execute(query).fetchall()) != rows:
                yield f"{query}: {found}"


def in_doubt(platform: Platform) -> list[Sent]:
    return [sent for sent in platform.sent if "[in doubt]" in sent.text]


# --- at chosen points -----------------------------------------------------------------------------------------


async def test_an_action_that_was_cut_off_is_in_doubt_unless_it_may_be_repeated(
    dying: Project, platform: Platform
) -> None:
    load = Load(platform, Random())
    for text in ("note {key} dying before", "note {key} dying after", "note_again {key} dying after", "hello {key}"):
        load.say("r0", text)

    deaths = await finished(dying, load)

    assert deaths == 3
    assert [sent.reply_to for sent in in_doubt(platform)] == ["r0-0", "r0-1"]
    assert [sent.text for sent in platform.sent[2:]] == ["noted r0-2", "heard hello r0-3"]
    assert _lines(dying, "runs") == ["r0-1", "r0-2", "r0-2"]
    assert wrong(dying, load) == []


FORGETFUL = """
from carrier.cli import main
from carrier.ledger import turns

turns.journal_of = lambda connection, turn: {}
turns.start = turns.end = turns.note = lambda *rows, **named: None
main()
"""
"""A host that writes no journal."""


async def test_without_its_journal_a_host_runs_an_action_twice_and_these_tests_notice(
    dying: Project, platform: Platform
) -> None:
    load = Load(platform, Random())
    load.say("r0", "note {key} dying after")

    await finished(dying, load, ("-c", FORGETFUL))

    assert _lines(dying, "runs") == ["r0-0", "r0-0"]
    assert wrong(dying, load) == ["note r0-0 dying after ran 2 times and got 'noted r0-0'"]


# --- a turn that kills the process ----------------------------------------------------------------------------

POISON = """
import asyncio
import os
import signal

from pydantic import BaseModel


class Settings(BaseModel):
    pass


class Poison:
    Settings = Settings

    def __init__(self, settings, given):
        pass

    async def __call__(self, turn):
        await asyncio.sleep(0.05)
        if "poison" in turn.message.text:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.05)
"""


async def test_a_turn_that_keeps_killing_the_host_is_given_up_and_costs_no_other_its_answer(
    dying: Project, platform: Platform
) -> None:
    dying.write("parts/poison.py", POISON)
    dying.edit("agents.d/worker.yaml", "[recent_messages]", "[recent_messages, 'poison:Poison']")
    program = f"import sys; sys.path.append({str(dying.folder / 'parts')!r}); from carrier.cli import main; main()"
    load = Load(platform, Random())
    load.say("r0", "poison {key}")
    for room in ROOMS:
        load.say(room, "hello {key}")

    deaths = await finished(dying, load, ("-c", program))

    # The first may come before anything is in the journal: then the second got further, and it counts anew.
    assert deaths in (5, 6)
    answers = {sent.reply_to: sent.text for sent in platform.sent}
    assert answers.pop("r0-0") == "That one is too much for me."
    assert set(answers.values()) == {f"heard {text}" for text in load.texts.values() if "hello" in text}
    assert not [*_lost(load), *_out_of_order(load)]
