"""The transactions of what comes up by the clock: a slot is taken in once, ends once, and is told of once.

The cursor of a schedule says up to where all slots have their records, and the key `schedule@slot` says whether one of
them has: two who look at once, or a clock that was set back, take nothing in twice.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update

from carrier.ledger import approvals
from carrier.ledger.approvals import Asked
from carrier.ledger.engine import Clock
from carrier.ledger.forms import load
from carrier.ledger.intake import Intake, take_in
from carrier.ledger.tables import approvals as approval_rows
from carrier.ledger.tables import schedules, slots
from carrier.types.models import ActionCall
from carrier.types.talk import Message

State = Literal["planned", "preparing", "waiting for approval", "due", "done", "missed", "skipped", "failed"]
"""Planned: it has words of its own and waits for its time. Due: its turn is queued or under way."""
Ending = Literal["done", "missed", "skipped", "failed"]
Work = Literal["", "say", "generate", "task", "approved", "post", "caption"]
"""Words to be said as they are; what a model is told to write; what an agent is told to do; words as approved; the
caption of a post; what a model is told to write as one."""

OPEN: tuple[State, ...] = ("planned", "preparing", "waiting for approval", "due")
AHEAD: tuple[State, ...] = ("planned", "preparing", "waiting for approval")
"""What can still be taken back."""
ENDED: tuple[State, ...] = ("done", "missed", "skipped", "failed")
MOST_TRIES = 10
RUN_BY = "run by "
"""How the reason of one begins that somebody ordered."""
TROUBLE = ("failed", "missed")


@dataclass(frozen=True, slots=True)
class Slot:
    """One coming-up of a schedule, or as many as it `covers`, which share one ending; times in microseconds."""

    id: str
    schedule: str
    agent: str
    state: State
    due_at: int
    begins_at: int
    until: int
    work: Work = ""
    text: str = ""
    message: str = ""
    reason: str = ""
    covers: int = 1
    at: int = 0
    """When its record was last written."""
    tries: int = 0
    """How often it was tried again."""

    @property
    def by_hand(self) -> bool:
        """Somebody ordered it, whatever the clock says."""
        return self.reason.startswith(RUN_BY)


@dataclass(frozen=True, slots=True)
class Decided:
    """The approval that a slot waits for."""

    id: str
    state: approvals.State
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Line:
    """What is remembered of a schedule."""

    name: str
    timing: str
    cursor: int
    paused: str
    troubled: bool


@dataclass(frozen=True, slots=True)
class Book:
    """All that a look at the schedules begins with."""

    lines: Mapping[str, Line]
    open: tuple[tuple[Slot, Decided | None], ...]
    untold: tuple[Slot, ...]
    """What failed or was missed and is not told yet."""

    def of(self, schedule: str, *states: State) -> list[Slot]:
        return [slot for slot, _ in self.open if slot.schedule == schedule and slot.state in states]

    def decided(self) -> list[tuple[Slot, Decided]]:
        """Those whose words wait for approval, and how that stands."""
        return [(slot, it) for slot, it in self.open if it and slot.state == "waiting for approval"]


@dataclass(frozen=True, slots=True)
class Filed:
    """A slot to be recorded, with the message that has its work done; without one its record is all there is."""

    slot: Slot
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """All that has come up of one schedule since its cursor."""

    schedule: str
    before: int
    """The cursor that was read."""
    cursor: int
    slots: tuple[Filed, ...]
    under_way: int
    """With so many at work already, another one is skipped."""


# --- read -------------------------------------------------------------------------------------------------

_open = (
    select(slots, approval_rows.c.id.label("approval"), approval_rows.c.state.label("decision"),
           approval_rows.c.call, approval_rows.c.decided_by)
    .outerjoin(approval_rows, approval_rows.c.slot == slots.c.id)
    .where(slots.c.state.in_(OPEN))
    .order_by(slots.c.due_at)
)  # fmt: skip
_untold = select(slots).where(slots.c.state.in_(TROUBLE), slots.c.told.is_(False))


def book(connection: Connection) -> Book:
    lines = {row.name: _to_line(row) for row in connection.execute(select(schedules))}
    waiting = tuple((_to_slot(row), _to_decided(row)) for row in connection.execute(_open))
    return Book(lines, waiting, tuple(_to_slot(row) for row in connection.execute(_untold)))


def _to_line(row: Row[Any]) -> Line:
    return Line(row.name, row.timing, row.cursor, row.paused, row.troubled)


def _to_slot(row: Row[Any]) -> Slot:
    return Slot(
        row.id, row.schedule, row.agent, row.state, row.due_at, row.begins_at, row.until, row.work, row.text,
        row.message, row.reason, row.covers, row.at, row.tries,
    )  # fmt: skip


def _to_decided(row: Row[Any]) -> Decided | None:
    if row.approval is None:
        return None
    call: ActionCall = load(ActionCall, row.call)
    return Decided(row.approval, row.decision, str(call.arguments.get("text", "")), row.decided_by)


def get(connection: Connection, id: str) -> Slot | None:
    row = connection.execute(select(slots).where(slots.c.id == id)).one_or_none()
    return _to_slot(row) if row else None


def of_message(connection: Connection, message: str) -> Slot | None:
    """The slot whose work a message orders."""
    row = connection.execute(select(slots).where(slots.c.message == message)).one_or_none()
    return _to_slot(row) if row else None


def begun(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those that are recorded already, and not only planned."""
    query = select(slots.c.id).where(slots.c.id.in_(list(ids)), slots.c.state != "planned")
    return set(connection.execute(query).scalars())


