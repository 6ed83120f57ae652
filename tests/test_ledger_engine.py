"""The ledger's engine: what it promises about order, failure and durability."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from carrier.errors import LedgerError
from carrier.ledger.engine import Clock, Ledger, open_ledger
from carrier.ledger.intake import take_in
from carrier.ledger.tables import cursors, outbox
from carrier.types.talk import Message


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


async def test_a_full_disk_is_told_by_its_name_and_passes(ledger: Ledger) -> None:
    await ledger.write(no_more_pages)

    outcomes = await asyncio.gather(
        *(ledger.submit(put(owner, "x" * 50_000)) for owner in "ab"), return_exceptions=True
    )
    await ledger.write(lambda it: it.exec_driver_sql("PRAGMA max_page_count=100000").scalar())
    await ledger.write(put("c", "x" * 50_000))

    assert [str(outcome) for outcome in outcomes] == ["the ledger could not commit: database or disk is full"] * 2
    assert all(isinstance(outcome, LedgerError) for outcome in outcomes)
    assert await ledger.read(owners) == ["c"]


def no_more_pages(connection: Connection) -> None:
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar()


async def test_what_was_to_be_stored_does_not_stand_in_an_error(ledger: Ledger) -> None:
    await ledger.write(put("a", "a secret"))

    with pytest.raises(IntegrityError) as failed:
        await ledger.write(put("a", "a secret"))

    assert "a secret" not in str(failed.value)


async def test_who_comes_while_it_closes_is_refused_even_if_another_was_cancelled(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    closing = asyncio.ensure_future(ledger.close())
    await asyncio.sleep(0)
    cancelled, late = ledger.submit(put("a")), ledger.submit(put("b"))
    cancelled.cancel()

    with pytest.raises(LedgerError):
        await late
    await closing
    await ledger.ended


@pytest.mark.parametrize("name", ["my bots", "what?", "no#1", "100%41"])
async def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    async with open_ledger(tmp_path / name / "ledger.db") as ledger:
        await ledger.write(put("a"))

        assert await ledger.read(owners) == ["a"]

    assert (tmp_path / name / "ledger.db").exists()


async def test_the_clock_goes_on_after_what_is_stored_though_the_machine_s_was_set_back(tmp_path: Path) -> None:
    ahead = Ledger(tmp_path / "ledger.db", now=lambda: 2_000)
    message = Message("chat", "1", "chat/a", "chat:a", "Hello")
    await ahead.write(partial(take_in, clock=ahead.clock, message=message, agents={"tifa": "waiting"}))
    last = ahead.clock.tick()
    outgoing = {"key": "k", "client": "c", "room": "r", "agent": "a", "message": "m", "text": "", "reply_to": ""}
    await ahead.write(
        lambda it: it.execute(insert(outbox), {**outgoing, "state": "waiting", "position": 0, "at": last})
    )
    await ahead.close()

    behind = Ledger(tmp_path / "ledger.db", now=lambda: 1_000)
    assert behind.clock.tick() == last + 1
    await behind.close()
