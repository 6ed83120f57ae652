"""How often actions were called, where there is a limit to it: counted on disk, by the ledger's clock."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from carrier.ledger.engine import Clock
from carrier.ledger.tables import calls


class Limit(NamedTuple):
    """At most so many calls within some seconds; who shares the key shares the limit."""

    key: str
    most: int
    seconds: float


class Full(NamedTuple):
    """A limit that lets no call pass for now, and for how many seconds."""

    limit: Limit
    wait: float


_SECOND = 1_000_000
_forget = delete(calls).where(calls.c.key == bindparam("of_key"), calls.c.at <= bindparam("until"))
_counted = select(calls.c.at).where(calls.c.key == bindparam("of_key")).order_by(calls.c.at)


def count(connection: Connection, clock: Clock, turn: str, step: str, limits: Sequence[Limit]) -> Full | None:
    """Count a call against its limits; where one of them is full, against none."""
    now = clock.tick()
    for limit in limits:
        connection.execute(_forget, {"of_key": limit.key, "until": now - int(limit.seconds * _SECOND)})
        counted = connection.execute(_counted, {"of_key": limit.key}).scalars().all()
        if len(counted) >= limit.most:
            return Full(limit, (counted[-limit.most] - now) / _SECOND + limit.seconds)
    for key in {limit.key for limit in limits}:
        connection.execute(insert(calls), {"key": key, "turn": turn, "step": step, "at": now})
    return None