def history(connection: Connection, schedule: str, most: int) -> list[Slot]:
    """The newest first, with what is yet to come."""
    query = select(slots).where(slots.c.schedule == schedule).order_by(slots.c.due_at.desc()).limit(most)
    return [_to_slot(row) for row in connection.execute(query)]


def last_ended(connection: Connection, schedule: str) -> Slot | None:
    query = select(slots).where(slots.c.schedule == schedule, slots.c.state.in_(ENDED))
    row = connection.execute(query.order_by(slots.c.due_at.desc()).limit(1)).one_or_none()
    return _to_slot(row) if row else None


def between(connection: Connection, since: int, until: int) -> dict[str, Slot]:
    """What is recorded of a span of time, by id."""
    query = select(slots).where(slots.c.due_at > since, slots.c.due_at <= until)
    return {row.id: _to_slot(row) for row in connection.execute(query)}


# --- schedules ----------------------------------------------------------------------------------------------


def begin(connection: Connection, name: str, timing: str, cursor: int) -> None:
    """Count a schedule's slots from here; one that was paused stays so."""
    again = update(schedules).where(schedules.c.name == name).values(timing=timing, cursor=cursor)
    if not connection.execute(again).rowcount:
        connection.execute(insert(schedules), {"name": name, "timing": timing, "cursor": cursor})


def let_go(connection: Connection, clock: Clock, names: Sequence[str]) -> None:
    """No file says these any more: what they had ahead is off, and they begin anew should they come back."""
    connection.execute(update(schedules).where(schedules.c.name.in_(names)).values(timing=""))
    ahead = select(slots.c.id).where(slots.c.schedule.in_(names), slots.c.state.in_(AHEAD))
    take_back(connection, clock, connection.execute(ahead).scalars().all(), "the schedule is gone")


def pause(connection: Connection, name: str, by: str) -> None:
    connection.execute(update(schedules).where(schedules.c.name == name).values(paused=by))


def paused_by(connection: Connection, slot: Slot) -> str:
    """Who has paused the schedule whose words or post wait for their time; empty: nobody, or it is at work already."""
    if slot.by_hand or slot.state not in AHEAD:
        return ""
    return connection.execute(select(schedules.c.paused).where(schedules.c.name == slot.schedule)).scalar() or ""


def resume(connection: Connection, clock: Clock, name: str, cursor: int, passed: Slot | None) -> None:
    """Go on from here; `passed` stands for all that came up meanwhile."""
    if passed:
        file(connection, clock, Filed(passed))
    _leave_behind(connection, clock, name, cursor)
    connection.execute(update(schedules).where(schedules.c.name == name).values(paused="", cursor=cursor))


# --- taken in -----------------------------------------------------------------------------------------------


