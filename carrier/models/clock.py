"""Time, as whatever asks models is handed it: a test may bring its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since some moment; never fewer than before."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@asynccontextmanager
async def within(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError when what is done inside takes longer, by this clock."""
    async with asyncio.timeout(None) as limit:
        alarm = asyncio.create_task(_ring(clock, seconds, limit))
        try:
            yield
        finally:
            alarm.cancel()


async def _ring(clock: Clock, seconds: float, limit: asyncio.Timeout) -> None:
    await clock.sleep(max(seconds, 0.0))
    limit.reschedule(asyncio.get_running_loop().time())
