"""The transactions of a colleague that is asked: its turn is on record, with who waits for it and pays for it."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from carrier.ledger.engine import Clock
from carrier.ledger.forms import to_message
from carrier.ledger.intake import take_in
from carrier.ledger.tables import asks, messages, turns
from carrier.ledger.turns import turn_id
from carrier.types import Message


def ask(connection: Connection, clock: Clock, message: Message, callers: Sequence[tuple[str, str]]) -> None:
    """Put a question to the agent it is for; `callers` are who waits, as (agent, turn). Asked again, it changes
    nothing."""
    if take_in(connection, clock, message, {message.to: "waiting"}).new:
        asked = {"turn": turn_id(message.to, message.id), "at": clock.tick()}
        connection.execute(insert(asks), [{**asked, "agent": agent, "caller": caller} for agent, caller in callers])


def first_message(connection: Connection, turn: str) -> Message | None:
    """What somebody outside said that led to a turn, however many colleagues were asked in between."""
    callers = [turn, *connection.execute(select(asks.c.caller).where(asks.c.turn == turn)).scalars()]
    query = select(messages).join(turns, turns.c.message == messages.c.id).where(turns.c.id.in_(callers))
    row = connection.execute(query.where(messages.c.kind != "ask")).one_or_none()
    return to_message(row) if row else None