def take_up(connection: Connection, clock: Clock, batch: Batch) -> list[Intake]:
    """Record all of a batch, queue its work and move the cursor; nothing, if somebody else was faster, or has paused
    it."""
    moved = update(schedules).where(schedules.c.name == batch.schedule, schedules.c.cursor == batch.before)
    if not connection.execute(moved.where(schedules.c.paused == "").values(cursor=batch.cursor)).rowcount:
        return []
    busy = _under_way(connection, batch.schedule) >= batch.under_way
    found = [_overlapping(filed) if busy and filed.message else filed for filed in batch.slots]
    taken = [intake for filed in found for intake in file(connection, clock, filed)]
    _leave_behind(connection, clock, batch.schedule, batch.cursor)
    return taken


def _leave_behind(connection: Connection, clock: Clock, schedule: str, cursor: int) -> None:
    """What was planned for a slot that shares its record with others does not come either."""
    planned = select(slots.c.id).where(slots.c.schedule == schedule, slots.c.state == "planned")
    passed = connection.execute(planned.where(slots.c.due_at <= cursor)).scalars().all()
    end(connection, clock, passed, ("planned",), "missed", "nobody was there in time")


def _under_way(connection: Connection, schedule: str) -> int:
    query = select(func.count()).select_from(slots).where(slots.c.schedule == schedule, slots.c.state == "due")
    return int(connection.execute(query).scalar_one())


def _overlapping(filed: Filed) -> Filed:
    return Filed(replace(filed.slot, state="skipped", reason="the one before was not done"))


def file(connection: Connection, clock: Clock, filed: Filed) -> list[Intake]:
    """Record a slot and queue its work. What is recorded already stays as it is, but for words that were planned."""
    slot, message = filed.slot, filed.message
    known = get(connection, slot.id)
    if known and known.state != "planned":
        return []
    if known and message:
        work = _AS_WRITTEN.get(slot.work, "say")
        slot, message = replace(slot, work=work, reason=known.reason), replace(message, text=known.text)
    slot = replace(slot, text=message.text if message else known.text if known else "")
    _write(connection, clock, replace(slot, message=message.id if message else ""), known)
    return [take_in(connection, clock, message, {slot.agent: "waiting"})] if message else []


_AS_WRITTEN: Mapping[Work, Work] = {"task": "task", "post": "post", "caption": "post"}
"""What becomes of a work whose words somebody has written; else they are said."""


def run_now(connection: Connection, clock: Clock, filed: Filed, under_way: int) -> list[Intake] | None:
    """Take in a slot of its own; None, if so many are at work already."""
    if _under_way(connection, filed.slot.schedule) >= under_way:
        return None
    return file(connection, clock, filed)


def _write(connection: Connection, clock: Clock, slot: Slot, known: Slot | None) -> None:
    row = {field: getattr(slot, field) for field in Slot.__slots__} | {"at": clock.tick()}
    if known:
        connection.execute(update(slots).where(slots.c.id == slot.id).values(**row))
    else:
        connection.execute(insert(slots), row)


# --- what an operator changes of one ------------------------------------------------------------------------


def plan(connection: Connection, clock: Clock, slot: Slot) -> bool:
    """Give a slot that is yet to come words of its own; False when it has got further than that."""
    known = get(connection, slot.id)
    if known and known.state != "planned":
        return False
    _write(connection, clock, slot, known)
    return True


def skip(connection: Connection, clock: Clock, slot: Slot) -> bool:
    """Leave out a slot that is yet to come; False when it is not."""
    known = get(connection, slot.id)
    if known and known.state not in AHEAD:
        return False
    if known:
        take_back(connection, clock, [slot.id], slot.reason)
    else:
        _write(connection, clock, slot, None)
    return True


def take_back(connection: Connection, clock: Clock, ids: Sequence[str], reason: str) -> None:
    """What is ahead does not come; nobody needs to approve it any more."""
    end(connection, clock, ids, AHEAD, "skipped", reason)
    waiting = update(approval_rows).where(approval_rows.c.slot.in_(ids), approval_rows.c.state == "pending")
    connection.execute(waiting.values(state="expired"))


# --- approved -----------------------------------------------------------------------------------------------


