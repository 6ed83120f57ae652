"""What has come up of a schedule since its cursor, and what is to become of each slot: pure decisions."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from carrier.config.timing import begins, next_beginning, slots
from carrier.types.schedules import Schedule

MOMENT = timedelta(seconds=60)
"""A slot that is taken in so late is still on time: a host that is started again has missed nothing."""
MOST = 10
"""Slots of one schedule that are caught up at once, are at work at once, or are prepared ahead."""

Fate = Literal["runs", "missed", "skipped"]


@dataclass(frozen=True, slots=True)
class Due:
    """A slot that has come up, or as many as it `covers`."""

    slot: datetime
    fate: Fate = "runs"
    reason: str = ""
    covers: int = 1


def due(schedule: Schedule, cursor: datetime, now: datetime) -> list[Due]:
    """In order; the last one's slot is the next cursor. Of a long absence, all but the latest share a record."""
    latest: deque[datetime] = deque(maxlen=MOST)
    first, count = None, 0
    certain = now - timedelta(seconds=schedule.jitter)
    for slot in slots(schedule, cursor, now):
        if slot > certain and begins(schedule, slot) > now:
            break
        first, count = first or slot, count + 1
        latest.append(slot)
    found = [_due(schedule, slot, latest, now) for slot in latest]
    if first and count > len(latest):
        found.insert(0, _missed_or_overtaken(schedule, first, now, count - len(latest)))
    return found


def _due(schedule: Schedule, slot: datetime, latest: deque[datetime], now: datetime) -> Due:
    runs = schedule.catch_up == "all" or slot == latest[-1]
    return Due(slot) if runs and is_in_time(schedule, slot, now) else _missed_or_overtaken(schedule, slot, now)


def _missed_or_overtaken(schedule: Schedule, slot: datetime, now: datetime, covers: int = 1) -> Due:
    if schedule.catch_up != "all" and is_in_time(schedule, slot, now):
        return Due(slot, "skipped", "the next one had come up by then", covers)
    return Due(slot, "missed", f"it could begin only at {now:%Y-%m-%d %H:%M:%S} UTC", covers)


def is_in_time(schedule: Schedule, slot: datetime, now: datetime) -> bool:
    """Whether its work may still begin."""
    return now - begins(schedule, slot) <= (MOMENT if schedule.catch_up == "skip" else patience(schedule))


def patience(schedule: Schedule) -> timedelta:
    """How late something may begin that could not begin in time."""
    return max(MOMENT, timedelta(seconds=schedule.grace))


def ahead(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """The slots yet to come that have to be prepared by now."""
    if schedule.approval and schedule.prepare:
        span = timedelta(seconds=schedule.prepare)
        coming = slots(schedule, now - timedelta(seconds=schedule.jitter), now + span)
        yield from islice((slot for slot in coming if now < begins(schedule, slot) <= now + span), MOST)


def next_wake(schedule: Schedule, now: datetime) -> datetime | None:
    """When there is something to do next: a slot begins, or has to be prepared."""
    before = timedelta(seconds=schedule.prepare if schedule.approval else 0.0)
    begin, prepared = next_beginning(schedule, now), next_beginning(schedule, now + before)
    return min((at for at in (begin, prepared and prepared - before) if at), default=None)


def passed(schedule: Schedule, cursor: datetime, now: datetime, reason: str) -> Due | None:
    """All slots of a span in one, skipped; None where there are none."""
    found = slots(schedule, cursor, now)
    first = next(found, None)
    return Due(first, "skipped", reason, 1 + sum(1 for _ in found)) if first else None
