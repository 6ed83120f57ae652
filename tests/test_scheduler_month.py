"""A month of schedules, with a change of the clock in it: killed again and again, two at once, each slot comes once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from sqlalchemy import Connection, select, update

from carrier.config.timing import begins, slot_id, slots
from carrier.ledger import slots as records
from carrier.ledger.engine import Clock, Ledger, Transaction
from carrier.ledger.intake import Intake
from carrier.ledger.slots import Slot
from carrier.ledger.tables import inbox
from carrier.scheduler.due import MOST, is_in_time, next_wake
from carrier.scheduler.filing import moment
from carrier.scheduler.scheduler import Scheduler
from carrier.testing.schedules import VirtualWall, schedule
from carrier.testing.turns import AGENT
from carrier.types.schedules import Schedule

T = TypeVar("T")

MONTHS = [datetime(2026, 3, 14, 11, 30, tzinfo=UTC), datetime(2026, 10, 10, 10, 30, tzinfo=UTC)]
"""Thirty days each, with the night in which the clock is set forward or back."""
DAYS = timedelta(days=30)
SCHEDULES = {
    each.name: each
    for each in (
        schedule("often", every=14400.0, catch_up="all", grace=7 * 86400.0, overlap="wait"),
        schedule("nightly", cron="30 2 * * *", catch_up="once", grace=3600.0, overlap="wait"),
        schedule("mornings", cron="*/20 8 * * mon-fri", overlap="wait"),
        schedule("late", cron="0 20 * * *", jitter=1800.0, catch_up="once", grace=7200.0, overlap="wait"),
        schedule("either", cron="15 6 13 * sun", catch_up="all", grace=3600.0, overlap="wait"),
    )
}
"""Whatever overlaps waits: that a slot is skipped for another has a test of its own."""


class Killed(Exception):
    """The process is no more."""


class DeadlyLedger(Ledger):
    """Its process dies at some of the writings, before them or when they are on disk."""

    deadly: Random | None = None

    async def write(self, transaction: Transaction[T]) -> T:
        fate = self.deadly.random() if self.deadly else 1.0
        if fate < 0.1:
            raise Killed
        done = await super().write(transaction)
        if fate < 0.2:
            raise Killed
        return done


class Naive(Scheduler):
    """Has the work done and writes down afterwards that it is."""

    async def take_in(self, transaction: Callable[..., list[Intake]]) -> None:
        for taken in await _foreseen(self.ledger, transaction):
            self.queue(taken)
        await self.ledger.write(partial(transaction, clock=self.ledger.clock))


async def _foreseen(ledger: Ledger, transaction: Callable[..., list[Intake]]) -> list[Intake]:
    """What a transaction would take in; nothing is written."""
    found: list[Intake] = []

    def undone(connection: Connection) -> None:
        found.extend(transaction(connection, clock=Clock(ledger.clock.tick())))
        raise Killed

    with suppress(Killed):
        await Ledger.write(ledger, undone)
    return found


@dataclass
class Month:
    """One month of lives, and what ran in it."""

    folder: Path
    start: datetime
    random: Random
    make: type[Scheduler] = Scheduler
    wall: VirtualWall = field(init=False)
    ran: list[str] = field(default_factory=list)
    """Slots whose work was done."""
    looks: list[datetime] = field(default_factory=list)
    lives: int = 0

    def __post_init__(self) -> None:
        self.wall = VirtualWall(self.start)

    async def passes(self, restarts: int) -> None:
        """All of it, in so many lives, with pauses between them; the first look and the last one are survived."""
        ends = sorted(self.start + self.random.random() * DAYS for _ in range(restarts))
        async with self._ledgers() as ledgers:
            for end in [*ends, self.start + DAYS]:
                await self._live(ledgers, end)
                pause = self.random.choice([1.0, 20.0, 90.0, 3000.0, 20000.0])
                if self.wall.at + timedelta(seconds=pause) < self.start + DAYS:
                    self.wall.passes(self.wall.at + timedelta(seconds=pause))
            await self._look(self._scheduler(ledgers[0], deadly=False))
            await self._work(ledgers[0])

    @asynccontextmanager
    async def _ledgers(self) -> AsyncIterator[list[DeadlyLedger]]:
        """Two on one file, below the lock that a host takes."""
        opened = [DeadlyLedger(self.folder / "ledger.db", self.wall.micros) for _ in range(2)]
        try:
            yield opened
        finally:
            for ledger in opened:
                ledger.deadly = None
                await ledger.close()

    async def _live(self, ledgers: list[DeadlyLedger], end: datetime) -> None:
        """Until then, or until all are dead."""
        living = [self._scheduler(ledger, deadly=self.lives > 0) for ledger in ledgers]
        self.lives += 1
        while living and self.wall.at <= end:
            looked = await asyncio.gather(*map(self._look, living))
            living = [each for each, survived in zip(living, looked, strict=True) if survived]
            await self._work(ledgers[0])
            wakes = [wake for each in SCHEDULES.values() if (wake := next_wake(each, self.wall.at))]
            if living and min(wakes) > end:
                break
            self.wall.passes(min(wakes))

    def _scheduler(self, ledger: DeadlyLedger, deadly: bool) -> Scheduler:
        ledger.deadly = Random(self.random.random()) if deadly else None
        queue = self._queue if self.make is Naive else _left_to_the_ledger
        return self.make(
            ledger, lambda: SCHEDULES, lambda: {AGENT.name: AGENT}, queue, lambda client: None, self.wall.wall()
        )

    async def _look(self, scheduler: Scheduler) -> bool:
        """Whether it survived; a look that found nothing more to do has seen everything."""
        try:
            while await scheduler.look():
                pass
        except Killed:
            return False
        self.looks.append(self.wall.at)
        return True

    def _queue(self, taken: Intake) -> None:
        self.ran.append(_slot_of(taken.message.id))

    async def _work(self, ledger: DeadlyLedger) -> None:
        """The turns of what waits in the ledger, whoever has taken it in."""
        waiting = await ledger.read(
            lambda it: list(it.execute(select(inbox.c.message).where(inbox.c.state == "waiting")).scalars())
        )
        for message in waiting:
            await Ledger.write(ledger, partial(_done, clock=ledger.clock, message=message))
            if self.make is not Naive:
                self.ran.append(_slot_of(message))


def _left_to_the_ledger(taken: Intake) -> None:
    pass


def _slot_of(message: str) -> str:
    return message.removeprefix("chat:").rpartition(":")[0]


def _done(connection: Connection, clock: Clock, message: str) -> None:
    slot = records.of_message(connection, message)
    assert slot, "each order is some slot's"
    records.worked(connection, clock, slot, "done", "", None)
    connection.execute(update(inbox).where(inbox.c.message == message).values(state="done"))


# --- what has to hold -----------------------------------------------------------------------------------------------


async def wrong(month: Month) -> list[str]:
    """All that came twice, was left out, or came when it should not have."""
    async with month._ledgers() as (ledger, _):
        found = [
            slot for name in SCHEDULES for slot in await ledger.read(partial(records.history, schedule=name, most=9999))
        ]
    return [
        *_more_than_once(month),
        *_unlike_the_records(month, found),
        *_left_out(month, found),
        *_not_as_declared(month, found),
    ]


def _more_than_once(month: Month) -> Iterator[str]:
    yield from (f"{slot} ran {times} times" for slot, times in Counter(month.ran).items() if times > 1)


def _unlike_the_records(month: Month, found: list[Slot]) -> Iterator[str]:
    done = {slot.id for slot in found if slot.state == "done"}
    yield from (f"{slot} ran, or is recorded as done, and not both" for slot in done ^ set(month.ran))
    yield from (f"{slot.id} is still {slot.state}" for slot in found if slot.state not in records.ENDED)


def _left_out(month: Month, found: list[Slot]) -> Iterator[str]:
    """Every slot from the first look to the last has its record."""
    known = {slot.id: slot.covers for slot in found}
    for name, each in SCHEDULES.items():
        covered = 0
        for slot in slots(each, month.looks[0], month.looks[-1]):
            if begins(each, slot) > month.looks[-1]:
                break
            covered += known.pop(slot_id(name, slot), 0) - 1
            if covered < 0:
                yield f"{slot_id(name, slot)} has no record"
                covered = 0
    yield from (f"{slot} is no slot" for slot in known)


def _not_as_declared(month: Month, found: list[Slot]) -> Iterator[str]:
    looks = sorted(set(month.looks))
    for slot in found:
        each, at = SCHEDULES[slot.schedule], moment(slot.due_at)
        seen = next((look for look in looks if look >= moment(slot.begins_at)), looks[-1])
        if slot.state == "done" and not (slot.begins_at <= slot.at and is_in_time(each, at, moment(slot.at))):
            yield f"{slot.id} was done at {moment(slot.at)}"
        if slot.state == "missed" and is_in_time(each, at, seen) and not _crowded(each, slot, seen):
            yield f"{slot.id} was missed, though somebody looked at {seen}"


def _crowded(each: Schedule, slot: Slot, seen: datetime) -> bool:
    """Whether more came up than may be caught up at once."""
    return len(list(slots(each, moment(slot.due_at), seen))) >= MOST


# --- tried ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", MONTHS, ids=["spring", "autumn"])
async def test_each_slot_of_a_month_comes_once_over_two_hundred_restarts(tmp_path: Path, start: datetime) -> None:
    month = Month(tmp_path, start, Random(start.month))

    await month.passes(restarts=200)

    assert month.lives == 201
    assert await wrong(month) == []
    assert {slot.partition("@")[0] for slot in month.ran} == set(SCHEDULES)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("start", MONTHS, ids=["spring", "autumn"])
async def test_each_slot_of_many_months_comes_once(tmp_path: Path, start: datetime, seed: int) -> None:
    month = Month(tmp_path, start, Random(seed))

    await month.passes(restarts=200)

    assert await wrong(month) == []


async def test_one_that_runs_before_it_writes_runs_twice_and_these_tests_notice(tmp_path: Path) -> None:
    month = Month(tmp_path, MONTHS[0], Random(1), Naive)

    await month.passes(restarts=20)

    assert [problem for problem in await wrong(month) if problem.endswith(" times")]
