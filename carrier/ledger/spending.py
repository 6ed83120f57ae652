"""What models have taken, by agent, time and turn, and what is held for the questions that are under way."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, case, func, not_, or_, select, update

from carrier.ledger.engine import Clock
from carrier.ledger.tables import asks, spending
from carrier.types.models import Usage


class Step(NamedTuple):
    """A question's place in the journal of a turn or a job."""

    turn: str
    name: str


class Spent(NamedTuple):
    """With what is held for questions that are under way."""

    cost: float
    """US dollars."""
    tokens: int
    calls: int
    """Each counts from when it is asked."""
    held_cost: float
    held_tokens: int


_DAY = 24 * 3600 * 1_000_000
"""Longer than any turn: what a colleague takes is younger than the question by less."""


# --- held, and given back


def reserve(connection: Connection, clock: Clock, step: Step, usage: Usage) -> None:
    """Hold what a question may take; what its answer took comes in its place."""
    connection.execute(update(spending).where(_is(step)).values(state="reserved", at=clock.tick(), **_amounts(usage)))


def refuse(connection: Connection, step: Step) -> None:
    """It was not asked, and counts for nothing."""
    connection.execute(update(spending).where(_is(step)).values(state="refused", **_NOTHING))


def give_back(connection: Connection, clock: Clock, step: Step, took: Usage) -> None:
    """It was asked, and no answer came that is of use: what was held for it is free again, but for what it took."""
    connection.execute(_asked.where(_is(step)).values(state="failed", **_amounts(took)))


def give_all_back(connection: Connection) -> None:
    """Nobody waits any more for what an earlier process asked."""
    connection.execute(_asked.values(state="failed", **_NOTHING))


def _amounts(usage: Usage) -> dict[str, float]:
    return {"tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "cost": usage.cost}


_NOTHING = _amounts(Usage())
_asked = update(spending).where(spending.c.state == "reserved")


def _is(step: Step) -> Any:
    return and_(spending.c.turn == step.turn, spending.c.step == step.name)


# --- asked for


def spent(
    connection: Connection, agents: Collection[str], since: int = 0, turn: str = "", but: Step | None = None
) -> Spent:
    """What these agents took together since a moment of the ledger's clock, or within one turn; `but` for one question.

    What colleagues took that they asked counts as well.
    """
    others = [not_(_is(but))] if but else []
    if turn:
        asked = select(asks.c.turn).where(asks.c.caller == turn)
        return _sum(connection, or_(spending.c.turn == turn, spending.c.turn.in_(asked)), *others)
    own = _sum(connection, spending.c.agent.in_(agents), spending.c.at > since, *others)
    asked = select(asks.c.turn).where(asks.c.agent.in_(agents), asks.c.at > since - _DAY)
    by_others = spending.c.agent.not_in(agents)
    for_them = _sum(connection, spending.c.turn.in_(asked), by_others, spending.c.at > since, *others)
    return Spent(
        own.cost + for_them.cost,
        own.tokens + for_them.tokens,
        own.calls + for_them.calls,
        own.held_cost + for_them.held_cost,
        own.held_tokens + for_them.held_tokens,
    )


def _sum(connection: Connection, *where: Any) -> Spent:
    tokens, is_held = spending.c.tokens_in + spending.c.tokens_out, spending.c.state == "reserved"
    query = select(
        func.coalesce(func.sum(spending.c.cost), 0.0),
        func.coalesce(func.sum(tokens), 0),
        func.count(),
        func.coalesce(func.sum(case((is_held, spending.c.cost))), 0.0),
        func.coalesce(func.sum(case((is_held, tokens))), 0),
    )
    return Spent(*connection.execute(query.where(*where, spending.c.state != "refused")).one())
