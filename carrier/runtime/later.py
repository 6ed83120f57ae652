"""Says what agents wanted said later, at its time and once."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from carrier.errors import LedgerError
from carrier.interfaces import Memories, Waiting
from carrier.ledger import later as rows
from carrier.ledger.engine import Ledger
from carrier.runtime.speaking import Split, speech
from carrier.types.agents import Agent

log = logging.getLogger(__name__)

TOO_LATE = 24 * 3600 * 1_000_000
"""Past its time by so much nothing is said any more, in microseconds."""
LEDGER_PAUSE = 5.0
"""Seconds until a ledger that could not be written is tried again."""


@dataclass(eq=False)
class Later:
    """`wake` tells it that something new waits, or that an agent has come: what an absent one wanted said waits."""

    ledger: Ledger
    memories: Memories
    agent: Callable[[str], Agent | None]
    """The living agent of a name."""
    more_to_send: Callable[[str], None]
    """Tells a client's sender, by the client's name, that rows wait for it."""
    split: Split
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            self.wake.clear()
            try:
                now = self.ledger.clock.tick()
                await self.say_due(now)
                await self._rest(now)
            except LedgerError as error:
                log.error("words for later have to wait: %s", error)
                await asyncio.sleep(LEDGER_PAUSE)

    async def say_due(self, now: int) -> None:
        """Say what is due at a moment."""
        for waiting in await self.ledger.read(partial(rows.due, now=now)):
            if now - waiting.at > TOO_LATE:
                log.warning("%s: what was to be said in %s is more than a day late", waiting.agent, waiting.room)
                await self.ledger.write(partial(rows.miss, id=waiting.id))
            elif agent := self.agent(waiting.agent):
                await self._say(agent, waiting)

    async def _say(self, agent: Agent, waiting: Waiting) -> None:
        clock = self.ledger.clock
        said = speech(agent, f"later/{waiting.id}", waiting.room, waiting.text, clock.tick(), self.split)
        if await self.ledger.write(partial(rows.say, clock=clock, id=waiting.id, speech=said)):
            self.memories.put([said.memory])
            for outgoing in said.outgoing:
                self.more_to_send(outgoing.client)

    async def _rest(self, now: int) -> None:
        """Until something new waits, or the next comes due."""
        at = await self.ledger.read(partial(rows.next_at, after=now))
        seconds = None if at is None else max(0.0, (at - self.ledger.clock.tick()) / 1_000_000)
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            pass

    async def cancel(self, id: str) -> bool:
        """Whether something of that id waited; then it is never said."""
        return await self.ledger.write(partial(rows.cancel, id=id))
