"""The work of a slot: what is said passes the gates and goes out once, a task is a turn of its own, drafts wait."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carrier.errors import Conflict, ModelError, NotNow
from carrier.interfaces import Turn, Verdict
from carrier.ledger import approvals
from carrier.ledger import outbox as sending
from carrier.ledger.engine import Ledger
from carrier.ledger.slots import Slot
from carrier.ledger.tables import outbox
from carrier.runtime.decisions import Decisions
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, Judging, LittleHost
from carrier.testing.schedules import START, LittleScheduler, VirtualWall, schedule, words
from carrier.testing.turns import AGENT
from carrier.types.agents import Agent, Approvals, Words
from carrier.types.models import ActionCall
from carrier.types.schedules import Schedule

HOUR = timedelta(hours=1)
WRITE = words("Wish the channel a good night.", generated=True)
TALKS = replace(AGENT, words=Words(failed="I lost my thread.", held="I would rather not."), respond="never")
ASKS = replace(TALKS, approvals=Approvals("chat/ops", ("boss",)))


@dataclass(eq=False)
class Both:
    """A little host with a scheduler."""

    host: LittleHost
    little: LittleScheduler

    def has(self, schedule: Schedule, agent: Agent = TALKS, model: ListedModel | None = None, **parts: Any) -> None:
        self.host.add(agent, model, **parts)
        self.little.agents = {agent.name: agent}
        self.little.add(schedule)

    async def at(self, hours: float) -> Slot:
        """The schedule's last slot, when so many hours have passed and its turns are through."""
        until = START + hours * HOUR
        await self.little.at(until)
        await self.answer()
        return (await self.little.slots())[-1]

    async def answer(self) -> None:
        while self.little.taken:
            await self.host.agents[AGENT.name].turn(self.little.taken.pop(0).message.id)
            await self.little.look()

    async def sent(self, room: str = "chat/garden") -> list[str]:
        query = select(outbox.c.text).where(outbox.c.room == room).order_by(outbox.c.at)
        return await self.host.ledger.read(lambda connection: list(connection.execute(query).scalars()))

    async def pending(self) -> approvals.Approval:
        (found,) = await self.host.ledger.read(partial(approvals.latest, pending=True))
        return found

    @property
    def decisions(self) -> Decisions:
        agents = {name: it.agent for name, it in self.host.agents.items()}
        return Decisions(self.host.ledger, self.host.inbox.queue, lambda: agents)

    async def decide(self, decision: approvals.Decision, text: str | None = None) -> None:
        arguments = None if text is None else {"text": text}
        await self.decisions.decide((await self.pending()).id, decision, "Boss", arguments)


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    wall = VirtualWall()
    ledger = Ledger(tmp_path / "ledger.db", wall.micros)
    yield Both(LittleHost(ledger), LittleScheduler(ledger, wall))
    await ledger.close()


# --- said -----------------------------------------------------------------------------------------------------------


async def test_words_are_said_once_in_their_room_and_no_model_is_asked(both: Both) -> None:
    model = ListedModel()
    both.has(schedule(wording=words("Good evening, {{ agent.character.display_name }} here.")), model=model)

    slot = await both.at(1)
    await both.host.agents[AGENT.name].turn(slot.message)

    assert slot.state == "done"
    assert await both.sent() == ["Good evening, Tifa here."]
    assert model.requests == []
    (row,) = await both.host.ledger.read(lambda connection: connection.execute(select(outbox)).all())
    assert (row.client, row.agent, row.reply_to) == ("chat", "tifa", "")


async def test_the_room_remembers_what_was_said_and_not_the_order_for_it(both: Both) -> None:
    both.has(schedule(wording=WRITE), model=ListedModel("Sleep well."))

    await both.at(1)

    assert await both.host.lines("chat/garden") == ["Sleep well."]
    assert [memory.text for memory in both.host.memories.kept.values()] == ["Sleep well."]


