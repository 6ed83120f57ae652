"""Shows an answer in its room while it grows, as far as the gates let it be seen; nothing waits for that."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial

from carrier.errors import Passing
from carrier.ledger import previews
from carrier.ledger.engine import Ledger
from carrier.runtime.abilities import Abilities
from carrier.types.talk import Outgoing

log = logging.getLogger(__name__)

EVERY = 1.5
"""Seconds between two changes of what is shown; platforms take few in a row."""
LAST_SECONDS = 3.0
"""How long the last change may still be under way when the answer is there."""
NOTHING = "…"
"""What stands in the place of words that may not be seen any more."""


class Showing:
    """The preview of one turn's answer. `grow` says what of it may be seen by now."""

    def __init__(self, turn: str, outgoing: Outgoing, ledger: Ledger, abilities: Abilities):
        """`outgoing` is the preview, but for its key and its text."""
        self._turn, self._outgoing = turn, outgoing
        self._ledger, self._abilities = ledger, abilities
        self._text = self._shown = ""
        self._grown = asyncio.Event()
        self._changing = asyncio.Lock()
        self._begun = False
        self._task: asyncio.Task[None] | None = None

    def grow(self, text: str) -> None:
        self._text = text.strip()
        self._grown.set()
        if self._text and not self._task:
            self._task = asyncio.create_task(self._run(), name=f"showing {self._turn}")

    async def settle(self) -> None:
        """Nothing in the room changes after this."""
        if self._task and not self._task.done():
            # What is cut off could still arrive, after the answer itself.
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._changing.acquire()
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while True:
                await self._grown.wait()
                self._grown.clear()
                async with self._changing:
                    pause = await self._change()
                await asyncio.sleep(pause)
        # The answer itself comes, or says why not.
        except Exception as error:
            log.info("%s: the answer is not shown while it grows: %s", self._outgoing.room, error)

    async def _change(self) -> float:
        """Show what has grown; returns for how many seconds nothing more is to be shown."""
        text = self._text or NOTHING
        if text == self._shown or not await self._may_show(text):
            return EVERY
        try:
            await self._show(text)
        except Passing as error:
            self._grown.set()
            return max(EVERY, error.retry_after)
        return EVERY

    async def _may_show(self, text: str) -> bool:
        """Whether the room has read what it is to read first; from then on something may stand there."""
        if self._begun or text == NOTHING:
            return self._begun
        key = f"{self._turn}/preview/{self._ledger.clock.tick()}"
        self._outgoing = replace(self._outgoing, key=key, text=text)
        begin = partial(previews.begin, clock=self._ledger.clock, turn=self._turn, outgoing=self._outgoing)
        self._begun = await self._ledger.write(begin)
        return self._begun

    async def _show(self, text: str) -> None:
        # Until it is known where it is, it says what its row says: by that it can be found.
        text = text if self._outgoing.edits else self._outgoing.text
        place = await self._abilities.show(replace(self._outgoing, text=text))
        self._shown = text
        if place != self._outgoing.edits:
            self._outgoing = replace(self._outgoing, edits=place)
            await self._ledger.write(partial(previews.shown, key=self._outgoing.key, platform_id=place))
