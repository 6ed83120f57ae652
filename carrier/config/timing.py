"""When schedules come up: the next times of a cron line, a moment or an interval, by a time zone's clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from carrier.config.models.times import cron_line
from carrier.types import Schedule


def next_times(schedule: Schedule, now: datetime, count: int = 3) -> tuple[datetime, ...]:
    """At most so many moments after `now`, which has a zone; an interval is counted from `now`."""
    return tuple(islice(_times(schedule, now.astimezone(ZoneInfo(schedule.timezone))), count))


def _times(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    if schedule.cron:
        from cronsim import CronSim

        yield from CronSim(cron_line(schedule.cron), now)
    elif schedule.at:
        at = datetime.fromisoformat(schedule.at).replace(tzinfo=now.tzinfo)
        yield from [at] if at > now else []
    elif schedule.every:
        start = now.astimezone(UTC)
        while True:
            start += timedelta(seconds=schedule.every)
            yield start.astimezone(now.tzinfo)


def told(cron: str) -> str:
    """A cron line in words, as in `At 08:30 on Monday through Friday`; raises CronSimError for one that is none."""
    from cronsim import CronSim

    text: str = CronSim(cron_line(cron), datetime.now(UTC)).explain()
    return text
