"""Asks those who may approve a call whether it may run, and takes up what they have decided."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from carrier.errors import CarrierError
from carrier.ledger import approvals, calls
from carrier.ledger import turns as rows
from carrier.ledger.approvals import Approval, Asked
from carrier.ledger.asks import first_message
from carrier.ledger.calls import Full, Limit
from carrier.ledger.forms import dump
from carrier.quoting import clean
from carrier.runtime.speaking import named
from carrier.runtime.turns import OpenTurn
from carrier.types.agents import Agent
from carrier.types.models import ActionCall, ActionResult
from carrier.types.talk import Message, Outgoing

log = logging.getLogger(__name__)

PENDING = "pending: #{number} waits for somebody to approve it. Do not call it again; say that it waits as #{number}."
TOO_MUCH_WAITS = "it was not run: too much waits to be approved here already"
MOST_SHOWN = 1500
"""Characters of arguments, where somebody is asked."""


async def ask_approval(
    turn: OpenTurn,
    name: str,
    call: ActionCall,
    digest: str,
    reason: str = "",
    shown: str = "",
    limits: Sequence[Limit] = (),
) -> ActionResult | Full:
    """Have somebody asked whether this call may run. The turn does not wait: the result says that it is pending.

    `name` is the call's place in the journal, `shown` what may be said of its arguments. Where a limit is full nobody
    is asked.
    """
    settings, cause = turn.agent.approvals, await turn.cause()

    def transaction(connection: Any, clock: Any) -> tuple[ActionResult | Full, bool]:
        if full := calls.count(connection, clock, turn.id, name, limits):
            return full, False
        room = _room_of_decisions(connection, turn)
        asked = Asked(turn.id, turn.agent.name, room, call, digest, settings.expire, reason)
        number, new = approvals.ask(connection, clock, asked)
        text = PENDING.format(number=number) if number else TOO_MUCH_WAITS
        result = ActionResult(call, "pending" if number else "failed", text)
        rows.note(connection, clock, turn.id, name, dump(ActionResult, result), "action")
        if new and settings.room:
            asks = _asks(turn, name, number, _told(turn.agent, number, asked, cause, shown))
            turn.turns.abilities.send(connection, clock, named(turn.agent, asks))
        return result, new

    turn.journal.submit(transaction)
    found, new = await turn.journal.committed()
    if new:
        log.info("%s: %s waits for approval: %s", turn.agent.name, call.name, found.text)
    if new and settings.room:
        turn.turns.more_to_send(settings.room.partition("/")[0])
    result: ActionResult | Full = found
    return result


def _room_of_decisions(connection: Connection, turn: OpenTurn) -> str:
    """Where what somebody decides is followed up: where this is talked about, whoever asked whom on the way."""
    first = first_message(connection, turn.id) if turn.message.kind == "ask" else None
    return first.room if first else turn.message.room


def _asks(turn: OpenTurn, name: str, number: str, text: str) -> Outgoing:
    room = turn.agent.approvals.room
    key, client = f"{turn.id}/{name}/notice", room.partition("/")[0]
    return Outgoing(key, client, room, text, turn.agent.name, asks=number)


def _told(agent: Agent, number: str, asked: Asked, cause: Message, shown: str) -> str:
    """What is said to those who may approve, with all that they decide about."""
    if len(shown) > MOST_SHOWN:
        shown = f"{shown[:MOST_SHOWN]} … (not all of it: `carrier-host approvals` shows the rest)"
    asker, reason = cause.sender_name or cause.sender or "nobody", f" It is asked because {asked.reason}."
    told = (
        f"#{number}: {agent.character.display_name} wants to run {asked.call.name} with {shown} for {asker} in "
        f"{asked.room}.{reason if asked.reason else ''} Answer `approve {number}` or `refuse {number}`."
    )
    return " ".join(clean(told).split())


async def decided(turn: OpenTurn) -> Approval:
    """The approval that a turn's message tells the decision of; raises CarrierError where there is none."""
    agent, room, number = turn.agent.name, turn.message.room, approvals.number_of(turn.message)
    found = await turn.turns.ledger.read(partial(approvals.get, id=number))
    if found is None or (found.agent, found.room) != (agent, room):
        raise CarrierError(f"there is no approval #{number} of {agent} in {room}")
    return found


async def use_approval(turn: OpenTurn, name: str, id: str) -> bool:
    """Take an approval, and begin its call at this place, in one transaction; False when it was used already."""

    def transaction(connection: Any, clock: Any) -> bool:
        if not approvals.use(connection, id):
            return False
        rows.start(connection, clock, turn.id, turn.agent.name, name, "action")
        return True

    turn.journal.submit(transaction)
    return bool(await turn.journal.committed())
