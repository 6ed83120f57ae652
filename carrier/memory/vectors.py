"""Who is embedded next: questions before what is only stored, each text once."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence

from carrier.interfaces import Embedder
from carrier.memory.waiting import Vector

log = logging.getLogger(__name__)

TOGETHER = 500
"""Characters embedded together: a question waits at most for one such batch, about 20 ms."""
BEHIND = 0.05
"""Seconds that questions may have to wait before they are answered by text alone."""
QUEUE = 2_000
KEPT = 256

Wanted = asyncio.Future[Vector | None]


class Vectors:
    """Embeds one batch at a time. Without an embedder, or with one that fails, every vector is None."""

    def __init__(self, embedder: Embedder | None):
        self._embedder = embedder
        self.problem = ""
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._urgent: dict[str, Wanted] = {}
        self._later: dict[str, Wanted] = {}
        self._under_way: dict[str, Wanted] = {}
        self._wanted = asyncio.Event()
        self._awake = False
        self._questions_were_served = False
        self._free_at = 0.0
        self._pace = 1e-4

    async def run(self) -> None:
        if self._embedder is None or not await self._wake_up(self._embedder):
            return self._give_up()
        while True:
            await self._wanted.wait()
            if batch := self._next():
                await self._embed(self._embedder, batch)
            else:
                self._wanted.clear()

    def want(self, text: str) -> Wanted:
        """A vector for a text, in its turn; None if it cannot be had, or too much waits."""
        for wanted in (self._under_way, self._urgent, self._later):
            if text in wanted:
                return wanted[text]
        future: Wanted = asyncio.get_running_loop().create_future()
        if text in self._kept or not self.usable or len(self._later) >= QUEUE:
            future.set_result(self._kept.get(text))
            return future
        self._later[text] = future
        self._wanted.set()
        return future

    async def of_question(self, text: str, seconds: float) -> Vector | None:
        """A vector before all that is only stored; None when it cannot be there in time."""
        future = self.want(text)
        if not future.done() and self._wait_ahead() > BEHIND:
            return None
        if text in self._later:
            self._urgent[text] = self._later.pop(text)
        await asyncio.wait([future], timeout=seconds)
        return future.result() if future.done() else None

    @property
    def usable(self) -> bool:
        return self._embedder is not None and not self.problem

    @property
    def idle(self) -> bool:
        return not (self._urgent or self._later or self._under_way)

    async def _wake_up(self, embedder: Embedder) -> bool:
        try:
            await embedder.embed(["Good morning."])
        # An embedder may be anybody's code: whatever it raises, memory goes on by text.
        except Exception as error:
            self.problem = f"no embeddings: {error}"
            log.warning("memory: recall is by text alone: %s", error)
        self._awake = not self.problem
        return self._awake

    def _give_up(self) -> None:
        for future in (*self._urgent.values(), *self._later.values()):
            future.set_result(None)
        self._urgent.clear()
        self._later.clear()

    def _wait_ahead(self) -> float:
        """Seconds until a question that comes now would be begun."""
        if not self._awake:
            return float("inf")
        under_way = max(0.0, self._free_at - asyncio.get_running_loop().time())
        return under_way + self._pace * sum(map(len, self._urgent))

    def _next(self) -> dict[str, Wanted]:
        """Questions and the rest take turns, so that under load neither starves."""
        first, second = (self._later, self._urgent) if self._questions_were_served else (self._urgent, self._later)
        waiting = first or second
        self._questions_were_served = waiting is self._urgent
        batch: dict[str, Wanted] = {}
        characters = 0
        while waiting and (not batch or characters + len(next(iter(waiting))) <= TOGETHER):
            text = next(iter(waiting))
            batch[text] = waiting.pop(text)
            characters += len(text)
        return batch

    async def _embed(self, embedder: Embedder, batch: dict[str, Wanted]) -> None:
        clock = asyncio.get_running_loop().time
        begun, characters = clock(), sum(map(len, batch)) + 1
        self._under_way, self._free_at = batch, begun + self._pace * characters
        vectors = await self._of_each(embedder, list(batch))
        self._under_way = {}
        self._pace += 0.2 * ((clock() - begun) / characters - self._pace)
        for (text, future), vector in zip(batch.items(), vectors, strict=True):
            self._keep(text, vector)
            future.set_result(vector)

    async def _of_each(self, embedder: Embedder, texts: list[str]) -> Sequence[Vector | None]:
        try:
            return await embedder.embed(texts)
        # As above; one text that cannot be embedded must not take the others with it.
        except Exception as error:
            if len(texts) == 1:
                log.warning("memory: a text of %s characters cannot be embedded: %s", len(texts[0]), error)
                return [None]
            return [vector for text in texts for vector in await self._of_each(embedder, [text])]

    def _keep(self, text: str, vector: Vector | None) -> None:
        if vector is not None:
            self._kept[text] = vector
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
