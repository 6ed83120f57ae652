"""Reflections: due after so many messages, tried three times, and what they found kept once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from carrier.errors import ModelError
from carrier.evaluators.facts import Facts
from carrier.interfaces import AskModel, Exchange, Turn
from carrier.ledger.memory_log import LedgerMemoryLog
from carrier.runtime import jobs as jobs_module
from carrier.runtime.jobs import Jobs
from carrier.testing.ledgers import FullLedger
from carrier.testing.models import ListedModel
from carrier.testing.runtimes import LittleHost, little_host
from carrier.testing.turns import TurnMaker
from carrier.types.memory import Memory
from carrier.types.parts import TemplateFile


class Noting:
    """`interfaces.Reflection`: asks what to note of the lines, and notes it."""

    def __init__(self, every: int = 2):
        self.every = every
        self.looked_at: list[list[str]] = []
        self.looked = asyncio.Event()
        self.fails = 0

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[Memory]:
        texts = [line.text for line in exchange.lines]
        self.looked_at.append(texts)
        self.looked.set()
        note = await ask_model("note it", " ".join(texts), purpose="notes")
        if self.fails:
            self.fails -= 1
            raise ValueError("it cannot be read")
        at = exchange.lines[-1].at
        return [Memory(f"{exchange.room}/{at}", exchange.agent.name, exchange.room, "api:anna", "fact", note, at)]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "PAUSE", 0)
    monkeypatch.setattr(jobs_module, "LEDGER_PAUSE", 0.01)


def jobs_of(host: LittleHost) -> Jobs:
    return Jobs(host.ledger, host.memories, host.agents.get)


async def work_all(host: LittleHost) -> None:
    """Until no job is left."""
    while await jobs_of(host).run_due():
        pass


@asynccontextmanager
async def working(jobs: Jobs) -> AsyncIterator[None]:
    life = asyncio.create_task(jobs.run())
    try:
        async with asyncio.timeout(5):
            yield
    finally:
        life.cancel()
        await asyncio.wait([life])


def facts(host: LittleHost) -> list[str]:
    return [memory.text for memory in host.memories.kept.values() if memory.kind == "fact"]


async def test_it_looks_back_when_so_many_messages_have_come_and_on_each_once(host: LittleHost) -> None:
    noting = Noting(every=2)
    host.add(small=ListedModel("noted 1", "noted 2"), reflections={"noting": noting})
    for n in range(5):
        await host.ask(f"{n}")
        await work_all(host)

    assert noting.looked_at == [["0", "1"], ["2", "3"]]
    assert host.reflections_due == [False, True, False, True, False]
    assert facts(host) == ["noted 1", "noted 2"]


async def test_it_is_told_nothing_that_the_host_or_the_agent_has_said(host: LittleHost) -> None:
    async def remembered(turn: Turn) -> str:
        return "\n".join(found.memory.text for found in await turn.recall("tea"))

    facts_of = Facts(Facts.Settings.model_validate({"every": 3}), TurnMaker().given())
    small = ListedModel("Anna: likes tea")
    model = ListedModel("Bob: hates tea.", "Bob: hates tea.", "Bob: hates tea.")
    runtime = host.add(model=model, small=small, reflections={"facts": facts_of}, providers={"memories": remembered})
    sources = {**runtime.agent.sources, "facts": TemplateFile("facts.j2", "Note facts.")}
    runtime.agent = replace(runtime.agent, templates={**runtime.agent.templates, "facts": "facts"}, sources=sources)

    await host.ask("I like tea.")
    await host.ask("Wish them a good night with tea.", kind="schedule")
    await host.ask("And cake.")
    await work_all(host)

    assert small.requests[0].prompt.conversation[-1].text == "Anna: I like tea.\nAnna: And cake."
    assert facts(host) == ["likes tea"]


async def test_what_it_found_waits_for_the_store_as_soon_as_the_job_is_done(host: LittleHost) -> None:
    host.add(small=ListedModel("likes tea"), reflections={"noting": Noting(every=1)})
    await host.ask()
    await work_all(host)

    waiting = await LedgerMemoryLog(host.ledger).waiting(9)
    assert [memory.text for _, memory in waiting if memory.kind == "fact"] == ["likes tea"]


async def test_it_begins_when_it_is_woken(host: LittleHost) -> None:
    noting = Noting(every=1)
    host.add(reflections={"noting": noting})
    jobs = jobs_of(host)
    async with working(jobs):
        await host.ask()
        jobs.wake.set()
        await noting.looked.wait()


async def test_one_that_was_put_off_is_tried_when_its_time_has_come(
    host: LittleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "PAUSE", 50_000)
    noting = Noting(every=1)
    noting.fails = 1
    host.add(reflections={"noting": noting})
    await host.ask()
    jobs = jobs_of(host)
    assert await jobs.run_due()
    assert not await jobs.run_due()

    noting.looked.clear()
    async with working(jobs):
        await noting.looked.wait()


async def test_one_that_fails_is_tried_three_times_then_dropped_and_told(
    host: LittleHost, caplog: pytest.LogCaptureFixture
) -> None:
    noting = Noting(every=1)
    noting.fails = 3
    host.add(reflections={"noting": noting})
    await host.ask("one")
    await work_all(host)

    assert noting.looked_at == [["one"]] * 3
    assert facts(host) == []
    assert "the reflection noting on api/@anna failed for good: it cannot be read" in caplog.text

    await host.ask("two")
    await work_all(host)
    assert noting.looked_at[3:] == [["two"]]


async def test_an_answer_that_is_journaled_is_not_paid_for_again_though_more_was_said(host: LittleHost) -> None:
    noting = Noting(every=1)
    noting.fails = 1
    small = ListedModel("about one", "about two")
    host.add(small=small, reflections={"noting": noting})
    await host.ask("one")
    await jobs_of(host).run_due()
    await host.ask("two")
    await work_all(host)
    await host.ask("three")
    await work_all(host)

    assert noting.looked_at == [["one"], ["one"], ["two", "three"]]
    assert facts(host) == ["about one", "about two"]
    assert len(small.requests) == 2


async def test_a_model_that_fails_is_asked_again(host: LittleHost) -> None:
    host.add(small=ListedModel(ModelError("x/y", "busy"), "likes tea"), reflections={"noting": Noting(every=1)})
    await host.ask()
    await work_all(host)

    assert facts(host) == ["likes tea"]


async def test_the_job_of_an_agent_that_is_gone_is_due_again_when_it_is_back(host: LittleHost) -> None:
    noting = Noting(every=1)
    host.add(reflections={"noting": noting})
    await host.ask("one")
    agent = host.agents.pop("tifa")
    await work_all(host)
    assert noting.looked_at == []

    host.agents["tifa"] = agent
    await host.ask("two")
    await work_all(host)

    assert noting.looked_at == [["one", "two"]]


async def test_rooms_are_looked_back_on_apart(host: LittleHost) -> None:
    noting = Noting(every=2)
    host.add(reflections={"noting": noting})
    for text, room in (("a1", "a"), ("b1", "b"), ("b2", "b")):
        await host.ask(text, room=room)
    await work_all(host)

    assert noting.looked_at == [["b1", "b2"]]


async def test_a_ledger_that_cannot_be_written_for_a_while_costs_no_job(tmp_path: Path) -> None:
    ledger = FullLedger(tmp_path / "ledger.db")
    host, noting = LittleHost(ledger), Noting(every=1)
    host.add(reflections={"noting": noting})
    await host.ask("one")
    ledger.full = True
    async with working(jobs_of(host)):
        await ledger.refused.wait()
        ledger.full = False
        await noting.looked.wait()
    await work_all(host)

    assert facts(host) == ["you said: one"]
    await ledger.close()
