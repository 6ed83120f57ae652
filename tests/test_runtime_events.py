"""Events reach the append-only log once, and wait in the ledger while it cannot be written."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from carrier.analytics import EventLog, stats
from carrier.ledger.events import waiting
from carrier.ledger.tables import events
from carrier.runtime import events as events_module
from carrier.runtime.events import Exporter
from carrier.testing.ledgers import FullLedger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[FullLedger]:
    ledger = FullLedger(tmp_path / "ledger.db")
    yield ledger
    await ledger.close()


def leave(ids: Iterable[str], at: int) -> Any:
    """The events of some turns."""

    def put(connection: Connection) -> None:
        for id in ids:
            event = {"id": id, "at": at, "agent": "tifa", "outcome": "answered", "ms": {"total": 1.0}, "actions": []}
            connection.execute(insert(events), {"id": id, "at": at, "body": json.dumps(event)})

    return put


class Log:
    """Keeps what it is given, and tells when it got something."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.broken = False
        self.loop = asyncio.get_running_loop()
        self.written = asyncio.Event()

    def append(self, batch: Iterable[Mapping[str, Any]]) -> None:
        if self.broken:
            raise OSError("no space left on device")
        self.ids += [event["id"] for event in batch]
        self.loop.call_soon_threadsafe(self.written.set)


async def test_what_waits_is_written_once_and_forgotten(ledger: FullLedger) -> None:
    log = Log()
    await ledger.write(leave(["t1", "t2"], at=1))

    exporter = Exporter(ledger, log.append)
    await exporter.export()
    await exporter.export()

    assert log.ids == ["t1", "t2"]
    assert await ledger.read(waiting) == []


async def test_more_than_one_batch_is_written_in_one_go(ledger: FullLedger) -> None:
    log = Log()
    await ledger.write(leave([f"t{n:04}" for n in range(1500)], at=1))

    await Exporter(ledger, log.append).export()

    assert len(set(log.ids)) == len(log.ids) == 1500


async def test_a_log_that_cannot_be_written_leaves_events_where_they_are(
    ledger: FullLedger, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()
    log.broken = True
    await ledger.write(leave(["t1"], at=1))
    exporter = Exporter(ledger, log.append)

    await exporter.export()
    assert "no space left on device" in caplog.text
    log.broken = False
    await exporter.export()

    assert log.ids == ["t1"]


async def test_it_goes_on_living_when_a_turn_closes_and_the_ledger_is_full(
    ledger: FullLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "PAUSE", 0.001)
    log = Log()
    await ledger.write(leave(["t1"], at=1))
    ledger.full = True
    exporter = Exporter(ledger, log.append)
    life = asyncio.create_task(exporter.run())
    async with asyncio.timeout(5):
        await ledger.refused.wait()
        ledger.full = False
        log.written.clear()
        exporter.wake.set()
        await log.written.wait()
    life.cancel()
    await asyncio.wait([life])

    assert set(log.ids) == {"t1"}


async def test_an_event_that_came_twice_after_a_crash_counts_once(ledger: FullLedger, tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    now = ledger.clock.tick()
    await ledger.write(leave(["t1", "t2"], at=now))
    # The process dies between the writing and the forgetting.
    ledger.full = True
    await Exporter(ledger, log.append).export()
    ledger.full = False
    await Exporter(ledger, log.append).export()

    counted = await asyncio.to_thread(partial(stats, tmp_path / "events"))
    assert [day.messages for day in counted.days] == [2]
