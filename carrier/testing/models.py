"""A model that answers from a list, and keeps what it was asked; and time that passes as fast as it can."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count

from carrier.models.asking import Able
from carrier.types.models import UNPRICED, ActionCall, Completion, Prices, Request, Usage

Answer = str | Completion | BaseException | Callable[[Request], Awaitable[Completion]]
"""A text, a whole completion, an error to raise, or a function that does what it likes first."""


class ListedModel:
    """`interfaces.Model`. Gives its answers one after the other, then repeats what it is told.

    A list among the answers is a stream, piece by piece: texts, errors to raise, and the completion.
    """

    def __init__(
        self,
        *answers: Answer | list[str | Completion | Exception],
        name: str = "listed/model",
        able: Able | None = None,
        prices: Prices = UNPRICED,
    ):
        self.name = name
        self.answers = deque(answers)
        self.requests: list[Request] = []
        self._able = able or Able()
        self._prices = prices

    async def able(self) -> Able:
        return self._able

    async def prices(self) -> Prices:
        return self._prices

    async def complete(self, request: Request) -> Completion:
        *_, completion = [piece async for piece in self.stream(request)]
        assert isinstance(completion, Completion)
        return completion

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        """Word by word, or in the pieces of a list."""
        self.requests.append(request)
        answer = self.answers.popleft() if self.answers else f"you said: {request.prompt.conversation[-1].text}"
        for piece in answer if isinstance(answer, list) else await self._pieces(answer, request):
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def _pieces(self, answer: Answer, request: Request) -> list[str | Completion | Exception]:
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, str):
            completion = Completion(answer, usage=Usage(2, 1, 0.5), model=self.name)
        else:
            completion = answer if isinstance(answer, Completion) else await answer(request)
        return [*re.findall(r"\s*\S+", completion.text), completion]


def calls(name: str, /, **arguments: object) -> Completion:
    """A model's wish to have one action done."""
    return Completion("", (ActionCall(f"call-{name}", name, arguments),), Usage(2, 1, 0.5), "listed/model")


IDLE = 40
"""Rounds of the event loop after which whoever does not wait for time has come to an end."""


class VirtualClock:
    """`carrier.models.clock.Clock`. As a context it lets time pass whenever all others wait for it."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._someone = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._now + max(seconds, 0.0), next(self._order), woken))
        self._someone.set()
        await woken

    async def __aenter__(self) -> "VirtualClock":
        self._passing = asyncio.create_task(self._pass())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._passing.cancel()
        with suppress(asyncio.CancelledError):
            await self._passing

    async def _pass(self) -> None:
        while True:
            await self._someone.wait()
            for _ in range(IDLE):
                await asyncio.sleep(0)
            self._wake_next()

    def _wake_next(self) -> None:
        while self._sleepers:
            at, _, woken = heappop(self._sleepers)
            if not woken.done():
                self._now = max(self._now, at)
                woken.set_result(None)
                return
        self._someone.clear()
