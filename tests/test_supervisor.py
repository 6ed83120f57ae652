"""A client's life: an error is retried with growing pauses and costs nobody else anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert

from carrier.errors import Passing, Unauthorized
from carrier.interfaces import Deliver
from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.tables import outbox
from carrier.runtime.outbox import Sender
from carrier.runtime.supervisor import LivingClient
from carrier.testing.clients import Delivered, FakeClient
from carrier.types.clients import ClientDefinition
from carrier.types.talk import Message, Outgoing

HELLO = Message("chat", "1", "chat/a", "chat:anna", "Hello")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


def living(ledger: Ledger, client: FakeClient, delivered: Delivered, name: str = "chat") -> LivingClient:
    sender = Sender(name, client, ledger, first_pause=0.01)
    living = LivingClient(ClientDefinition(name, "fake"), client, sender, delivered, first_pause=0.01)
    living.serves.set()
    return living


@asynccontextmanager
async def alive(*clients: LivingClient) -> AsyncIterator[None]:
    lives = [asyncio.create_task(client.run()) for client in clients]
    try:
        async with asyncio.timeout(5):
            yield
    finally:
        for life in lives:
            life.cancel()
        await asyncio.wait(lives)


async def queue(ledger: Ledger) -> None:
    """Something that waits to be sent."""
    row = {"key": "k", "client": "chat", "room": "chat/a", "agent": "tifa", "message": "m", "text": "Hi"}
    rest = {"reply_to": "", "state": "waiting", "position": 0, "at": ledger.clock.tick()}
    await ledger.write(lambda it: it.execute(insert(outbox), {**row, **rest}))


async def test_it_hands_over_what_it_hears_and_sends_what_waits(ledger: Ledger) -> None:
    client, delivered = FakeClient(HELLO), Delivered()
    await queue(ledger)
    chat = living(ledger, client, delivered)

    async with alive(chat):
        assert await delivered.messages.get() == HELLO
        await client.until(sent=1)
        assert (chat.state, chat.problem) == ("running", "")


async def test_one_that_fails_is_started_again(ledger: Ledger) -> None:
    client, delivered = FakeClient(), Delivered()
    for heard in (ConnectionResetError("gone"), RuntimeError("a bug"), HELLO):
        client.heard.put_nowait(heard)
    chat = living(ledger, client, delivered)

    async with alive(chat):
        await delivered.messages.get()

    assert client.lives == 3


class Grouping(FakeClient):
    """One that listens in tasks of its own."""

    async def run(self, deliver: Deliver) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run(deliver))


async def test_one_whose_own_tasks_fail_is_started_again(ledger: Ledger) -> None:
    client, delivered = Grouping(), Delivered()
    for heard in (ConnectionResetError("gone"), RuntimeError("a bug"), HELLO):
        client.heard.put_nowait(heard)

    async with alive(living(ledger, client, delivered)):
        await delivered.messages.get()

    assert client.lives == 3


async def test_one_that_says_for_how_long_is_left_alone_so_long(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, paused = FakeClient(), asyncio.Event()
    client.heard.put_nowait(Passing("too many", 3600.0))
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        paused.set()
        await asyncio.Event().wait()

    chat = living(ledger, client, Delivered())
    monkeypatch.setattr("carrier.runtime.supervisor.asyncio.sleep", sleep)
    async with alive(chat):
        await paused.wait()

    assert pauses == [3600.0]


async def test_while_it_waits_it_says_why(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient()
    client.heard.put_nowait(ConnectionResetError("gone"))
    chat = living(ledger, client, Delivered())
    chat.first_pause = 100

    paused = asyncio.Event()

    def pause(low: float, high: float) -> float:
        paused.set()
        return high

    monkeypatch.setattr("carrier.runtime.supervisor.random.uniform", pause)
    async with alive(chat):
        await paused.wait()
        assert (chat.state, chat.problem) == ("waiting", "ConnectionResetError: gone")


async def test_pauses_grow_to_five_minutes_and_begin_anew_after_good_health(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def note(low: float, high: float) -> float:
        pauses.append(high)
        return 0.0

    monkeypatch.setattr("carrier.runtime.supervisor.random.uniform", note)
    client, delivered = FakeClient(), Delivered()
    for _ in range(12):
        client.heard.put_nowait(OSError("gone"))
    client.heard.put_nowait(HELLO)
    chat = living(ledger, client, delivered)
    chat.first_pause = 1.0

    async with alive(chat):
        await delivered.messages.get()

    assert pauses[:4] == [2.0, 4.0, 8.0, 16.0]
    assert pauses[-1] == 300.0


async def test_a_client_whose_credentials_are_refused_stops_for_good(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    client = FakeClient()
    client.heard.put_nowait(Unauthorized("the token is not accepted"))
    chat = living(ledger, client, Delivered())

    async with asyncio.timeout(5):
        await chat.run()

    assert (chat.state, chat.problem, client.lives) == ("unauthorized", "Unauthorized: the token is not accepted", 1)
    assert "tried again when its configuration changes" in caplog.text


async def test_credentials_that_are_refused_while_it_sends_stop_it_too(ledger: Ledger) -> None:
    client = FakeClient()
    client.sending_fails.append(Unauthorized("the token is not accepted"))
    await queue(ledger)
    chat = living(ledger, client, Delivered())

    async with asyncio.timeout(5):
        await chat.run()

    assert (chat.state, chat.problem) == ("unauthorized", "Unauthorized: the token is not accepted")


async def test_an_error_while_it_sends_is_named_and_the_row_is_sent_by_the_next_life(ledger: Ledger) -> None:
    client = FakeClient()
    client.sending_fails.append(ZeroDivisionError("a bug"))
    await queue(ledger)
    chat = living(ledger, client, Delivered())

    async with alive(chat):
        await client.until(sent=1)

    assert (client.texts, client.lives) == (["Hi"], 2)


async def test_a_client_that_returns_has_ended(ledger: Ledger) -> None:
    client = FakeClient()
    client.heard.put_nowait(None)
    chat = living(ledger, client, Delivered())

    async with asyncio.timeout(5):
        await chat.run()

    assert (chat.state, chat.problem) == ("ended", "")


class SlowToStop(FakeClient):
    """Takes its time to let go of what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.stopping, self.may_stop = asyncio.Event(), asyncio.Event()

    async def send(self, outgoing: Outgoing) -> str:
        try:
            return await super().send(outgoing)
        finally:
            self.stopping.set()
            await self.may_stop.wait()


async def test_one_that_is_stopped_in_the_moment_it_fails_stays_stopped(ledger: Ledger) -> None:
    client = SlowToStop()
    client.may_send.clear()
    await queue(ledger)
    life = asyncio.create_task(living(ledger, client, Delivered()).run())
    async with asyncio.timeout(5):
        await client.until(attempts=1)
        client.heard.put_nowait(OSError("gone"))
        await client.stopping.wait()
        life.cancel()
        await asyncio.sleep(0)
        client.may_stop.set()
        await asyncio.wait([life])

    assert client.lives == 1


async def test_one_that_fails_costs_the_others_nothing(ledger: Ledger) -> None:
    bad, good, delivered = FakeClient(), FakeClient(), Delivered()
    for _ in range(3):
        bad.heard.put_nowait(OSError("gone"))
    one, two = living(ledger, bad, Delivered(), "bad"), living(ledger, good, delivered, "good")

    async with alive(one, two):
        good.heard.put_nowait(HELLO)
        await delivered.messages.get()

        assert (two.state, good.lives) == ("running", 1)
