"""The transactions of conversations that were handed over: who answers in whose place, and since when."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from carrier.errors import ActionError
from carrier.ledger.bursts import those
from carrier.ledger.engine import Clock
from carrier.ledger.forms import to_message
from carrier.ledger.intake import Intake, memory_of
from carrier.ledger.memory_log import log_memory
from carrier.ledger.tables import handovers, inbox, messages
from carrier.types.talk import Message


@dataclass(frozen=True, slots=True)
class Handover:
    """In a room one agent answers in another's place."""

    room: str
    owner: str
    """Whose place it is."""
    holder: str
    """Who answers."""
    giver: str
    """Who handed it over: the owner, or an earlier holder."""
    summary: str
    at: int
    until: int
    """When it ends, unless somebody speaks before."""


def hand_over(connection: Connection, clock: Clock, handover: Handover, message: Message) -> list[Intake]:
    """Give the conversation to the holder, with what is answered at hand and what waits behind it, in that order.

    Raises ActionError when the holder has had a message already: so nothing is handed on without an end.
    """
    at_hand = those(connection, (*message.gathered, message.id))
    taken = [_give(connection, clock, handover.holder, each) for each in at_hand]
    for waiting in _waiting(connection, handover):
        connection.execute(update(inbox).where(*_place(handover.giver, waiting)).values(state="heard"))
        taken.append(_give(connection, clock, handover.holder, waiting))
    begin(connection, clock, handover)
    return taken


def _waiting(connection: Connection, handover: Handover) -> list[Message]:
    """What somebody said to the giver that it has not begun to answer."""
    waits = (inbox.c.agent == handover.giver, inbox.c.room == handover.room, inbox.c.state == "waiting")
    query = select(messages).join(inbox, inbox.c.message == messages.c.id).where(*waits)
    said = query.where(messages.c.kind.in_(["chat", "api"])).order_by(messages.c.at)
    return [to_message(row) for row in connection.execute(said)]


def begin(connection: Connection, clock: Clock, handover: Handover) -> None:
    """From the next message on the holder answers; handed to the owner, the conversation is back where it was."""
    end(connection, handover.room, handover.owner)
    if handover.holder != handover.owner:
        connection.execute(insert(handovers), asdict(handover))


def _give(connection: Connection, clock: Clock, agent: str, message: Message) -> Intake:
    """Put a message before one more agent, which may have heard it."""
    place = _place(agent, message)
    state = connection.execute(select(inbox.c.state).where(*place)).scalar()
    if state not in (None, "heard"):
        raise ActionError(f"{agent} has had this message already; answer it yourself")
    if state == "heard":
        connection.execute(update(inbox).where(*place).values(state="waiting", at=clock.tick()))
        return Intake(message, new=False, places={agent: "waiting"})
    row = {"agent": agent, "message": message.id, "room": message.room, "state": "waiting", "at": clock.tick()}
    connection.execute(insert(inbox), row)
    memories = (memory_of(message, agent),) if message.text else ()
    for memory in memories:
        log_memory(connection, clock, memory)
    return Intake(message, new=False, places={agent: "waiting"}, memories=memories)


def _place(agent: str, message: Message) -> tuple[ColumnElement[bool], ...]:
    return inbox.c.agent == agent, inbox.c.message == message.id


def end(connection: Connection, room: str, owner: str = "") -> None:
    """The owner answers again; without an owner, all do whose place in the room somebody has."""
    gone = delete(handovers).where(handovers.c.room == room)
    connection.execute(gone.where(handovers.c.owner == owner) if owner else gone)


def go_on(connection: Connection, room: str, holder: str, until: int) -> None:
    """Somebody has spoken: it lasts longer."""
    connection.execute(
        update(handovers).where(handovers.c.room == room, handovers.c.holder == holder).values(until=until)
    )


def forget(connection: Connection, entity: str) -> set[str]:
    """What was told of conversations that somebody has taken part in is kept no more; returns their rooms."""
    rooms = select(messages.c.room).where(messages.c.sender == entity)
    told = update(handovers).where(handovers.c.room.in_(rooms)).values(summary="")
    return set(connection.execute(told.returning(handovers.c.room)).scalars())


def lasting(connection: Connection, now: int) -> list[Handover]:
    """All that have not ended, the latest last."""
    rows = connection.execute(select(handovers).where(handovers.c.until > now).order_by(handovers.c.at))
    return [_to_handover(row) for row in rows]


def _to_handover(row: Row[Any]) -> Handover:
    return Handover(row.room, row.owner, row.holder, row.giver, row.summary, row.at, row.until)
