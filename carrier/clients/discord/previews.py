"""Beginnings of answers, shown while these grow: no oftener than a channel takes edits."""

import time
from dataclasses import replace

from carrier.clients.discord.rooms import Rooms
from carrier.clients.discord.sending import Sending
from carrier.clients.discord.splitting import LIMIT, pieces
from carrier.errors import Passing
from carrier.types.talk import Outgoing

EDIT_EVERY = 1.25
"""Seconds between two edits of one channel: Discord takes five in five, and the whole answer is one of them."""


class Previews:
    """What all turns of one client show."""

    def __init__(self, rooms: Rooms, sending: Sending):
        self._rooms, self._sending = rooms, sending
        self._next: dict[str, float] = {}
        """When a room may be changed again, by the monotonic clock."""

    async def show(self, outgoing: Outgoing) -> str:
        """As `interfaces.AbleClient` says; of a text that is too long for one message the first one is shown."""
        now = time.monotonic()
        if (pause := self._next.get(outgoing.room, 0.0) - now) > 0:
            raise Passing(f"{outgoing.room} was changed a moment ago", pause)
        self._next = {room: until for room, until in self._next.items() if until > now}
        self._next[outgoing.room] = now + EDIT_EVERY
        return await self._sending.send(replace(outgoing, text=pieces(outgoing.text, LIMIT)[0].text))
