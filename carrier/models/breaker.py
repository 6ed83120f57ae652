"""Leaves a model alone that is down, and looks now and then whether it is back."""

from typing import Literal

from carrier.models.clock import Clock

FAILURES = 5
"""In a row, until it counts as down."""
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0


class Breaker:
    """Closed while a model answers. Five failures in a row open it for a pause; then one request goes through as a
    probe, and the pause doubles each time the probe fails."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self.failures = 0
        self._pause = FIRST_PAUSE
        self._until = 0.0
        self._probing = False

    def closed_for(self) -> float:
        """Seconds until a request may go through; 0: now."""
        if self.failures < FAILURES:
            return 0.0
        left = self._until - self._clock.now()
        return max(left, self._pause if self._probing else 0.0)

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        if self.failures < FAILURES:
            return "closed"
        return "half-open" if self._probing else "open"

    def enter(self) -> bool:
        """A request goes through; says whether it is the probe. Tell how it ended with one of the three below."""
        probe = self.failures >= FAILURES
        self._probing = self._probing or probe
        return probe

    def answered(self) -> None:
        self.failures, self._pause, self._probing = 0, FIRST_PAUSE, False

    def failed(self, probe: bool) -> None:
        """Of those that were under way when it opened, none opens it for longer."""
        self.failures += 1
        if probe:
            self._probing = False
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        if probe or self.failures == FAILURES:
            self._until = self._clock.now() + self._pause

    def left(self, probe: bool) -> None:
        """Nobody waited for the answer."""
        self._probing = self._probing and not probe
