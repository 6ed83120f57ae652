"""The memory system: keeps what was said and learned, and tells what comes up for a text."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from carrier.interfaces import Embedder, MemoryLog, MemoryState, StoreGiven
from carrier.memory.allocator import share_arenas
from carrier.memory.light import import_lancedb
from carrier.memory.trust import may_come_up, weight
from carrier.memory.vectors import Vectors, Wanted
from carrier.memory.waiting import Vector, Waiting, shared, words
from carrier.types.memory import Memory, Recalled, Scope

if TYPE_CHECKING:
    from carrier.memory.opened import Opened

log = logging.getLogger(__name__)

CLOSING = 5.0
"""Seconds that writing may take at the end; what is not written by then stays in the log."""
OPENING = 5.0
"""Seconds that a recall waits for the store to open; without it, only what is not on disk yet comes up."""
LONGEST_PAUSE = 60.0
SIZE = 384
"""The length of vectors in a table that is made without an embedder."""


class LanceMemories:
    """`interfaces.Memories`, to be entered: once told to, it opens in the background; it can be used at once.

    `rebuild` puts all that was said into the log again; it is called when the table is new or had to be mended.
    """

    def __init__(
        self,
        folder: Path,
        memory_log: MemoryLog,
        embedder: Embedder | None,
        rebuild: Callable[[], Awaitable[object]] | None = None,
    ):
        self._folder, self._log, self._embedder, self._rebuild = folder, memory_log, embedder, rebuild
        self._waiting = Waiting()
        self._vectors = Vectors(embedder)
        self._forgotten: set[str] = set()
        self._opened: Opened | None = None
        self._may_open = asyncio.Event()
        self._is_open = asyncio.Event()
        self._problem = ""

    async def __aenter__(self) -> Self:
        self._life = asyncio.create_task(self._live())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, as far as the time goes, and end."""
        if self._opened is None:
            self._life.cancel()
        else:
            self._opened.writer.close()
        _, unfinished = await asyncio.wait([self._life], timeout=CLOSING)
        if unfinished:
            self._life.cancel()
            await asyncio.wait([self._life])
        if not self._life.cancelled():
            self._life.result()

    def open(self) -> None:
        """Begin to open the store and to load the model."""
        self._may_open.set()

    def expect(self, text: str) -> None:
        if self._opened:
            self._vectors.want(text)

    def put(self, memories: Sequence[Memory]) -> None:
        for memory in memories:
            if self._waiting.space_left():
                self._take_in(memory)
            elif self._opened:
                self._opened.writer.behind = True
        self._wake()

    async def recall(
        self, scope: Scope, text: str, limit: int, skip: Collection[str] = (), seconds: float = 1.0, here: str = ""
    ) -> list[Recalled]:
        if not await self._opens():
            return self._recall_waiting(scope, text, limit, skip, here)
        assert self._opened
        try:
            return await self._opened.search.find(scope, text, limit, skip, seconds, here)
        # A store that cannot be read must not end a turn: what is in memory is recalled still.
        except Exception as error:
            log.warning("memory: %s: cannot be searched: %s", self._folder, error)
            self._problem = f"cannot be searched: {error}"
            return self._recall_waiting(scope, text, limit, skip, here)

    async def _opens(self) -> bool:
        """Whether the store is open, or will be in a moment: just after a start an answer waits for its memories."""
        if self._may_open.is_set() and not self._problem:
            with suppress(TimeoutError):
                async with asyncio.timeout(OPENING):
                    await self._is_open.wait()
        return self._opened is not None

    async def forget(self, ids: Collection[str]) -> None:
        """Return when nothing of these can be recalled any more; the log must have forgotten them before."""
        self._forgotten.update(ids)
        self._waiting.drop(ids)
        await self._is_open.wait()
        if self._opened:
            await self._opened.writer.forget(ids)
            self._opened.scopes.drop(ids)

    async def settled(self) -> None:
        """Return when all that was put is on disk, with its vector if it can have one."""
        await self._is_open.wait()
        if self._opened:
            await self._opened.writer.settled.wait()

    def state(self) -> MemoryState:
        embeddings = self._embedder.space if self._embedder else "none"
        return MemoryState(
            ready=self._opened is not None,
            stored=self._opened.store.stored if self._opened else 0,
            waiting=len(self._waiting.rows),
            without_vector=self._opened.store.without_vector if self._opened else 0,
            embeddings=self._vectors.problem or embeddings,
            problem=self._problem or (self._opened.writer.trouble() if self._opened else ""),
        )

    async def _live(self) -> None:
        await self._may_open.wait()
        _set_up_native_code()
        async with asyncio.TaskGroup() as group:
            embedding = group.create_task(self._vectors.run())
            self._opened = await self._open()
            self._is_open.set()
            await self._opened.writer.run()
            embedding.cancel()

    async def _open(self) -> "Opened":
        """The open store, however often it takes to open it."""
        pause = 1.0
        while True:
            try:
                return await self._try_to_open()
            # No LanceDB, no disk, no ledger: whatever it is, turns go on without recall.
            except Exception as error:
                self._problem = f"cannot be opened: {error}"
                log.warning("memory: %s: cannot be opened, trying again in %.0f s: %s", self._folder, pause, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _try_to_open(self) -> "Opened":
        await asyncio.to_thread(_import)
        from carrier.memory.opened import Opened, open_store

        space, size = (self._embedder.space, self._embedder.size) if self._embedder else ("", SIZE)
        store = await open_store(self._folder, space, size, self._rebuild)
        self._problem = ""
        return Opened(store, self._log, self._waiting, self._vectors, self._take_in, self._embedded)

    def _take_in(self, memory: Memory) -> None:
        if memory.id in self._waiting.rows or memory.id in self._forgotten:
            return
        self._waiting.add(memory)
        if self._opened:
            self._opened.scopes.add(memory)
        self._vectors.want(memory.text).add_done_callback(partial(self._has_vector, memory))

    def _has_vector(self, memory: Memory, wanted: Wanted) -> None:
        if not wanted.cancelled():
            self._embedded(memory, wanted.result())

    def _embedded(self, memory: Memory, vector: Vector | None) -> None:
        if memory.id in self._forgotten:
            return
        late = not self._waiting.complete(memory.id, vector)
        if self._opened and vector is not None:
            self._opened.scopes.add(memory, vector)
            if late:
                self._opened.writer.add_late(memory.id, vector)
        self._wake()

    def _wake(self) -> None:
        if self._opened:
            self._opened.writer.wake()

    def _recall_waiting(self, scope: Scope, text: str, limit: int, skip: Collection[str], here: str) -> list[Recalled]:
        """By words alone, among what is not on disk yet."""
        asked = words(text)
        rows = [row for row in self._waiting.within(scope) if may_come_up(row.memory, scope.room, here)]
        found = [Recalled(row.memory, shared(asked, row) * weight(row.memory)) for row in rows]
        found = [each for each in found if each.score and each.memory.id not in skip]
        return sorted(found, key=lambda each: -each.score)[:limit]


def lancedb(settings: None, given: StoreGiven) -> LanceMemories:
    """The store that comes with Carrier."""
    return LanceMemories(given.folder, given.log, given.embedder, given.rebuild)


def _set_up_native_code() -> None:
    """Done before the libraries are there, which read it once."""
    share_arenas()
    # Otherwise LanceDB writes a line for each search, and two cores wait for each other in each small product.
    os.environ.setdefault("LANCEDB_LOG", "error")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _import() -> None:
    """Do the slow imports where the event loop does not wait for them."""
    import_lancedb()
    from carrier.memory import opened  # noqa: F401
