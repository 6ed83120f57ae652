"""One sender for each client: in order within a room, each row once, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, insert, select

from carrier.errors import Passing, Refused
from carrier.ledger import rooms
from carrier.ledger.engine import Ledger
from carrier.ledger.tables import messages, outbox
from carrier.runtime.outbox import Sender
from carrier.testing.clients import FakeClient

T = TypeVar("T")
DAY = 24 * 3600 * 1_000_000


class Time:
    """The machine's clock, which goes as it is told."""

    def __init__(self) -> None:
        self._steps, self.ahead = count(1_000_000_000), 0

    def __call__(self) -> int:
        return next(self._steps) + self.ahead


class Desk:
    """A sender with its client and ledger."""

    def __init__(self, ledger: Ledger, time: Time):
        self.ledger, self.time, self.client = ledger, time, FakeClient()
        self.sender = Sender("chat", self.client, ledger, first_pause=0.01)
        self._ids = count(1)

    async def queue(self, text: str, room: str = "chat/a", state: str = "waiting", client: str = "chat") -> str:
        """Words that an agent has said, and their key."""
        key, at = f"k{next(self._ids)}", self.ledger.clock.tick()
        said: dict[str, Any] = {
            "id": key,
            "client": client,
            "platform_id": "",
            "room": room,
            "sender": "agent:tifa",
            "agent": "tifa",
        }
        said |= {"sender_name": "Tifa", "kind": "chat", "text": text, "addressed": False, "created_at": at, "at": at}
        row: dict[str, Any] = {
            "key": key,
            "client": client,
            "room": room,
            "agent": "tifa",
            "message": key,
            "text": text,
        }
        row |= {"reply_to": "", "state": state, "position": 0, "at": at}

        def put(connection: Connection) -> None:
            connection.execute(insert(messages), said)
            connection.execute(insert(outbox), row)

        await self.ledger.write(put)
        self.sender.wake.set()
        return key

    async def states(self) -> dict[str, str]:
        rows = await self.ledger.read(lambda it: it.execute(select(outbox).order_by(outbox.c.at)).all())
        return {row.text: row.state for row in rows}

    async def window(self, room: str = "chat/a") -> list[str]:
        lines = await self.ledger.read(partial(rooms.recent, agent="tifa", room=room, most=10))
        return [line.text for line in lines]

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        life = asyncio.create_task(self.sender.run())
        try:
            yield
        finally:
            life.cancel()
            await asyncio.wait([life])

    async def send_all(self) -> dict[str, str]:
        """What became of the rows, once nothing is left that can be sent now."""
        async with self.sending(), asyncio.timeout(5):
            await self.sender.idle()
        return await self.states()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    time = Time()
    ledger = Ledger(tmp_path / "ledger.db", now=time)
    yield Desk(ledger, time)
    await ledger.close()


async def test_a_room_s_words_arrive_in_the_order_they_were_said(desk: Desk) -> None:
    for n in range(5):
        await desk.queue(f"{n}")

    assert set((await desk.send_all()).values()) == {"sent"}
    assert desk.client.texts == ["0", "1", "2", "3", "4"]


async def test_what_is_said_while_it_sends_is_sent_after(desk: Desk) -> None:
    async with desk.sending():
        await desk.queue("first")
        await desk.client.until(sent=1)
        await desk.queue("second")
        await desk.client.until(sent=2)

    assert desk.client.texts == ["first", "second"]


async def test_rooms_are_served_side_by_side(desk: Desk) -> None:
    desk.client.may_send.clear()
    await desk.queue("a", room="chat/a")
    await desk.queue("b", room="chat/b")
    async with desk.sending():
        await desk.client.until(attempts=2)
        desk.client.may_send.set()
        await desk.client.until(sent=2)

    assert sorted(desk.client.texts) == ["a", "b"]


async def test_another_client_s_rows_are_left_alone(desk: Desk) -> None:
    await desk.queue("for another", client="other")

    assert await desk.send_all() == {"for another": "waiting"}


async def test_the_platform_s_id_is_kept(desk: Desk) -> None:
    key = await desk.queue("hello")
    await desk.send_all()

    stored = await desk.ledger.read(
        lambda it: it.execute(select(outbox.c.platform_id).where(outbox.c.key == key)).scalar()
    )
    assert stored == "p1"


# --- failures --------------------------------------------------------------------------------------------------


async def test_a_failure_that_passes_is_tried_again_and_holds_back_the_room_and_no_other(desk: Desk) -> None:
    desk.client.sending_fails.append(Passing("too fast", retry_after=0.05))
    await desk.queue("first")
    await desk.queue("second")
    async with desk.sending():
        await desk.client.until(attempts=1)
        await desk.queue("elsewhere", room="chat/b")
        await desk.client.until(sent=3)

    assert desk.client.texts == ["elsewhere", "first", "second"]


async def test_a_pause_is_as_long_as_the_platform_asks_for(desk: Desk) -> None:
    desk.client.sending_fails.append(Passing("too fast", retry_after=30))
    await desk.queue("first")

    assert await desk.send_all() == {"first": "waiting"}
    assert len(desk.client.attempts) == 1


