"""Keeps what a model is asked for within its limits: requests and tokens a minute, and requests at one time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from carrier.errors import ModelError
from carrier.models.clock import Clock, within
from carrier.types.models import ModelLimits

MINUTE = 60.0
LONGEST_REST = 300.0
"""Seconds: a server that wants to be left alone for longer is asked again after that."""


class Limiter:
    """The limits of one model, shared by all that ask it; who comes first is served first."""

    def __init__(self, model: str, limits: ModelLimits, clock: Clock):
        self._model, self._clock = model, clock
        self._requests, self._tokens = Window(limits.requests), Window(limits.tokens)
        self._slots = asyncio.Semaphore(limits.at_once) if limits.at_once else None
        self._line = asyncio.Lock()
        self._resting_until = 0.0
        self.counts_tokens = bool(limits.tokens)
        self.under_way = 0

    @asynccontextmanager
    async def slot(self, seconds: float) -> AsyncIterator[None]:
        """One of the places for requests under way, if one is free within that time."""
        if self._slots:
            try:
                async with within(self._clock, seconds):
                    await self._slots.acquire()
            except TimeoutError as error:
                raise self._busy(0.0) from error
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            if self._slots:
                self._slots.release()

    async def take(self, tokens: float, until: float) -> "Taken":
        """Wait until a request of about so many tokens fits, if it does by then; what it truly took is told after."""
        async with self._line:
            while (pause := self._pause(tokens)) > 0:
                if self._clock.now() + pause > until:
                    raise self._busy(pause)
                await self._clock.sleep(pause)
            self._requests.take(1, self._clock.now())
            return self._tokens.take(tokens, self._clock.now())

    def rest(self, seconds: float) -> None:
        """Its server wants to be left alone for so long."""
        self._resting_until = max(self._resting_until, self._clock.now() + min(seconds, LONGEST_REST))

    def rests_for(self) -> float:
        """Seconds that its server wants to be left alone for."""
        return max(self._resting_until - self._clock.now(), 0.0)

    def taken(self) -> tuple[float, float]:
        """Requests and tokens within the last minute, as far as they are limited."""
        now = self._clock.now()
        return self._requests.taken(now), self._tokens.taken(now)

    def _pause(self, tokens: float) -> float:
        now = self._clock.now()
        return max(self.rests_for(), self._requests.pause(1, now), self._tokens.pause(tokens, now))

    def _busy(self, pause: float) -> ModelError:
        message = f"its limits let nothing through for {pause:.0f} s" if pause else "its limits let nothing through"
        return ModelError(self._model, message, "fall back", kind="busy", retry_after=pause)


@dataclass(slots=True)
class Taken:
    at: float
    amount: float


class Window:
    """So much within any minute; less than one a minute is one within as much more time. 0: no limit."""

    def __init__(self, a_minute: float):
        self._most = max(a_minute, 1.0)
        self._seconds = MINUTE * self._most / a_minute if a_minute else 0.0
        self._taken: deque[Taken] = deque()

    def take(self, amount: float, now: float) -> Taken:
        taken = Taken(now, amount)
        if self._seconds:
            self._taken.append(taken)
        return taken

    def pause(self, amount: float, now: float) -> float:
        """Seconds until so much more fits; what is more than the whole window fits an empty one."""
        over = self.taken(now) + amount - self._most
        return _leaving(self._taken, over) + self._seconds - now if self._taken and over > 0 else 0.0

    def taken(self, now: float) -> float:
        """How much the window holds."""
        while self._taken and self._taken[0].at + self._seconds <= now:
            self._taken.popleft()
        return sum(taken.amount for taken in self._taken)


def _leaving(taken: Sequence[Taken], over: float) -> float:
    """When that was taken with which the surplus leaves; the last, if it leaves with none."""
    for one in taken:
        over -= one.amount
        if over <= 0:
            return one.at
    return taken[-1].at