def release(connection: Connection, clock: Clock, filed: Filed, approval: str) -> list[Intake]:
    """Queue words that were approved, exactly so; nothing, if somebody else was faster."""
    slot, message = filed.slot, filed.message
    assert message, "something is said"
    values = {"state": "due", "work": "approved", "text": message.text, "message": message.id, "at": clock.tick()}
    waiting = update(slots).where(slots.c.id == slot.id, slots.c.state == "waiting for approval")
    if not connection.execute(waiting.values(**values)).rowcount or not approvals.use(connection, approval):
        return []
    return [take_in(connection, clock, message, {slot.agent: "waiting"})]


# --- ended --------------------------------------------------------------------------------------------------


def end(
    connection: Connection, clock: Clock, ids: Iterable[str], states: Sequence[State], ending: Ending, reason: str = ""
) -> None:
    """Those that are in one of these states end so."""
    of_them = update(slots).where(slots.c.id.in_(list(ids)), slots.c.state.in_(states))
    values = {"state": ending, "at": clock.tick()}
    connection.execute(of_them.values(values | ({"reason": reason} if reason else {})))


def worked(
    connection: Connection, clock: Clock, slot: Slot, ending: Ending, reason: str, asked: Asked | None
) -> str | None:
    """The turn of a slot has closed; where somebody has to approve what it made, the number under which it waits."""
    if not asked:
        end(connection, clock, [slot.id], ("preparing", "due"), ending, reason)
        if ending == "done":
            connection.execute(update(schedules).where(schedules.c.name == slot.schedule).values(troubled=False))
        return None
    made = update(slots).where(slots.c.id == slot.id, slots.c.state == "preparing")
    made = made.values(state="waiting for approval", text=str(asked.call.arguments["text"]), at=clock.tick())
    if not connection.execute(made).rowcount:
        return None
    number, _ = approvals.ask(connection, clock, asked)
    if not number:
        reason = "too much waits to be approved in its room already"
        end(connection, clock, [slot.id], ("waiting for approval",), "failed", reason)
    return number or None


def posting(connection: Connection, clock: Clock, slot: str, draft: bool) -> None:
    """The work of a slot is a post, which waits for somebody to approve it, or is on its way out."""
    state: State = "waiting for approval" if draft else "due"
    under_way = update(slots).where(slots.c.id == slot, slots.c.state.in_(("preparing", "waiting for approval", "due")))
    connection.execute(under_way.values(state=state, at=clock.tick()))


def end_of_post(connection: Connection, clock: Clock, slot: str, ending: Ending, reason: str) -> None:
    """The post that was the work of a slot is over."""
    end(connection, clock, [slot], ("preparing", "waiting for approval", "due"), ending, reason)
    # Its own steps were tried again; it is not made anew from its files.
    connection.execute(update(slots).where(slots.c.id == slot).values(tries=MOST_TRIES))
    if ending == "done":
        of_it = select(slots.c.schedule).where(slots.c.id == slot).scalar_subquery()
        connection.execute(update(schedules).where(schedules.c.name == of_it).values(troubled=False))


def again(connection: Connection, clock: Clock, filed: Filed) -> list[Intake]:
    """Queue the work of a slot that failed once more; nothing, if somebody else was faster."""
    slot, message = filed.slot, filed.message
    failed = update(slots).where(slots.c.id == slot.id, slots.c.state == "failed", slots.c.tries == slot.tries - 1)
    values = {"state": slot.state, "tries": slot.tries, "message": message.id if message else "", "text": slot.text}
    if not connection.execute(failed.values(**values, reason=slot.reason, at=clock.tick())).rowcount:
        return []
    return [take_in(connection, clock, message, {slot.agent: "waiting"})] if message else []


def tell(connection: Connection, schedule: str, but: Collection[str] = ()) -> list[Slot]:
    """What failed or was missed and has to be told now; nothing, if trouble was told and none was done since."""
    here = _untold.where(slots.c.schedule == schedule, slots.c.id.not_in(but)).order_by(slots.c.due_at)
    rows = connection.execute(here)
    fresh = [_to_slot(row) for row in rows]
    connection.execute(update(slots).where(slots.c.id.in_([slot.id for slot in fresh])).values(told=True))
    calm = update(schedules).where(schedules.c.name == schedule, schedules.c.troubled.is_(False))
    return fresh if fresh and connection.execute(calm.values(troubled=True)).rowcount else []
