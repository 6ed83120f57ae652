"""Asks what became of posts at certain ages, and writes it among the events."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from carrier.errors import LedgerError, PostError
from carrier.interfaces import Publisher
from carrier.ledger import insights as rows
from carrier.ledger.engine import Ledger
from carrier.types.posts import Post

log = logging.getLogger(__name__)

PAUSE = 600.0
"""Seconds between two looks whether a post has come of age."""
HOUR = 3600 * 1_000_000
AGES = (HOUR, 24 * HOUR, 48 * HOUR, 7 * 24 * HOUR)
AGES_OF_A_STORY = (HOUR, 23 * HOUR)
"""A story is told of for a day."""


@dataclass(eq=False)
class Insights:
    """What is counted at an age that nobody was there for is counted at the next one."""

    ledger: Ledger
    publisher: Callable[[str], Publisher | None]
    """Of a client, by its name; None while it is not here."""
    noted: Callable[[], None]
    """Tells that there are events."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except LedgerError as error:
                log.error("what became of posts has to wait: %s", error)
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """Ask about each post that has come to an age since it was asked about last."""
        now = self.ledger.clock.tick()
        known = await self.ledger.read(rows.counted)
        for post in await self.ledger.read(partial(rows.published, since=now - AGES[-1] - 24 * HOUR)):
            ages = [age for age in _ages(post) if post.since + age <= now]
            if len(ages) > known.get(post.id, 0):
                await self._try(post, len(ages), (now - post.since) / HOUR)

    async def _try(self, post: Post, ages: int, hours: float) -> None:
        """Nothing that comes of one post keeps the others from being asked about."""
        try:
            if publisher := self.publisher(post.client):
                await self._ask(post, publisher, ages, hours)
        except LedgerError:
            raise
        # Whatever a platform answers, or a media host cannot be made of.
        except Exception:
            log.exception("post %s: what became of it cannot be asked", post.id)

    async def _ask(self, post: Post, publisher: Publisher, ages: int, hours: float) -> None:
        counts: Mapping[str, int] = {}
        try:
            counts = await publisher.insights(post.media, post.content.kind)
        except PostError as error:
            log.warning("post %s: what became of it is not told: %s", post.id, error)
            if error.remedy in ("wait", "retry"):
                return
        count = partial(rows.count, clock=self.ledger.clock, post=post, ages=ages, hours=hours, counts=counts)
        await self.ledger.write(count)
        self.noted()


def _ages(post: Post) -> tuple[int, ...]:
    return AGES_OF_A_STORY if post.content.kind == "story" else AGES
