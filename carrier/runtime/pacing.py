"""How many messages of one person an agent answers within a time."""

import time
from collections import deque
from collections.abc import Callable

from carrier.types.agents import AgentLimits

PEOPLE = 10_000
"""Of how many the last messages are kept in mind."""


class Pace:
    """Counts what each person says to each agent; a restart begins anew."""

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now = now
        self._last: dict[tuple[str, str], deque[float]] = {}

    def allows(self, agent: str, sender: str, limits: AgentLimits) -> bool:
        """Whether one more is answered; it counts only if it is."""
        if not limits.messages:
            return True
        now = self._now()
        # The one who spoke last stands last, so that who is forgotten has been quiet for the longest.
        last = self._last[agent, sender] = self._last.pop((agent, sender), deque())
        while last and last[0] <= now - limits.per:
            last.popleft()
        if len(self._last) > PEOPLE:
            del self._last[next(iter(self._last))]
        if len(last) >= limits.messages:
            return False
        last.append(now)
        return True
