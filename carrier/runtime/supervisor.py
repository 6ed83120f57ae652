"""Keeps a client and its sender alive: an error is retried with growing pauses, and costs nobody else anything."""

import asyncio
import logging
import random
import time
from dataclasses import dataclass, field
from typing import Literal

from carrier.errors import ClientError, Unauthorized
from carrier.interfaces import Client, Deliver
from carrier.runtime.outbox import Sender
from carrier.types import ClientDefinition, Message

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
HEALTHY_AFTER = 300.0
READY_SECONDS = 10.0
"""What a client may take to connect."""
MOMENT = 0.05
"""What a client has to go on for to count as connected, if it does not say so itself."""
LAST_SECONDS = 3.0
"""How long is waited for what a client that goes is sending."""


@dataclass(eq=False)
class LivingClient:
    """A client's life; `state` and `problem` say how it goes.

    Until it `serves` it is on trial: it is connected, but what it hears waits, and it sends nothing.
    """

    definition: ClientDefinition
    client: Client
    sender: Sender
    deliver: Deliver
    first_pause: float = FIRST_PAUSE
    state: Literal["starting", "running", "waiting", "unauthorized", "ended"] = "starting"
    problem: str = ""
    serves: asyncio.Event = field(default_factory=asyncio.Event)
    _stumbled: asyncio.Event = field(default_factory=asyncio.Event)
    _sending: "asyncio.Task[None] | None" = None

    async def run(self) -> None:
        """Until cancelled, or until it ends for good."""
        pause = self.first_pause
        while True:
            begun = time.monotonic()
            await self._live()
            if self.state != "waiting":
                return
            healthy = time.monotonic() - begun > HEALTHY_AFTER
            pause = self.first_pause if healthy else min(2 * pause, LONGEST_PAUSE)
            await asyncio.sleep(random.uniform(pause / 2, pause))

    async def _live(self) -> None:
        name = self.definition.name
        self.state, self.problem = "running", ""
        try:
            async with asyncio.TaskGroup() as both:
                self._sending = both.create_task(self._send(), name=f"sender {name}")
                await self.client.run(self.hear)
                self._sending.cancel()
            self.state = "ended"
            log.info("%s: ended", name)
        except ExceptionGroup as errors:
            self._fail(_most_telling(errors))
            _end_if_cancelled()
        finally:
            self._stumbled.set()

    async def _send(self) -> None:
        await self.serves.wait()
        await self.sender.run()

    async def hear(self, message: Message) -> None:
        """On trial it waits: one that never comes to serve may hear another account, and must put nothing in."""
        await self.serves.wait()
        await self.deliver(message)

    def _fail(self, error: Exception) -> None:
        self.problem = f"{type(error).__name__}: {error}"
        if isinstance(error, Unauthorized):
            self.state = "unauthorized"
            log.error("%s: %s; it is tried again when its configuration changes", self.definition.name, error)
        else:
            self.state = "waiting"
            log.error("%s: failed, and is started again: %s", self.definition.name, self.problem, exc_info=error)

    # --- coming and going

    async def connected(self) -> None:
        """Wait until it is connected for the first time; raises ClientError if it does not get that far."""
        ready: asyncio.Event | None = getattr(self.client, "ready", None)
        going_on = asyncio.create_task(ready.wait() if ready else asyncio.sleep(MOMENT))
        stumbling = asyncio.create_task(self._stumbled.wait())
        try:
            done, _ = await asyncio.wait(
                {going_on, stumbling}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            going_on.cancel()
            stumbling.cancel()
        if stumbling in done:
            raise ClientError(self.problem or "it ended at once")
        if not done:
            raise ClientError(f"it was not connected within {READY_SECONDS:g} s")

    async def stop_sending(self) -> None:
        """Send nothing more; what is under way may still arrive, if that takes no longer than a few seconds."""
        self.sender.finish()
        if self._sending:
            await asyncio.wait([self._sending], timeout=LAST_SECONDS)


def _end_if_cancelled() -> None:
    """A task group that meets an error and a cancellation at once tells of the error alone."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


def _most_telling(errors: ExceptionGroup[Exception]) -> Exception:
    """The error that decides: what is for good before what passes."""
    error: Exception = errors.subgroup(Unauthorized) or errors
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
