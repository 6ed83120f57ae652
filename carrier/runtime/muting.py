"""Rooms where nobody answers because an operator said so; kept in the ledger, and in mind for every message."""

import logging
from functools import partial

from carrier.ledger import mutes as rows
from carrier.ledger.engine import Ledger
from carrier.ledger.mutes import Mute
from carrier.types.talk import Message

log = logging.getLogger(__name__)


class Mutes:
    """What is muted now. A room that is muted mutes what it holds: its threads."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger
        self._mutes: dict[str, Mute] = {}

    async def load(self) -> None:
        """Have in mind what an earlier life of this host was told."""
        self._mutes = {mute.room: mute for mute in await self._ledger.read(rows.all_mutes)}

    async def mute(self, room: str, seconds: float, by: str) -> Mute:
        """Answer nothing there for so long; 0: until it is unmuted."""
        until = self._ledger.clock.tick() + int(seconds * 1_000_000) if seconds else 0
        mute = Mute(room, until, by)
        await self._ledger.write(partial(rows.mute, clock=self._ledger.clock, wanted=mute))
        self._mutes = {**self._mutes, room: mute}
        log.info("%s: muted by %s", room, by)
        return mute

    async def unmute(self, room: str) -> bool:
        """Whether it was muted."""
        was_muted = room in self.now
        await self._ledger.write(partial(rows.unmute, room=room))
        self._mutes = {name: mute for name, mute in self._mutes.items() if name != room}
        return was_muted

    @property
    def now(self) -> dict[str, Mute]:
        """What is muted, by room."""
        tick = self._ledger.clock.tick()
        return {room: mute for room, mute in self._mutes.items() if not mute.until or mute.until > tick}

    def by(self, room: str) -> str:
        """Who has muted a room; empty: nobody."""
        mute = self.now.get(room) if self._mutes else None
        return mute.by if mute else ""

    def holds(self, message: Message) -> bool:
        """Whether a message was said where it is muted."""
        if not self._mutes:
            return False
        around = (place.partition(":") for place in message.within)
        rooms = {message.room, *(f"{message.client}/{id}" for kind, _, id in around if kind == "room")}
        return not rooms.isdisjoint(self.now)