async def test_a_model_writes_what_it_is_told_to_and_may_call_no_actions(both: Both) -> None:
    model = ListedModel("Sleep well.")
    both.has(schedule(wording=WRITE), model=model, actions=[Doing("dance", nothing)])

    slot = await both.at(1)

    (request,) = model.requests
    assert request.prompt.conversation[-1].text == "Wish the channel a good night."
    assert request.tools == ()
    assert (slot.state, await both.sent()) == ("done", ["Sleep well."])


async def nothing(turn: Turn) -> str:
    return "done"


@pytest.mark.parametrize("wording", [words("Good evening."), WRITE])
async def test_every_gate_judges_what_is_said_and_what_it_holds_is_not_said(both: Both, wording: Any) -> None:
    async def hold(turn: Turn, text: str) -> Verdict:
        return Verdict(text, held="it is too late")

    both.has(schedule(wording=wording, notify="chat/ops"), gates={"late": Judging(hold)})

    slot = await both.at(1)

    assert (slot.state, slot.reason) == ("failed", "an evaluator held it")
    assert await both.sent() == []
    assert len(await both.sent("chat/ops")) == 1


async def test_a_gate_may_change_what_is_said(both: Both) -> None:
    async def louder(turn: Turn, text: str) -> Verdict:
        return Verdict(text.upper())

    both.has(schedule(wording=words("Good evening.")), gates={"loud": Judging(louder)})

    await both.at(1)

    assert await both.sent() == ["GOOD EVENING."]


async def test_where_nobody_asked_nobody_hears_that_a_model_failed(both: Both) -> None:
    both.has(schedule(wording=WRITE), model=ListedModel(ModelError("listed", "is down", "stop")))

    slot = await both.at(1)

    assert (slot.state, slot.reason) == ("failed", "listed: is down")
    assert await both.sent() == []


async def test_a_model_is_waited_for_as_long_as_the_slot_may_still_begin(both: Both) -> None:
    down = ModelError("listed", "is down", "stop", kind="down")
    both.has(schedule(wording=WRITE), replace(TALKS, when_down="wait"), ListedModel(down, down))
    await both.little.at(START + HOUR)
    order, runtime = both.little.taken.pop().message.id, both.host.agents[AGENT.name]

    with pytest.raises(NotNow):
        await runtime.turn(order)
    (waiting,) = await both.little.slots()
    both.little.wall.passes(START + 3 * HOUR)
    await runtime.turn(order)

    (slot,) = await both.little.slots()
    assert waiting.state == "due"
    assert (slot.state, slot.reason) == ("failed", "listed: is down")


async def test_a_model_that_says_nothing_skips_the_slot(both: Both) -> None:
    both.has(schedule(wording=WRITE), model=ListedModel(" "))

    slot = await both.at(1)

    assert (slot.state, slot.reason) == ("skipped", "tifa had nothing to say")


async def test_what_never_arrived_was_not_done(both: Both) -> None:
    both.has(schedule(notify="chat/ops"))
    await both.at(1)
    ((key, _),) = await both.host.ledger.read(
        lambda connection: connection.execute(select(outbox.c.key, outbox.c.at)).all()
    )

    await both.host.ledger.write(partial(sending.give_up, key=key, state="failed", error="no such channel"))
    await both.little.look()

    (slot,) = await both.little.slots()
    assert (slot.state, slot.reason) == ("failed", "failed: no such channel")
    assert len(await both.sent("chat/ops")) == 1


# --- done -----------------------------------------------------------------------------------------------------------


async def test_a_task_is_a_turn_with_actions_that_is_sent_nowhere(both: Both) -> None:
    ran: list[str] = []

    async def step(turn: Turn, goal: str) -> str:
        ran.append(f"{goal} in {turn.message.room}")
        return "one step further"

    model = ListedModel(calls("step", goal="launch"), "I took a step.")
    task = schedule(room="", wording=words("Take the next step."))
    both.has(task, model=model, actions=[Doing("step", step, parameters={"type": "object"})])

    slot = await both.at(1)

    assert ran == ["launch in schedule/tifa.hello"]
    assert slot.state == "done"
    assert await both.host.ledger.read(lambda connection: connection.execute(select(outbox)).all()) == []
    assert await both.host.lines("schedule/tifa.hello") == ["Take the next step.", "I took a step."]


