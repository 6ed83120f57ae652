"""The host makes what runs equal to what the files want, and stops with nothing lost."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from carrier import host as host_module
from carrier.api.status import status
from carrier.config.catalog import load
from carrier.config.planning import Difference, difference
from carrier.errors import AlreadyRunning, ConfigError, LedgerError, UnknownAgent
from carrier.host import Host, running, usable
from carrier.ledger import turns as rows
from carrier.ledger.engine import open_ledger
from carrier.lock import locked
from carrier.runtime.watchers import Watchers
from carrier.testing.clients import MadeClient
from carrier.testing.hosts import until
from carrier.testing.memories import MemoryList
from carrier.testing.projects import Project, project
from carrier.types.clients import ClientDefinition
from carrier.types.talk import Message

FILES = {
    "carrier.yaml": "name: demo\nmodels: { large: scripted/tifa, small: scripted/tifa }\nembeddings: { use: none }\n",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
actions: [roll_dice]
---
kind: script
name: tifa
rules:
  - when: slow
    say: at last
    delay: 100ms
  - say: "you said: {{ text }}"
""",
    "agents.d/hello.yaml": "character: { bio: Greets everyone. }\n",
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": "def roll() -> int:\n    return 4\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}
BROKEN = "raise RuntimeError('a bug')\n" + FILES["actions/dice.py"]
CHAT = "kind: client\nname: chat\ntype: carrier.testing.clients:MadeClient\nagent: tifa\n"


@pytest.fixture
def files(tmp_path: Path) -> Project:
    MadeClient.living.clear()
    return project(tmp_path / "demo", FILES)


@asynccontextmanager
async def made(files: Project) -> AsyncIterator[Host]:
    """A host of these files that watches nothing: it is told what to apply."""
    async with open_ledger(files.data / "ledger.db") as ledger:
        host = Host(load(files.config, os.environ), ledger, MemoryList(), Watchers())
        await host.inbox.resume()
        await host.begin()
        lives = [asyncio.create_task(host.inbox.run()), asyncio.create_task(host.reloads.run())]
        yield host
        for life in lives:
            life.cancel()
        await asyncio.wait(lives)
        await host.close()


async def ask(host: Host, text: str, agent: str = "tifa", id: str = "1") -> str:
    message = Message("api", id, "api/a", "api:a", text, to=agent)
    with host.watchers.watch(f"{message.id}@{agent}") as watcher:
        await host.inbox.take_in(message)
        async with asyncio.timeout(5):
            return "".join((await watcher.ended).texts)


# --- difference ------------------------------------------------------------------------------------------------------

ONE, OTHER_ONE, TWO = (ClientDefinition(name, type) for name, type in (("one", "a"), ("one", "b"), ("two", "a")))


@pytest.mark.parametrize(
    ("runs", "wanted", "todo"),
    [
        ([], [], Difference()),
        ([], [ONE, TWO], Difference(new=(ONE, TWO))),
        ([ONE, TWO], [TWO, ONE], Difference()),
        ([ONE, TWO], [OTHER_ONE, TWO], Difference(changed=(OTHER_ONE,))),
        ([ONE, TWO], [TWO], Difference(gone=("one",))),
        ([ONE], [], Difference(gone=("one",))),
        ([ONE], [TWO], Difference(new=(TWO,), gone=("one",))),
    ],
    ids=["nothing", "first start", "equal", "changed", "removed", "shutdown", "renamed"],
)
def test_a_difference_is_what_turns_the_running_into_the_wanted(
    runs: list[ClientDefinition], wanted: list[ClientDefinition], todo: Difference[ClientDefinition]
) -> None:
    assert difference({it.name: it for it in runs}, {it.name: it for it in wanted}) == todo


# --- applied ---------------------------------------------------------------------------------------------------


async def test_only_what_differs_is_made_anew(files: Project) -> None:
    async with made(files) as host:
        before = dict(host.agents)
        files.write("agents.d/hello.yaml", "character: { bio: Greets nobody. }\n")
        await host.reload()

        assert host.agents["tifa"] is before["tifa"]
        assert host.agents["hello"] is not before["hello"]


async def test_an_agent_that_is_gone_is_unknown_and_who_is_here_is_told(files: Project) -> None:
    async with made(files) as host:
        files.remove("agents.d/hello.yaml")
        await host.reload()

        with pytest.raises(UnknownAgent, match="no agent is called 'hello'; there are tifa"):
            await ask(host, "Hello", agent="hello")


async def test_an_agent_that_cannot_be_made_keeps_its_last_version_until_it_changes(files: Project) -> None:
    async with made(files) as host:
        before = host.agents["tifa"]
        files.write("actions/dice.py", BROKEN)
        await host.reload()
        await host.reload()

        assert host.agents["tifa"] is before
        assert await ask(host, "Hello") == "you said: Hello"
        assert "a bug" in status(host).broken["tifa"]

        files.write("actions/dice.py", "def roll() -> int:\n    return 5\n")
        await host.reload()

        assert host.agents["tifa"] is not before
        assert status(host).broken == {}


async def test_an_agent_that_goes_back_to_what_runs_is_no_longer_broken(files: Project) -> None:
    async with made(files) as host:
        before = host.agents["tifa"]
        files.write("actions/dice.py", BROKEN)
        await host.reload()
        files.write("actions/dice.py", FILES["actions/dice.py"])
        await host.reload()

        assert host.agents["tifa"] is before
        assert status(host).broken == {}


async def test_one_broken_agent_costs_the_others_nothing_at_the_start(files: Project) -> None:
    files.write("actions/dice.py", BROKEN)
    async with made(files) as host:
        assert sorted(host.agents) == ["hello"]
        assert list(status(host).broken) == ["tifa"]


