"""Keeps a client and its sender alive: an error is retried with growing pauses, and costs nobody else anything."""

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from typing import Literal

from carrier.errors import Unauthorized
from carrier.interfaces import Client, Deliver
from carrier.runtime.outbox import Sender
from carrier.types import ClientDefinition

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
HEALTHY_AFTER = 300.0


@dataclass(eq=False)
class LivingClient:
    """A client's life; `state` and `problem` say how it goes."""

    definition: ClientDefinition
    client: Client
    sender: Sender
    deliver: Deliver
    first_pause: float = FIRST_PAUSE
    state: Literal["starting", "running", "waiting", "unauthorized", "ended"] = "starting"
    problem: str = ""

    async def run(self) -> None:
        """Until cancelled, or until it ends for good."""
        pause = self.first_pause
        while self.state not in ("ended", "unauthorized"):
            begun = time.monotonic()
            await self._live()
            if self.state == "waiting":
                healthy = time.monotonic() - begun > HEALTHY_AFTER
                pause = self.first_pause if healthy else min(2 * pause, LONGEST_PAUSE)
                await asyncio.sleep(random.uniform(pause / 2, pause))

    async def _live(self) -> None:
        name = self.definition.name
        self.state, self.problem = "running", ""
        try:
            async with asyncio.TaskGroup() as both:
                sending = both.create_task(self.sender.run(), name=f"sender {name}")
                await self.client.run(self.deliver)
                sending.cancel()
            self.state = "ended"
            log.info("%s: ended", name)
        except ExceptionGroup as errors:
            self._fail(_most_telling(errors))
            _end_if_cancelled()

    def _fail(self, error: Exception) -> None:
        self.problem = f"{type(error).__name__}: {error}"
        if isinstance(error, Unauthorized):
            self.state = "unauthorized"
            log.error("%s: %s; it is tried again when its configuration changes", self.definition.name, error)
        else:
            self.state = "waiting"
            log.error("%s: failed, and is started again: %s", self.definition.name, self.problem, exc_info=error)


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
