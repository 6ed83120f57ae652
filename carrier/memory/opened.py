"""All that needs the store, put together; imported late and in a thread, for LanceDB takes its time."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from carrier.interfaces import MemoryLog
from carrier.memory.lance import LanceStore
from carrier.memory.scopes import Scopes
from carrier.memory.search import Search
from carrier.memory.vectors import Vectors
from carrier.memory.waiting import Vector, Waiting
from carrier.memory.writer import Writer
from carrier.types.memory import Memory


class Opened:
    """The open store with its one writer, the views of it, and the search over all."""

    def __init__(
        self,
        store: LanceStore,
        memory_log: MemoryLog,
        waiting: Waiting,
        vectors: Vectors,
        take_in: Callable[[Memory], None],
        embedded: Callable[[Memory, Vector | None], None],
    ):
        self.store = store
        self.scopes = Scopes(store, store.size)
        self.search = Search(store, self.scopes, waiting, vectors)
        self.writer = Writer(store, memory_log, waiting, vectors, take_in, embedded)


async def open_store(
    folder: Path, space: str, size: int, rebuild: Callable[[], Awaitable[object]] | None
) -> LanceStore:
    """Open the store; if it is new or was mended, the log is filled again first with all it may lack."""
    store = await LanceStore.open(folder, space, size)
    if store.incomplete and rebuild is not None:
        await rebuild()
        store.complete()
    return store
