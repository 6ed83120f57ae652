"""The recent lines of a room before a message: read once for a turn, however many ask."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from carrier.ledger import rooms
from carrier.ledger.engine import Ledger
from carrier.types.agents import Agent
from carrier.types.talk import Line, Message


@dataclass(frozen=True)
class Windows:
    ledger: Ledger
    _read: dict[tuple[str, str], dict[int, "asyncio.Future[list[Line]]"]] = field(default_factory=dict)

    async def recent(self, agent: Agent, message: Message, most: int) -> list[Line]:
        """Oldest first, without the message itself, and all that is answered with it."""
        read = self._read.setdefault((agent.name, message.id), {})
        size = max(most, agent.memory.recent)
        if size not in read:
            read[size] = asyncio.ensure_future(self._lines(agent, message, size))
        lines = await asyncio.shield(read[size])
        return lines[-most:] if most else []

    async def _lines(self, agent: Agent, message: Message, most: int) -> list[Line]:
        before = message.at or rooms.END_OF_TIME
        query = partial(rooms.recent, agent=agent.name, room=message.room, most=most, before=before)
        return await self.ledger.read(partial(query, but=message.gathered))

    def forget(self, agent: Agent, message: Message) -> None:
        self._read.pop((agent.name, message.id), None)
