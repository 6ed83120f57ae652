"""A turn outside any host, to try an action, a provider or an evaluator on."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from carrier.interfaces import Given, Left, PastResult, Turn, Waiting
from carrier.types.agents import Agent
from carrier.types.characters import Character
from carrier.types.memory import Goal, Memory, Recalled
from carrier.types.models import ModelProfile
from carrier.types.talk import Line, Message, Person

AGENT = Agent(
    name="tifa",
    character=Character("tifa", "Tifa"),
    model=ModelProfile("large", "scripted/default"),
    small=ModelProfile("small", "scripted/default"),
    templates={},
    sources={},
)

MESSAGE = Message("api", "1", "api/@anna", "api:anna", "Hello", sender_name="Anna", at=1)


@dataclass
class TurnMaker:
    """Hands out turns, answers what they ask with what it was given, and keeps what they said and remembered."""

    recalled: list[Recalled] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    secrets: Collection[str] = ()
    people: list[Person] = field(default_factory=list)
    facts: list[Memory] = field(default_factory=list)
    documents: list[Recalled] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    results: list[PastResult] = field(default_factory=list)
    colleagues: dict[str, Agent] = field(default_factory=dict)
    now: datetime = datetime(2026, 11, 21, 13, 5, tzinfo=UTC)
    answer: str = ""
    said: list[str] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """What a model was asked, as (system, text)."""

    def given(self) -> Given:
        return Given(
            recent=self._recent,
            secrets=lambda: self.secrets,
            now=lambda: self.now,
            people=self._people,
            facts=self._facts,
            documents=self._documents,
            goals=self._goals,
            waiting=self._waits,
            results=self._results,
            colleague=self.colleagues.get,
            ask=self._ask,
        )

    def turn(self, agent: Agent = AGENT, message: Message = MESSAGE, key: str = "turn/action/00/00") -> Turn:
        return Turn(
            message,
            agent,
            state={},
            results=(),
            left=Left(60.0, 6),
            say=self._say,
            ask_model=self.ask_model,
            recall=self._recall,
            remember=self._remember,
            once=_Once(key),
        )

    async def ask_model(self, system: str, text: str, *, purpose: str, model: str = "small") -> str:
        self.asked.append((system, text))
        return self.answer

    async def _recent(self, turn: Turn, limit: int) -> list[Line]:
        return self.lines[-limit:]

    async def _people(self, turn: Turn, most: int) -> list[Person]:
        return self.people[:most]

    async def _facts(self, turn: Turn, people: Sequence[Person], most: int) -> list[Memory]:
        ids = {person.id for person in people}
        with_them = [fact for fact in self.facts if fact.kind == "relationship" and fact.other in ids]
        return [fact for fact in self.facts if fact.entity in ids or fact in with_them][:most]

    async def _documents(self, turn: Turn, text: str, most: int) -> list[Recalled]:
        return self.documents[:most]

    async def _goals(self, agent: Agent, room: str, people: Collection[str]) -> list[Goal]:
        return [*agent.goals, *self.goals]

    async def _waits(self, turn: Turn) -> list[Waiting]:
        return self.waiting

    async def _results(self, turn: Turn, most: int, seconds: float) -> list[PastResult]:
        return [past for past in self.results if past.seconds < seconds][:most]

    async def _ask(self, turn: Turn, name: str, question: str) -> str:
        self.asked.append((name, question))
        return self.answer

    async def _say(self, text: str) -> None:
        self.said.append(text)

    async def _recall(self, text: str) -> list[Recalled]:
        return self.recalled

    async def _remember(self, text: str) -> None:
        self.remembered.append(text)


@dataclass(frozen=True, slots=True)
class _Once:
    """No journal: the work is done each time."""

    key: str

    async def __call__(self, name: str, work: Callable[[], Awaitable[Any]], form: type[Any] = object) -> Any:
        return await work()
