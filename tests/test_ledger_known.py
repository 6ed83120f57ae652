"""What is known of a message while it is taken in: whose words it answers, and how often a bot was answered."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.intake import Intake, hear, take_in
from carrier.ledger.known import Known, known
from carrier.ledger.outbox import sent
from carrier.ledger.turns import Closing, Speech, close, take
from carrier.types.memory import Memory
from carrier.types.talk import Message, Outcome, Outgoing


@dataclass
class Room:
    """A ledger in which things are said and answered."""

    ledger: Ledger
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def message(self, by: str = "barret", bot: bool = True, **more: Any) -> Message:
        given = {"room": "dc/bar", "platform_id": str(next(self._ids)), **more}
        return Message("dc", sender=f"dc:{by}", text="Hello", bot=bot, **given)

    async def do(self, transaction: Any, **named: Any) -> Any:
        return await self.ledger.write(partial(transaction, clock=self.ledger.clock, **named))

    async def answer(self, message: Message, outcome: Outcome = "answered", agent: str = "tifa") -> None:
        await self.do(take_in, message=message, agents={agent: "waiting"})
        taken = await self.do(take, agent=agent, message_id=message.id, revision="r")
        id = f"{taken.id}/reply"
        memory = Memory(id, agent, message.room, f"agent:{agent}", "reply", "Hi", message.at)
        outgoing = Outgoing(id, "dc", message.room, "Hi", agent)
        speech = Speech(id, "Hi", memory, (outgoing,)) if outcome == "answered" else None
        await self.do(close, taken=taken, agent=agent, closing=Closing(outcome, speech, "{}"))

    async def has_answered(self, message: Message, times: int, agent: str = "tifa") -> bool:
        def query(connection: Connection) -> bool:
            return known(connection, self.ledger.clock, message).has_answered(agent, times)

        return await self.ledger.read(query)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        yield Room(ledger)


async def test_answers_to_a_bot_are_counted_until_a_person_speaks(room: Room) -> None:
    assert not await room.has_answered(room.message(), 1)
    await room.answer(room.message())
    await room.answer(room.message())
    assert await room.has_answered(room.message(), 2)
    assert not await room.has_answered(room.message(), 3)

    await room.do(take_in, message=room.message("anna", bot=False), agents={})

    assert not await room.has_answered(room.message(), 1)


async def test_what_waits_for_its_answer_counts_and_what_was_met_with_silence_does_not(room: Room) -> None:
    await room.answer(room.message(), "silent")
    await room.do(take_in, message=room.message(), agents={"tifa": "heard"})
    assert not await room.has_answered(room.message(), 1)

    await room.do(take_in, message=room.message(), agents={"tifa": "asks"})

    assert await room.has_answered(room.message(), 1)


async def test_each_pair_and_each_room_is_counted_apart(room: Room) -> None:
    await room.answer(room.message())

    assert not await room.has_answered(room.message("cid"), 1)
    assert not await room.has_answered(room.message(room="dc/shop"), 1)
    assert not await room.has_answered(room.message(), 1, agent="aerith")
    assert await room.has_answered(room.message(), 0, agent="aerith")


async def test_what_no_person_says_does_not_count_as_one(room: Room) -> None:
    await room.answer(room.message())
    await room.do(take_in, message=room.message("clock", bot=False, kind="schedule"), agents={})

    assert await room.has_answered(room.message(), 1)


async def test_a_burst_that_is_answered_once_counts_once(room: Room) -> None:
    first, second = room.message(), room.message()
    for message in (first, second):
        await room.do(take_in, message=message, agents={"tifa": "waiting"})
    taken = await room.do(take, agent="tifa", message_id=first.id, revision="r", gather=lambda message: 60.0)
    await room.do(close, taken=taken, agent="tifa", closing=Closing("answered", None, "{}"))

    assert await room.has_answered(room.message(), 1)
    assert not await room.has_answered(room.message(), 2)


async def test_a_reply_is_known_by_what_the_platform_calls_the_words_it_answers(room: Room) -> None:
    said = room.message()
    await room.answer(said)
    await room.ledger.write(partial(sent, key=f"{said.id}@tifa/reply", platform_id="p1"))

    async def known_of(message: Message) -> Known:
        return await room.ledger.read(lambda it: known(it, room.ledger.clock, message))

    assert (await known_of(room.message(reply_to="p1"))).replied_to == "tifa"
    assert (await known_of(room.message(reply_to="p2"))).replied_to == ""
    assert (await known_of(room.message())).replied_to == ""
    elsewhere = Message("other", "9", "other/bar", "other:anna", "Hi", reply_to="p1")
    assert (await known_of(elsewhere)).replied_to == ""


async def test_an_agent_s_own_words_that_come_back_are_not_taken_in(room: Room) -> None:
    said = room.message()
    await room.answer(said)
    await room.ledger.write(partial(sent, key=f"{said.id}@tifa/reply", platform_id="p1"))

    def placed(known: Known) -> dict[str, Any]:
        raise AssertionError("nobody has to decide about it")

    taken: Intake = await room.do(hear, message=room.message(platform_id="p1"), placed=placed)

    assert (taken.new, taken.waiting) == (False, ())


async def test_however_much_bots_say_the_count_reads_what_was_answered_only(room: Room) -> None:
    asked: list[tuple[str, Any]] = []

    def query(connection: Connection) -> list[str]:
        def note(on: object, cursor: object, statement: str, values: Any, *rest: object) -> None:
            asked.append((statement, values))

        event.listen(connection, "before_cursor_execute", note)
        known(connection, room.ledger.clock, room.message()).has_answered("tifa", 3)
        event.remove(connection, "before_cursor_execute", note)
        plans = (connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values) for statement, values in asked)
        return [str(row[-1]) for plan in plans for row in plan]

    plan = "; ".join(await room.ledger.read(query))

    for index in ("ix_outbox_client_platform_id", "ix_messages_people", "ix_inbox_answered"):
        assert index in plan
    assert "SCAN inbox" not in plan
