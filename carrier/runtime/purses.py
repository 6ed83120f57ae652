"""Budgets: what an agent's models may take, held for each question before it is asked."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from carrier.errors import ModelError
from carrier.interfaces import Model, prices_of
from carrier.ledger import spending
from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.spending import Spent, Step, spent
from carrier.runtime.journal import asking
from carrier.runtime.state import ANSWER, PICTURE, WINDOW, tokens
from carrier.types.agents import Agent, Budget
from carrier.types.models import UNPRICED, ModelProfile, Prices, Request, Usage

log = logging.getLogger(__name__)

WARN_AT = 0.8
LOOK_AGAIN = 60.0
"""Seconds until a budget that is spent may have room again; one within a turn never has."""
HELD = 20.0
"""Seconds that a question waits while others, which are under way, hold what is left for it."""
PAUSE = 0.2
_SECOND = 1_000_000


@dataclass(frozen=True)
class Payer:
    """An agent whose budgets count for a question, in a turn of its own."""

    agent: Agent
    turn: str
    purses: "Purses"
    instead: Mapping[str, Model]
    """The models that go on when a budget is spent, by the budget's name."""


callers: ContextVar[tuple[Payer, ...]] = ContextVar("callers", default=())
"""Who waits for the turn under way, the last who asked being the last: their budgets count for it, too."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a question takes, about."""

    needs: Usage
    """What has to be left for it: with the longest answer, where the model's params say how long that is."""
    holds: Usage
    """What is not left for others until the answer is there."""


@dataclass(frozen=True, slots=True)
class Look:
    """A budget as it stands with a question."""

    payer: Payer
    budget: Budget
    share: float
    """Of it, with all that is held for others; from 1 on it is full."""
    settled: float
    """The same without."""

    @property
    def is_full(self) -> bool:
        return self.share >= 1


class Purses:
    """The budgets of one agent."""

    def __init__(self, agent: Agent, ledger: Ledger):
        self._agent, self._ledger = agent, ledger
        self._warned: set[str] = set()

    async def reserve(
        self, request: Request, profile: ModelProfile, model: Model, payers: Sequence[Payer]
    ) -> Look | None:
        """Hold what a question may take in all budgets of these payers, or in none: then one that is full.

        While it would fit but for what others hold, it waits.
        """
        budgets = [budget for payer in payers for budget in payer.agent.budgets]
        if not budgets:
            return None
        prices = await prices_of(model) if any(budget.cost for budget in budgets) else UNPRICED
        asked = question(request, profile, prices)
        for _ in range(int(HELD / PAUSE)):
            full = await self._reserve(asked, payers)
            if full is None or full.settled >= 1:
                return full
            await asyncio.sleep(PAUSE)
        return await self._reserve(asked, payers)

    async def hold(self, request: Request, profile: ModelProfile, model: Model) -> None:
        """Hold what a question may take, whether it fits or not."""
        holds = question(request, profile, await prices_of(model)).holds
        if step := asking.get():
            hold = partial(spending.reserve, clock=self._ledger.clock, step=step, usage=holds)
            await self._ledger.write(hold)

    async def _reserve(self, asked: Question, payers: Sequence[Payer]) -> Look | None:
        transaction = partial(_reserve, clock=self._ledger.clock, step=asking.get(), asked=asked, payers=payers)
        looks = await self._ledger.write(transaction)
        for look in looks:
            look.payer.purses.tell(look)
        return next((look for look in looks if look.is_full), None)

    def tell(self, look: Look) -> None:
        """Once when it runs low, and anew when it has been full again."""
        name = look.budget.name
        if look.settled < WARN_AT:
            self._warned.discard(name)
        elif name not in self._warned:
            self._warned.add(name)
            log.warning("%s: the budget %s is spent to %.0f %%", self._agent.name, name, look.settled * 100)


def stopped(agent: Agent, budget: Budget) -> ModelError:
    opens = min(budget.per, LOOK_AGAIN)
    message = f"the budget {budget.name} is spent"
    return ModelError(agent.model.use, message, "stop", kind="account", retry_after=opens)


# --- looked at and held, in one transaction


def _reserve(
    connection: Connection, clock: Clock, step: Step | None, asked: Question, payers: Sequence[Payer]
) -> list[Look]:
    """The budgets as they stand, up to the first that is full; where none is, the question has its share of each."""
    looks: list[Look] = []
    for payer, budget in _that_count(payers):
        looks.append(_look(payer, budget, _taken(connection, clock, payer, budget, step), asked.needs))
        if looks[-1].is_full:
            break
    if step and any(look.is_full for look in looks):
        spending.refuse(connection, step)
    elif step:
        spending.reserve(connection, clock, step, asked.holds)
    return looks


def _that_count(payers: Sequence[Payer]) -> Iterator[tuple[Payer, Budget]]:
    for payer in payers:
        yield from ((payer, budget) for budget in payer.agent.budgets if budget.per or payer.turn)


def _taken(connection: Connection, clock: Clock, payer: Payer, budget: Budget, step: Step | None) -> Spent:
    if not budget.per:
        return spent(connection, budget.agents, turn=payer.turn, but=step)
    return spent(connection, budget.agents, since=clock.tick() - int(budget.per * _SECOND), but=step)


def _look(payer: Payer, budget: Budget, taken: Spent, needs: Usage) -> Look:
    settled = taken._replace(cost=taken.cost - taken.held_cost, tokens=taken.tokens - taken.held_tokens)
    return Look(payer, budget, _share(budget, taken, needs), _share(budget, settled, needs))


def _share(budget: Budget, taken: Spent, needs: Usage) -> float:
    return max(
        (taken.cost + needs.cost) / budget.cost if budget.cost else 0.0,
        (taken.tokens + needs.tokens_in + needs.tokens_out) / budget.tokens if budget.tokens else 0.0,
        taken.calls / budget.calls if budget.calls else 0.0,
    )


# --- estimated


def question(request: Request, model: ModelProfile, prices: Prices) -> Question:
    """What a question takes: its prompt as the state counts it, and an answer as long as one may be."""
    read, said = _prompt(request), [_longest_answer(each) for each in (model, *model.fallback)]
    # Where nobody says how long, it has what the state leaves for it, which need not be there to the last token.
    needed = max(said) if all(said) else 0
    held = needed or max(int((model.window or WINDOW) * ANSWER), *said)
    return Question(_usage(read, needed, prices), _usage(read, held, prices))


def _usage(read: int, written: int, prices: Prices) -> Usage:
    return Usage(read, written, read * prices.read + written * prices.written)


def _longest_answer(model: ModelProfile) -> int:
    """Tokens that an answer takes at most, where the model's `params` say so."""
    said = [model.params.get(word) for word in ("max_tokens", "max_completion_tokens")]
    return max((most for most in said if isinstance(most, int)), default=0)


def _prompt(request: Request) -> int:
    """Tokens that a question takes, about."""
    conversation = request.prompt.conversation
    calls: list[Any] = [call.arguments for said in conversation for call in said.calls]
    pictures = PICTURE * sum(len(said.images) for said in conversation)
    return sum(map(tokens, [request.prompt.system, *conversation, *calls, *request.tools])) + pictures
