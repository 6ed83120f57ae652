"""AgentRuntime: the loop, from a message to an answer, in one look."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from math import inf
from typing import Literal

from carrier.errors import LedgerError
from carrier.interfaces import Action, Gate, Model, Provider, Reflection, Toolbox
from carrier.ledger.jobs import ReflectionDue
from carrier.ledger.slots import Slot
from carrier.ledger.turns import DEAD, SUSPECT
from carrier.runtime.acting import IN_DOUBT, Acting
from carrier.runtime.asking import decided
from carrier.runtime.calling import called
from carrier.runtime.closing import close, under_way
from carrier.runtime.deciding import says_yes, standing
from carrier.runtime.drafting import Drafting
from carrier.runtime.evaluating import Gates
from carrier.runtime.publishing import Publishing
from carrier.runtime.state import compose_context, compose_state, spoken, written
from carrier.runtime.turns import OpenTurn, Turns
from carrier.runtime.viewing import view
from carrier.runtime.writing import Writing, passed
from carrier.templates import Templates
from carrier.types.agents import Agent
from carrier.types.models import ActionResult, Completion, Prompt, Request, Said, Tool
from carrier.types.talk import SILENCE, Message, Response


@dataclass(frozen=True)
class Parts:
    """What an agent is made of, by the names its file uses."""

    models: Mapping[Literal["large", "small"], Model]
    providers: Mapping[str, Provider]
    actions: Mapping[str, Action]
    gates: Mapping[str, Gate]
    checks: Mapping[str, Gate]
    """What judges a message before a model is asked."""
    reflections: Mapping[str, Reflection]
    templates: Templates
    instead: Mapping[str, Model] = field(default_factory=dict)
    """The models that go on when a budget is spent, by the budget's name."""
    toolboxes: Sequence[Toolbox] = ()
    """Actions that are several, and may become others while they are open."""


log = logging.getLogger(__name__)

TOO_OLD = "it is older by now than its client's max_age: heard, not answered"
DECIDE_SECONDS = 20.0
"""How long a model may take to say whether its agent answers."""
Fill = Callable[[Mapping[str, object]], Awaitable[str]]
"""Renders a template with the values it is given."""


