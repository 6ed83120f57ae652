"""Forgets: first in the ledger, then in memory and on the disk, so that nothing brings it back."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from carrier.interfaces import Memories
from carrier.ledger import changes
from carrier.ledger.changes import Changed
from carrier.ledger.engine import Ledger
from carrier.runtime.handovers import Handovers

AT_ONCE = 100
"""Messages that are forgotten in one transaction."""


@dataclass(frozen=True)
class Forgetting:
    ledger: Ledger
    memories: Memories
    data: Path
    handovers: Handovers

    async def person(self, entity: str) -> int:
        """Forget all that somebody has said, on whichever client, what was learned of them, and what agents told one
        another or wanted to say later because of it; returns how many messages."""
        ids = await self.ledger.read(partial(changes.said_by, entity=entity))
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            withdraw = partial(changes.withdraw, clock=self.ledger.clock, ids=some, forget=True)
            await follow(await self.ledger.write(withdraw), self.memories, self.data)
        learned = partial(changes.forget_learned, clock=self.ledger.clock, entity=entity)
        await follow(await self.ledger.write(learned), self.memories, self.data)
        await self.handovers.forget(entity)
        return len(ids)


async def follow(changed: Changed, memories: Memories, data: Path) -> None:
    """What the ledger has forgotten leaves the disk and the memory too."""
    if changed.files:
        await asyncio.to_thread(_remove, [data / file for file in changed.files])
    if changed.forgotten:
        await memories.forget(changed.forgotten)


def _remove(files: Collection[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
