"""The clock on the wall, watched by one that nobody sets."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

TOO_FAR = timedelta(days=1)


def _now() -> datetime:
    return datetime.now(UTC)


def _steady() -> float:
    """Seconds since the machine started, those included in which it slept."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class Wall:
    """Says what time it is, and whether that can be."""

    def __init__(self, now: Callable[[], datetime] = _now, steady: Callable[[], float] = _steady):
        self.now, self._steady = now, steady
        self._last = now(), steady()

    def doubt(self, latest: datetime | None) -> str:
        """Why the time cannot be right, in a sentence; empty: it can. `latest` is the last slot that was taken in."""
        now, steady = self.now(), self._steady()
        seen, then = self._last
        expected = seen + timedelta(seconds=steady - then)
        if now - expected > TOO_FAR:
            return f"the clock jumped from {_told(expected)} to {_told(now)}"
        if latest and latest - now > TOO_FAR:
            return f"the clock says {_told(now)}, but slots up to {_told(latest)} were taken in already"
        self._last = now, steady
        return ""

    def trust(self) -> None:
        """It is as late as the clock says."""
        self._last = self.now(), self._steady()


def _told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
