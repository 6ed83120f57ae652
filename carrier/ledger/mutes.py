"""Rooms in which an operator wants silence."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from carrier.ledger.engine import Clock
from carrier.ledger.tables import mutes


@dataclass(frozen=True, slots=True)
class Mute:
    """A room that is not answered until a moment of the ledger's clock; 0: until it is unmuted."""

    room: str
    until: int
    by: str


def all_mutes(connection: Connection) -> list[Mute]:
    return [Mute(row.room, row.until, row.by) for row in connection.execute(select(mutes).order_by(mutes.c.at))]


def mute(connection: Connection, clock: Clock, wanted: Mute) -> None:
    """In place of what held for the room before."""
    unmute(connection, wanted.room)
    row = {"room": wanted.room, "until": wanted.until, "by": wanted.by, "at": clock.tick()}
    connection.execute(insert(mutes), row)


def unmute(connection: Connection, room: str) -> None:
    connection.execute(delete(mutes).where(mutes.c.room == room))