async def test_a_task_that_fails_has_failed(both: Both) -> None:
    task = schedule(room="", wording=words("Take the next step."))
    both.has(task, model=ListedModel(ModelError("listed", "is down", "stop")))

    slot = await both.at(1)

    assert (slot.state, slot.reason) == ("failed", "listed: is down")


# --- approved -------------------------------------------------------------------------------------------------------

DRAFT: dict[str, Any] = {"cron": "0 15 * * *", "approval": True, "prepare": 7200.0, "grace": 3600.0, "wording": WRITE}
"""Comes up three hours after the start, and is made two hours before."""


async def drafted(both: Both, *answers: str, agent: Agent = ASKS, **more: Any) -> ListedModel:
    """Its words are made, and wait."""
    model = ListedModel(*(answers or ("Sleep well.",)))
    both.has(schedule(**{**DRAFT, "notify": "chat/log", **more}), agent, model)
    slot = await both.at(1)
    assert (slot.id, slot.state) == ("tifa.hello@2026-11-21T14:00:00Z", "waiting for approval")
    return model


async def test_a_draft_is_made_before_its_time_and_shown_to_those_who_may_approve(both: Both) -> None:
    await drafted(both)

    pending = await both.pending()
    assert pending.call.arguments == {"slot": "tifa.hello@2026-11-21T14:00:00Z", "text": "Sleep well."}
    assert (pending.room, pending.slot) == ("chat/garden", "tifa.hello@2026-11-21T14:00:00Z")
    assert await both.sent("chat/ops") == [
        "#1: Tifa is going to say in chat/garden, for tifa.hello@2026-11-21T14:00:00Z:\nSleep well.\n"
        "Answer `approve 1` or `refuse 1`."
    ]
    asks = await both.host.ledger.read(lambda it: it.execute(select(outbox.c.asks)).scalars().all())
    assert asks == ["1"]
    assert await both.sent() == []


async def test_a_draft_that_nobody_can_be_asked_about_has_failed(both: Both) -> None:
    for number in range(approvals.MOST_WAITING):
        asked = approvals.Asked("t", AGENT.name, "chat/garden", ActionCall("", "cook", {}), str(number), 9e9)
        await both.host.ledger.write(partial(approvals.ask, clock=both.host.ledger.clock, asked=asked))
    both.has(schedule(**DRAFT), ASKS, ListedModel("Sleep well."))

    slot = await both.at(1)

    assert (slot.state, slot.reason) == ("failed", "too much waits to be approved in its room already")
    assert await both.sent("chat/ops") == []


async def test_what_was_approved_goes_out_at_its_time_exactly_so_and_once(both: Both) -> None:
    model = await drafted(both)
    await both.decide("approved")

    before = await both.at(2.99), await both.sent()
    slot = await both.at(3)
    await both.at(4)

    assert (before[0].state, before[1]) == ("waiting for approval", [])
    assert (slot.state, await both.sent()) == ("done", ["Sleep well."])
    assert len(model.requests) == 1
    (approval,) = await both.host.ledger.read(approvals.latest)
    assert approval.state == "used"


async def test_what_was_edited_goes_out_as_it_was_edited(both: Both) -> None:
    await drafted(both)
    await both.decide("edited", "Sleep very well.")

    await both.at(3)

    assert await both.sent() == ["Sleep very well."]
    assert await both.host.lines("chat/garden") == ["Sleep very well."]


@pytest.mark.parametrize("arguments", [{}, {"text": ""}, {"text": 7}, {"words": "Hi"}])
async def test_an_edit_without_words_is_refused(both: Both, arguments: dict[str, object]) -> None:
    await drafted(both)

    with pytest.raises(Conflict, match="text"):
        await both.decisions.decide("1", "edited", "Boss", arguments)

    assert (await both.pending()).state == "pending"


async def test_what_is_approved_late_goes_out_within_its_grace(both: Both) -> None:
    await drafted(both)
    await both.at(3.5)
    await both.decide("approved")

    slot = await both.at(3.6)

    assert (slot.state, await both.sent()) == ("done", ["Sleep well."])


