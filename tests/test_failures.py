"""What happens when something fails: a test for each row of that table in docs/architecture.md."""

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from carrier.api.calling import Caller, calling
from carrier.errors import LedgerError, Passing, Refused, Unauthorized
from carrier.ledger.turns import DEAD, SUSPECT, alone, take
from carrier.runtime import jobs as jobs_module
from carrier.testing.clients import MadeClient
from carrier.testing.hosts import MOMENT, HostProcess, running_host, until
from carrier.testing.openai_server import Answer
from carrier.testing.projects import Project, project
from carrier.testing.runtimes import little_host
from carrier.types.talk import Message
from tests.served import FILES, Served, result, served

PARTS = {
    "actions/parts.py": '''
"""Parts that fail when they are told to."""


async def weather(turn) -> str:
    if "no weather" in turn.message.text:
        raise RuntimeError("the station is closed")
    return "sunny"


def wary(turn, text: str) -> bool:
    if "riddle" in text:
        raise RuntimeError("it cannot be judged")
    return True


async def look_back(exchange, ask_model) -> list[str]:
    raise RuntimeError("nothing can be seen")
''',
    "actions/parts.yaml": """
kind: provider
name: weather
type: python
entrypoint: "actions/parts.py:weather"
---
kind: evaluator
name: wary
type: python
entrypoint: "actions/parts.py:wary"
---
kind: evaluator
name: look_back
type: python
stage: after
every: 1
entrypoint: "actions/parts.py:look_back"
""",
    "agents.d/tifa.yaml": FILES["agents.d/tifa.yaml"]
    .replace("context: [recent_messages]", "context: [recent_messages, weather]")
    .replace("evaluators: [no_secrets]", "evaluators: [no_secrets, wary, look_back]\ntemplates: { chat: tifa.j2 }"),
    "templates/tifa.j2": "You are {{ agent.name }}. It is {{ weather }}.\n",
}
CLUMSY = {
    "agents.d/clumsy.yaml": "character: { bio: Cannot count. }\ntemplates: { chat: clumsy.j2 }\n",
    "templates/clumsy.j2": "{{ 1 // (message.text | length - message.text | length) }}\n",
}
DOWN = Answer(status=503)
ARCHITECTURE = Path(__file__).parent.parent / "docs/architecture.md"

BY_THE_CLOCK = {
    "a schedule's slot": "test_words_that_cannot_be_rendered_have_failed_and_no_words_are_skipped",
    "the clock": "test_a_clock_that_is_set_back_has_nothing_done_twice",
}
"""Rows whose test needs a clock of its own, in tests/test_scheduler.py."""


