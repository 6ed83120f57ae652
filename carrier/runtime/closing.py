"""How a turn ends: its answer sent and remembered, the operator's words instead, or let go to be gone on with."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from carrier.errors import CarrierError, LedgerError, ModelError, NotNow
from carrier.ledger import previews
from carrier.ledger import turns as rows
from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump
from carrier.ledger.jobs import ReflectionDue
from carrier.ledger.slots import Slot
from carrier.runtime.notices import trouble
from carrier.runtime.orders import end_slot, file_post, is_draft
from carrier.runtime.speaking import named
from carrier.runtime.turns import OpenTurn
from carrier.types.agents import Agent
from carrier.types.models import ActionResult
from carrier.types.talk import SILENCE, Ended, Outgoing, Response

log = logging.getLogger(__name__)

FIRST_LOOK, LONGEST_WAIT = 5.0, 300.0
"""Seconds until a model is asked again for a turn that waits: where nobody knows when it may be, and at most."""


@asynccontextmanager
async def under_way(turn: OpenTurn) -> AsyncIterator[None]:
    """A turn, while the block runs. Leaving it by an error ends it with the operator's words.

    Stopped, it is let go; raises NotNow where it waits for its model.
    """
    try:
        try:
            yield
        finally:
            turn.rest()
            await turn.settle()
    except LedgerError:
        raise
    except BaseException as error:
        if turn.closed:
            if isinstance(error, TimeoutError):
                # Its time ran out while its end was written down: it has ended in time.
                return
            raise
        wait = _wait(turn.agent, error) if _may_wait(turn) else None
        if isinstance(error, Exception) and not wait:
            await _fail(turn, error)
        else:
            await _let_go(turn)
            if wait:
                raise wait from error
            raise


def _may_wait(turn: OpenTurn) -> bool:
    """What comes by the clock waits for a model only as long as it may still begin."""
    return turn.slot is None or turn.turns.ledger.clock.tick() <= turn.slot.until


def _wait(agent: Agent, error: BaseException) -> NotNow | None:
    """For how long a turn waits instead of failing, if it does."""
    if agent.when_down == "say" or not isinstance(error, ModelError):
        return None
    passes = error.kind in ("down", "busy") or error.retry_after
    return NotNow(str(error), min(error.retry_after or FIRST_LOOK, LONGEST_WAIT)) if passes else None


async def _fail(turn: OpenTurn, error: Exception) -> None:
    reason = str(error) or f"it took longer than {turn.seconds:g} s"
    unforeseen = not isinstance(error, CarrierError | TimeoutError)
    log.error("%s: the turn for %s failed: %s", turn.agent.name, turn.message.id, reason, exc_info=unforeseen)
    await close(turn, Response(turn.words.failed, "failed"), error=reason)


async def _let_go(turn: OpenTurn) -> None:
    """Stopped, not failed: the next start goes on with it, and this attempt does not count."""
    await turn.take_back()
    turn.journal.submit(lambda connection, clock: rows.let_go(connection, turn.taken))
    await turn.journal.committed()


# --- closed


async def close(turn: OpenTurn, response: Response, reflections: Sequence[ReflectionDue] = (), error: str = "") -> None:
    """Send and remember: the answer, what follows from it and the end of the turn, in one transaction.

    Begun, it takes place: who is cancelled meanwhile is so when it has.
    """
    await _to_its_end(_close(turn, response, reflections, error))


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.result()
        raise


async def _close(turn: OpenTurn, response: Response, reflections: Sequence[ReflectionDue], error: str) -> None:
    is_said = response.text.strip() and not is_draft(turn.slot)
    said = [turn.speech("reply", response.text)] if is_said else []
    # Nobody looks back on what colleagues ask one another.
    due = () if turn.message.kind == "ask" else reflections
    closing = rows.Closing(response.outcome, next(iter(said), None), _event(turn, response, error), due)
    notice = _notice(turn, response, error)

    def transaction(connection: Any, clock: Any) -> bool:
        if turn.slot:
            _end_slot(connection, clock, turn, turn.slot, response, error)
        if notice:
            turn.turns.abilities.send(connection, clock, notice)
        reflection_is_due = rows.close(connection, clock, turn.taken, turn.agent.name, closing)
        if turn.showing:
            previews.replace(connection, turn.id, turn.message.client, _first(said))
        return reflection_is_due

    await turn.settle()
    _keep_handover(turn)
    turn.journal.submit(transaction)
    reflection_is_due = await turn.journal.committed()
    turn.closed = True
    _tell(turn, notice)
    if turn.showing:
        turn.turns.more_to_send(turn.message.client)
    turn.tell_of(said)
    turn.turns.closed(bool(reflection_is_due))
    turn.turns.watchers.end(_ended(turn, response))


def _first(said: Sequence[rows.Speech]) -> str:
    """The key of the first message of what is said; empty: nothing is sent."""
    return next((outgoing.key for speech in said for outgoing in speech.outgoing), "")


def _notice(turn: OpenTurn, response: Response, error: str) -> Outgoing | None:
    """What the operator is told of a turn that is given up; of what came by the clock its slot tells."""
    if turn.slot or response.outcome != "dead":
        return None
    return trouble(turn.agent, f"{turn.id}/trouble", f"the turn for {turn.message.id} is given up: {error}")


def _end_slot(connection: Connection, clock: Clock, turn: OpenTurn, slot: Slot, response: Response, error: str) -> None:
    if turn.post:
        asks = file_post(connection, clock, turn.agent, turn.id, turn.post)
    else:
        room, reason = turn.message.room, error or turn.excuse
        asks = end_slot(connection, clock, slot, turn.agent, turn.id, room, response, reason)
    if asks:
        turn.turns.abilities.send(connection, clock, named(turn.agent, asks))


def _keep_handover(turn: OpenTurn) -> None:
    """A conversation that was handed over lasts as long as somebody speaks; the clock is nobody."""
    go_on = turn.turns.handovers.go_on(turn.message.room, turn.agent.name)
    if go_on and turn.message.kind != "schedule":
        turn.journal.submit(go_on)


def _tell(turn: OpenTurn, notice: Outgoing | None) -> None:
    """Whom the end of a turn leaves something to do, beside the sender of its answer."""
    if notice:
        turn.turns.more_to_send(notice.client)
    if is_draft(turn.slot) and turn.agent.approvals.room:
        turn.turns.more_to_send(turn.agent.approvals.room.partition("/")[0])
    if turn.slot:
        turn.turns.slot_ended()


# --- told to those who wait for it, and to the event log


def pass_on(turn: OpenTurn, agent: str, result: ActionResult, behind: Sequence[str]) -> None:
    """By this result another agent answers instead, and the messages behind it: who waits, waits for that."""
    watchers, ended = turn.turns.watchers, _ended(turn, SILENCE)
    so_far = replace(ended, results=(*ended.results, result))
    watchers.pass_on(turn.id, rows.turn_id(agent, turn.message.id), so_far)
    for message in behind:
        watchers.pass_on(rows.turn_id(turn.agent.name, message), rows.turn_id(agent, message))


def _ended(turn: OpenTurn, response: Response) -> Ended:
    texts = (*turn.taken.said, *(turn.said[id] for id in sorted(turn.said)))
    results, model = tuple(turn.results), _model(turn)
    return Ended(turn.id, turn.agent.name, turn.message.room, response.outcome, texts, results, model)


def _model(turn: OpenTurn) -> str:
    """The one that answered last."""
    return turn.journal.completions[-1].model if turn.journal.completions else ""


def _event(turn: OpenTurn, response: Response, error: str) -> str:
    usage = [completion.usage for completion in turn.journal.completions]
    event = {
        "id": turn.id,
        "at": turn.turns.ledger.clock.tick(),
        "agent": turn.agent.name,
        "room": turn.message.room,
        "client": turn.message.client,
        "kind": turn.message.kind,
        "model": _model(turn),
        "tokens_in": sum(used.tokens_in for used in usage),
        "tokens_out": sum(used.tokens_out for used in usage),
        "cost": sum(used.cost for used in usage),
        "ms": {**turn.timings.ms, "total": round(turn.timings.seconds * 1000, 2)},
        "actions": [{"name": result.call.name, "status": result.status} for result in turn.results],
        "outcome": response.outcome,
        "revision": turn.agent.revision,
        "error": error,
    }
    return dump(dict[str, Any], event)
