"""Carries events from the ledger, where they were committed with their turns, to the append-only log."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from carrier.errors import LedgerError
from carrier.ledger import events as rows
from carrier.ledger.engine import Ledger

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds that events are gathered for."""

Append = Callable[[Iterable[Mapping[str, Any]]], None]
"""Write events to disk; called in a thread. A batch may come twice after a crash."""


@dataclass(eq=False)
class Exporter:
    ledger: Ledger
    append: Append
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            await self.export()
            await self.wake.wait()
            await asyncio.sleep(PAUSE)
            self.wake.clear()

    async def export(self) -> None:
        """All that waits; what cannot be written stays in the ledger."""
        try:
            while waiting := await self.ledger.read(rows.waiting):
                await asyncio.to_thread(self._append, [body for _, body in waiting])
                await self.ledger.write(partial(rows.exported, ids=[id for id, _ in waiting]))
        except (OSError, LedgerError) as error:
            log.error("the event log cannot be written, events wait in the ledger: %s", error)

    def _append(self, bodies: list[str]) -> None:
        self.append([json.loads(body) for body in bodies])
