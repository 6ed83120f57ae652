"""Sends what waits for a client: in order within a room, each row once, whatever happens in between."""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

from carrier.errors import CannotLook, Passing, Refused
from carrier.interfaces import Client
from carrier.ledger import outbox as rows
from carrier.ledger import previews
from carrier.ledger.engine import Ledger
from carrier.ledger.outbox import Unsent

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
DRY_RUN = "dry run"
"""The mark of what was not sent though its row says so."""
GIVE_UP_AFTER = 24 * 3600 * 1_000_000


@dataclass(eq=False)
class Sender:
    """Lives beside its client; `wake` tells it that there is more. Rooms are served side by side."""

    name: str
    client: Client
    ledger: Ledger
    first_pause: float = field(default_factory=lambda: FIRST_PAUSE)
    dry_run: bool = False
    """Nothing is sent; all else is as if it were."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: set[str] = field(default_factory=set)
    _paused: dict[str, float] = field(default_factory=dict)
    """Rooms that have to wait, and until when by the monotonic clock."""
    _finishing: bool = False

    async def run(self) -> None:
        """Send until it is told to `finish`, or cancelled; an error that is none of the platform's ends it, and its
        client with it."""
        self._finishing = False
        # A client that has just been started may take what the one before it could not.
        self._paused.clear()
        async with asyncio.TaskGroup() as rooms:
            while not self._finishing:
                self.wake.clear()
                # Chosen before the reading: what is read of a room being served is old when it arrives.
                served = self._busy | self._pausing()
                unsent = await self.ledger.read(partial(rows.waiting, client=self.name, but=served))
                for room, group in groupby(sorted(unsent, key=_room), key=_room):
                    self._busy.add(room)
                    rooms.create_task(self._send_all(room, list(group)))
                if not self._busy and not self.wake.is_set():
                    self._idle.set()
                await self._rest()

    def finish(self) -> None:
        """Begin with nothing more: `run` ends as soon as what is under way has arrived."""
        self._finishing = True
        self.wake.set()

    async def idle(self) -> None:
        """Wait until nothing is left that could be sent now."""
        self._idle.clear()
        self.wake.set()
        await self._idle.wait()

    async def _rest(self) -> None:
        """Until there is more, or a room's pause is over."""
        pauses = [max(0.0, until - time.monotonic()) for until in self._paused.values()]
        try:
            async with asyncio.timeout(min(pauses) if pauses else None):
                await self.wake.wait()
        except TimeoutError:
            pass

    def _pausing(self) -> set[str]:
        now = time.monotonic()
        self._paused = {room: until for room, until in self._paused.items() if until > now}
        return set(self._paused)

    async def _send_all(self, room: str, unsent: Sequence[Unsent]) -> None:
        """One after the other; what cannot go now holds back what follows it."""
        try:
            for row in unsent:
                if self._finishing or not await self._deliver(row):
                    break
        finally:
            self._busy.discard(room)
            self.wake.set()

    async def _deliver(self, row: Unsent) -> bool:
        """Whether a row is done with: sent, or given up. What is not has to be tried again later."""
        try:
            if row.withdrawn:
                return await self._take_back(row)
            return (row.sending and await self._look(row)) or await self._send(row)
        except Passing as error:
            return self._pause(row, str(error), error.retry_after)
        except OSError as error:
            # Nobody knows how far it got: the row stays as it is, and is looked for before the next attempt.
            return self._pause(row, str(error) or type(error).__name__)

    async def _look(self, row: Unsent) -> bool:
        """Whether an attempt that was cut off needs no other one: it arrived, or nobody can say."""
        try:
            platform_id = await self._found(row)
        except CannotLook as error:
            return await self._give_up(row, "in doubt", str(error))
        return platform_id is not None and await self._sent(row, platform_id)

    async def _found(self, row: Unsent) -> str | None:
        others = await self.ledger.read(partial(rows.others, outgoing=row.outgoing))
        return await self.client.find(replace(row.outgoing, others=others))

    async def _take_back(self, row: Unsent) -> bool:
        """What was shown of an answer that came to nothing is not there any more, as far as that can be seen to."""
        able, is_old = getattr(self.client, "take_back", None), self.ledger.clock.tick() - row.at > GIVE_UP_AFTER
        try:
            place = row.outgoing.edits or await self._found(row)
            if able and place and not is_old:
                await able(replace(row.outgoing, edits=place))
        except (Refused, CannotLook) as error:
            log.warning("%s: what was shown in %s stays there: %s", self.name, row.outgoing.room, error)
        await self.ledger.write(partial(previews.drop, key=row.outgoing.key))
        return True

    async def _send(self, row: Unsent) -> bool:
        if self.dry_run:
            return await self._only_say(row)
        if self.ledger.clock.tick() - row.at > GIVE_UP_AFTER:
            return await self._give_up(row, "failed", "it could not be delivered for 24 h")
        attempt = partial(rows.sending, key=row.outgoing.key, attempts=row.attempts + 1, now=self.ledger.clock.tick())
        await self.ledger.write(attempt)
        try:
            platform_id = await self.client.send(row.outgoing)
        except Passing as error:
            await self.ledger.write(partial(rows.put_back, key=row.outgoing.key, error=str(error)))
            raise
        except Refused as error:
            return await self._give_up(row, "failed", str(error))
        return await self._sent(row, platform_id)

    async def _only_say(self, row: Unsent) -> bool:
        log.info("%s: dry run, not sent to %s: %s", self.name, row.outgoing.room, row.outgoing.text)
        await self.ledger.write(partial(rows.sent, key=row.outgoing.key, platform_id="", mark=DRY_RUN))
        return True

    async def _sent(self, row: Unsent, platform_id: str) -> bool:
        await self.ledger.write(partial(rows.sent, key=row.outgoing.key, platform_id=platform_id))
        return True

    async def _give_up(self, row: Unsent, state: str, reason: str) -> bool:
        log.error("%s: an answer to %s is %s: %s", self.name, row.outgoing.room, state, reason)
        await self.ledger.write(partial(rows.give_up, key=row.outgoing.key, state=state, error=reason))
        return True

    def _pause(self, row: Unsent, reason: str, at_least: float = 0.0) -> bool:
        """The room waits, longer each time and never in step with others."""
        longest = min(LONGEST_PAUSE, self.first_pause * 2.0**row.attempts)
        pause = max(at_least, random.uniform(longest / 2, longest))
        log.warning("%s: %s has to wait %.0f s: %s", self.name, row.outgoing.room, pause, reason)
        self._paused[row.outgoing.room] = time.monotonic() + pause
        return False


def _room(row: Unsent) -> str:
    return row.outgoing.room
