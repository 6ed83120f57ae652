"""How often a client may do something: begin a session, start beside others, ask Discord for anything at all."""

import asyncio
import time
from collections import defaultdict, deque
from hashlib import sha256

from carrier.errors import Passing

IDENTIFY_EVERY = 5.5
"""Seconds between two sessions of one token: Discord wants five, by its own clock."""
START_EVERY = 0.1
"""Seconds between the starts of two clients of one process."""

REQUESTS_A_SECOND = 40
"""Of one bot; Discord takes fifty, as they arrive."""

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0, "month": 30 * 86400.0}


_BEGUN: defaultdict[str, deque[float]] = defaultdict(deque)
"""When sessions of this process were begun, by the token's hash: a client that is made anew has the same token."""


class Identifies:
    """Counts the sessions of one token: Discord resets the token of who begins too many."""

    def __init__(self, token: str, most: int, per: str):
        self._most, self._per = most, _SECONDS[per]
        self._begun = _BEGUN[sha256(token.encode()).hexdigest()]

    async def next(self, connections: int = 1) -> None:
        """Wait until another session may begin, and count it; raises Passing when it may not for long.

        Who has several connections may begin as often with each.
        """
        now = time.monotonic()
        while self._begun and self._begun[0] <= now - self._per:
            self._begun.popleft()
        most = self._most * connections
        if len(self._begun) >= most:
            wait = self._begun[0] + self._per - now
            message = f"{most} sessions were begun within a short time; Discord would reset the token"
            raise Passing(message, wait)
        pause = self._begun[-1] + IDENTIFY_EVERY - now if self._begun else 0.0
        self._begun.append(now + max(0.0, pause))
        await asyncio.sleep(max(0.0, pause))


class Starts:
    """Lets clients start one after the other."""

    def __init__(self) -> None:
        self._next = 0.0

    async def next(self) -> None:
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + START_EVERY
        await asyncio.sleep(at - now)


STARTS = Starts()
"""Of all clients of this process."""


class Requests:
    """Lets a bot ask no more than Discord takes: where it refuses one of many, it refuses all that follow."""

    def __init__(self) -> None:
        self._begun: deque[float] = deque(maxlen=REQUESTS_A_SECOND)

    async def next(self) -> None:
        now = time.monotonic()
        is_full = len(self._begun) == REQUESTS_A_SECOND
        at = max(now, self._begun[0] + 1.0) if is_full else now
        self._begun.append(at)
        if at > now:
            await asyncio.sleep(at - now)
