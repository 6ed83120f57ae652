"""The transactions of a colleague that is asked: its turn is on record, with who waits for it and pays for it."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, insert, select, update

from carrier.ledger.engine import Clock
from carrier.ledger.forms import to_message
from carrier.ledger.intake import ASKED, take_in
from carrier.ledger.tables import asks, messages, turns
from carrier.ledger.turns import turn_id
from carrier.types.talk import Message


def ask(connection: Connection, clock: Clock, message: Message, callers: Sequence[tuple[str, str]]) -> None:
    """Put a question to the agent it is for; `callers` are who waits, as (agent, turn). Asked again, it changes
    nothing."""
    if take_in(connection, clock, message, {message.to: "waiting"}).new:
        asked = {"turn": turn_id(message.to, message.id), "at": clock.tick()}
        connection.execute(insert(asks), [{**asked, "agent": agent, "caller": caller} for agent, caller in callers])


def asked(connection: Connection, callers: Collection[str]) -> list[str]:
    """The turns in which colleagues answered these."""
    return list(connection.execute(select(asks.c.turn).where(asks.c.caller.in_(callers)).distinct()).scalars())


def forget(connection: Connection, answering: Collection[str]) -> None:
    """Empty what was asked and answered in these turns of colleagues."""
    rooms = select(turns.c.room).where(turns.c.id.in_(answering), turns.c.room.startswith(ASKED, autoescape=True))
    connection.execute(update(messages).where(messages.c.room.in_(rooms)).values(text=""))


def first_message(connection: Connection, turn: str) -> Message | None:
    """What somebody outside said that led to a turn, however many colleagues were asked in between."""
    callers = [turn, *connection.execute(select(asks.c.caller).where(asks.c.turn == turn)).scalars()]
    query = select(messages).join(turns, turns.c.message == messages.c.id).where(turns.c.id.in_(callers))
    row = connection.execute(query.where(messages.c.kind != "ask")).one_or_none()
    return to_message(row) if row else None
