"""What models have taken, by agent, time and turn."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from carrier.ledger.tables import spending


class Spent(NamedTuple):
    cost: float
    """US dollars."""
    tokens: int


def spent(connection: Connection, agents: Collection[str], since: int = 0, turn: str = "") -> Spent:
    """What these agents took together since a moment of the ledger's clock, or within one turn."""
    query = select(
        func.coalesce(func.sum(spending.c.cost), 0.0),
        func.coalesce(func.sum(spending.c.tokens_in + spending.c.tokens_out), 0),
    ).where(spending.c.agent.in_(agents), spending.c.at > since)
    cost, tokens = connection.execute(query.where(spending.c.turn == turn) if turn else query).one()
    return Spent(float(cost), int(tokens))
