"""Events wait here, committed with the turn they tell of, until the append-only log has them."""

from sqlalchemy import Connection, bindparam, delete, select

from carrier.ledger.tables import events

_gone = delete(events).where(events.c.id.in_(bindparam("ids", expanding=True)))


def waiting(connection: Connection, most: int = 1000) -> list[tuple[str, str]]:
    """As (id, JSON text), oldest first."""
    rows = connection.execute(select(events).order_by(events.c.at).limit(most))
    return [(row.id, row.body) for row in rows]


def exported(connection: Connection, ids: list[str]) -> None:
    connection.execute(_gone, {"ids": ids})
