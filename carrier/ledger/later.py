"""Words for later: rows that are said at their time, each once."""

from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from carrier.errors import ActionError
from carrier.interfaces import SayLater, Waiting
from carrier.ledger.engine import Clock
from carrier.ledger.tables import later
from carrier.ledger.turns import Speech, say_unasked

_waiting = select(later).where(later.c.state == "waiting").order_by(later.c.due_at, later.c.id)


def plan(connection: Connection, clock: Clock, said: SayLater, agent: str, room: str, turn: str) -> None:
    """Have something said later; raises ActionError when too much waits for the room already."""
    waits = len(waiting(connection, agent, room))
    if waits >= said.most:
        raise ActionError(f"{waits} messages wait for this room already, and no more may; cancel one of them first")
    row = {"id": said.id, "agent": agent, "room": room, "text": said.text, "turn": turn, "state": "waiting"}
    connection.execute(insert(later), {**row, "due_at": said.at, "at": clock.tick()})


def waiting(connection: Connection, agent: str = "", room: str = "") -> list[Waiting]:
    """What waits, of one agent in one room or all, the next first."""
    query = _waiting.where(later.c.agent == agent, later.c.room == room) if agent else _waiting
    return [_to_waiting(row) for row in connection.execute(query)]


def due(connection: Connection, now: int) -> list[Waiting]:
    return [_to_waiting(row) for row in connection.execute(_waiting.where(later.c.due_at <= now))]


def next_at(connection: Connection, after: int) -> int | None:
    """When the next one comes due that is not yet."""
    query = select(func.min(later.c.due_at)).where(later.c.state == "waiting", later.c.due_at > after)
    at: int | None = connection.execute(query).scalar()
    return at


def say(connection: Connection, clock: Clock, id: str, speech: Speech) -> bool:
    """Say it, if it still waits."""
    if not _settle(connection, id, "said"):
        return False
    say_unasked(connection, clock, speech)
    return True


def miss(connection: Connection, id: str) -> None:
    """Its time is so long ago that nobody would understand it."""
    _settle(connection, id, "missed")


def cancel(connection: Connection, id: str, agent: str = "", room: str = "") -> bool:
    """Whether it waited, and was the agent's there, if one is given; then it is never said."""
    where = [later.c.agent == agent, later.c.room == room] if agent else []
    return _settle(connection, id, "cancelled", *where)


def _settle(connection: Connection, id: str, state: str, *where: Any) -> bool:
    settled = update(later).where(later.c.id == id, later.c.state == "waiting", *where).values(state=state)
    return connection.execute(settled).rowcount == 1


def _to_waiting(row: Row[Any]) -> Waiting:
    return Waiting(row.id, row.agent, row.room, row.text, row.due_at)
