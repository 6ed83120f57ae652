"""Where clients go on in their rooms, and reflections in theirs."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from carrier.ledger.tables import cursors


def move_cursor(connection: Connection, owner: str, room: str, position: str) -> None:
    moved = update(cursors).where(cursors.c.owner == owner, cursors.c.room == room).values(position=position)
    if not connection.execute(moved).rowcount:
        connection.execute(insert(cursors), {"owner": owner, "room": room, "position": position})


def move_all(connection: Connection, owner: str, positions: Mapping[str, str]) -> None:
    for room, position in positions.items():
        move_cursor(connection, owner, room, position)


def cursors_of(connection: Connection, owner: str) -> dict[str, str]:
    """By room."""
    rows = connection.execute(select(cursors.c.room, cursors.c.position).where(cursors.c.owner == owner))
    return {row.room: row.position for row in rows}