def test_each_row_of_the_table_has_its_test() -> None:
    table = ARCHITECTURE.read_text().partition("| what fails |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    tests = [name for name in globals() if name.startswith("test_")]
    beside = (ARCHITECTURE.parent.parent / "tests/test_scheduler.py").read_text()
    rows = [row for row in rows if f"def {BY_THE_CLOCK.get(row)}(" not in beside]

    untested = [row for row in rows if not any(name.startswith(f"test_{row.replace(' ', '_')}") for name in tests)]

    assert (len(rows) > 10, untested) == (True, [])


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pauses are short."""
    monkeypatch.setattr("carrier.models.guarded.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("carrier.runtime.outbox.random.uniform", lambda low, high: 0.01)
    monkeypatch.setattr("carrier.runtime.supervisor.random.uniform", lambda low, high: 0.01)
    MadeClient.living.clear()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, PARTS) as host:
        yield host


def said(text: str, id: str = "1") -> Message:
    """Something that is said to tifa on the platform."""
    return Message("chat", id, "chat/bar", "chat:anna", text, sender_name="Anna")


async def test_a_provider(host: Served, caplog: pytest.LogCaptureFixture) -> None:
    """It is empty in the templates, logged, the turn goes on."""
    with_it, without = await host.ask("Hello"), await host.ask("Hello, no weather")

    systems = [request["messages"][0]["content"].splitlines()[0] for request in host.server.requests]
    assert [with_it["outcome"], without["outcome"]] == ["answered", "answered"]
    assert systems == ["You are tifa. It is sunny.", "You are tifa. It is ."]
    assert "the provider weather failed; the turn goes on without it" in caplog.text


async def test_a_model(host: Served) -> None:
    """It is asked again, then its fallbacks are; then the turn ends with the operator's words."""
    host.answers(DOWN, DOWN, Answer("Third time lucky."), *[DOWN] * 6)

    again = await host.ask()
    words = await host.ask()
    fallen_back = await host.ask(agent="cloud")

    assert (again["outcome"], again["text"]) == ("answered", "Third time lucky.")
    assert (words["outcome"], words["text"]) == ("failed", "I lost my thread.")
    assert (fallen_back["outcome"], fallen_back["text"]) == ("answered", "spare: Hello")
    assert "status 503 as told" in (await host.event(words["turn"]))["error"]
    assert (await host.event(fallen_back["turn"]))["model"] == "scripted/spare"


async def test_an_action(host: Served) -> None:
    """The model is told, and the turn goes on."""
    host.answers(Answer(calls=(("boom", "{}"),)))

    ended = await host.ask()

    assert result(ended["text"]) == "[failed] boom failed: RuntimeError: it went off"


async def test_an_action_cut_off_by_a_crash_or_its_time_limit(host: Served, caplog: pytest.LogCaptureFixture) -> None:
    """It is in doubt, which the model and the operator are told."""
    host.answers(Answer(calls=(("hang", "{}"),)))

    ended = await host.ask()

    assert result(ended["text"]) == "[in doubt] hang was stopped half-way: it took longer than 0.05 s"
    assert "tifa: hang is in doubt" in caplog.text


async def test_a_gate(host: Served) -> None:
    """The answer is held, never sent unchecked."""
    host.answers(Answer("Here is a riddle."))

    ended = await host.ask()

    assert (ended["outcome"], ended["text"]) == ("held", "I would rather not.")
    assert "riddle" not in str(await host.caller.get("/tifa/history"))


async def test_a_colleague_that_is_asked(tmp_path: Path) -> None:
    """The asker's model is told, and the turn goes on."""
    asker = {"agents.d/tifa.yaml": FILES["agents.d/tifa.yaml"] + "delegates: [clumsy]\n"}
    async with served(tmp_path, CLUMSY | asker) as host:
        host.answers(Answer(calls=(("ask_clumsy", '{"question": "How many?"}'),)))

        ended = await host.ask()

    assert (ended["outcome"], result(ended["text"])) == ("answered", "[failed] clumsy could not answer")


async def test_an_agent_that_was_handed_a_conversation_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first one answers again, and the log says so."""
    giver = {"agents.d/tifa.yaml": FILES["agents.d/tifa.yaml"] + "handoffs: [cloud]\n"}
    async with served(tmp_path, giver) as host:
        host.answers(Answer(calls=(("hand_to_cloud", '{"summary": "They ask for Cloud."}'),)))
        given, following = await host.ask(), await host.ask()
        host.files.edit("agents.d/tifa.yaml", "handoffs: [cloud]", "handoffs: []")
        host.files.remove("agents.d/cloud.yaml")
        await host.caller.post("/config/reload", {})
        again = await host.ask("Are you there?")

    assert [each["agent"] for each in (given, following, again)] == ["cloud", "cloud", "tifa"]
    assert again["text"] == "you said: user: Are you there?"
    assert "api/@user: cloud is gone, and tifa answers again" in caplog.text


async def test_a_reflection(host: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A job, tried three times, then logged; the answer did not wait for it."""
    monkeypatch.setattr(jobs_module, "PAUSE", 1000)

    ended = await host.ask()
    await until(lambda: "the reflection look_back on api/@user failed for good" in caplog.text)

    assert ended["text"] == "you said: Hello"
    assert caplog.text.count("nothing can be seen") == 3
    assert (await host.ask("And now?"))["outcome"] == "answered"


async def test_sending(host: Served, caplog: pytest.LogCaptureFixture) -> None:
    """An outage delays and does not lose; what is refused for good leaves the prompt, and the next goes."""
    [chat] = MadeClient.living
    chat.sending_fails.extend([Passing("the platform is down", 0.01), Passing("still", 0.01)])
    chat.heard.put_nowait(said("one", "1"))
    await chat.until(sent=1)
    chat.sending_fails.append(Refused("the platform does not take this"))
    chat.heard.put_nowait(said("two", "2"))
    await until(lambda: "an answer to chat/bar is failed: the platform does not take this" in caplog.text)
    chat.heard.put_nowait(said("three", "3"))
    await chat.until(sent=2)

    assert (chat.texts, len(chat.attempts)) == (["you said: Anna: one", "you said: Anna: three"], 5)
    told = [message["content"] for message in host.server.requests[-1]["messages"]]
    assert "you said: Anna: two" not in told


async def test_memory(tmp_path: Path) -> None:
    """Turns go on with the recent lines; what is to be remembered waits, and the status says why."""
    folder = tmp_path / "demo" / "var" / "memory"
    folder.parent.mkdir(parents=True)
    folder.write_text("no folder")
    async with served(tmp_path) as host:
        await host.ask("one")
        await host.ask("two")
        await until(lambda: bool(host.opened.host.memories.state().problem))
        memory = (await host.status())["memory"]

    told = [message["content"] for message in host.server.requests[-1]["messages"]]
    assert told[1:] == ["one", "you said: one", "two"]
    assert (memory["ready"], memory["waiting"]) == (False, 4)
    assert "memory" in memory["problem"]


async def test_the_ledger(host: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is acknowledged; what a platform's client could not hand over, it still has."""
    [chat] = MadeClient.living
    await host.opened.host.ledger.write(read_only)
    answer = await host.caller.client.post("/tifa/message", json={"text": "Hello"})
    chat.heard.put_nowait(said("Hello"))
    await until(lambda: chat.lives == 2)

    assert (answer.status_code, host.server.requests) == (503, [])
    assert "chat: failed, and is started again: LedgerError" in caplog.text


def read_only(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA query_only=ON")


async def test_the_ledger_s_thread(tmp_path: Path) -> None:
    """The host ends with it."""

    async def live() -> None:
        async with served(tmp_path) as host:
            host.opened.host.ledger.submit(lambda connection: sys.exit("the thread ends"))
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as ended:
        await live()

    assert ended.group_contains(LedgerError, match="the ledger's thread ended")


TWO_CLIENTS = {"agents.d/other.yaml": FILES["agents.d/chat.yaml"].replace("name: chat", "name: other")}


async def test_a_client_s_connection(tmp_path: Path) -> None:
    """It is started again after a pause; the others go on."""
    async with served(tmp_path, TWO_CLIENTS):
        chat, other = MadeClient.living
        chat.heard.put_nowait(ConnectionResetError("gone"))
        chat.heard.put_nowait(said("Hello again"))
        await chat.until(sent=1)

    assert (chat.texts, chat.lives, other.lives) == (["you said: Anna: Hello again"], 2, 1)


async def test_a_client_s_wrong_token(tmp_path: Path) -> None:
    """The client stops, the status says why, and it is tried again when its file changes."""
    async with served(tmp_path, TWO_CLIENTS) as host:
        MadeClient.living[0].heard.put_nowait(Unauthorized("the token is not accepted"))
        await until(lambda: host.opened.host.clients["chat"].state == "unauthorized")
        before = {client["name"]: client for client in (await host.status())["clients"]}
        host.files.edit("agents.d/chat.yaml", "agent: tifa", "agent: tifa\ngreeting: with another token")
        await until(lambda: host.opened.host.clients["chat"].state == "running")
        MadeClient.living[-1].heard.put_nowait(said("Hello"))
        await MadeClient.living[-1].until(sent=1)

    assert before["chat"]["problem"] == "Unauthorized: the token is not accepted"
    assert (before["other"]["state"], MadeClient.living[0].lives) == ("running", 1)


async def test_one_agent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The others go on: beside one that cannot be made, and one that fails in each turn."""
    more = {
        "agents.d/lost.yaml": "character: { bio: Misses its code. }\nactions: [missing]\n",
        "actions/missing.yaml": 'name: missing\ntype: python\nentrypoint: "actions/missing.py:fetch"\n',
        "actions/missing.py": "raise RuntimeError('a bug')\n\n\ndef fetch() -> str:\n    return ''\n",
    }
    async with served(tmp_path, CLUMSY | more) as host:
        clumsy, tifa = await host.ask(agent="clumsy"), await host.ask()
        broken = (await host.status())["broken"]

    assert (clumsy["outcome"], tifa["text"]) == ("failed", "you said: Hello")
    assert list(broken) == ["lost"]


async def test_a_file(host: Served) -> None:
    """What it last said when nothing was wrong with it goes on."""
    host.files.edit("agents.d/tifa.yaml", "character:", "charakter:")
    done = await host.caller.post("/config/reload", {})

    assert (done["applied"], (await host.status())["degraded"]) == (False, ["tifa"])
    assert (await host.ask())["text"] == "you said: Hello"


async def test_a_new_version_that_does_not_come_to_life(host: Served) -> None:
    """Its files are refused until they change; the old one never stopped."""
    good = (host.files.folder / "actions/all.py").read_text()
    host.files.write("actions/all.py", f"raise RuntimeError('a bug')\n{good}")
    broken = await host.caller.post("/config/reload", {})
    meanwhile = await host.ask()
    host.files.write("actions/all.py", good.replace("it went off", "it went off again"))
    mended = await host.caller.post("/config/reload", {})
    host.answers(Answer(calls=(("boom", "{}"),)))

    assert (broken["applied"], meanwhile["text"], mended["applied"]) == (False, "you said: Hello", True)
    assert result((await host.ask())["text"]).endswith("it went off again")


async def test_a_turn_that_kills_the_process(tmp_path: Path) -> None:
    """It runs alone from the third time on, and is given up the sixth."""
    async with little_host(tmp_path) as little:
        little.add()
        message = little.message("deadly")
        await little.inbox.take_in(message)
        for attempt in range(1, DEAD):
            taken = await little.ledger.write(
                partial(take, clock=little.ledger.clock, agent="tifa", message_id=message.id, revision="")
            )
            assert taken
            assert taken.attempts == attempt
            if attempt >= SUSPECT:
                await little.ledger.write(partial(alone, turn=taken.id))

        await little.agents["tifa"].turn(message.id)
        ended = await little.ended(message)

    assert ended
    assert ended.outcome == "dead"


# --- in a process of its own --------------------------------------------------------------------------------------

DEADLY = {
    "carrier.yaml": """
name: deadly
models: { large: scripted/worker, small: scripted/worker }
embeddings: { use: none }
memory: { type: carrier.testing.memories:in_a_list }
server: { port: 0 }
""",
    "agents.d/worker.yaml": """
character: { bio: Does what it is told. }
context: [recent_messages]
actions: [never, safe]
---
kind: script
name: worker
rules:
  - when: never
    call: { never: {} }
  - when: safe
    call: { safe: {} }
  - after: never
    say: "{{ result }}"
  - after: safe
    say: "{{ result }}"
  - say: "heard {{ text }}"
""",
    "actions/deadly.yaml": """
name: never
type: python
entrypoint: "actions/deadly.py:run"
---
kind: action
name: safe
type: python
entrypoint: "actions/deadly.py:run"
repeat: safe
""",
    "actions/deadly.py": '''
"""Kills its own process the first time, as soon as it may."""

import os
import signal
import time
from pathlib import Path

DATA = Path(__file__).parent.parent / "var"
DIED, GO = DATA / "died", DATA / "go"


def run() -> str:
    while not GO.exists():
        time.sleep(0.01)
    if not DIED.exists():
        DIED.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "ran again"
''',
    "templates/chat.j2": "You do what you are told.\n",
    "templates/facts.j2": "\n",
}


@pytest.fixture
def deadly(tmp_path: Path) -> Project:
    return project(tmp_path / "deadly", DEADLY)


@pytest.mark.parametrize(
    ("name", "told"),
    [("never", "[in doubt] never was interrupted and may or may not have taken effect"), ("safe", "ran again")],
)
async def test_an_action_cut_off_by_a_crash_or_its_time_limit_goes_on_in_the_next_life(
    deadly: Project, name: str, told: str
) -> None:
    """By its `repeat` rule; else it is in doubt."""
    await die(deadly, name)

    assert (await answers(deadly, 1))[0].startswith(told)


async def test_the_process(deadly: Project) -> None:
    """The next start goes on with what was under way, and with what waited behind it."""
    await die(deadly, "safe", "one", "two")

    assert await answers(deadly, 3) == ["ran again", "heard one", "heard two"]


async def die(files: Project, *texts: str) -> None:
    """A host that is told this, in this order, and dies of the first when it has taken in the last."""
    host = await HostProcess.start(files)
    try:
        await host.ready()
        async with host.call() as caller:
            for number, text in enumerate(texts, 1):
                asking = asyncio.create_task(caller.client.post("/worker/message", json={"text": text}))
                asking.add_done_callback(lambda ended: ended.exception())
                await lines(caller, number)
        (files.data / "go").touch()
        await host.ended()
    finally:
        await host.kill()


async def answers(files: Project, count: int) -> list[str]:
    """What the next host has said when it has said so much."""
    async with running_host(files), calling(files.data) as caller:
        return [line["text"] for line in await lines(caller, 2 * count) if line["own"]]


async def lines(caller: Caller, count: int) -> list[dict[str, Any]]:
    """What was said, when it is so many lines."""
    async with asyncio.timeout(20):
        while len(found := (await caller.get("/worker/history"))["lines"]) < count:  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)
    return list(found)
