"""Asks one model within its limits and its time, again where that may help, and not at all while it is down."""

import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from carrier.errors import ModelError
from carrier.interfaces import ModelState
from carrier.metering import waste
from carrier.models.asking import MOST_CHARACTERS, Able, Asked, characters, size, tokens
from carrier.models.breaker import Breaker
from carrier.models.clock import Clock, within
from carrier.models.limiting import Limiter, Taken
from carrier.types.models import Completion, ModelLimits, Request

log = logging.getLogger(__name__)

RETRIES = 2
FIRST_PAUSE = 0.5
MOST_CALLS = 64
ANSWER_TOKENS = 256
"""What an answer is taken to be, before it is there."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all who ask the same model have in common."""

    limiter: Limiter
    breaker: Breaker

    @classmethod
    def of(cls, model: str, limits: ModelLimits, clock: Clock) -> "Shared":
        return cls(Limiter(model, limits, clock), Breaker(clock))

    def state(self, profile: str, model: str, limits: ModelLimits) -> ModelState:
        requests, tokens = self.limiter.taken()
        return ModelState(
            profile=profile,
            model=model,
            breaker=self.breaker.state,
            failures=self.breaker.failures,
            again_in=max(self.breaker.closed_for(), self.limiter.rests_for()),
            under_way=self.limiter.under_way,
            requests=requests,
            tokens=tokens,
            limits=limits,
        )


class Guarded:
    """A model that has `timeout` seconds for an answer, retries and pauses included; as long it waits for its limits.

    A stream that broke after its beginning was passed on is not begun again.
    """

    def __init__(
        self,
        model: Asked,
        timeout: float,
        shared: Shared,
        clock: Clock,
        jitter: Callable[[float, float], float] = random.uniform,
    ):
        self.name = model.name
        self._model, self._timeout = model, timeout
        self._limiter, self._breaker = shared.limiter, shared.breaker
        self._clock, self._jitter = clock, jitter

    async def able(self) -> Able:
        return await self._model.able()

    async def complete(self, request: Request) -> Completion:
        async with self._place(request) as place:
            while True:
                try:
                    async with self._asking(place):
                        async with self._in_time(place):
                            completion = await self._model.complete(request)
                        return self._checked(completion, place)
                except ModelError as error:
                    await self._again(request, place, error)

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        async with self._place(request) as place:
            begun = False
            while True:
                try:
                    async with self._asking(place), aclosing(self._pieces(request, place)) as pieces:
                        async for piece in pieces:
                            begun = True
                            yield piece
                        return
                except ModelError as error:
                    if begun:
                        raise
                    await self._again(request, place, error)

    async def _pieces(self, request: Request, place: "Place") -> AsyncGenerator[str | Completion]:
        said = 0
        async with aclosing(self._model.stream(request)) as stream:
            while True:
                async with self._in_time(place):
                    piece = await anext(stream, None)
                if piece is None:
                    raise ModelError(self.name, "the answer broke off", "retry", kind="down")
                if isinstance(piece, Completion):
                    yield self._checked(piece, place)
                    return
                said += len(piece)
                self._check_size(said)
                yield piece

    # --- before it is asked, and after

    @asynccontextmanager
    async def _place(self, request: Request) -> AsyncIterator["Place"]:
        """A place among those who ask it; the time for the answer begins when its limits let the first request by."""
        self._check_breaker()
        until = self._clock.now() + self._timeout
        async with self._limiter.slot(self._timeout):
            taken = await self._limiter.take(self._tokens(request), until)
            yield Place(self._clock.now() + self._timeout, taken)

    @asynccontextmanager
    async def _asking(self, place: "Place") -> AsyncIterator[None]:
        """One attempt; the breaker is told how it ended."""
        self._check_breaker()
        probe = self._breaker.enter()
        try:
            yield
        except ModelError as error:
            self._breaker.failed(probe) if error.kind == "down" else self._breaker.answered()
            raise
        # A model out of a plug-in may raise whatever it likes.
        except Exception as error:
            self._breaker.left(probe)
            log.exception("%s: the model failed with an error of its own", self.name)
            raise ModelError(self.name, f"it failed with {type(error).__name__}", "fall back") from error
        except BaseException:
            self._breaker.left(probe)
            raise
        self._breaker.answered()

    @asynccontextmanager
    async def _in_time(self, place: "Place") -> AsyncIterator[None]:
        left = place.deadline - self._clock.now()
        try:
            if left <= 0:
                raise TimeoutError
            async with within(self._clock, left):
                yield
        except TimeoutError as error:
            raise ModelError(self.name, f"no answer within {self._timeout:g} s", "retry", kind="down") from error

    async def _again(self, request: Request, place: "Place", error: ModelError) -> None:
        """Wait until it may be asked again; raises the error where that would not help, or not in time."""
        if error.kind == "busy":
            self._limiter.rest(error.retry_after)
        pause = error.retry_after * self._jitter(1.0, 1.1) or FIRST_PAUSE * 2**place.retries * self._jitter(0.5, 1.5)
        if error.remedy != "retry" or place.retries == RETRIES or self._clock.now() + pause >= place.deadline:
            raise error
        place.retries += 1
        await self._clock.sleep(pause)
        place.taken = await self._limiter.take(self._tokens(request), place.deadline)

    def _check_breaker(self) -> None:
        if pause := self._breaker.closed_for():
            message = f"it did not answer {self._breaker.failures} times running, and is left alone for {pause:.0f} s"
            raise ModelError(self.name, message, "fall back", kind="down", retry_after=pause)

    def _checked(self, completion: Completion, place: "Place") -> Completion:
        if tokens := completion.usage.tokens_in + completion.usage.tokens_out:
            place.taken.amount = tokens
        try:
            self._check(completion)
        except ModelError:
            waste(completion.usage)
            raise
        return completion

    def _check(self, completion: Completion) -> None:
        self._check_size(len(completion.text) + sum(map(size, completion.calls)))
        if len(completion.calls) > MOST_CALLS:
            message = f"it asked for {len(completion.calls)} actions at once"
            raise ModelError(self.name, message, "fall back", kind="garbage")

    def _check_size(self, characters: int) -> None:
        if characters > MOST_CHARACTERS:
            message = f"an answer of more than {MOST_CHARACTERS:,} characters"
            raise ModelError(self.name, message, "fall back", kind="garbage")

    def _tokens(self, request: Request) -> int:
        """About what a request will take."""
        if not self._limiter.counts_tokens:
            return 0
        return tokens(characters(request)) + ANSWER_TOKENS


@dataclass(slots=True)
class Place:
    """Someone who asks, until the answer is there."""

    deadline: float
    taken: Taken
    retries: int = 0
