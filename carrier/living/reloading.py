"""One reload at a time, and always of the newest files: a newer wish overtakes the one under way."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from carrier.config.diagnostics import Problem

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 5.0
"""For how long wishes may overtake each other: a file that changes all the time must not hold up all others."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a reload. It is ok if everything that runs is what the files say."""

    at: float
    revision: str
    ok: bool
    problems: tuple[Problem, ...]
    reason: str = ""
    """Why it is not ok, in one sentence."""


class Overtaken(Exception):
    """There is a newer wish: what is under way has to stop before it swaps anything more."""


class Reloads:
    """Runs attempts, each after the last one ended, for as long as there are wishes."""

    def __init__(self, attempt: Callable[[], Awaitable[Reloaded]]):
        """An attempt asks `stop_if_newer` wherever it can still stop without a trace."""
        self._attempt = attempt
        self._wish = asyncio.Event()
        self._wished_at = 0.0
        self._waiting: list[asyncio.Future[Reloaded]] = []

    def soon(self) -> None:
        """Wish for one: it begins with what is on disk from now on."""
        self._wished_at = self._wished_at or time.monotonic()
        self._wish.set()

    async def done(self) -> Reloaded:
        """Wish for one, and wait for what comes of it."""
        outcome: asyncio.Future[Reloaded] = asyncio.get_running_loop().create_future()
        self._waiting.append(outcome)
        self.soon()
        return await outcome

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wish.wait()
            self._wish.clear()
            waiting, self._waiting = self._waiting, []
            try:
                outcome = await self._attempt()
            except Overtaken:
                self._waiting = waiting + self._waiting
                continue
            self._wished_at = time.monotonic() if self._wish.is_set() else 0.0
            for waits in waiting:
                if not waits.done():
                    waits.set_result(outcome)

    def stop_if_newer(self) -> None:
        """Raises Overtaken."""
        if self._wish.is_set() and not self._is_overdue():
            raise Overtaken

    async def unless_newer(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of work that takes its time and may be given up; raises Overtaken."""
        working, wishing = asyncio.create_task(work), asyncio.create_task(self._wish.wait())
        try:
            await asyncio.wait({working, wishing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                self.stop_if_newer()
            return await working
        finally:
            wishing.cancel()
            working.cancel()

    def _is_overdue(self) -> bool:
        return time.monotonic() - self._wished_at > PATIENCE
