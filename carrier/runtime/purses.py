"""Budgets: what an agent's models may take, looked at before each of them is asked."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from carrier.errors import ModelError
from carrier.interfaces import Model
from carrier.ledger.engine import Ledger
from carrier.ledger.spending import Spent, spent
from carrier.types import Agent, Budget, ModelProfile, Request

log = logging.getLogger(__name__)

WARN_AT = 0.8
LOOK_AGAIN = 60.0
"""Seconds until a budget that is spent may have room again; one within a turn never has."""
_SECOND = 1_000_000
_LETTERS = 4
"""About so many stand in a token."""


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


class Purses:
    """The budgets of one agent. A question is counted with the longest answer that its model may give."""

    def __init__(self, agent: Agent, ledger: Ledger):
        self._agent, self._ledger = agent, ledger
        self._warned: set[str] = set()

    async def spent_one(self, request: Request, model: ModelProfile, turn: str = "") -> Budget | None:
        """The first budget that this question and its answer would not fit into any more; None: it may be asked."""
        most = _question(request) + _longest_answer(model)
        for budget in self._agent.budgets:
            if (budget.per or turn) and self._is_spent(budget, await self._taken(budget, turn), most):
                return budget
        return None

    async def _taken(self, budget: Budget, turn: str) -> Spent:
        if not budget.per:
            return await self._ledger.read(partial(spent, agents=budget.agents, turn=turn))
        since = self._ledger.clock.tick() - int(budget.per * _SECOND)
        return await self._ledger.read(partial(spent, agents=budget.agents, since=since))

    def _is_spent(self, budget: Budget, taken: Spent, most: int) -> bool:
        share = max(
            taken.cost / budget.cost if budget.cost else 0.0,
            (taken.tokens + most) / budget.tokens if budget.tokens else 0.0,
            # The question itself is on disk already.
            (taken.calls - 1) / budget.calls if budget.calls else 0.0,
        )
        self._tell(budget, share)
        return share >= 1

    def _tell(self, budget: Budget, share: float) -> None:
        """Once when it runs low, and anew when it has been full again."""
        if share < WARN_AT:
            self._warned.discard(budget.name)
        elif budget.name not in self._warned:
            self._warned.add(budget.name)
            log.warning("%s: the budget %s is spent to %.0f %%", self._agent.name, budget.name, share * 100)


def stopped(agent: Agent, budget: Budget) -> ModelError:
    opens = min(budget.per, LOOK_AGAIN)
    message = f"the budget {budget.name} is spent"
    return ModelError(agent.model.use, message, "stop", kind="account", retry_after=opens)


def _longest_answer(model: ModelProfile) -> int:
    """Tokens that an answer takes at most, where the model's `params` say so."""
    said = [model.params.get(word) for word in ("max_tokens", "max_completion_tokens")]
    return max((tokens for tokens in said if isinstance(tokens, int)), default=0)


def _question(request: Request) -> int:
    """Tokens that a question takes, about."""
    letters = len(request.prompt.system) + sum(len(said.text) for said in request.prompt.conversation)
    return letters // _LETTERS
