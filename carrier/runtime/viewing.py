"""What parts are shown of a turn, and what they may have done for them: words said, questions asked, things kept."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, Literal

from carrier.errors import ActionError
from carrier.interfaces import Left, Turn
from carrier.ledger import learned
from carrier.ledger.forms import storable
from carrier.ledger.memory_log import remember
from carrier.ledger.turns import turn_id
from carrier.quoting import share
from carrier.runtime.journal import Journal
from carrier.runtime.turns import OpenTurn
from carrier.types.agents import Agent
from carrier.types.memory import Memory, Recalled, Scope
from carrier.types.models import Completion
from carrier.types.talk import Message

Ask = Callable[[str, str, str, Literal["large", "small"]], Awaitable[Completion]]
"""Ask one of an agent's models: system text, text, purpose, which model."""
Say = Callable[[str], Awaitable[None]]

MOSTLY = 0.5
"""What of a fact's words somebody has to have said for it to count as said by them."""


async def _nobody_speaks(text: str) -> None:
    raise ActionError("only an action may say something beside the answer")


def view(turn: OpenTurn, step: str, ask: Ask, say: Say = _nobody_speaks) -> Turn:
    """The turn as a provider, an action or a gate sees it; `step` tells its journal entries from others'."""
    # Numbered in the order of asking: after a restart the same part asks in the same order.
    number = count()

    async def ask_model(system: str, text: str, *, purpose: str, model: Literal["large", "small"] = "small") -> str:
        name = f"{step}/ask/{next(number)}"
        return (await turn.journal.paid(name, lambda: ask(system, text, purpose, model))).text

    async def keep(text: str) -> None:
        await _remember(turn, f"{turn.id}/{step}/fact/{next(number)}", text)

    seconds = max(0.0, turn.seconds - turn.timings.seconds)
    return Turn(
        message=turn.message,
        agent=turn.agent,
        state=turn.state,
        results=tuple(turn.results),
        left=Left(seconds, turn.agent.limits.steps - turn.steps),
        say=say,
        ask_model=ask_model,
        recall=partial(_recall, turn),
        remember=keep,
        once=_Once(turn.journal, step),
    )


@dataclass(frozen=True, slots=True)
class _Once:
    """The journal, from one part's place in it."""

    journal: Journal
    step: str

    @property
    def key(self) -> str:
        return f"{self.journal.id}/{self.step}"

    async def __call__(self, name: str, work: Callable[[], Awaitable[Any]], form: Any = object) -> Any:
        return await self.journal.once(f"{self.step}/{name}", work, form)


async def _recall(turn: OpenTurn, text: str) -> list[Recalled]:
    """What comes up for a text and is not in the recent window, which holds all there is of a young room."""
    agent, message = turn.agent, turn.message
    window = await turn.turns.windows.recent(agent, message, agent.memory.recent)
    if agent.memory.scope == "room" and len(window) < agent.memory.recent:
        return []
    told = (turn_id(agent.name, id) for id in (*message.gathered, message.id))
    seen = {*told, *(line.id if line.own else turn_id(agent.name, line.id) for line in window)}
    memories, scope = turn.turns.memories, _scope(agent, message)
    return await _dated(turn, await memories.recall(scope, text, agent.memory.recall, seen, here=message.room))


async def _dated(turn: OpenTurn, found: Sequence[Recalled]) -> list[Recalled]:
    """With the day on which what holds no more stopped to: the ledger knows, a memory store need not."""
    ids = [each.memory.id for each in found if each.memory.kind in learned.LEARNED]
    ended = await turn.turns.ledger.read(partial(learned.ended, ids=ids)) if ids else {}
    return [replace(each, memory=replace(each.memory, until=ended.get(each.memory.id, 0))) for each in found]


def _scope(agent: Agent, message: Message) -> Scope:
    """Where an agent looks for memories while it answers a message."""
    match agent.memory.scope:
        case "room":
            return Scope(agent.name, room=message.room)
        case "user":
            return Scope(agent.name, entity=message.sender)
        case "agent":
            return Scope(agent.name)


async def _remember(turn: OpenTurn, id: str, text: str) -> None:
    agent, message = turn.agent, turn.message
    founded = share(text.replace(message.sender_name, ""), await turn.own_words())
    memory = Memory(
        id=id,
        agent=agent.name,
        room=message.room,
        entity=message.sender,
        kind="fact",
        text=storable(text),
        at=message.at,
        name=message.sender_name,
        source_ids=(*message.gathered, message.id),
        revision=agent.revision,
        trust="said" if founded >= MOSTLY else "claimed",
        private=message.direct,
        confidence=round(founded, 2),
    )
    ledger = turn.turns.ledger
    turn.turns.memories.put(await ledger.write(partial(remember, clock=ledger.clock, memories=[memory])))