async def test_many_rows_of_a_room_that_waits_hide_no_other_room(desk: Desk) -> None:
    desk.client.sending_fails.append(Passing("too fast", retry_after=30))
    for n in range(250):
        await desk.queue(f"{n}", room="chat/stuck")
    async with desk.sending():
        await desk.client.until(attempts=1)
        await desk.queue("elsewhere", room="chat/free")
        await desk.client.until(sent=1)

    assert desk.client.texts == ["elsewhere"]


async def test_what_the_platform_refuses_for_good_leaves_the_window_and_the_next_goes(desk: Desk) -> None:
    desk.client.sending_fails.append(Refused("no such room"))
    await desk.queue("first")
    await desk.queue("second")

    assert await desk.send_all() == {"first": "failed", "second": "sent"}
    assert await desk.window() == ["second"]


async def test_what_cannot_be_delivered_for_a_day_is_given_up(desk: Desk) -> None:
    await desk.queue("old news")
    desk.time.ahead = DAY + 1_000_000
    await desk.queue("fresh")

    assert await desk.send_all() == {"old news": "failed", "fresh": "sent"}


async def test_after_a_lost_connection_it_is_looked_for_before_it_is_sent_again(desk: Desk) -> None:
    key = await desk.queue("first")
    await desk.queue("second")
    desk.client.sending_fails.append(ConnectionResetError("gone"))
    desk.client.arrived[key] = "p0"
    async with desk.sending():
        await desk.client.until(sent=1)

    assert (desk.client.texts, (await desk.states())["first"]) == (["second"], "sent")


async def test_a_lost_connection_without_effect_leads_to_another_attempt(desk: Desk) -> None:
    await desk.queue("hello")
    desk.client.sending_fails.append(TimeoutError())
    async with desk.sending():
        await desk.client.until(sent=1)

    assert desk.client.texts == ["hello"]


async def test_an_error_that_is_none_of_the_platform_s_ends_it_and_the_next_life_sends(desk: Desk) -> None:
    await desk.queue("first")
    await desk.queue("second")
    desk.client.sending_fails.append(ZeroDivisionError())

    with pytest.raises(ExceptionGroup):
        await desk.sender.run()

    assert await desk.states() == {"first": "sending", "second": "waiting"}
    assert await desk.send_all() == {"first": "sent", "second": "sent"}
    assert desk.client.texts == ["first", "second"]


# --- found in sending ------------------------------------------------------------------------------------------


async def test_what_was_cut_off_and_has_arrived_is_not_sent_again(desk: Desk) -> None:
    key = await desk.queue("hello", state="sending")
    desk.client.arrived[key] = "p0"

    assert await desk.send_all() == {"hello": "sent"}
    assert desk.client.texts == []


async def test_what_was_cut_off_and_has_not_arrived_is_sent_again_with_the_same_key(desk: Desk) -> None:
    key = await desk.queue("hello", state="sending")

    assert await desk.send_all() == {"hello": "sent"}
    assert [outgoing.key for outgoing in desk.client.sent] == [key]


async def test_what_was_cut_off_where_nobody_can_look_is_in_doubt_and_the_next_goes(desk: Desk) -> None:
    desk.client.can_look = False
    await desk.queue("first", state="sending")
    await desk.queue("second")

    assert await desk.send_all() == {"first": "in doubt", "second": "sent"}
    assert await desk.window() == ["first", "second"]


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), Passing("too fast", retry_after=0.0)])
async def test_a_look_that_fails_is_repeated_and_nothing_is_sent_meanwhile(desk: Desk, error: Exception) -> None:
    key = await desk.queue("first", state="sending")
    await desk.queue("second")
    desk.client.looking_fails.append(error)
    desk.client.arrived[key] = "p0"
    async with desk.sending():
        await desk.client.until(sent=1)

    assert desk.client.texts == ["second"]


async def test_a_sender_that_is_stopped_while_it_sends_looks_at_the_next_start(desk: Desk) -> None:
    key = await desk.queue("hello")
    desk.client.may_send.clear()
    async with desk.sending():
        await desk.client.until(attempts=1)
    assert await desk.states() == {"hello": "sending"}

    desk.client.arrived[key] = "p0"
    assert await desk.send_all() == {"hello": "sent"}
    assert len(desk.client.attempts) == 1


# --- races -----------------------------------------------------------------------------------------------------


class LateReads(Ledger):
    """A ledger whose readers have looked, and take their time to tell."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.may_tell = asyncio.Event()
        self.may_tell.set()
        self.has_read = asyncio.Event()

    async def read(self, query: Callable[[Connection], T]) -> T:
        value = await super().read(query)
        self.has_read.set()
        await self.may_tell.wait()
        return value


async def test_what_was_read_before_it_was_sent_is_not_sent_twice(tmp_path: Path) -> None:
    ledger = LateReads(tmp_path / "ledger.db")
    desk = Desk(ledger, Time())
    desk.client.can_look = False
    await desk.queue("hello")
    desk.client.may_send.clear()
    async with desk.sending():
        await desk.client.until(attempts=1)
        ledger.has_read.clear()
        ledger.may_tell.clear()
        desk.sender.wake.set()
        await ledger.has_read.wait()
        desk.client.may_send.set()
        await desk.client.until(sent=1)
        await desk.queue("again")
        ledger.may_tell.set()
        await desk.client.until(sent=2)
        await desk.sender.idle()

    assert desk.client.texts == ["hello", "again"]
    assert set((await desk.states()).values()) == {"sent"}
    await ledger.close()
