"""The ledger's engine: what it promises about order, failure and durability."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from carrier.errors import LedgerError
from carrier.ledger.engine import Clock, Ledger, open_ledger
from carrier.ledger.tables import cursors


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


def put(owner: str, position: str = "0") -> Callable[[Connection], str]:
    def transaction(connection: Connection) -> str:
        connection.execute(insert(cursors), {"owner": owner, "room": "r", "position": position})
        return owner

    return transaction


def owners(connection: Connection) -> list[str]:
    return list(connection.execute(select(cursors.c.owner).order_by(cursors.c.owner)).scalars())


async def test_what_write_returned_can_be_read(ledger: Ledger) -> None:
    assert await ledger.write(put("a")) == "a"

    assert await ledger.read(owners) == ["a"]


async def test_transactions_commit_in_the_order_they_were_submitted(ledger: Ledger) -> None:
    seen: list[int] = []

    def append(n: int) -> Callable[[Connection], None]:
        return lambda _: seen.append(n)

    await asyncio.gather(*(ledger.submit(append(n)) for n in range(500)))

    assert seen == list(range(500))


async def test_a_transaction_that_raises_undoes_only_itself(ledger: Ledger) -> None:
    def half(connection: Connection) -> None:
        put("half")(connection)
        raise ValueError("no")

    outcomes = await asyncio.gather(
        ledger.submit(put("a")),
        ledger.submit(half),
        ledger.submit(put("b")),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], ValueError)
    assert await ledger.read(owners) == ["a", "b"]


async def test_what_cannot_be_committed_is_an_error_for_everybody_in_the_batch(ledger: Ledger) -> None:
    def deferred_violation(connection: Connection) -> None:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        connection.execute(text("CREATE TABLE child (id INTEGER REFERENCES rooms(id) DEFERRABLE INITIALLY DEFERRED)"))
        connection.execute(text("INSERT INTO child VALUES (1)"))

    with pytest.raises(LedgerError, match="could not commit"):
        await ledger.write(deferred_violation)

    assert await ledger.write(put("after")) == "after"


async def test_a_caller_that_is_cancelled_leaves_the_row(ledger: Ledger) -> None:
    waiting = asyncio.ensure_future(ledger.write(put("kept")))
    await asyncio.sleep(0)
    waiting.cancel()

    await ledger.write(lambda _: None)

    assert await ledger.read(owners) == ["kept"]


async def test_a_closed_ledger_refuses_and_has_kept_everything(tmp_path: Path) -> None:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        last = ledger.submit(put("last"))

    assert await last == "last"
    with pytest.raises(LedgerError):
        await ledger.write(put("late"))
    with sqlite3.connect(tmp_path / "ledger.db") as file:
        assert file.execute("SELECT owner FROM cursors").fetchall() == [("last",)]
    file.close()


async def test_it_syncs_each_commit_to_the_disk(ledger: Ledger) -> None:
    def settings(connection: Connection) -> tuple[str, int]:
        pragma = connection.exec_driver_sql
        return pragma("PRAGMA journal_mode").scalar_one(), pragma("PRAGMA synchronous").scalar_one()

    full = 2
    assert await ledger.write(settings) == ("wal", full)


async def test_readers_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="readonly"):
        await ledger.read(put("x"))


def test_the_clock_never_repeats_nor_goes_back() -> None:
    times = iter([10, 10, 5, 20])
    clock = Clock(last=9, now=lambda: next(times))

    assert [clock.tick() for _ in range(4)] == [10, 11, 12, 20]
