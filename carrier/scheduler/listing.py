"""Schedules as a person reads them: what each does and when, how it stands, and what the coming days bring."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from carrier.config.timing import next_times, slot_id, slots
from carrier.ledger.slots import Slot
from carrier.scheduler.filing import moment
from carrier.scheduler.scheduler import Standing
from carrier.types.posts import Post
from carrier.types.schedules import Schedule

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))
MOST_A_DAY = 6
"""Slots of one schedule that a calendar tells one by one; of more it tells the number."""
MOST = 2000
"""Slots of one schedule that are counted for a calendar."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A schedule; times in its own zone."""

    name: str
    agent: str
    does: str
    """As in `say tifa-discord/garden`."""
    when: str
    """As its file says it."""
    timezone: str
    next: tuple[str, ...]
    state: str
    """`runs`, or why it does not."""
    troubled: bool = False
    """One failed or was missed, and none was done since."""
    waiting: int = 0
    """Slots whose words wait for approval."""
    last: str = ""
    """What became of the last one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a day brings of one schedule, by its own clock."""

    day: str
    time: str
    schedule: str
    """Or the post that somebody gave this time."""
    does: str
    note: str = ""


def does(schedule: Schedule) -> str:
    if schedule.post:
        return f"post {schedule.post.client}"
    return f"say {schedule.room}" if schedule.room else "task"


def when(schedule: Schedule) -> str:
    if schedule.every:
        return f"every {_period(schedule.every)}"
    return schedule.cron or f"at {schedule.at}"


def _period(seconds: float) -> str:
    """In the largest unit that it is a whole number of."""
    size, unit = next((each for each in _UNITS if seconds % each[0] == 0), (1, "s"))
    return f"{seconds / size:g}{unit}"


def last_of(slot: Slot | None) -> str:
    """What became of a slot, in a line."""
    if slot is None:
        return ""
    return f"{slot.state} {slot.id.rpartition('@')[2]}{f': {slot.reason}' if slot.reason else ''}"


def listed(schedule: Schedule, now: datetime, standing: Standing | None, here: bool, last: str = "") -> Listed:
    """`standing` is how the scheduler found it, `here` whether its agent lives."""
    standing = standing or Standing(schedule.name)
    return Listed(
        name=schedule.name,
        agent=schedule.agent,
        does=does(schedule),
        when=when(schedule),
        timezone=schedule.timezone,
        next=tuple(at.isoformat(timespec="minutes") for at in next_times(schedule, now)),
        state=state_of(schedule, standing, here),
        troubled=standing.troubled,
        waiting=standing.waiting,
        last=last,
    )


def state_of(schedule: Schedule, standing: Standing, here: bool) -> str:
    """`runs`, or why it does not."""
    if not schedule.wording:
        return "does not run yet"
    if standing.paused:
        return f"paused by {standing.paused}"
    return "runs" if here else f"{schedule.agent} is not here"


def calendar(
    schedules: Mapping[str, Schedule], records: Mapping[str, Slot], since: datetime, until: datetime
) -> list[Entry]:
    """Day by day, in order of time; `records` are what is known of single slots, by id."""
    found = [entry for each in schedules.values() for entry in _of_schedule(each, records, since, until)]
    return sorted(found, key=lambda entry: (entry.day, entry.time, entry.schedule))


def of_posts(posts: Sequence[Post], timezone: str, since: datetime, until: datetime) -> list[Entry]:
    """Those that wait for a time that an operator gave them."""
    zone = ZoneInfo(timezone)
    waiting = [(moment(post.due), post) for post in posts if post.state == "approved" and not post.slot]
    return [_of_post(post, at.astimezone(zone)) for at, post in waiting if since <= at <= until]


def _of_post(post: Post, at: datetime) -> Entry:
    return Entry(f"{at:%Y-%m-%d}", f"{at:%H:%M}", post.id, f"post {post.client}", post.content.caption[:40])


def _of_schedule(schedule: Schedule, records: Mapping[str, Slot], since: datetime, until: datetime) -> Iterator[Entry]:
    zone = ZoneInfo(schedule.timezone)
    coming = (slot.astimezone(zone) for slot in islice(slots(schedule, since, until), MOST))
    for day, of_day in groupby(coming, key=lambda slot: slot.date().isoformat()):
        times = list(of_day)
        if len(times) > MOST_A_DAY:
            note = f"{len(times)} times until {times[-1]:%H:%M}"
            yield Entry(day, f"{times[0]:%H:%M}", schedule.name, does(schedule), note)
        else:
            for at in times:
                note = _note(records.get(slot_id(schedule.name, at)))
                yield Entry(day, f"{at:%H:%M}", schedule.name, does(schedule), note)


def _note(record: Slot | None) -> str:
    if record is None:
        return ""
    if record.state == "planned":
        return f"{record.reason}: {record.text}"
    return f"{record.state}{f': {record.reason}' if record.reason else ''}"