async def test_what_nobody_approves_in_time_is_missed_and_told(both: Both) -> None:
    await drafted(both)
    await both.at(4.5)

    for id in await both.host.ledger.read(partial(approvals.due, now=both.host.ledger.clock.tick())):
        await both.decisions.decide(id, "expired", "")
    slot = await both.at(4.6)

    assert (slot.state, slot.reason) == ("missed", "nobody approved it in time")
    assert await both.sent() == []
    assert len(await both.sent("chat/log")) == 1


async def test_what_was_approved_while_nobody_was_there_to_say_it_is_missed(both: Both) -> None:
    await drafted(both)
    await both.decide("approved")

    both.little.wall.passes(START + 5 * HOUR)
    slot = await both.at(5)

    assert (slot.state, slot.reason) == ("missed", "it was approved by Boss, and nobody was there in time")
    assert await both.sent() == []


async def test_what_is_refused_is_skipped(both: Both) -> None:
    await drafted(both)
    await both.decide("refused")

    slot = await both.at(1.1)
    await both.at(4)

    assert (slot.state, slot.reason) == ("skipped", "refused by Boss")
    assert await both.sent() == await both.sent("chat/log") == []


@pytest.mark.parametrize("change", ["other times", "gone", "skipped"])
async def test_what_does_not_come_any_more_needs_no_approval(both: Both, change: str) -> None:
    await drafted(both)
    if change == "other times":
        both.little.add(schedule(**{**DRAFT, "cron": "0 16 * * *"}))
    elif change == "gone":
        both.little.schedules.clear()
    else:
        await both.little.controls.skip("tifa.hello", "next", "anna")

    await both.at(1.1)

    (slot, *_) = await both.little.slots()
    assert slot.state == "skipped"
    with pytest.raises(Conflict, match="expired already"):
        await both.decisions.decide("1", "approved", "Boss")
    await both.at(3)
    assert await both.sent() == []


async def test_other_words_leave_alone_what_was_made(both: Both) -> None:
    await drafted(both)
    both.little.add(schedule(**{**DRAFT, "wording": words("Wake up!")}))
    await both.decide("approved")

    await both.at(3)

    assert await both.sent() == ["Sleep well."]


async def test_words_of_its_own_wait_for_approval_too(both: Both) -> None:
    model = ListedModel()
    both.has(schedule(**DRAFT), ASKS, model)
    await both.little.look()
    await both.little.controls.edit("tifa.hello", "next", "Closed today.", "anna")

    await both.at(1)
    await both.decide("approved")
    await both.at(3)

    assert await both.sent() == ["Closed today."]
    assert model.requests == []


async def test_what_is_made_at_its_time_goes_out_as_soon_as_it_is_approved(both: Both) -> None:
    both.has(schedule(**{**DRAFT, "prepare": 0.0}), ASKS, ListedModel("Sleep well."))
    waiting = await both.at(3)
    await both.decide("approved")

    slot = await both.at(3.1)

    assert (waiting.state, slot.state, await both.sent()) == ("waiting for approval", "done", ["Sleep well."])


async def test_two_drafts_of_the_same_words_are_two_approvals(both: Both) -> None:
    both.has(schedule(every=3600.0, approval=True, prepare=7200.0, wording=words("Hello.")), ASKS)

    await both.at(0.1)

    found: Sequence[approvals.Approval] = await both.host.ledger.read(approvals.latest)
    assert [approval.slot[-9:] for approval in found] == ["13:00:00Z", "12:00:00Z"]


async def test_what_was_approved_goes_out_after_a_restart(tmp_path: Path) -> None:
    wall = VirtualWall()
    for step in ("make", "decide", "say"):
        ledger = Ledger(tmp_path / "ledger.db", wall.micros)
        both = Both(LittleHost(ledger), LittleScheduler(ledger, wall))
        both.has(schedule(**DRAFT), ASKS, ListedModel("Sleep well."))
        if step == "decide":
            await both.decide("approved")
        else:
            await both.at(1 if step == "make" else 3)
        said = await both.sent()
        await ledger.close()

    assert said == ["Sleep well."]
