"""Reloads, one after the other: the newest files count, and nothing is swapped half-way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from carrier.living import reloading
from carrier.living.reloading import Overtaken, Reloaded, Reloads
from carrier.testing.hosts import until

DONE = Reloaded(1.0, "r", True, ())


class Attempts:
    """Attempts that go on when they are told to, and note what they did."""

    def __init__(self) -> None:
        self.reloads = Reloads(self.attempt)
        self.begun = self.ended = self.at_once = self.most_at_once = 0
        self.may_go_on = asyncio.Event()

    async def attempt(self) -> Reloaded:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.may_go_on.wait()
            self.reloads.stop_if_newer()
            self.ended += 1
            return DONE
        finally:
            self.at_once -= 1


@asynccontextmanager
async def alive(reloads: Reloads) -> AsyncIterator[None]:
    life = asyncio.create_task(reloads.run())
    try:
        async with asyncio.timeout(5):
            yield
    finally:
        life.cancel()
        await asyncio.wait([life])


async def test_wishes_that_come_together_are_one_attempt() -> None:
    attempts = Attempts()
    attempts.may_go_on.set()
    for _ in range(5):
        attempts.reloads.soon()

    async with alive(attempts.reloads):
        assert await attempts.reloads.done() == DONE

    assert attempts.begun == attempts.ended == 1


async def test_a_newer_wish_overtakes_the_one_under_way_and_both_get_what_comes_of_the_newest() -> None:
    attempts = Attempts()
    async with alive(attempts.reloads):
        first = asyncio.create_task(attempts.reloads.done())
        await until(lambda: attempts.begun == 1)
        second = asyncio.create_task(attempts.reloads.done())
        await asyncio.sleep(0)
        attempts.may_go_on.set()

        assert [await first, await second] == [DONE, DONE]

    assert (attempts.begun, attempts.ended, attempts.most_at_once) == (2, 1, 1)


async def test_a_stream_of_wishes_cannot_hold_off_a_reload_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "PATIENCE", 0.05)
    attempts = Attempts()
    attempts.may_go_on.set()

    async def wish_always() -> None:
        while True:
            attempts.reloads.soon()
            await asyncio.sleep(0)

    wishing = asyncio.create_task(wish_always())
    async with alive(attempts.reloads):
        await until(lambda: attempts.ended > 2)
        wishing.cancel()
        with suppress(asyncio.CancelledError):
            await wishing


async def test_who_stops_waiting_stops_nothing() -> None:
    attempts = Attempts()
    async with alive(attempts.reloads):
        impatient = asyncio.create_task(attempts.reloads.done())
        await until(lambda: attempts.begun == 1)
        impatient.cancel()
        await asyncio.wait([impatient])
        attempts.may_go_on.set()
        await until(lambda: attempts.ended == 1)


async def test_work_is_given_up_for_a_newer_wish_and_only_then() -> None:
    given_up = asyncio.Event()

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    reloads = Reloads(Attempts().attempt)
    assert await reloads.unless_newer(asyncio.sleep(0, "done")) == "done"
    working = asyncio.create_task(reloads.unless_newer(work()))
    await asyncio.sleep(0)
    reloads.soon()

    with pytest.raises(Overtaken):
        await working
    assert given_up.is_set()
