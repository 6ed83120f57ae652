"""When a reflection is due, and what becomes of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.intake import take_in
from carrier.ledger.jobs import (
    Job,
    ReflectionDue,
    drop,
    due,
    failed,
    lines_since,
    next_due,
    plan_reflections,
    reflected,
)
from carrier.types.memory import Memory
from carrier.types.talk import Message

ALL = 2**62


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


async def hear(ledger: Ledger, *texts: str) -> None:
    for text in texts:
        message = Message("chat", text, "chat/a", "chat:anna", text)
        await ledger.write(partial(take_in, clock=ledger.clock, message=message, agents={"tifa": "waiting"}))


async def plan(ledger: Ledger, every: int = 2) -> bool:
    reflections = [ReflectionDue("facts", every)]
    return await ledger.write(
        partial(plan_reflections, clock=ledger.clock, agent="tifa", room="chat/a", reflections=reflections)
    )


async def jobs(ledger: Ledger, now: int = ALL) -> list[Job]:
    return await ledger.read(partial(due, now=now, most=9))


async def texts(ledger: Ledger, job: Job) -> list[str]:
    return [line.text for line in await ledger.read(partial(lines_since, job=job))]


async def test_a_job_that_was_dropped_while_it_was_done_leaves_its_lines_to_the_next(ledger: Ledger) -> None:
    await hear(ledger, "one", "two")
    await plan(ledger)
    [job] = await jobs(ledger)
    await ledger.write(partial(drop, job=job))
    fact = Memory("f1", "tifa", "chat/a", "chat:anna", "fact", "lives in Bergen", 1)

    kept = await ledger.write(partial(reflected, clock=ledger.clock, job=job, through=ALL, memories=[fact]))
    again = await ledger.write(partial(failed, job=replace(job, attempts=2), error="no", again_at=0))

    assert (kept, again) == ([], True)
    assert await texts(ledger, job) == ["one", "two"]


async def test_it_is_due_after_so_many_messages_and_once(ledger: Ledger) -> None:
    await hear(ledger, "one")
    assert not await plan(ledger)

    await hear(ledger, "two")
    assert await plan(ledger)
    assert not await plan(ledger)

    [job] = await jobs(ledger)
    assert await texts(ledger, job) == ["one", "two"]


async def test_what_it_found_is_kept_and_the_place_moves_at_once(ledger: Ledger) -> None:
    await hear(ledger, "one", "two")
    await plan(ledger)
    [job] = await jobs(ledger)
    through = (await ledger.read(partial(lines_since, job=job)))[-1].at
    fact = Memory("f1", "tifa", "chat/a", "chat:anna", "fact", "likes tea", through)

    found = partial(reflected, clock=ledger.clock, job=job, through=through, memories=[fact])
    assert await ledger.write(found) == [fact]
    assert await ledger.write(found) == []

    assert await jobs(ledger) == []
    assert not await plan(ledger)
    await hear(ledger, "three", "four")
    assert await plan(ledger)
    [next_job] = await jobs(ledger)
    assert await texts(ledger, next_job) == ["three", "four"]


async def test_one_that_fails_is_due_again_later(ledger: Ledger) -> None:
    await hear(ledger, "one", "two")
    await plan(ledger)
    [job] = await jobs(ledger)
    later = ledger.clock.tick() + 60_000_000

    assert await ledger.write(partial(failed, job=job, error="no", again_at=later))

    assert await jobs(ledger, now=ledger.clock.tick()) == []
    assert await ledger.read(next_due) == later
    [again] = await jobs(ledger)
    assert again.attempts == 1


async def test_one_that_fails_three_times_is_gone_and_not_due_again_for_the_same_lines(ledger: Ledger) -> None:
    await hear(ledger, "one", "two")
    await plan(ledger)
    outcomes = []
    for _ in range(3):
        [job] = await jobs(ledger)
        outcomes.append(await ledger.write(partial(failed, job=job, error="no", again_at=0)))

    assert outcomes == [True, True, False]
    assert await jobs(ledger) == []
    assert not await plan(ledger)


async def test_one_that_is_dropped_is_due_again_with_the_same_lines(ledger: Ledger) -> None:
    await hear(ledger, "one", "two")
    await plan(ledger)
    [job] = await jobs(ledger)
    await ledger.write(partial(drop, job=job))
    assert await jobs(ledger) == []

    assert await plan(ledger)

    [again] = await jobs(ledger)
    assert await texts(ledger, again) == ["one", "two"]
