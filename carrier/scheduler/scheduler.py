"""The scheduler: takes in what comes up by the clock, once, and has it done in time or told why not."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from carrier.config.timing import slot_id
from carrier.config.timing import slots as slots_of
from carrier.errors import LedgerError
from carrier.ledger import slots
from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.intake import Intake
from carrier.ledger.slots import Batch, Book, Decided, Ending, Filed, Line, Slot
from carrier.ledger.turns import send
from carrier.runtime.notices import notice
from carrier.runtime.speaking import Send
from carrier.scheduler import due
from carrier.scheduler.due import Due
from carrier.scheduler.filing import filed, message, micros, moment, ordered, timing
from carrier.scheduler.timers import Timers
from carrier.scheduler.wall import Wall
from carrier.types.agents import Agent
from carrier.types.schedules import Schedule

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK = 30.0
"""Seconds between two looks when nothing wakes it: a clock that was set is seen by then."""
LEDGER_PAUSE = 5.0
"""Seconds until a ledger that could not be written is tried again."""
LONG = timedelta(hours=1)
"""What came up in so long a time is counted in a thread."""
MICROSECOND = timedelta(microseconds=1)
FIRST_RETRY = 60_000_000
"""Microseconds until what failed is tried again for the first time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a schedule stands, as the last look found it."""

    name: str
    paused: str = ""
    """By whom; empty: it runs."""
    troubled: bool = False
    """One failed or was missed, and none was done since."""
    waiting: int = 0
    """Slots whose words wait for approval."""
    next: datetime | None = None
    """When there is something to do next: a slot begins, or its words have to be made."""


class Scheduler:
    """Looks at what the ledger says of each schedule and takes in what has come up; a turn does the work.

    Several on one ledger do each slot once. What it is woken by does not matter.
    """

    def __init__(
        self,
        ledger: Ledger,
        schedules: Callable[[], Mapping[str, Schedule]],
        agents: Callable[[], Mapping[str, Agent]],
        queue: Callable[[Intake], None],
        more_to_send: Callable[[str], None],
        wall: Wall | None = None,
        look: float = LOOK,
        muted: Callable[[str], str] = lambda room: "",
        send: Send = send,
    ):
        """`schedules` are those that the files say, `agents` those that live; `muted` says by whom a room is."""
        self.ledger, self._schedules, self.agents = ledger, schedules, agents
        self.queue, self._more_to_send, self._send = queue, more_to_send, send
        self.wall, self._look, self._muted = wall or Wall(), look, muted
        self.wake = asyncio.Event()
        self.stopping = False
        self.held = ""
        """Why nothing is taken in, where the clock cannot be right."""
        self.standing: Mapping[str, Standing] = {}
        self._timers = Timers(self._woken)
        self._quiet: dict[str, tuple[Schedule, int, datetime | None]] = {}
        """Until when nothing comes up, by the schedule and the cursor that this was found for."""

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self.wake.clear()
                if not await self._try():
                    await self._rest()
        finally:
            self._timers.close()

    async def _try(self) -> bool:
        try:
            again = await self.look()
            await self._timers.follow(self.here())
            return again
        except LedgerError as error:
            log.error("schedules have to wait: %s", error)
            await asyncio.sleep(LEDGER_PAUSE)
            return True

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._look):
                await self.wake.wait()
        except TimeoutError:
            pass

    async def _woken(self) -> None:
        self.wake.set()

    def wanted(self) -> Mapping[str, Schedule]:
        """Those whose slots have a work that can be done: something to say, or a task."""
        return {name: each for name, each in self._schedules().items() if each.wording}

    def here(self) -> Mapping[str, Schedule]:
        """Those of them whose agents live."""
        living = self.agents()
        return {name: each for name, each in self.wanted().items() if each.agent in living}

    # --- one look

    async def look(self) -> bool:
        """Take in what has come up, let go what was approved and tell of what failed; whether there was anything."""
        if self.stopping:
            return False
        book, now = await self.ledger.read(slots.book), self.wall.now()
        if self._holds(book):
            return False
        done = [await self._let_go(book)]
        done += [await self._look_at(schedule, book, now) for schedule in self.here().values()]
        done += [await self._go_on(slot, decided, book, now) for slot, decided in book.decided()]
        done += [await self._retry(slot) for slot in book.untold if self._next_try(slot) in range(1, micros(now) + 1)]
        waiting = {slot.id for slot in book.untold if self._next_try(slot)}
        names = {slot.schedule for slot in book.untold if slot.id not in waiting}
        done += [await self._tell(name, waiting) for name in sorted(names)]
        self.standing = {name: self._standing(name, book) for name in self.wanted()}
        return any(done)

    def _holds(self, book: Book) -> bool:
        cursors = [line.cursor for line in book.lines.values() if line.timing]
        doubt = self.wall.doubt(moment(max(cursors)) if cursors else None)
        if doubt and not self.held:
            log.error("schedules are held: %s; if it is right: `carrier-host schedules trust-clock`", doubt)
        elif self.held and not doubt:
            log.info("schedules go on")
        self.held = doubt
        return bool(doubt)

    async def _let_go(self, book: Book) -> bool:
        """Forget those that no file says any more."""
        wanted = self.wanted()
        gone = [name for name, line in book.lines.items() if line.timing and name not in wanted]
        if gone:
            await self._write(partial(slots.let_go, names=gone))
        return bool(gone)

    async def _look_at(self, schedule: Schedule, book: Book, now: datetime) -> bool:
        line = book.lines.get(schedule.name)
        if line is None or line.timing != timing(schedule):
            await self._begin(schedule, book, now)
        elif line.cursor > micros(now):
            # The clock was set back: what comes up again is known by its key.
            await self.ledger.write(partial(slots.begin, name=line.name, timing=line.timing, cursor=micros(now)))
        elif line.paused or self._is_quiet(schedule, line, now):
            return False
        else:
            # Whoever else has something to do need not wait for all schedules.
            await asyncio.sleep(0)
            return await self._take_up(schedule, line, now) or await self._prepare(schedule, line, now)
        return True

    def _is_quiet(self, schedule: Schedule, line: Line, now: datetime) -> bool:
        """Whether the last look found that nothing comes up before a later time than this."""
        known, cursor, until = self._quiet.get(schedule.name, (None, 0, None))
        return known is schedule and cursor == line.cursor and (until is None or now < until)

    async def _begin(self, schedule: Schedule, book: Book, now: datetime) -> None:
        """Count from now; what is ahead by other times is off. What has come up, or was run by hand, goes on."""
        ahead = [slot for slot in book.of(schedule.name, *slots.AHEAD) if slot.begins_at > micros(now)]
        off = [slot.id for slot in ahead if not _comes(schedule, slot)]

        def begin(connection: Connection, clock: Clock) -> None:
            slots.begin(connection, schedule.name, timing(schedule), micros(now))
            slots.take_back(connection, clock, off, "the schedule comes at other times now")

        await self._write(begin)

    async def _take_up(self, schedule: Schedule, line: Line, now: datetime) -> bool:
        """What has come up since the cursor, in one transaction with it."""
        cursor = moment(line.cursor)
        find = partial(due.due, schedule, cursor, now)
        found = await asyncio.to_thread(find) if now - cursor > LONG else find()
        agent = self.agents().get(schedule.agent)
        if found and agent:
            filed_now = tuple(filed(schedule, agent, self._unless_muted(schedule, each)) for each in found)
            most = 1 if schedule.overlap == "skip" else due.MOST
            batch = Batch(schedule.name, line.cursor, micros(found[-1].slot), filed_now, most)
            await self.take_in(partial(slots.take_up, batch=batch))
        return bool(found)

    def _unless_muted(self, schedule: Schedule, slot: Due) -> Due:
        """Nothing is said by the clock where an operator wants it quiet."""
        by = self._muted(schedule.room) if schedule.room and slot.fate == "runs" else ""
        return replace(slot, fate="skipped", reason=f"{schedule.room} is muted by {by}") if by else slot

    async def _prepare(self, schedule: Schedule, line: Line, now: datetime) -> bool:
        """Have the words made that somebody has to approve before they are said."""
        coming = {slot_id(schedule.name, slot): slot for slot in due.ahead(schedule, now)}
        there = await self.ledger.read(partial(slots.begun, ids=coming)) if coming else ()
        new = [slot for id, slot in coming.items() if id not in there]
        for slot in new:
            if agent := self.agents().get(schedule.agent):
                await self.take_in(partial(slots.file, filed=ordered(schedule, agent, slot)))
        if not new:
            self._quiet[schedule.name] = (schedule, line.cursor, due.next_wake(schedule, now))
        return bool(new)

    async def _go_on(self, slot: Slot, decided: Decided, book: Book, now: datetime) -> bool:
        """Words that somebody has decided about: they are said at their time, or end otherwise."""
        if slot.work in ("post", "caption"):
            return False  # the post goes its own way
        schedule, line, at = self.here().get(slot.schedule), book.lines.get(slot.schedule), micros(now)
        ending: tuple[Ending, str] | None = None
        match decided.state:
            case "refused":
                ending = "skipped", f"refused by {decided.by}"
            case "expired":
                ending = "missed", "nobody approved it in time"
            case "approved" | "edited" if at > slot.until:
                ending = "missed", f"it was approved by {decided.by}, and nobody was there in time"
            case "approved" | "edited" if at >= slot.begins_at and line and line.paused and not slot.by_hand:
                ending = "skipped", f"paused by {line.paused}"
            case "approved" | "edited" if at >= slot.begins_at and schedule and (by := self._muted(schedule.room)):
                ending = "skipped", f"{schedule.room} is muted by {by}"
            case "approved" | "edited" if at >= slot.begins_at and schedule:
                said = Filed(slot, message(slot, schedule.room, decided.text))
                await self.take_in(partial(slots.release, filed=said, approval=decided.id))
                return True
        if ending:
            state, reason = ending
            end = partial(slots.end, ids=[slot.id], states=["waiting for approval"], ending=state, reason=reason)
            await self._write(end)
        return ending is not None

    def _next_try(self, slot: Slot) -> int:
        """When a slot that failed is tried again: each time after twice as long, while it may still begin; 0: never."""
        schedule = self.here().get(slot.schedule)
        at = slot.at + FIRST_RETRY * 2**slot.tries
        tried = slot.state == "failed" and schedule and slot.tries < schedule.retries and at <= slot.until
        return at if tried else 0

    async def _retry(self, slot: Slot) -> bool:
        schedule = self.here()[slot.schedule]
        filed = ordered(schedule, self.agents()[schedule.agent], moment(slot.due_at))
        text = slot.text or (filed.message.text if filed.message else "")
        state = filed.slot.state if filed.message or text else "failed"
        row = replace(slot, state=state, tries=slot.tries + 1, text=text, reason=filed.slot.reason or slot.reason)
        again = Filed(row, message(row, schedule.room, text) if state != "failed" else None)
        taken = await self._write(partial(slots.again, filed=again))
        for each in taken:
            self.queue(each)
        return bool(taken)

    async def _tell(self, name: str, but: Collection[str]) -> bool:
        """What failed or was missed goes to the log and to the room that wants to know; once, until one is done."""
        schedule = self.wanted().get(name)
        room = schedule.notify if schedule else ""

        def tell(connection: Connection, clock: Clock) -> list[Slot]:
            fresh = slots.tell(connection, name, but)
            if fresh and (outgoing := notice(room, f"{name}/notice/{clock.tick()}", told_of(fresh), fresh[-1].agent)):
                self._send(connection, clock, outgoing)
            return fresh

        if fresh := await self._write(tell):
            log.warning("%s", told_of(fresh))
            self._more_to_send(room.partition("/")[0])
        return True

    def _standing(self, name: str, book: Book) -> Standing:
        waiting = len(book.of(name, "waiting for approval"))
        _, _, until = self._quiet.get(name, (None, 0, None))
        line = book.lines.get(name)
        return Standing(name, line.paused, line.troubled, waiting, until) if line else Standing(name)

    async def take_in(self, transaction: Callable[..., list[Intake]]) -> None:
        """Commit what a transaction takes in, and queue it."""
        for taken in await self._write(transaction):
            self.queue(taken)

    async def _write(self, transaction: Callable[..., T]) -> T:
        return await self.ledger.write(partial(transaction, clock=self.ledger.clock))


def _comes(schedule: Schedule, slot: Slot) -> bool:
    """Whether a slot is one of the schedule's."""
    at = moment(slot.due_at)
    return at in slots_of(schedule, at - MICROSECOND, at)


def told_of(fresh: Sequence[Slot]) -> str:
    """What failed or was missed, for a person."""
    last, number = fresh[-1], sum(slot.covers for slot in fresh)
    what = "failed" if last.state == "failed" else "was missed"
    times = f" {number} times, the last" if number > 1 else ""
    when = last.id.rpartition("@")[2]
    return f"The schedule {last.schedule} {what}{times} for {when}: {last.reason}"