class AgentRuntime:
    """A living agent."""

    def __init__(
        self,
        agent: Agent,
        parts: Parts,
        turns: Turns,
        alone: Callable[[], AbstractAsyncContextManager[None]],
        drafting: Drafting | None = None,
    ):
        self.agent, self.parts = agent, parts
        self._turns, self._alone = turns, alone
        self._writing = Writing(agent, parts.models, parts.instead, parts.gates, turns.ledger)
        self.ask, self.payer = self._writing.ask, self._writing.payer
        self._checks = Gates(parts.checks, self.ask)
        self._acting = Acting(parts.actions, self.ask, self._writing.gates)
        self._publishing = drafting and Publishing(agent, drafting, self._writing, self._acting, self._prompt)
        self._reflections = [ReflectionDue(name, part.every) for name, part in parts.reflections.items()]
        self._tools: dict[int, Mapping[str, Action]] = {}
        """What each toolbox holds now."""
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    # --- its life

    async def open(self) -> None:
        """Open its toolboxes; raises what they raise, and leaves none open then."""
        try:
            for number, toolbox in enumerate(self.parts.toolboxes):
                self._take(number, await toolbox.open())
                if hasattr(toolbox, "changed"):
                    toolbox.changed = partial(self._change, number)
        except BaseException:
            await self._close_toolboxes()
            raise

    def _change(self, number: int, tools: Mapping[str, Action]) -> None:
        self._take(number, tools)
        self._turns.tools_changed()

    def _take(self, number: int, tools: Mapping[str, Action]) -> None:
        """Have these tools of a toolbox, as far as the agent may use them."""
        wanted = self.agent.tools
        self._tools[number] = {
            name: tool for name, tool in tools.items() if any(fnmatchcase(name, pattern) for pattern in wanted)
        }
        found = {name: tool for held in self._tools.values() for name, tool in held.items()}
        self._acting.replace({**self.parts.actions, **found})

    async def close(self) -> None:
        """Close what it has open, once the turns under way have ended."""
        await self._idle.wait()
        await self._close_toolboxes()

    async def _close_toolboxes(self) -> None:
        for number in list(self._tools):
            del self._tools[number]
            await self.parts.toolboxes[number].close()

    # --- the loop

    async def turn(self, message_id: str, message: Message | None = None, seconds: float = inf) -> None:
        """Process, generate, act, evaluate, send, remember: one pass, resumable at every line.

        It takes no longer than the agent's limit, and than `seconds`.
        """
        self._under_way += 1
        self._idle.clear()
        try:
            await self._turn(message_id, message, seconds)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _turn(self, message_id: str, message: Message | None, seconds: float) -> None:
        turn = await self._turns.take(self.agent, message_id, message, seconds)
        if turn is None:
            return
        if turn.taken.attempts >= DEAD:
            return await self._give_up(turn)
        async with under_way(turn), self._within_limits(turn):
            if turn.message.kind == "schedule":
                return await close(turn, await self.carry_out(turn, await turn.order()))
            turn.meet()
            if not await self._answers(turn):
                return await close(turn, SILENCE, self._reflections)
            decision = turn.message.kind == "approval"
            if self.agent.when_down == "wait" and not decision and self._turns.too_old(turn.message):
                return await close(turn, SILENCE, self._reflections, TOO_OLD)
            turn.compose()
            await turn.fetch()
            if not decision and (refusal := await self.refuse(turn)):
                return await close(turn, refusal, self._reflections)
            await close(turn, await self.answer(turn), self._reflections)

    async def _give_up(self, turn: OpenTurn) -> None:
        if turn.message.kind == "schedule":
            await turn.order()
        await close(turn, Response(turn.words.failed, "dead"), error="the host keeps dying of it")

    async def answer(self, turn: OpenTurn) -> Response:
        """What it says in the end, once every gate lets it pass."""
        prompt = await self._prompt(turn)
        if turn.message.kind == "approval":
            prompt = await self._decided(turn, prompt)
        elif turn.message.kind == "command":
            prompt = await self._commanded(turn, prompt)
            if turn.results[-1].ends:
                return SILENCE
        response, prompt = await self.generate_and_act(turn, prompt)
        return await self._writing.evaluate(turn, response, prompt)

    async def carry_out(self, turn: OpenTurn, slot: Slot) -> Response:
        """What a schedule orders: a task is a turn like any other, but what is to be said calls no actions."""
        match slot.work:
            case "task":
                return await self.answer(turn)
            case "generate":
                prompt = await self._prompt(turn)
                with turn.timings.of("generate"):
                    completion = await self._writing.generate(turn, "model/00", prompt)
                return await self._writing.evaluate(turn, _said(completion), prompt)
            case "approved":
                return Response(turn.message.text)
            case "post" | "caption":
                assert self._publishing, "a host that has schedules can draft"
                return await self._publishing.publish(turn, slot)
        return await self._writing.judge(turn, turn.message.text)

    async def _answers(self, turn: OpenTurn) -> bool:
        """Whether it answers, now that it is its turn; where that is not certain, the small model says so.

        A conversation that was handed over is answered as its owner would.
        """
        if self._turns.handovers.held(turn.message.room, self.agent.name):
            return True
        place = standing(self.agent, turn.message, turn.rules, turn.taken.unsure)
        return place == "waiting" or (place == "asks" and await self._wants_to(turn))

    async def _wants_to(self, turn: OpenTurn) -> bool:
        """What is not answered clearly, or not at all, is no: nobody has addressed the agent."""
        try:
            async with asyncio.timeout(min(DECIDE_SECONDS, self.agent.limits.turn / 2)):
                with turn.timings.of("decide"):
                    asked = await self._question(turn)
                    answer = await self._writing.complete(turn, "decide", "small", asked)
        except LedgerError:
            raise
        except Exception as error:
            log.warning("%s: nobody can say whether it answers %s: %r", self.agent.name, turn.message.id, error)
            return False
        return says_yes(answer.text)

    async def _question(self, turn: OpenTurn) -> Request:
        """Whether it answers, as a question to a model: the last lines, and the message to answer."""
        lines = await self._turns.windows.recent(self.agent, turn.message, self.agent.memory.recent)
        values = {"agent": self.agent, "message": turn.message, "lines": lines}
        system = self.parts.templates.render(self.agent.templates["decide"], values)
        said = Said("user", spoken(turn.message), turn.message.sender_name)
        return Request(Prompt(system, (said,)), (), "decide", self.agent.name)

    @asynccontextmanager
    async def _within_limits(self, turn: OpenTurn) -> AsyncIterator[None]:
        """Its time; and alone, if the process has died of it before: but within another's turn, that one is."""
        async with AsyncExitStack() as limits:
            if turn.taken.attempts >= SUSPECT and turn.message.kind != "ask":
                await limits.enter_async_context(self._alone())
                await turn.is_alone()
            async with asyncio.timeout(turn.seconds):
                yield

    async def refuse(self, turn: OpenTurn) -> Response | None:
        """What is said instead of asking a model; None: the message passes every check."""
        if not self.parts.checks:
            return None
        asked = spoken(turn.message)
        with turn.timings.of("check"):
            text, held = await self._checks.judge(turn, asked, "message")
            if not held and text == asked:
                return None
            return passed(turn, text, held) if held else await self._writing.judge(turn, text, "message/reply")

    async def _prompt(self, turn: OpenTurn, purpose: str = "chat") -> Prompt:
        """The context by the template for a purpose: composed once, and kept."""
        fill = partial(self._fill, purpose=purpose)
        prompt: Prompt = await turn.journal.once("prompt", lambda: self.compose(turn, fill), Prompt)
        return prompt

    async def compose(self, turn: OpenTurn, fill: Fill | None = None) -> Prompt:
        """The state, from all providers at once, and the context: the template with the state filled in."""
        with turn.timings.of("compose"):
            state = await compose_state(
                self.agent, self.parts.providers, lambda name: view(turn, f"state/{name}", self.ask)
            )
            turn.state = state.said
            tools = self._acting.tools(turn)
            values = {**turn.state, "agent": self.agent, "message": turn.message, "actions": tools}
            system = "\n\n".join(filter(None, [(await (fill or self._fill)(values)).strip(), turn.rules.prompt]))
            prompt = compose_context(self.agent, system, turn.message, state, tools, self._turns.abilities.data)
            return self._turns.handovers.told(prompt, turn.message.room, self.agent.name)

    async def _fill(self, values: Mapping[str, object], purpose: str = "chat") -> str:
        templates = self.agent.templates
        return self.parts.templates.render(templates.get(purpose, templates["chat"]), values)

    async def render(self, message: Message, fill: Fill | None = None) -> str:
        """The exact prompt that a message would get, by its own template or what `fill` makes of the same values.

        Nothing is stored, and no model is asked.
        """
        turn = self._turns.rehearse(self.agent, message)
        try:
            return written(await self.compose(turn, fill))
        finally:
            self._turns.windows.forget(self.agent, message)

    async def generate_and_act(self, turn: OpenTurn, prompt: Prompt) -> tuple[Response, Prompt]:
        """Ask the model and do what it asks for, until it asks for nothing more; the last time it may only speak.

        With the response comes the prompt it was given to, in which stands all that was done.
        """
        for step in range(self.agent.limits.steps):
            turn.steps = step + 1
            last = turn.steps == self.agent.limits.steps
            with turn.timings.of("generate"):
                tools = () if last else self._acting.tools(turn)
                completion = await self._writing.generate(turn, f"model/{step:02}", prompt, tools)
            if not completion.calls or last:
                break
            with turn.timings.of("act"):
                results = await self._acting.run(turn, f"action/{step:02}", completion.calls)
            if any(result.ends for result in results):
                return SILENCE, prompt
            prompt = _told(prompt, completion, results)
        return _said(completion), prompt

    async def _decided(self, turn: OpenTurn, prompt: Prompt) -> Prompt:
        """The prompt with the call that was decided about, and what came of it."""
        approval = await decided(turn)
        with turn.timings.of("act"):
            result = await self._acting.run_decided(turn, "action/decided", approval)
        return _told(prompt, Completion("", (approval.call,)), [result])

    async def _commanded(self, turn: OpenTurn, prompt: Prompt) -> Prompt:
        """The prompt with the call that somebody has made, and what came of it."""
        call = called(turn.message)
        with turn.timings.of("act"):
            results = await self._acting.run(turn, "action/command", [call])
        return _told(prompt, Completion("", (call,)), results)

    def tool(self, name: str) -> Tool | None:
        """An action of its own, as it is now."""
        return self._acting.tool(name)

    def reflection(self, name: str) -> Reflection | None:
        return self.parts.reflections.get(name)


def _said(completion: Completion) -> Response:
    return Response(completion.text) if completion.text.strip() else SILENCE


def _told(prompt: Prompt, completion: Completion, results: Sequence[ActionResult]) -> Prompt:
    """The prompt with what the model asked for, and what came of it."""
    asked = Said("assistant", completion.text, calls=completion.calls)
    return Prompt(prompt.system, (*prompt.conversation, asked, *map(_came, results)))


def _came(result: ActionResult) -> Said:
    by_host = result.status == "pending" or result.text == IN_DOUBT.format(name=result.call.name)
    return Said("tool", _outcome(result), name=result.call.name, call_id=result.call.id, by_host=by_host)


def _outcome(result: ActionResult) -> str:
    return result.text if result.ok else f"[{result.status}] {result.text}"
