"""The ledger's engine: one thread that writes, two that read, and a clock that never stands still.

SQLite in WAL with `synchronous=FULL`: what `write` has returned survives a kill and a power cut. The writer takes
all transactions that wait, runs each in a savepoint and commits once, so many at once cost little more than one.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from carrier.errors import LedgerError
from carrier.ledger import schema
from carrier.ledger.tables import memory_log, messages, outbox

T = TypeVar("T")

Transaction = Callable[[Connection], T]

MOST_AT_ONCE = 256
READERS = 2


class Clock:
    """Microseconds since 1970 that never repeat or go back, not even over a restart: they order what they date."""

    def __init__(self, last: int = 0, now: Callable[[], int] = lambda: time.time_ns() // 1000):
        self._last, self._now = last, now

    def tick(self) -> int:
        self._last = max(self._now(), self._last + 1)
        return self._last

    def now(self) -> int:
        """What time it is, for what waits until a time: a clock that was wrong for a while is right afterwards."""
        return self._now()


class _Waiting(NamedTuple):
    transaction: Transaction[Any]
    done: "asyncio.Future[Any]"


class Ledger:
    """The operational record. `write` is durable when it returns; `read` sees all that was written before it."""

    def __init__(self, path: Path, now: Callable[[], int] = lambda: time.time_ns() // 1000):
        self.path = path
        self._engine = _writing(path)
        schema.bring_up_to_date(self._engine)
        with self._engine.connect() as connection:
            newest = connection.execute(
                select(
                    select(func.max(messages.c.at)).scalar_subquery(),
                    select(func.max(memory_log.c.position)).scalar_subquery(),
                    select(func.max(outbox.c.at)).scalar_subquery(),
                )
            ).one()
        self.clock = Clock(max(at or 0 for at in newest), now)
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done, with the reason, when the writer can write no more: the host ends with it."""
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_for_ever, name="ledger", daemon=True)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        self._local = threading.local()
        self._reading: list[Engine] = []
        self._thread.start()

    def submit(self, transaction: Transaction[T]) -> "asyncio.Future[T]":
        """Queue a transaction; transactions commit in the order they were submitted, and the future says when."""
        done: asyncio.Future[T] = self._loop.create_future()
        if self.ended.done():
            done.set_exception(LedgerError(f"{self.path}: the ledger is closed"))
        else:
            self._queue.put(_Waiting(transaction, done))
        return done

    async def write(self, transaction: Transaction[T]) -> T:
        """Run it and commit; raises what it raised, or LedgerError when the disk does not take it."""
        return await self.submit(transaction)

    async def read(self, query: Transaction[T]) -> T:
        """Run a query on a read-only connection, in a thread."""
        return await self._loop.run_in_executor(self._readers, self._read, query)

    async def close(self) -> None:
        """Commit what waits, fold the write-ahead log into the file, and close."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._readers.shutdown()
        # The last connection to go takes the write-ahead log with it.
        for engine in (*self._reading, self._engine):
            engine.dispose()

    # --- in the writer's thread

    def _write_for_ever(self) -> None:
        try:
            with self._engine.connect() as connection:
                while batch := self._next_batch():
                    outcomes = _commit(connection, batch)
                    self._loop.call_soon_threadsafe(_settle, outcomes)
                with suppress(SQLAlchemyError):
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                reason = None
        except BaseException as error:
            reason = LedgerError(f"{self.path}: the ledger's thread ended: {error}")
            reason.__cause__ = error
        with suppress(RuntimeError):  # the loop may be closed already
            self._loop.call_soon_threadsafe(self._end, reason)

    def _next_batch(self) -> list[_Waiting]:
        """All that waits, at least one; empty when the ledger is to close."""
        batch: list[_Waiting] = []
        try:
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == MOST_AT_ONCE:
                    return batch
                item = self._queue.get_nowait()
            if batch:
                self._queue.put(None)
        except queue.Empty:
            pass
        return batch

    def _end(self, reason: LedgerError | None) -> None:
        while not self._queue.empty():
            if (item := self._queue.get_nowait()) and not item.done.done():
                item.done.set_exception(reason or LedgerError(f"{self.path}: the ledger is closed"))
        if reason and not self.ended.done():
            self.ended.set_exception(reason)
        elif not self.ended.done():
            self.ended.set_result(None)

    # --- in a reader's thread

    def _read(self, query: Transaction[T]) -> T:
        if not hasattr(self._local, "engine"):
            self._local.engine = _reading(self.path)
            self._reading.append(self._local.engine)
        with self._local.engine.connect() as connection:
            return query(connection)


@asynccontextmanager
async def open_ledger(path: Path) -> AsyncIterator[Ledger]:
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(path)
    try:
        yield ledger
    finally:
        await ledger.close()


Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


def _commit(connection: Connection, batch: list[_Waiting]) -> list[Outcome]:
    """Run each transaction in a savepoint and commit them together; one that raises undoes only itself."""
    try:
        with connection.begin():
            return [_run(connection, waiting) for waiting in batch]
    except Exception as error:
        # A COMMIT that failed leaves its transaction open.
        connection.connection.rollback()
        reason = LedgerError(f"the ledger could not commit: {getattr(error, 'orig', error)}")
        reason.__cause__ = error
        return [(waiting.done, None, reason) for waiting in batch]


def _run(connection: Connection, waiting: _Waiting) -> Outcome:
    connection.exec_driver_sql("SAVEPOINT one")
    try:
        value = waiting.transaction(connection)
    except OperationalError:
        # It is the disk that failed, not the transaction: SQLite may have undone the whole batch already.
        raise
    except Exception as error:
        connection.exec_driver_sql("ROLLBACK TO one")
        connection.exec_driver_sql("RELEASE one")
        return waiting.done, None, error
    connection.exec_driver_sql("RELEASE one")
    return waiting.done, value, None


def _settle(outcomes: list[Outcome]) -> None:
    for done, value, error in outcomes:
        if done.done():
            continue  # whoever waited was cancelled; the row stands all the same
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)


def _writing(path: Path) -> Engine:
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, poolclass=StaticPool, hide_parameters=True, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        # The driver's own BEGIN comes too late for savepoints; ours stands below.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _reading(path: Path) -> Engine:
    url = URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
    engine = create_engine(url, poolclass=StaticPool, hide_parameters=True, isolation_level="AUTOCOMMIT")

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA busy_timeout=5000")

    return engine
