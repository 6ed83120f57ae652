"""The living clients, and how one changes: the new one is proven while the old one serves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from carrier.errors import ClientError
from carrier.interfaces import Client, Deliver
from carrier.ledger.engine import Ledger
from carrier.runtime.outbox import Sender
from carrier.runtime.supervisor import LivingClient
from carrier.types.clients import ClientDefinition

log = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
"""How long a client that is stopped may take to let go."""


class Clients:
    """Clients by name, each in a task of its own; `living` are those that serve."""

    def __init__(
        self,
        living: dict[str, LivingClient],
        make: Callable[[ClientDefinition], Client],
        ledger: Ledger,
        deliver: Callable[[str], Deliver],
        tell: Callable[[str, str], Awaitable[None]],
    ):
        """By a client's name, `deliver` takes in what it hands over, and `tell` tells its operator something."""
        self.living = living
        self._make, self._ledger, self._deliver, self._tell = make, ledger, deliver, tell
        self._made: dict[str, LivingClient] = {}
        """Made, perhaps on trial already, and not serving yet."""
        self._lives: dict[LivingClient, asyncio.Task[None]] = {}

    async def prove(self, definition: ClientDefinition) -> None:
        """Make it; if another one serves under its name and both may run, see that it connects.

        Raises ClientError, or whatever its making raises. It waits for `swap_in` or `let_go`.
        """
        made = self._made.get(definition.name)
        if not made or made.definition != definition:
            await self._end_trial(definition.name)
            made = self._made[definition.name] = self._new(definition)
        made.follow(definition)
        if self._serves(definition.name) and not self.is_alone(definition.name):
            await self._try(made)

    def is_alone(self, name: str) -> bool:
        """Whether the one that was made can only be tried when the old one has stopped."""
        return bool(getattr(self._made[name].client, "alone", False))

    async def swap_in(self, name: str) -> None:
        """The one that was proven takes over.

        One that is alone is tried only now, when the old one has stopped; if it does not connect, the old one is
        started again, and ClientError raised.
        """
        new, old = self._made[name], self.living.get(name)
        worked = self._serves(name)
        if old:
            # One sender at a time: the next one begins when the last one has ended.
            await old.stop_sending()
            await self._stop(old)
        if old and worked and self.is_alone(name):
            await self._try_instead(new, old)
        self.living[name] = self._made.pop(name)
        self._start(new)
        new.serves.set()

    def follow(self, definitions: Mapping[str, ClientDefinition]) -> None:
        """What needs no other client counts at once, for those that live."""
        for name, living in self.living.items():
            if definitions.get(name) == living.definition:
                living.follow(definitions[name])

    async def remove(self, name: str) -> None:
        await self._stop(self.living.pop(name))

    async def let_go(self) -> None:
        """End all trials."""
        for name in list(self._made):
            await self._end_trial(name)

    async def close(self) -> None:
        await self.let_go()
        for name in list(self.living):
            await self.remove(name)

    def _new(self, definition: ClientDefinition) -> LivingClient:
        client = self._make(definition)
        sender = Sender(definition.name, client, self._ledger)
        deliver, tell = self._deliver(definition.name), partial(self._tell, definition.name)
        return LivingClient(definition, client, sender, deliver, tell)

    def _serves(self, name: str) -> bool:
        """Whether there is something to lose: one that does not work is simply replaced."""
        return name in self.living and self.living[name].state == "running"

    async def _try(self, made: LivingClient) -> None:
        self._start(made)
        try:
            await made.connected()
        except ClientError:
            await self._end_trial(made.definition.name)
            raise

    async def _try_instead(self, new: LivingClient, old: LivingClient) -> None:
        try:
            await self._try(new)
        except ClientError:
            self._start(old)
            raise

    async def _end_trial(self, name: str) -> None:
        if made := self._made.pop(name, None):
            await self._stop(made)

    def _start(self, living: LivingClient) -> None:
        if living not in self._lives:
            self._lives[living] = asyncio.create_task(living.run(), name=f"client {living.definition.name}")

    async def _stop(self, living: LivingClient) -> None:
        if life := self._lives.pop(living, None):
            life.cancel()
            await asyncio.wait([life], timeout=CLOSE_SECONDS)
            if not life.done():
                log.error("%s: does not let go, though it was told to stop", living.definition.name)
