"""What waits for approval outlives the process: granted after a kill, it runs once, and only as it was approved."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from carrier.api.calling import Caller, calling
from carrier.errors import CarrierError
from carrier.testing.hosts import MOMENT, SECONDS, host_process, running_host
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """
models: { large: scripted/till }
embeddings: { use: none }
memory: { type: carrier.testing.memories:in_a_list }
server: { port: 0 }
""",
    "agents.d/till.yaml": r"""
character: { bio: Pays what it is told to. }
context: [recent_messages]
actions: [pay]
permissions: { ask: [pay] }
---
kind: script
name: till
rules:
  - { after: pay, say: "{{ result }}" }
  - { when: '^pay (?P<to>\w+)', call: { pay: { to: "{{ to }}" } } }
  - say: "heard {{ text }}"
""",
    "actions/pay.yaml": 'name: pay\ntype: python\nentrypoint: "actions/pay.py:pay"\n',
    "actions/pay.py": '''
"""Notes a payment, and kills its own process before or after it, when told to."""

import os
import signal
from pathlib import Path

PAID = Path(__file__).parent.parent / "var" / "paid"


def pay(to: str, die: str = "") -> str:
    if die == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    file = os.open(PAID, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{to}\\n".encode())
    os.fsync(file)
    os.close(file)
    if die == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return f"paid {to}"
''',
    "templates/chat.j2": "You pay.\n",
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a host that was killed when it had asked whether to pay Anna."""
    till = project(tmp_path_factory.mktemp("killed") / "till", FILES)
    asyncio.run(asked(till))
    return till.folder


async def asked(till: Project) -> None:
    async with host_process(till) as host, host.call() as caller:
        answer = await caller.post("/till/message", {"text": "pay anna"})
        assert [action["status"] for action in answer["actions"]] == ["pending"]
        await host.kill()


@pytest.fixture
def till(killed: Path, tmp_path: Path) -> Project:
    return Project(shutil.copytree(killed, tmp_path / "till"))


@asynccontextmanager
async def next_life(till: Project) -> AsyncIterator[Caller]:
    """A host that is not killed."""
    async with running_host(till), calling(till.data) as caller:
        yield caller


def paid(till: Project) -> list[str]:
    path = till.data / "paid"
    return path.read_text().split() if path.exists() else []


async def lines(caller: Caller, holds: str) -> list[str]:
    """What is said in the room, once it has been told what came of the call."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = [str(line["text"]) for line in (await caller.get("/till/history"))["lines"]]
            if any(holds in line for line in found):
                return found
            await asyncio.sleep(MOMENT)


async def decided(caller: Caller, decision: str = "approve", **more: Any) -> Any:
    return await caller.post("/approvals/1", {"decision": decision, **more})


def tampered(till: Project, change: str) -> None:
    """Somebody writes into the ledger of a host that does not run."""
    with closing(sqlite3.connect(till.data / "ledger.db")) as ledger, ledger:
        assert ledger.execute(change).rowcount == 1


async def test_what_was_asked_before_a_kill_is_granted_after_it_and_runs_once(till: Project) -> None:
    async with host_process(till) as host, host.call() as caller:
        await decided(caller)
        said = await lines(caller, "paid anna")
        await host.kill()
    async with next_life(till) as caller:
        again = await lines(caller, "paid anna")

    assert paid(till) == ["anna"]
    assert said == again
    assert said.count("paid anna") == 1


async def test_what_was_edited_runs_as_it_was_edited_also_after_a_kill(till: Project) -> None:
    async with host_process(till) as host, host.call() as caller:
        await decided(caller, arguments={"to": "ben"})
        await host.kill()
    async with next_life(till) as caller:
        await lines(caller, "paid ben")

    assert paid(till) == ["ben"]


@pytest.mark.parametrize(("die", "runs"), [("before", []), ("after", ["anna"])])
async def test_a_call_that_was_cut_off_by_a_kill_is_in_doubt_and_not_run_again(
    till: Project, die: str, runs: list[str]
) -> None:
    async with host_process(till) as host, host.call() as caller:
        await decided(caller, arguments={"to": "anna", "die": die})
        await host.ended()
    async with next_life(till) as caller:
        await lines(caller, "may or may not have taken effect")

    assert paid(till) == runs


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE approvals SET call = replace(call, 'anna', 'eve')""",
        """UPDATE approvals SET digest = 'x' || digest""",
    ],
    ids=["other arguments", "another digest"],
)
async def test_what_somebody_has_written_over_is_refused(till: Project, change: str) -> None:
    tampered(till, change)

    async with next_life(till) as caller:
        await decided(caller)
        await lines(caller, "is not what it was")

    assert paid(till) == []


def come_again(ledger: sqlite3.Connection, table: str, key: str) -> None:
    """The row of a decision's message once more, under another id and not answered yet."""
    ledger.row_factory = sqlite3.Row
    row = dict(ledger.execute(f"SELECT * FROM {table} WHERE {key} LIKE '%approval:1:%'").fetchone())
    again = {"platform_id": f"{row.get('platform_id')}2", "state": "waiting"}
    row |= {key: f"{row[key]}2", "at": row["at"] + 1, **{name: again[name] for name in again if name in row}}
    ledger.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])


async def test_a_decision_that_is_replayed_is_refused(till: Project) -> None:
    async with next_life(till) as caller:
        await decided(caller)
        await lines(caller, "paid anna")
        with pytest.raises(CarrierError, match="used"):
            await decided(caller)
    with closing(sqlite3.connect(till.data / "ledger.db")) as ledger, ledger:
        for table, key in (("messages", "id"), ("inbox", "message")):
            come_again(ledger, table, key)

    async with next_life(till) as caller:
        await lines(caller, "was used already")

    assert paid(till) == ["anna"]


async def test_an_action_that_changed_while_nothing_ran_has_to_be_asked_for_again(till: Project) -> None:
    till.edit("actions/pay.py", "paid {to}", "has paid {to}")

    async with next_life(till) as caller:
        await decided(caller)
        await lines(caller, "is not what it was")

    assert paid(till) == []


async def test_a_careless_host_pays_whom_the_ledger_names_and_these_tests_notice(
    till: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_is_void(*_: object) -> str:
        return ""

    monkeypatch.setattr("carrier.ledger.approvals.use", lambda connection, id: True)
    monkeypatch.setattr("carrier.runtime.acting.Acting._void", nothing_is_void)
    tampered(till, """UPDATE approvals SET call = replace(call, 'anna', 'eve')""")

    async with next_life(till) as caller:
        await decided(caller)
        await lines(caller, "paid eve")

    assert paid(till) == ["eve"]
