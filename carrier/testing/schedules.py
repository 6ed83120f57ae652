"""Schedules by a clock that stands still until it is told to pass: a scheduler on a real ledger, and nothing sleeps."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from carrier.ledger import slots
from carrier.ledger.engine import Ledger
from carrier.ledger.intake import Intake
from carrier.ledger.slots import Ending, Slot
from carrier.ledger.tables import outbox
from carrier.scheduler.controls import Controls
from carrier.scheduler.due import next_wake
from carrier.scheduler.filing import micros
from carrier.scheduler.scheduler import Scheduler
from carrier.scheduler.wall import Wall
from carrier.testing.turns import AGENT
from carrier.types.agents import Agent
from carrier.types.parts import TemplateFile
from carrier.types.schedules import Schedule, Wording

START = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
"""A Saturday at noon in Oslo."""


@dataclass
class VirtualWall:
    """A clock on the wall, and the steady one that it is watched by."""

    at: datetime = START
    steady: float = 0.0

    def now(self) -> datetime:
        return self.at

    def micros(self) -> int:
        """For a ledger's own clock."""
        return micros(self.at)

    def passes(self, until: datetime) -> None:
        """Time goes by."""
        self.steady += (until - self.at).total_seconds()
        self.at = until

    def is_set(self, at: datetime) -> None:
        """Somebody sets it: no time goes by."""
        self.at = at

    def wall(self) -> Wall:
        return Wall(self.now, lambda: self.steady)


def words(text: str, generated: bool = False) -> Wording:
    return Wording("words", {"words": TemplateFile("words", text)}, generated)


def schedule(name: str = "tifa.hello", **more: Any) -> Schedule:
    """One of tifa's in Oslo, that says something in a room every hour unless it is told otherwise."""
    given = {"every": 3600.0} if not {"cron", "at", "every"} & more.keys() else {}
    rest = {"timezone": "Europe/Oslo", "wording": words("Hello."), "room": "chat/garden", **given, **more}
    return Schedule(name, AGENT.name, **rest)


@dataclass(eq=False)
class LittleScheduler:
    """A scheduler that looks when it is told to; what it takes in waits in `taken`."""

    ledger: Ledger
    wall: VirtualWall = field(default_factory=VirtualWall)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=lambda: {AGENT.name: AGENT})
    taken: list[Intake] = field(default_factory=list)
    queue: Callable[[Intake], None] | None = None
    told_to_send: list[str] = field(default_factory=list)
    muted: dict[str, str] = field(default_factory=dict)
    """Rooms, and by whom."""
    scheduler: Scheduler = field(init=False)
    controls: Controls = field(init=False)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(
            self.ledger,
            lambda: self.schedules,
            lambda: self.agents,
            self.queue or self.taken.append,
            self.told_to_send.append,
            self.wall.wall(),
            muted=lambda room: self.muted.get(room, ""),
        )
        self.controls = Controls(self.scheduler)

    def add(self, *schedules: Schedule) -> None:
        """These are in the files; one of the same name is replaced."""
        self.schedules |= {each.name: each for each in schedules}

    async def look(self) -> None:
        """Until there is nothing more to do now."""
        while await self.scheduler.look():
            pass

    async def at(self, until: datetime, working: bool = False) -> None:
        """Time passes until then, and it looks whenever its timers would wake it; `working`: each slot's work is done
        at once."""
        await self._look_and(working)
        while (wake := self._next_wake()) and wake <= until:
            self.wall.passes(wake)
            await self._look_and(working)
        self.wall.passes(until)
        await self._look_and(working)

    async def _look_and(self, working: bool) -> None:
        await self.look()
        if working:
            await self.works()

    def _next_wake(self) -> datetime | None:
        wakes = (next_wake(each, self.wall.at) for each in self.scheduler.here().values())
        return min((wake for wake in wakes if wake), default=None)

    async def slots(self, name: str = "tifa.hello") -> list[Slot]:
        """What is recorded, oldest first."""
        found = await self.ledger.read(partial(slots.history, schedule=name, most=10_000))
        return found[::-1]

    async def states(self, name: str = "tifa.hello") -> list[str]:
        """As `done 11:00`, by UTC."""
        return [f"{slot.state} {slot.id[-9:-4]}" for slot in await self.slots(name)]

    async def works(self, ending: Ending = "done", reason: str = "") -> list[str]:
        """The turns of all that was taken in end so; returns what was to be said or done."""
        taken, texts = self.taken[:], [each.message.text for each in self.taken]
        self.taken.clear()
        for each in taken:
            slot = await self.ledger.read(partial(slots.of_message, message=each.message.id))
            assert slot, "each message is some slot's"
            worked = partial(slots.worked, clock=self.ledger.clock, slot=slot, asked=None)
            await self.ledger.write(partial(worked, ending=ending, reason=reason))
        return texts

    async def notices(self) -> list[str]:
        """What waits to be sent, as `room: text`."""
        query = select(outbox.c.room, outbox.c.text).order_by(outbox.c.at)
        rows = await self.ledger.read(lambda connection: connection.execute(query).all())
        return [f"{row.room}: {row.text}" for row in rows]


@asynccontextmanager
async def little_scheduler(folder: Path, wall: VirtualWall) -> AsyncIterator[LittleScheduler]:
    """Its ledger lies in the folder: another one there goes on with it."""
    ledger = Ledger(folder / "ledger.db", wall.micros)
    try:
        yield LittleScheduler(ledger, wall)
    finally:
        await ledger.close()
