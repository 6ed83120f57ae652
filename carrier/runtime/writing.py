"""What an agent writes: asked of its models within its budgets, shown as it grows, and let out by its gates."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from carrier.errors import ModelError
from carrier.interfaces import Gate, Model
from carrier.ledger.engine import Ledger
from carrier.quoting import clean
from carrier.runtime.evaluating import Gates, Preview
from carrier.runtime.journal import asking
from carrier.runtime.purses import Payer, Purses, callers, stopped
from carrier.runtime.turns import OpenTurn
from carrier.types.agents import Agent
from carrier.types.models import Completion, Prompt, Request, Said, Tool
from carrier.types.talk import SILENCE, Response

MOST_SAID = 100_000
"""Characters of an answer; what a model says beyond is not sent."""
AGAIN = "[Your answer was not sent: {reason}. Write it anew, and nothing else.]"


class Writing:
    """The models of one agent and its gates. What a turn has written once is not paid for again."""

    def __init__(
        self,
        agent: Agent,
        models: Mapping[Literal["large", "small"], Model],
        instead: Mapping[str, Model],
        gates: Mapping[str, Gate],
        ledger: Ledger,
    ):
        """`instead` are the models that go on when a budget is spent, by the budget's name."""
        self._agent, self._models, self._instead = agent, models, instead
        self._purses = Purses(agent, ledger)
        self.gates = Gates(gates, self.ask)

    # --- asked of a model

    async def generate(self, turn: OpenTurn, name: str, prompt: Prompt, tools: Sequence[Tool] = ()) -> Completion:
        """What the model says next; it is shown as it grows to those who read along. `name` is its journal entry's."""
        request = Request(prompt, tuple(tools), "chat", self._agent.name)
        if turn.is_read_along:
            return await turn.journal.paid(name, lambda: self._stream(turn, request))
        return await self.complete(turn, name, "large", request)

    async def complete(
        self, turn: OpenTurn, name: str, size: Literal["large", "small"], request: Request
    ) -> Completion:
        """A model's answer that nobody reads along with."""
        return await turn.journal.paid(name, lambda: self._complete(size, request))

    async def ask(self, system: str, text: str, purpose: str, model: Literal["large", "small"]) -> Completion:
        """One question of a part's."""
        request = Request(Prompt(system, (Said("user", text),)), (), purpose, self._agent.name)
        return await self._complete(model, request)

    async def anew(self, turn: OpenTurn, prompt: Prompt, text: str, reason: str, name: str) -> str:
        """An answer written again for a reason; it is not shown as it grows."""
        asked = (Said("assistant", text), Said("user", AGAIN.format(reason=reason)))
        request = Request(Prompt(prompt.system, (*prompt.conversation, *asked)), (), "chat", self._agent.name)
        return _sayable((await self.complete(turn, name, "large", request)).text)

    async def _complete(self, size: Literal["large", "small"], request: Request) -> Completion:
        return await (await self._affordable(size, request)).complete(request)

    async def _stream(self, turn: OpenTurn, request: Request) -> Completion:
        """The same answer, shown as it grows."""
        model = await self._affordable("large", request)
        preview, completion = Preview(turn, self.gates), Completion("")
        try:
            async for item in model.stream(request):
                if isinstance(item, Completion):
                    completion = item
                else:
                    preview.grow(item)
        except ModelError:
            await preview.restart()
            raise
        if completion.calls:
            await preview.restart()
        return completion

    async def _affordable(self, size: Literal["large", "small"], request: Request) -> Model:
        """The model, once what it may take is held for it, or the one that goes on where a budget is spent; raises
        ModelError where none does. It counts for the turn, or the job, in whose journal the question stands."""
        step = asking.get()
        model, profile = self._models[size], self._agent.model if size == "large" else self._agent.small
        payers = (self.payer(step.turn if step else ""), *callers.get())
        full = await self._purses.reserve(request, profile, model, payers)
        if full is None:
            return model
        other, instead = full.budget.instead, full.payer.instead.get(full.budget.name)
        if not (other and instead):
            raise stopped(full.payer.agent, full.budget)
        await self._purses.hold(request, other, instead)
        return instead

    def payer(self, turn: str) -> Payer:
        """What its budgets say of a question that is asked in one of its turns."""
        return Payer(self._agent, turn, self._purses, self._instead)

    # --- let out

    async def evaluate(self, turn: OpenTurn, response: Response, prompt: Prompt) -> Response:
        """Every gate has to let the answer pass; what is held is answered with the operator's words."""
        if not response.text:
            return response
        with turn.timings.of("evaluate"):
            text, held = await self.gates.approve(turn, _sayable(response.text), partial(self._rewrite, turn, prompt))
        return passed(turn, text, held)

    async def _rewrite(self, turn: OpenTurn, prompt: Prompt, text: str, reason: str, number: int) -> str:
        """The answer written anew, for the reason a gate held it."""
        return await self.anew(turn, prompt, text, reason, f"revise/{number:02}")

    async def judge(self, turn: OpenTurn, text: str, place: str = "reply") -> Response:
        """The same for words that no model wrote: they are not written anew."""
        return passed(turn, *await self.gates.judge(turn, text, place))


def passed(turn: OpenTurn, text: str, held: str) -> Response:
    """What is answered when gates have judged a text."""
    if held:
        return Response(turn.words.held, "held")
    return Response(text) if text.strip() else SILENCE


def _sayable(text: str) -> str:
    return clean(text[:MOST_SAID])
