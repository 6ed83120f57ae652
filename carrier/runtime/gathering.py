"""Holds back what a person says until they have been silent for a moment, so that it is answered at once."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from carrier.types.talk import Lane, Message

LONGEST = 5
"""How many times the silence that is waited for a person may be kept waiting who goes on and on."""

Later = Callable[[float, Callable[[], None]], asyncio.TimerHandle]
"""Calls a function in so many seconds; what it returns can be cancelled."""


def _later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call)


@dataclass
class _Burst:
    """What one person is saying; it ends at `last` whatever they do."""

    sender: str
    last: float
    timer: asyncio.TimerHandle
    ids: list[str] = field(default_factory=list)


class Bursts:
    """Ids of messages by lane. In each lane one person can be held back: whoever speaks next lets them go first."""

    def __init__(
        self,
        release: Callable[[Lane, str], None],
        later: Later = _later,
        now: Callable[[], float] = time.monotonic,
    ):
        self._release, self._later, self._now = release, later, now
        self._held: dict[Lane, _Burst] = {}

    def put(self, lane: Lane, message: Message, gather: float) -> None:
        """Release a message once its sender has been silent for `gather` seconds, and in its order."""
        burst = self._held.get(lane)
        if burst and not (gather and burst.sender == message.sender):
            self._let_go(lane)
        if not gather:
            self._release(lane, message.id)
            return
        self._wait(lane, message.sender, gather)
        self._held[lane].ids.append(message.id)

    def goes_on(self, lane: Lane, message: Message, gather: float) -> None:
        """Somebody said something that needs no answer: whoever is held back and said it is not silent yet."""
        burst = self._held.get(lane)
        if burst and gather and burst.sender == message.sender:
            self._wait(lane, message.sender, gather)

    def agents(self) -> set[str]:
        """All for whom something is held back."""
        return {lane.agent for lane in self._held}

    def length(self, lane: Lane) -> int:
        return len(self._held[lane].ids) if lane in self._held else 0

    def close(self) -> None:
        """Release nothing more."""
        for burst in self._held.values():
            burst.timer.cancel()
        self._held.clear()

    def _wait(self, lane: Lane, sender: str, gather: float) -> None:
        now, burst = self._now(), self._held.get(lane)
        if burst:
            burst.timer.cancel()
        last = burst.last if burst else now + LONGEST * gather
        timer = self._later(min(gather, max(0.0, last - now)), lambda: self._let_go(lane))
        self._held[lane] = _Burst(sender, last, timer, burst.ids if burst else [])

    def _let_go(self, lane: Lane) -> None:
        burst = self._held.pop(lane)
        burst.timer.cancel()
        for id in burst.ids:
            self._release(lane, id)