# --- clients ---------------------------------------------------------------------------------------------------


def said(id: str, text: str = "Hello") -> Message:
    return Message("chat", id, "chat/a", "chat:anna", text, sender_name="Anna")


async def test_what_a_client_hears_its_agent_answers_through_it(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT)
    async with made(files) as host:
        [chat] = MadeClient.living
        chat.heard.put_nowait(said("1"))
        await chat.until(sent=1)

        assert chat.texts == ["you said: Hello"]
        assert chat.sent[0].reply_to == "1"
        [shown] = status(host).clients
        assert (shown.name, shown.agent, shown.state) == ("chat", "tifa", "running")


async def test_a_client_that_changed_is_replaced_and_one_that_is_gone_stops(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT)
    async with made(files) as host:
        files.write("agents.d/chat.yaml", CHAT + "greeting: Evening\n")
        await host.reload()
        assert [chat.greeting for chat in MadeClient.living] == ["", "Evening"]
        MadeClient.living[-1].heard.put_nowait(said("1"))
        await MadeClient.living[-1].until(sent=1)

        files.remove("agents.d/chat.yaml")
        await host.reload()
        assert host.clients == {}


async def test_a_client_that_cannot_be_made_leaves_the_one_that_runs(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT)
    async with made(files) as host:
        files.write("agents.d/chat.yaml", CHAT + "breaks: true\n")
        await host.reload()
        await host.reload()

        [chat] = MadeClient.living
        chat.heard.put_nowait(said("1"))
        await chat.until(sent=1)
        assert "it breaks, as told" in status(host).broken["chat"]


async def test_a_client_that_waits_for_a_variable_is_parked_and_says_for_which(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT + "greeting: ${GREETING}\n")
    async with made(files) as host:
        assert host.clients == {}
        assert "GREETING" in status(host).parked["chat"]


async def test_what_is_said_to_an_agent_that_is_away_waits_and_is_counted_until_it_is_back(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT)
    async with made(files) as host:
        tifa = (files.folder / "agents.d/tifa.yaml").read_text()
        files.write("agents.d/tifa.yaml", tifa.replace("character:", "enabled: false\ncharacter:", 1))
        await host.reload()
        assert "tifa" not in host.agents
        [chat] = MadeClient.living
        await host.inbox.take_in(said("1", "one"))
        await host.inbox.take_in(said("2", "two"))
        assert status(host).absent == {"tifa": 2}

        files.write("agents.d/tifa.yaml", tifa)
        await host.reload()
        await chat.until(sent=2)

    assert chat.texts == ["you said: one", "you said: two"]


async def test_a_client_without_an_agent_is_only_listened_to(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT.replace("agent: tifa\n", ""))
    async with made(files) as host:
        receipt = await host.inbox.take_in(said("1"))

        assert receipt.turns == ()


# --- stopping --------------------------------------------------------------------------------------------------


async def test_a_turn_under_way_ends_and_what_it_said_is_sent_before_the_host_stops(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT)
    async with made(files) as host:
        await host.inbox.take_in(said("1", "slow"))
        await until(lambda: host.inbox.lanes.running == 1)
        late = await host.inbox.take_in(said("2", "too late"))
        await host.drain()

        assert MadeClient.living[0].texts == ["at last"]
        assert host.stopping
        assert await host.ledger.read(partial(rows.answer, turn=late.turns[0])) is None

    async with made(files):
        await MadeClient.living[-1].until(sent=1)
        assert MadeClient.living[-1].texts == ["you said: too late"]


async def test_a_turn_that_does_not_end_in_time_goes_on_at_the_next_start(
    files: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(host_module, "TURNS_SECONDS", 0.02)
    files.write("agents.d/chat.yaml", CHAT)
    async with made(files) as host:
        await host.inbox.take_in(said("1", "slow"))
        await until(lambda: host.inbox.lanes.running == 1)
        await host.drain()
        assert "turns are still under way" in caplog.text

    async with made(files):
        await MadeClient.living[-1].until(sent=1)
        assert MadeClient.living[-1].texts == ["at last"]


async def test_a_client_that_has_ended_does_not_hold_up_the_stop(
    files: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(host_module, "SENDERS_SECONDS", 0.05)
    files.write("agents.d/chat.yaml", CHAT)
    async with made(files) as host:
        MadeClient.living[0].heard.put_nowait(None)
        await until(lambda: host.clients["chat"].state == "ended")
        await host.drain()

    assert "not sent yet" not in caplog.text


async def test_a_second_host_in_the_same_folder_is_refused_with_the_first_one_s_pid(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}") as refused, locked(tmp_path):
        pass

    assert refused.value.pid == str(os.getpid())
    with locked(tmp_path):
        pass


async def test_a_host_whose_ledger_can_write_no_more_ends(files: Project) -> None:
    async def live() -> None:
        async with running(load(files.config, os.environ)) as host:
            host.ledger.submit(lambda connection: sys.exit("the thread ends"))
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as ended:
        await live()

    assert ended.group_contains(LedgerError, match="the ledger's thread ended")


async def test_a_living_host_answers_watches_its_files_and_leaves_its_events(files: Project) -> None:
    async with running(load(files.config, os.environ)) as host:
        assert await ask(host, "Hello") == "you said: Hello"
        files.write("agents.d/new.yaml", "character: { bio: Is new. }\n")
        await until(lambda: "new" in host.agents)

    [log] = (files.data / "events").iterdir()
    assert '"id":"api:1@tifa"' in log.read_text()


def test_a_catalog_without_its_own_file_is_not_usable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"carrier\.yaml"):
        usable(load(tmp_path / "carrier.yaml", {}))
