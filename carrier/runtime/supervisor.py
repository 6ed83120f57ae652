"""Keeps a client and its sender alive: an error is retried with growing pauses, and costs nobody else anything."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from carrier.errors import ClientError, Passing, Unauthorized
from carrier.interfaces import Client, Deliver
from carrier.runtime.outbox import Sender
from carrier.types.clients import ClientDefinition
from carrier.types.models import Tool
from carrier.types.talk import Message, Told

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
HEALTHY_AFTER = 300.0
READY_SECONDS = 10.0
"""What a client may take to connect, if it does not say so itself."""
MOMENT = 0.05
"""What a client has to go on for to count as connected, if it does not say so itself."""
LAST_SECONDS = 3.0
"""How long is waited for what a client that goes is sending."""


async def _nobody(text: str) -> None:
    pass


@dataclass(eq=False)
class LivingClient:
    """A client's life; `state` and `problem` say how it goes.

    Until it `serves` it is on trial: it is connected, but what it hears waits, and it sends nothing.
    """

    definition: ClientDefinition
    client: Client
    sender: Sender
    deliver: Deliver
    tell: Callable[[str], Awaitable[None]] = _nobody
    """Tells the operator what only the operator can mend."""
    first_pause: float = field(default_factory=lambda: FIRST_PAUSE)
    state: Literal["starting", "running", "waiting", "unauthorized", "ended"] = "starting"
    problem: str = ""
    serves: asyncio.Event = field(default_factory=asyncio.Event)
    _stumbled: asyncio.Event = field(default_factory=asyncio.Event)
    _sending: "asyncio.Task[None] | None" = None
    _at_least: float = 0.0
    """Seconds that it has to pause, by its own word."""

    async def run(self) -> None:
        """Until cancelled, or until it ends for good."""
        pause = self.first_pause
        while True:
            begun = time.monotonic()
            self._at_least = 0.0
            await self._live()
            if self.state != "waiting":
                return
            healthy = time.monotonic() - begun > HEALTHY_AFTER
            pause = self.first_pause if healthy else min(2 * pause, LONGEST_PAUSE)
            await asyncio.sleep(max(self._at_least, random.uniform(pause / 2, pause)))

    async def _live(self) -> None:
        name = self.definition.name
        self.state, self.problem = "running", ""
        self._sending = asyncio.create_task(self._send(), name=f"sender {name}")
        listening = asyncio.create_task(self.client.run(_Hearing(self.serves, self.deliver)), name=f"listener {name}")
        try:
            await asyncio.wait({self._sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sending.cancel()
            listening.cancel()
            ends = await asyncio.gather(self._sending, listening, return_exceptions=True)
            self._stumbled.set()
        if errors := [end for end in ends if isinstance(end, Exception)]:
            await self._fail(_most_telling(errors))
        else:
            self.state = "ended"
            log.info("%s: ended", name)

    async def _send(self) -> None:
        await self.serves.wait()
        await self.sender.run()

    async def hear(self, message: Message) -> None:
        """Take in what the platform told by webhook, as if the client had heard it itself."""
        await _Hearing(self.serves, self.deliver)(message)

    async def _fail(self, error: Exception) -> None:
        self.problem = f"{type(error).__name__}: {error}"
        if isinstance(error, Unauthorized):
            self.state = "unauthorized"
            log.error("%s: %s; it is tried again when its configuration changes", self.definition.name, error)
            # Of one on trial the reload tells.
            if self.serves.is_set():
                await self.tell(f"{self.definition.name} is not let in any more: {error}")
        else:
            self.state = "waiting"
            self._at_least = error.retry_after if isinstance(error, Passing) else 0.0
            log.error("%s: failed, and is started again: %s", self.definition.name, self.problem, exc_info=error)

    # --- coming and going

    def follow(self, definition: ClientDefinition) -> None:
        """Go on under a definition that is equal but for what the host does with what comes and goes."""
        self.definition, self.sender.dry_run = definition, definition.rules.dry_run

    async def connected(self) -> None:
        """Wait until it is connected for the first time; raises ClientError if it does not get that far."""
        ready: asyncio.Event | None = getattr(self.client, "ready", None)
        going_on = asyncio.create_task(ready.wait() if ready else asyncio.sleep(MOMENT))
        stumbling = asyncio.create_task(self._stumbled.wait())
        begun, done = time.monotonic(), set[asyncio.Task[object]]()
        try:
            while not done and (left := begun + self._ready_within - time.monotonic()) > 0:
                done, _ = await asyncio.wait({going_on, stumbling}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            going_on.cancel()
            stumbling.cancel()
        if stumbling in done:
            raise ClientError(self.problem or "it ended at once")
        if not done:
            raise ClientError(f"it was not connected within {self._ready_within:g} s")

    @property
    def _ready_within(self) -> float:
        """A client may know only once it has begun."""
        return float(getattr(self.client, "ready_within", READY_SECONDS))

    async def stop_sending(self) -> None:
        """Send nothing more; what is under way may still arrive, if that takes no longer than a few seconds."""
        self.sender.finish()
        if self._sending:
            await asyncio.wait([self._sending], timeout=LAST_SECONDS)


@dataclass(frozen=True)
class _Hearing:
    """On trial all waits: a client that never comes to serve may hear another account, and must put nothing in."""

    serves: asyncio.Event
    deliver: Deliver

    async def __call__(self, message: Message, cursor: str = "") -> None:
        await self.serves.wait()
        await self.deliver(message, cursor)

    async def edited(self, message: Message, follow: bool = True) -> None:
        await self.serves.wait()
        await self.deliver.edited(message, follow)

    async def withdrawn(self, platform_ids: Collection[str], forget: bool = False) -> None:
        await self.serves.wait()
        await self.deliver.withdrawn(platform_ids, forget)

    async def command(self, name: str, message: Message) -> Told:
        await self.serves.wait()
        return await self.deliver.command(name, message)

    async def tools(self, names: Collection[str]) -> Sequence[Tool]:
        await self.serves.wait()
        return await self.deliver.tools(names)

    async def call(self, action: str, arguments: Mapping[str, Any], message: Message) -> Told:
        await self.serves.wait()
        return await self.deliver.call(action, arguments, message)

    async def cursors(self) -> Mapping[str, str]:
        return await self.deliver.cursors()

    async def move(self, cursors: Mapping[str, str]) -> None:
        await self.serves.wait()
        await self.deliver.move(cursors)


def _most_telling(errors: Sequence[Exception]) -> Exception:
    """The error that decides: what is for good before what passes."""
    single = [one for error in errors for one in _single(error)]
    return next((error for error in single if isinstance(error, Unauthorized)), single[0])


def _single(error: Exception) -> Iterator[Exception]:
    """The errors of a group, or the one there is."""
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from _single(each)
    else:
        yield error
