"""What clients hand over: messages, and what becomes of them on the platform afterwards."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from carrier.interfaces import Memories
from carrier.ledger.changes import Changed
from carrier.ledger.cursors import cursors_of, move_all
from carrier.ledger.engine import Ledger
from carrier.runtime.calling import Offers, calling
from carrier.runtime.commanding import Commands
from carrier.runtime.forgetting import follow
from carrier.runtime.inbox import Inbox
from carrier.types.models import Tool
from carrier.types.talk import Message, Told

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrivals:
    """`interfaces.Deliver` for one client."""

    client: str
    inbox: Inbox
    ledger: Ledger
    memories: Memories
    data: Path
    commands: Commands
    offers: Offers

    async def __call__(self, message: Message, cursor: str = "") -> None:
        if not self.commands.admits(message):
            log.debug("%s: %s has no access in %s", message.client, message.sender, message.room)
        elif not await self.commands.decisions.hears(message):
            await self.inbox.take_in(message, cursor=cursor)

    async def edited(self, message: Message, follow: bool = True) -> None:
        await self._follow(await self.inbox.edited(message, follow))

    async def withdrawn(self, platform_ids: Collection[str], forget: bool = False) -> None:
        ids = [f"{self.client}:{platform_id}" for platform_id in platform_ids]
        await self._follow(await self.inbox.withdrawn(ids, forget))

    async def _follow(self, changed: Changed) -> None:
        await follow(changed, self.memories, self.data)

    async def command(self, name: str, message: Message) -> Told:
        return await self.commands.do(name, message)

    async def tools(self, names: Collection[str]) -> Sequence[Tool]:
        return self.offers.there(self.client, names)

    async def call(self, action: str, arguments: Mapping[str, Any], message: Message) -> Told:
        if not self.commands.admits(message):
            return Told("You have no access here.", done=False)
        agent = self.offers.agent(message, action)
        if not agent:
            return Told(f"Nobody who answers here can do {action} here.", done=False)
        await self.inbox.take_in(calling(message, agent, action, arguments))
        return Told("")

    async def cursors(self) -> Mapping[str, str]:
        return await self.ledger.read(partial(cursors_of, owner=self.client))

    async def move(self, cursors: Mapping[str, str]) -> None:
        await self.ledger.write(partial(move_all, owner=self.client, positions=dict(cursors)))
