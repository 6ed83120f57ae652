"""The clock that the local Graph API lives by: it runs or stands still, and can be put forward."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Seconds since 1970. One that stands still moves only when it is put forward."""

    standing: bool = False
    _ahead: float = 0.0
    _began: float = field(default_factory=time.time)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> float:
        return (self._began if self.standing else time.time()) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def until(self, moment: float) -> None:
        while (left := moment - self.now()) > 0:
            moved = self._moved
            with suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), None if self.standing else left)
