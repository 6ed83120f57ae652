"""When schedules come up: pure functions from a schedule and a span of time to moments, by a time zone's clock."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from heapq import merge
from itertools import islice
from zoneinfo import ZoneInfo

from carrier.config.models.times import cron_line, local_time
from carrier.types.schedules import Schedule

_MONDAY = datetime(2024, 1, 1)
"""Midnight by the schedule's clock, in winter time, that intervals are counted from."""
_MINUTE = timedelta(minutes=1)


def slots(schedule: Schedule, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
    """Its moments, in UTC, that are later than `after` and no later than `until`, each once and in order.

    A time that the clock leaves out comes at the end of the gap; one that it shows twice comes at the first.
    """
    last = after
    for moment in _moments(schedule, after):
        slot = moment.astimezone(UTC)
        if until is not None and slot > until:
            return
        # In the hour that comes again, the clock's time alone would lead back into its first half.
        if slot > last:
            last = slot
            yield slot


def _moments(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(schedule.timezone)
    if schedule.cron:
        from cronsim import CronSim

        yield from CronSim(cron_line(schedule.cron), after.astimezone(zone))
    elif schedule.at:
        yield _existing(datetime.fromisoformat(schedule.at).replace(tzinfo=zone))
    elif schedule.every:
        yield from _intervals(timedelta(seconds=schedule.every), _MONDAY.replace(tzinfo=zone).astimezone(UTC), after)


def _existing(moment: datetime) -> datetime:
    """The moment itself, or the first one after the gap that it falls into."""
    while moment.astimezone(UTC).astimezone(moment.tzinfo) != moment:
        moment += _MINUTE
    return moment


def _intervals(period: timedelta, first: datetime, after: datetime) -> Iterator[datetime]:
    number = (after - first) // period + 1
    try:
        while True:
            yield first + number * period
            number += 1
    except OverflowError:
        return  # past the last year that there is


def begins(schedule: Schedule, slot: datetime) -> datetime:
    """When the work of a slot begins: so much later as `jitter` lets it, always the same, and before the next slot."""
    if not schedule.jitter:
        return slot
    following = next(slots(schedule, slot), None)
    most = timedelta(seconds=schedule.jitter)
    room = min(most, following - slot) if following else most
    share = int.from_bytes(sha256(slot_id(schedule.name, slot).encode()).digest()[:4]) / 2**32
    return slot + room * share


def next_beginning(schedule: Schedule, after: datetime) -> datetime | None:
    """When the work of a slot begins next; None: never again."""
    # One that came up before may begin later.
    coming = slots(schedule, after - timedelta(seconds=schedule.jitter))
    return next((begin for slot in coming if (begin := begins(schedule, slot)) > after), None)


def slot_id(schedule: str, slot: datetime) -> str:
    """`schedule@slot`, as in `tifa.morning@2026-11-21T07:30:00Z`."""
    return f"{schedule}@{slot.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def next_times(schedule: Schedule, now: datetime, count: int = 3) -> tuple[datetime, ...]:
    """At most so many moments after `now`, which has a zone; by the schedule's clock."""
    zone = ZoneInfo(schedule.timezone)
    return tuple(slot.astimezone(zone) for slot in islice(slots(schedule, now), count))


def times_of_day(times: Sequence[str], timezone: str, after: datetime) -> Iterator[datetime]:
    """When it is one of these times, as in 12:30, by the clock of a time zone; each day, in order, in UTC."""
    lines = [f"{int(minute)} {int(hour)} * * *" for hour, _, minute in (each.partition(":") for each in times)]
    return merge(*(slots(Schedule("", "", cron=line, timezone=timezone), after) for line in dict.fromkeys(lines)))


def moment_of(local: str, timezone: str) -> datetime:
    """Of a day and a time as in 2026-12-24T09:00, in UTC; raises ValueError for what is none."""
    return _existing(datetime.fromisoformat(local_time(local)).replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)


def told(cron: str) -> str:
    """A cron line in words, as in `At 08:30 on Monday through Friday`; raises CronSimError for one that is none."""
    from cronsim import CronSim

    text: str = CronSim(cron_line(cron), datetime.now(UTC)).explain()
    return text
