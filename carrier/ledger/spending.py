"""What models have taken, by agent, time and turn."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select

from carrier.ledger.tables import asks, spending


class Spent(NamedTuple):
    cost: float
    """US dollars."""
    tokens: int
    calls: int
    """Each counts from when it is asked."""


_DAY = 24 * 3600 * 1_000_000
"""Longer than any turn: what a colleague takes is younger than the question by less."""


def spent(connection: Connection, agents: Collection[str], since: int = 0, turn: str = "") -> Spent:
    """What these agents took together since a moment of the ledger's clock, or within one turn.

    What colleagues took that they asked counts as well.
    """
    if turn:
        asked = select(asks.c.turn).where(asks.c.caller == turn)
        return _sum(connection, or_(spending.c.turn == turn, spending.c.turn.in_(asked)))
    own = _sum(connection, spending.c.agent.in_(agents), spending.c.at > since)
    asked = select(asks.c.turn).where(asks.c.agent.in_(agents), asks.c.at > since - _DAY)
    for_them = _sum(connection, spending.c.turn.in_(asked), spending.c.agent.not_in(agents), spending.c.at > since)
    return Spent(own.cost + for_them.cost, own.tokens + for_them.tokens, own.calls + for_them.calls)


def _sum(connection: Connection, *where: Any) -> Spent:
    query = select(
        func.coalesce(func.sum(spending.c.cost), 0.0),
        func.coalesce(func.sum(spending.c.tokens_in + spending.c.tokens_out), 0),
        func.count(),
    )
    cost, tokens, calls = connection.execute(query.where(*where)).one()
    return Spent(float(cost), int(tokens), calls)
