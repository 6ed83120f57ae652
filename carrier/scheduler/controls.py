"""What an operator does with schedules: pause and resume them, run one now, skip or write one occurrence."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from carrier.config.timing import begins, next_times
from carrier.config.timing import slots as slots_of
from carrier.errors import Conflict, UnknownAgent, UnknownSchedule, UnknownSlot
from carrier.ledger import slots
from carrier.ledger.engine import Clock
from carrier.ledger.slots import Filed, Line
from carrier.scheduler import due
from carrier.scheduler.due import Due
from carrier.scheduler.filing import micros, moment, ordered, planned, recorded, timing
from carrier.scheduler.scheduler import Scheduler
from carrier.types.schedules import Schedule

T = TypeVar("T")

_INSTANT = timedelta(microseconds=1)


class Controls:
    """Each is one transaction, and what follows from it is looked at at once. All raise UnknownSchedule."""

    def __init__(self, scheduler: Scheduler):
        self._scheduler, self._ledger = scheduler, scheduler.ledger

    async def pause(self, name: str, by: str) -> None:
        """Take in nothing of it until it is resumed."""
        await self._line(self._schedule(name))
        await self._ledger.write(partial(slots.pause, name=name, by=by))
        self._scheduler.wake.set()

    async def resume(self, name: str) -> None:
        """Go on with the slots that come up from now on; those that came up meanwhile share a record."""
        schedule, now = self._schedule(name), self._scheduler.wall.now()
        line = await self._line(schedule)
        if not line.paused:
            raise Conflict(f"{name} is not paused")
        find = partial(due.passed, schedule, moment(line.cursor), now, f"paused by {line.paused}")
        passed = await asyncio.to_thread(find)
        record = recorded(schedule, passed).slot if passed else None
        await self._write(partial(slots.resume, name=name, cursor=micros(now), passed=record))

    async def run_now(self, name: str, by: str) -> str:
        """Do its work now, beside its slots; returns the id under which it is recorded.

        Raises Conflict while it is at work and may not overlap, and UnknownAgent when its agent is not here.
        """
        schedule, now, agents = self._schedule(name), self._scheduler.wall.now(), self._scheduler.agents()
        if schedule.agent not in agents:
            raise UnknownAgent(schedule.agent, sorted(agents))
        filed = ordered(schedule, agents[schedule.agent], now)
        at, until = micros(now), micros(now + due.patience(schedule))
        slot = replace(filed.slot, begins_at=at, until=until, reason=filed.slot.reason or f"{slots.RUN_BY}{by}")
        most = 1 if schedule.overlap == "skip" else due.MOST
        run = partial(slots.run_now, filed=Filed(slot, filed.message), under_way=most)
        taken = await self._write(run)
        if taken is None:
            raise Conflict(f"{name} is at work already")
        for each in taken:
            self._scheduler.queue(each)
        return slot.id

    async def skip(self, name: str, when: str, by: str) -> str:
        """Leave one out; raises UnknownSlot, and Conflict when it is under way or has ended."""
        schedule = self._schedule(name)
        slot = self._coming(schedule, when)
        record = recorded(schedule, Due(slot, "skipped", f"skipped by {by}")).slot
        if not await self._write(partial(slots.skip, slot=record)):
            raise Conflict(f"{record.id} is under way, or has ended")
        return record.id

    async def edit(self, name: str, when: str, text: str, by: str) -> str:
        """Give one words of its own; raises UnknownSlot, and Conflict when its words are made already."""
        schedule = self._schedule(name)
        record = planned(schedule, self._coming(schedule, when), text, by)
        if not await self._write(partial(slots.plan, slot=record)):
            raise Conflict(f"the words of {record.id} are made already; what waits for approval is edited there")
        return record.id

    async def trust_clock(self) -> None:
        """It is as late as the clock says: what was held goes on."""
        now = micros(self._scheduler.wall.now())
        book = await self._ledger.read(slots.book)

        def turn_back(connection: Connection, clock: Clock) -> None:
            for line in book.lines.values():
                if line.cursor > now:
                    slots.begin(connection, line.name, line.timing, now)

        await self._write(turn_back)
        self._scheduler.wall.trust()

    # --- which one is meant

    def _schedule(self, name: str) -> Schedule:
        known = self._scheduler.wanted()
        if name not in known:
            raise UnknownSchedule(name, sorted(known))
        return known[name]

    async def _line(self, schedule: Schedule) -> Line:
        """What is remembered of it; one that has only just come begins here."""
        line = (await self._ledger.read(slots.book)).lines.get(schedule.name)
        if line is None or line.timing != timing(schedule):
            line = Line(schedule.name, timing(schedule), micros(self._scheduler.wall.now()), "", False)
            begin = partial(slots.begin, name=line.name, timing=line.timing, cursor=line.cursor)
            await self._ledger.write(begin)
        return line

    def _coming(self, schedule: Schedule, when: str) -> datetime:
        """The slot at a time by the schedule's clock, or `next`; raises UnknownSlot."""
        now = self._scheduler.wall.now()
        slot = next(slots_of(schedule, now), None) if when == "next" else _at(schedule, when)
        if slot is None or begins(schedule, slot) <= now:
            coming = next_times(schedule, now, 1)
            hint = f"next is {coming[0]:%Y-%m-%dT%H:%M}" if coming else "it never comes up again"
            raise UnknownSlot(f"{schedule.name} does not come up at {when!r}; {hint}")
        return slot

    async def _write(self, transaction: Callable[..., T]) -> T:
        done = await self._ledger.write(partial(transaction, clock=self._ledger.clock))
        self._scheduler.wake.set()
        return done


def _at(schedule: Schedule, when: str) -> datetime | None:
    """The slot that a time means; None: there is none, or it is no time."""
    try:
        written = datetime.fromisoformat(when)
    except ValueError:
        return None
    at = written if written.tzinfo else written.replace(tzinfo=ZoneInfo(schedule.timezone))
    at = at.astimezone(UTC)
    return next(slots_of(schedule, at - _INSTANT, at), None)
