"""The time of a local Discord: durations can pass faster than on the wall, and a jump can be made."""

import time
from datetime import UTC, datetime

EPOCH = 1_420_070_400_000
"""Milliseconds: the first second of 2015, where snowflakes begin."""


class Clock:
    """Seconds since 1970, a little ahead if it was told so."""

    def __init__(self, speed: float = 1.0):
        self.speed = speed
        """How many of Discord's seconds a window of Discord's lasts in one second on the wall."""
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Jump forward: what would have run out by then has run out."""
        self._ahead += seconds

    def lasts(self, seconds: float) -> float:
        """What Discord would wait, in seconds on the wall."""
        return seconds / self.speed


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def snowflake(seconds: float) -> int:
    """The lowest id of that moment."""
    return (int(seconds * 1000) - EPOCH) << 22
