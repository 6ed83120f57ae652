"""What was said while nobody listened: looked for in each room, and handed over before what is said now.

Where the client goes on in a room moves only while nothing is missing there. What is said in a room meanwhile waits,
ten seconds at most, so that all comes in the order of the platform.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from typing import Any

from carrier.clients.discord.moments import snowflake
from carrier.interfaces import Deliver
from carrier.types.talk import Message

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that what is said now waits for what was said before."""
AT_ONCE = 4
"""Rooms that are looked through at once."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
EVERYWHERE = ""
"""The cursor of all rooms that have none of their own."""
NOTE_EVERY = 30.0
"""Seconds between two notes that nothing is missing anywhere."""
SLACK = 5_000_000
"""Microseconds that what is said may be under way."""

Look = Callable[[str, int], Awaitable[Collection[Message]]]
"""What was said in a room after an id, as far as it can be had."""


Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Has something done beside all else."""


class CatchingUp:
    """Between what a client hears and what it hands over."""

    def __init__(self, deliver: Deliver, look: Look, spawn: Spawn, here: asyncio.Event):
        """`here` is set while all that is said is told."""
        self._deliver, self._look, self._spawn, self._here = deliver, look, spawn, here
        self._missing: set[str] | None = None
        """Rooms where something may be missing; None: it may be anywhere."""
        self._patience = time.monotonic() + PATIENCE
        self._held: dict[str, dict[int, Message]] = {}
        self._last: dict[str, int] = {}
        """The newest message of each room that was handed over while something was missing there."""
        self._since: dict[int, Message | None] = {}
        """What was said otherwise of late, or taken back (None): what is found, or was kept, may be older."""
        self._at_once = asyncio.Semaphore(AT_ONCE)

    # --- what is told now

    def began(self) -> None:
        """From now on all is told; what was said before may be missing everywhere."""
        self._missing, self._patience = None, time.monotonic() + PATIENCE
        self._spawn(self._lose_patience())

    async def heard(self, message: Message) -> None:
        """Hand it over, or keep it until what was said before it is there."""
        if not self._is_missing(message.room):
            await self._hand_over(message, message.platform_id)
        elif time.monotonic() < self._patience:
            self._held.setdefault(message.room, {})[int(message.platform_id)] = message
        else:
            await self._hand_over_early(message)

    def changed(self, message: Message) -> bool:
        """Whether a message that is still kept could be replaced by what it says now."""
        id, held = int(message.platform_id), self._held.get(message.room, {})
        self._since[id] = message
        if id not in held:
            return False
        held[id] = message
        return True

    def withdrawn(self, ids: Collection[int]) -> None:
        """These need not be handed over."""
        self._since |= dict.fromkeys(ids)
        for held in self._held.values():
            for id in ids:
                held.pop(id, None)

    def _is_missing(self, room: str) -> bool:
        return self._missing is None or room in self._missing

    async def _hand_over(self, message: Message, cursor: str = "") -> bool:
        """Whether it is kept; what is not, is looked for again."""
        room, id = message.room, int(message.platform_id)
        try:
            await self._deliver(message, cursor)
        except Exception as error:
            log.error("%s: %s could not be kept: %s", room, message.id, error)
            # Until it is found, the room's cursor stays.
            if self._missing is not None:
                self._missing.add(room)
            self._spawn(self._catch_up(room, id - 1, FIRST_PAUSE))
            return False
        return True

    async def _hand_over_early(self, message: Message) -> None:
        if await self._hand_over(message):
            self._last[message.room] = max(self._last.get(message.room, 0), int(message.platform_id))

    async def _lose_patience(self) -> None:
        """What was said before takes too long: what is said now is answered first."""
        await asyncio.sleep(self._patience - time.monotonic())
        if time.monotonic() >= self._patience:
            for room in list(self._held):
                log.info("%s: what was said before takes long; what is said now goes first", room)
                for message in self._in_order(self._held.pop(room)):
                    await self._hand_over_early(message)

    # --- what was told to nobody

    async def catch_up(self, rooms: Mapping[str, int]) -> None:
        """Look through these rooms, each from an id on; nothing is missing in any other."""
        self._missing = set(rooms)
        for room in [room for room in self._held if not self._is_missing(room)]:
            await self._hand_over_held(room)
        self._look_through_all(rooms)

    def catch_up_also(self, rooms: Mapping[str, int]) -> None:
        """Look through these as well, unless it is still to be said what is missing."""
        if self._missing is not None:
            self._missing |= rooms.keys()
            self._look_through_all(rooms)

    def _look_through_all(self, rooms: Mapping[str, int]) -> None:
        for room, after in rooms.items():
            self._spawn(self._catch_up(room, after))

    async def _catch_up(self, room: str, after: int, pause: float = 0.0) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                async with self._at_once:
                    return await self._look_through(room, after)
            except Exception as error:
                pause = min(2 * pause or FIRST_PAUSE, LONGEST_PAUSE)
                log.warning("%s: what was said there cannot be looked for, again in %.0f s: %s", room, pause, error)

    async def _look_through(self, room: str, after: int) -> None:
        found = {int(message.platform_id): message for message in await self._look(room, after)}
        held = self._held.pop(room, {})
        for message in self._in_order({**found, **held}):
            await self._deliver(message, message.platform_id)
        await self._hand_over_held(room)
        last = self._last.pop(room, 0)
        if last > max([after, *found, *held]):
            await self._deliver.move({room: str(last)})
        if self._missing:
            self._missing.discard(room)

    async def _hand_over_held(self, room: str) -> None:
        while held := self._held.pop(room, None):
            for message in self._in_order(held):
                await self._deliver(message, message.platform_id)

    def _in_order(self, messages: Mapping[int, Message]) -> Iterator[Message]:
        """Each as it says when its turn comes, but for those that were taken back by then."""
        for id, message in sorted(messages.items()):
            if now := self._since.get(id, message):
                yield now

    # --- noted

    async def note(self) -> None:
        """Until cancelled: note from when on something may be missing in rooms where nothing was said before."""
        while True:
            await asyncio.sleep(NOTE_EVERY)
            await self.note_now()

    async def note_now(self) -> None:
        if self._here.is_set() and self._missing is not None and not self._missing:
            self._since.clear()
            now = time.time_ns() // 1000 - SLACK
            await self._deliver.move({EVERYWHERE: str(snowflake(now))})
