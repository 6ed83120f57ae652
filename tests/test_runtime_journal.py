"""What is written is submitted in order, and awaited only before something that cannot be undone."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.turns import journal_of
from carrier.runtime.journal import Journal, Write
from carrier.types.models import ActionCall, ActionResult, Completion


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


def breaks(connection: Connection, clock: Any) -> None:
    raise ValueError("it cannot be written")


async def written(ledger: Ledger) -> dict[str, bool]:
    """The names in the journal, and whether each has ended."""
    entries = await ledger.read(partial(journal_of, turn="t"))
    return {name: entry.ended for name, entry in entries.items()}


async def test_a_value_is_written_behind_and_is_there_at_the_next_barrier(ledger: Ledger) -> None:
    journal = Journal(ledger, "t", "tifa")

    async def work() -> list[int]:
        return [1, 2]

    assert await journal.once("value", work, list[int]) == [1, 2]
    await journal.committed()

    assert await written(ledger) == {"value": True}
    later = Journal(ledger, "t", "tifa", await ledger.read(partial(journal_of, turn="t")))
    assert await later.once("value", work, list[int]) == [1, 2]


async def test_a_model_is_asked_only_when_all_before_it_is_on_disk(ledger: Ledger) -> None:
    journal = Journal(ledger, "t", "tifa")

    async def work() -> str:
        return "composed"

    async def ask() -> Completion:
        assert await written(ledger) == {"prompt": True, "model/00": False}
        return Completion("yes")

    await journal.once("prompt", work, str)
    await journal.paid("model/00", ask)
    await journal.committed()

    assert await written(ledger) == {"prompt": True, "model/00": True}


async def test_an_action_begins_only_when_that_is_on_disk(ledger: Ledger) -> None:
    journal = Journal(ledger, "t", "tifa")

    await journal.action_begins("action/00/00")
    assert await written(ledger) == {"action/00/00": False}

    await journal.action_ends("action/00/00", ActionResult(ActionCall("1", "roll", {}), "done", "4"))
    assert await written(ledger) == {"action/00/00": True}


async def test_a_write_that_fails_shows_at_the_next_barrier_and_nothing_is_asked(ledger: Ledger) -> None:
    journal = Journal(ledger, "t", "tifa")
    asked: list[str] = []

    async def ask() -> Completion:
        asked.append("asked")
        return Completion("yes")

    journal.submit(breaks)
    with pytest.raises(ValueError, match="it cannot be written"):
        await journal.paid("model/00", ask)

    assert asked == []


async def test_an_action_s_end_and_what_else_it_wrote_are_one_transaction(ledger: Ledger) -> None:
    journal = Journal(ledger, "t", "tifa")
    await journal.action_begins("action/00/00")

    with pytest.raises(ValueError, match="it cannot be written"):
        await journal.action_ends(
            "action/00/00", ActionResult(ActionCall("1", "roll", {}), "done", "4"), [Write(breaks)]
        )

    assert await written(ledger) == {"action/00/00": False}


async def test_a_barrier_gives_back_what_the_last_transaction_did(ledger: Ledger) -> None:
    journal = Journal(ledger, "t", "tifa")
    assert await journal.committed() is None

    for n in range(3):
        journal.submit(lambda connection, clock, n=n: n)

    assert await journal.committed() == 2


async def test_two_that_ask_at_once_both_wait_for_their_own(ledger: Ledger) -> None:
    journal = Journal(ledger, "t", "tifa")

    async def ask(name: str) -> Completion:
        assert name in await written(ledger)
        return Completion(name)

    answers = await asyncio.gather(*(journal.paid(name, partial(ask, name)) for name in ("a", "b", "c")))

    assert [answer.text for answer in answers] == ["a", "b", "c"]
