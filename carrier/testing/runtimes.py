"""Living agents on a real ledger, made of parts instead of files: to try the loop without a host."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal

from carrier.assemble import Workshop
from carrier.interfaces import Action, Gate, Given, Model, Provider, Reflection, Turn, Verdict
from carrier.ledger import rooms
from carrier.ledger import turns as rows
from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.intake import Place
from carrier.ledger.known import Known
from carrier.runtime.abilities import Abilities
from carrier.runtime.colleagues import Colleagues
from carrier.runtime.deciding import standing
from carrier.runtime.handovers import Handovers
from carrier.runtime.inbox import Inbox
from carrier.runtime.later import Later
from carrier.runtime.runtime import AgentRuntime, Parts
from carrier.runtime.turns import Turns
from carrier.runtime.watchers import Watchers
from carrier.runtime.windows import Windows
from carrier.templates import Templates
from carrier.testing.memories import MemoryList
from carrier.testing.models import ListedModel
from carrier.testing.turns import AGENT
from carrier.types.agents import Agent
from carrier.types.clients import RoomRules
from carrier.types.parts import TemplateFile
from carrier.types.talk import Ended, Line, Message

SECONDS = 10.0
"""What a turn may take to end."""


@dataclass
class Doing:
    """`interfaces.Action`, of a function."""

    name: str
    do: Callable[..., Awaitable[object]]
    repeat: Literal["never", "keyed", "safe"] = "never"
    parameters: Mapping[str, object] = field(default_factory=lambda: {"type": "object"})
    description: str = ""

    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        return await self.do(turn, **arguments)


@dataclass(frozen=True)
class Judging:
    """`interfaces.Gate`, of a function; what it shows of an unfinished text is all, unless told otherwise."""

    judge: Callable[[Turn, str], Awaitable[Verdict]]
    shown: Callable[[str], str | None] = lambda growing: growing

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        return await self.judge(turn, text)

    def preview(self, growing: str) -> str | None:
        return self.shown(growing)


@dataclass(eq=False)
class LittleHost:
    """A ledger, an inbox, and agents by name. Nothing is answered unless it is told to be."""

    ledger: Ledger
    at_once: int = 8
    message_chars: int = 1000
    memories: MemoryList = field(default_factory=MemoryList)
    watchers: Watchers = field(default_factory=Watchers)
    agents: dict[str, AgentRuntime] = field(default_factory=dict)
    told_to_send: list[str] = field(default_factory=list)
    """Clients whose senders were told that rows wait."""
    reflections_due: list[bool] = field(default_factory=list)
    """For each turn that closed, whether one has come due by it."""
    rules: RoomRules = field(default_factory=RoomRules)
    """What holds in all rooms."""
    gather: float = 0.0
    """Seconds that whoever speaks outside the API may go on."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    handovers: Handovers = field(init=False)
    colleagues: Colleagues = field(init=False)
    later: Later = field(init=False)
    turns: Turns = field(init=False)
    inbox: Inbox = field(init=False)
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.handovers = Handovers(self.ledger, self.agents.__contains__)
        self.colleagues = Colleagues(self.ledger, self.agents.get)
        abilities = Abilities()
        self.later = Later(self.ledger, self.memories, self._definition, self.told_to_send.append, abilities.split)
        self.turns = Turns(
            self.ledger,
            self.memories,
            self.watchers,
            Windows(self.ledger),
            self.told_to_send.append,
            self.reflections_due.append,
            self.handovers,
            lambda taken: self.inbox.queue(taken),
            self.later.wake.set,
            rules=lambda message: self.rules,
            gather=self._gather,
            abilities=abilities,
        )
        self.inbox = Inbox(
            self.ledger,
            self.memories,
            self._route,
            self.agents.get,
            self.at_once,
            self.message_chars,
            gather=self._gather,
        )

    def _gather(self, message: Message) -> float:
        return 0.0 if message.client == "api" else self.gather

    def _route(self, message: Message) -> Callable[[Known], dict[str, Place]]:
        """Whom it names; without a name, everybody."""
        names = (message.to,) if message.to else tuple(self.agents)
        places: dict[str, Place] = {name: self._place(name, message) for name in names}
        for name in names:
            if (holder := self.handovers.holder(message.room, name)) != name:
                places |= {holder: places[name], name: "heard"}
        return lambda known: places

    def _place(self, name: str, message: Message) -> Place:
        if name not in self.agents:
            return "away"
        return standing(self.agents[name].agent, message, self.turns.rules(message), "away")

    def _definition(self, name: str) -> Agent | None:
        return self.agents[name].agent if name in self.agents else None

    @property
    def given(self) -> Given:
        """What parts are handed here, as far as they need the ledger or one another."""
        workshop = Workshop(self.turns, self.inbox.alone, lambda: (), lambda: 0, self.colleagues)
        return replace(workshop.given, now=self.now)

    def add(
        self,
        agent: Agent = AGENT,
        model: Model | None = None,
        small: Model | None = None,
        providers: Mapping[str, Provider] | None = None,
        actions: Sequence[Action] = (),
        gates: Mapping[str, Gate] | None = None,
        checks: Mapping[str, Gate] | None = None,
        reflections: Mapping[str, Reflection] | None = None,
        chat: str = "You are {{ agent.name }}.",
        decide: str = "YES or NO, {{ agent.name }}?",
        instead: Mapping[str, Model] | None = None,
    ) -> AgentRuntime:
        """A living agent; one of the same name is replaced."""
        sources = {"chat.j2": chat, "decide.j2": decide}
        agent = replace(
            agent,
            templates={"chat": "chat.j2", "decide": "decide.j2"},
            sources={name: TemplateFile(name, source) for name, source in sources.items()},
        )
        large = model or ListedModel()
        parts = Parts(
            models={"large": large, "small": small or large},
            providers={"recent_messages": self.window, **(providers or {})},
            actions={action.name: action for action in actions},
            gates=gates or {},
            checks=checks or {},
            reflections=reflections or {},
            templates=Templates(agent.sources),
            instead=instead or {},
        )
        self.agents[agent.name] = AgentRuntime(agent, parts, self.turns, self.inbox.alone)
        return self.agents[agent.name]

    async def window(self, turn: Turn) -> list[Line]:
        """A provider: the recent lines of the turn's room."""
        return await self.turns.windows.recent(turn.agent, turn.message, turn.agent.memory.recent)

    def message(self, text: str = "Hello", client: str = "api", room: str = "@anna", **more: Any) -> Message:
        """A message from Anna to tifa, with an id of its own."""
        given = {"platform_id": f"m{next(self._ids)}", "sender": "api:anna", "sender_name": "Anna", "to": AGENT.name}
        return Message(client=client, room=f"{client}/{room}", text=text, **{**given, **more})

    async def ask(self, text: str = "Hello", **more: Any) -> Ended:
        """Say something, and run the turn that answers it."""
        return await self.answer(self.message(text, **more))

    async def answer(self, message: Message) -> Ended:
        """How the turn for a message ended; it is begun, or gone on with, if it has not."""
        await self.inbox.take_in(message)
        await self.agents[message.to].turn(message.id)
        ended = await self.ended(message)
        assert ended, "the turn is not closed"
        return ended

    async def ended(self, message: Message) -> Ended | None:
        return await self.ledger.read(partial(rows.answer, turn=rows.turn_id(message.to, message.id)))

    async def answered(self, message: Message) -> Ended:
        """Wait until its turn has ended; raises TimeoutError."""
        async with asyncio.timeout(SECONDS):
            with self.watchers.watch(rows.turn_id(message.to, message.id)) as watcher:
                with suppress(LookupError):  # it may not even be stored yet
                    if ended := await self.ended(message):
                        return ended
                return await watcher.ended

    async def lines(self, room: str = "api/@anna", agent: str = AGENT.name) -> list[str]:
        """What the agent sees in a room."""
        seen = await self.ledger.read(partial(rooms.recent, agent=agent, room=room, most=100))
        return [line.text for line in seen]

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """What is taken in is answered while the block runs; leaving it stops what has not ended."""
        life = asyncio.create_task(self.inbox.run())
        try:
            yield
        finally:
            life.cancel()
            await asyncio.wait([life])


@asynccontextmanager
async def little_host(folder: Path, at_once: int = 8, message_chars: int = 1000) -> AsyncIterator[LittleHost]:
    """Its ledger lies in the folder: another one there goes on with it."""
    async with open_ledger(folder / "ledger.db") as ledger:
        yield LittleHost(ledger, at_once, message_chars)
