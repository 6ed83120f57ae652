"""The one writer of the store: takes in what waits in few large commits, and then tells the log."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from carrier.interfaces import MemoryLog
from carrier.memory.lance import LanceStore, Unstorable
from carrier.memory.vectors import Vectors
from carrier.memory.waiting import PATIENCE, QUIET, Row, Vector, Waiting
from carrier.types.memory import Memory

logger = logging.getLogger(__name__)

COMMIT = 256
PAGE = 500
"""Rows that are read from the log at once."""
LATE = 64
"""Vectors that are written together if their rows are on disk already."""
REFUSALS = 3
"""Times that a row may be refused while others are taken."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

Refusal = tuple[Row, Exception]


class Writer:
    """Does one thing after the other, and again what failed: nothing else writes to the store."""

    def __init__(
        self,
        store: LanceStore,
        log: MemoryLog,
        waiting: Waiting,
        vectors: Vectors,
        take_in: Callable[[Memory], None],
        embedded: Callable[[Memory, Vector | None], None],
    ):
        self._store, self._log, self._waiting, self._vectors = store, log, waiting, vectors
        self._take_in, self._embedded = take_in, embedded
        self.settled = asyncio.Event()
        """Set while there is nothing to do."""
        self.behind = True
        """The log may hold rows that do not wait here; at the start it may always."""
        self._late: dict[str, Vector] = {}
        self._forgetting: list[tuple[Collection[str], asyncio.Future[None]]] = []
        self._problem = ""
        self._set_aside = 0
        self._hopeless: set[str] = set()
        self._bell = asyncio.Event()
        self._closing = False
        self._pause = FIRST_PAUSE

    async def run(self) -> None:
        """Write until told to close; what fails is tried again with growing pauses, the log keeps it meanwhile."""
        while not (self._closing and self._all_written()):
            try:
                await self._round()
                self._problem, self._pause = "", FIRST_PAUSE
            # Whatever the store or the log says, turns go on.
            except Exception as error:
                await self._rest(error)

    def wake(self) -> None:
        """There may be something to do."""
        self.settled.clear()
        self._bell.set()

    def add_late(self, id: str, vector: Vector) -> None:
        """The vector of a row that is on disk already."""
        self._late[id] = vector

    def trouble(self) -> str:
        """What an operator should know; empty while all is well."""
        return self._problem or (f"{self._set_aside} memories could not be stored" if self._set_aside else "")

    async def forget(self, ids: Collection[str]) -> None:
        """Return when these are gone."""
        done = asyncio.get_running_loop().create_future()
        self._forgetting.append((ids, done))
        self.wake()
        await done

    def close(self) -> None:
        """Write what waits, without the vectors that are not there, and end."""
        self._closing = True
        self._bell.set()

    async def _round(self) -> None:
        await self._catch_up()
        await self._until_due()
        rows = self._waiting.begin(COMMIT)
        if rows:
            await self._commit(rows)
        await self._forget_all()
        if len(self._late) >= LATE or not rows:
            await self._write_late()
        if self._store.untidy:
            await self._store.tidy()
        if not rows and self._lacks_vectors() and self._vectors.idle:
            await self._embed_lacking()

    async def _catch_up(self) -> None:
        """Read what the log holds, oldest first, as far as there is room for it."""
        position = 0
        while self.behind and not self._closing and self._waiting.space_left() >= PAGE:
            page = await self._log.waiting(PAGE, position)
            self.behind = len(page) == PAGE
            await self._take_in_all([memory for _, memory in page])
            position = page[-1][0] if page else 0

    async def _take_in_all(self, memories: Sequence[Memory]) -> None:
        new = {memory.id: memory for memory in memories if memory.id not in self._waiting.rows}
        known = await self._store.known(new)
        if known:
            await self._log.remembered(known)
        for id, memory in new.items():
            if id not in known:
                self._take_in(memory)

    async def _until_due(self) -> None:
        """Wait until a commit is due, or for a moment of quiet if there is other work."""
        while not self._closing:
            due = self._waiting.due_in(COMMIT)
            if self._nothing_to_do():
                self.settled.set()
            else:
                due = QUIET if due is None else min(due, QUIET)
            if self._forgetting or not await self._rings(due):
                break
        self._waiting.release(0.0 if self._closing else PATIENCE)

    async def _rings(self, within: float | None) -> bool:
        try:
            async with asyncio.timeout(within):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True

    async def _commit(self, rows: Sequence[Row]) -> None:
        """Write what is not there yet; rows are told to the log once they are on disk, or will never be."""
        known = await self._store.known([row.memory.id for row in rows])
        new = [row for row in rows if row.memory.id not in known]
        refused = await self._store_halving(new)
        others_were_taken = len(refused) < len(new)
        again = {row.memory.id: error for row, error in refused if not self._sets_aside(row, error, others_were_taken)}
        done = [row.memory.id for row in rows if row.memory.id not in again]
        await self._store.sync()
        if done:
            await self._log.remembered(done)
            self._waiting.drop(done)
        for error in again.values():
            raise error

    def _sets_aside(self, row: Row, error: Exception, others_were_taken: bool) -> bool:
        """Whether it is the row that cannot be stored, and not the store that cannot take it."""
        row.refusals += others_were_taken
        if not isinstance(error, Unstorable) and row.refusals < REFUSALS:
            return False
        self._set_aside += 1
        logger.error("memory: %s is set aside, it cannot be stored: %s", row.memory.id, error)
        return True

    async def _store_halving(self, rows: Sequence[Row]) -> list[Refusal]:
        if not rows:
            return []
        try:
            await self._store.add(rows)
        # LanceDB says no in errors of every kind; what it means is judged above.
        except Exception as error:
            half = len(rows) // 2
            if not half:
                return [(rows[0], error)]
            return await self._store_halving(rows[:half]) + await self._store_halving(rows[half:])
        return []

    async def _forget_all(self) -> None:
        while self._forgetting:
            ids, done = self._forgetting[0]
            await self._store.delete(ids)
            await self._store.sync()
            del self._forgetting[0]
            if not done.done():
                done.set_result(None)

    async def _write_late(self) -> None:
        if not self._late:
            return
        late, self._late = self._late, {}
        await self._store.set_vectors(late)
        await self._store.sync()

    async def _embed_lacking(self) -> None:
        """Give some rows of the store their vectors: those written without, or with another model's."""
        lacking = await self._store.lacking_vectors(LATE, self._hopeless)
        wanted = [(memory, self._vectors.want(memory.text)) for memory in lacking]
        # An embedder that hangs must not keep the rest from being written.
        await asyncio.wait([future for _, future in wanted], timeout=PATIENCE)
        for memory, future in wanted:
            if future.done():
                self._embedded(memory, future.result())
                if future.result() is None:
                    self._hopeless.add(memory.id)
        await self._write_late()

    async def _rest(self, error: Exception) -> None:
        self._problem = f"memories wait in the log: {error}"
        logger.warning("memory: cannot store now, trying again in %.0f s: %s", self._pause, error)
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _all_written(self) -> bool:
        return not (self._waiting.rows or self._late or self._forgetting)

    def _nothing_to_do(self) -> bool:
        return self._all_written() and not self.behind and not self._lacks_vectors()

    def _lacks_vectors(self) -> bool:
        return self._vectors.usable and self._store.without_vector > len(self._hopeless)
