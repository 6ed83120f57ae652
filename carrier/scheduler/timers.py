"""Wakes the scheduler at the moments that its schedules come up at. It only says when; whether is in the ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from carrier.types.schedules import Schedule

if TYPE_CHECKING:
    from carrier.scheduler.trigger import Clock


class Timers:
    """A timer for each schedule: one that is lost loses nothing."""

    def __init__(self, wake: Callable[[], Awaitable[None]]):
        self._wake = wake
        self._schedules: dict[str, Schedule] = {}
        self._clock: Clock | None = None

    async def follow(self, schedules: Mapping[str, Schedule]) -> None:
        """Wake for these from now on, and for no others."""
        if schedules and self._clock is None:
            self._clock = (await asyncio.to_thread(_clock))(self._wake)
            self._clock.start()
        if self._clock:
            for name in self._schedules.keys() - schedules.keys():
                self._clock.drop(name)
            for name, schedule in schedules.items():
                if self._schedules.get(name) != schedule:
                    self._clock.add(schedule)
        self._schedules = dict(schedules)

    def close(self) -> None:
        if self._clock:
            self._clock.stop()


def _clock() -> "type[Clock]":
    # Takes a tenth of a second to import.
    from carrier.scheduler.trigger import Clock

    return Clock
