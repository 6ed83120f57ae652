"""What APScheduler is told: when there is something to do for a schedule. Imported with the first one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from carrier.scheduler.due import next_wake
from carrier.types.schedules import Schedule


class Moments(BaseTrigger):  # type: ignore[misc]  # APScheduler says nothing of its types
    """Fires whenever a slot of a schedule begins, or has to be prepared."""

    def __init__(self, schedule: Schedule):
        self._schedule = schedule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return next_wake(self._schedule, now)


class Clock:
    """A running APScheduler, with a job for each schedule."""

    def __init__(self, wake: Callable[[], Awaitable[None]]):
        self._wake = wake
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        self._scheduler.start()

    def add(self, schedule: Schedule) -> None:
        """Wake for this one; another of its name is replaced."""
        moments = Moments(schedule)
        self._scheduler.add_job(
            self._wake, moments, id=schedule.name, replace_existing=True, misfire_grace_time=None, coalesce=True
        )

    def drop(self, name: str) -> None:
        # APScheduler lets go of a job that never comes up again by itself.
        if self._scheduler.get_job(name):
            self._scheduler.remove_job(name)

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
