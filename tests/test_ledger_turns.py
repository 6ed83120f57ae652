"""A turn's transactions: taken, written down step by step, closed in one go."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carrier.ledger import turns
from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.events import waiting as waiting_events
from carrier.ledger.forms import dump
from carrier.ledger.intake import take_in, unanswered
from carrier.ledger.jobs import ReflectionDue, due
from carrier.ledger.memory_log import LedgerMemoryLog
from carrier.ledger.outbox import give_up, waiting
from carrier.ledger.rooms import recent
from carrier.ledger.tables import spending
from carrier.ledger.turns import Closing, Speech, Taken
from carrier.types.memory import Memory
from carrier.types.models import ActionCall, ActionResult, Usage
from carrier.types.talk import Message, Outgoing


class Room:
    """One agent's room on a ledger."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger

    async def do(self, transaction: Callable[..., Any], **values: Any) -> Any:
        return await self.ledger.write(partial(transaction, clock=self.ledger.clock, **values))

    async def hear(self, id: str, text: str = "Hello", room: str = "chat/a", agent: str = "tifa") -> Message:
        message = Message("chat", id, room, "chat:anna", text, sender_name="Anna")
        taken = await self.do(take_in, message=message, agents={agent: "waiting"})
        heard: Message = taken.message
        return heard

    async def take(self, message: Message, agent: str = "tifa") -> Taken | None:
        taken: Taken | None = await self.do(turns.take, agent=agent, message_id=message.id, revision="r1")
        return taken

    async def attempts(self, message: Message) -> int:
        taken = await self.take(message)
        assert taken
        return taken.attempts

    async def close(self, taken: Taken, text: str = "", reflections: tuple[ReflectionDue, ...] = ()) -> bool:
        speech = speech_of(taken, text) if text else None
        closing = Closing("answered" if text else "silent", speech, event='{"id": 1}', reflections=reflections)
        is_due: bool = await self.do(turns.close, taken=taken, agent="tifa", closing=closing)
        return is_due

    async def lines(self, before: int = 2**62, agent: str = "tifa") -> list[str]:
        seen = await self.ledger.read(partial(recent, agent=agent, room="chat/a", most=10, before=before))
        return [line.text for line in seen]


def speech_of(taken: Taken, text: str) -> Speech:
    id, room = f"{taken.id}/reply", taken.message.room
    memory = Memory(id, "tifa", room, "agent:tifa", "reply", text, taken.message.at, name="Tifa")
    return Speech(id, text, memory, (Outgoing(id, "chat", room, text, "tifa", taken.message.platform_id),))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        yield Room(ledger)


# --- take ------------------------------------------------------------------------------------------------------


async def test_a_turn_that_was_cut_off_is_taken_again_with_its_journal(room: Room) -> None:
    message = await room.hear("1")
    first = await room.take(message)
    assert first
    assert first.journal == {}
    await room.do(turns.note, turn=first.id, name="prompt", value='"p"')
    await room.do(turns.start, turn=first.id, agent="tifa", name="action/00/00", kind="action")

    again = await room.take(message)

    assert again
    assert [(entry.name, entry.ended) for entry in again.journal.values()] == [
        ("action/00/00", False),
        ("prompt", True),
    ]
    assert await room.ledger.read(unanswered) == [("tifa", "chat/a", "chat:1")]


async def test_a_turn_that_is_closed_is_not_taken_again(room: Room) -> None:
    message = await room.hear("1")
    taken = await room.take(message)
    assert taken
    await room.close(taken, "Hi")

    assert await room.take(message) is None
    assert await room.ledger.read(unanswered) == []


async def test_attempts_count_only_while_the_journal_does_not_grow(room: Room) -> None:
    message = await room.hear("1")
    assert [await room.attempts(message) for _ in range(3)] == [1, 2, 3]

    await room.do(turns.note, turn="chat:1@tifa", name="prompt", value='"p"')

    assert [await room.attempts(message) for _ in range(2)] == [1, 2]


async def test_an_attempt_that_was_let_go_does_not_count(room: Room) -> None:
    message = await room.hear("1")
    for _ in range(5):
        taken = await room.take(message)
        assert taken
        assert taken.attempts == 1
        await room.ledger.write(partial(turns.let_go, taken=taken))


async def test_a_suspect_counts_from_when_it_is_alone(room: Room) -> None:
    message = await room.hear("1")
    assert [await room.attempts(message) for _ in range(4)] == [1, 2, 3, 3]

    await room.ledger.write(partial(turns.alone, turn="chat:1@tifa"))

    assert await room.attempts(message) == 4


# --- step ------------------------------------------------------------------------------------------------------


async def test_what_a_model_may_cost_is_reserved_before_it_is_asked_and_settled_after(room: Room) -> None:
    await room.do(turns.start, turn="t", agent="tifa", name="model/00", kind="model")
    [reserved] = await room.ledger.read(lambda it: it.execute(select(spending)).all())

    spent = ("openai/gpt", Usage(10, 5, 0.25))
    await room.do(turns.end, turn="t", name="model/00", value="{}", spent=spent)

    [settled] = await room.ledger.read(lambda it: it.execute(select(spending)).all())
    assert (reserved.state, reserved.cost) == ("reserved", 0.0)
    assert (settled.state, settled.model, settled.tokens_in, settled.cost) == ("settled", "openai/gpt", 10, 0.25)


# --- close -----------------------------------------------------------------------------------------------------


async def test_all_that_ends_a_turn_is_one_transaction(room: Room) -> None:
    message = await room.hear("1")
    taken = await room.take(message)
    assert taken
    await room.close(taken, "Hi", reflections=(ReflectionDue("facts", every=1),))

    assert await room.lines() == ["Hello", "Hi"]
    assert [unsent.outgoing.text for unsent in await room.ledger.read(partial(waiting, client="chat"))] == ["Hi"]
    assert [memory.text for _, memory in await LedgerMemoryLog(room.ledger).waiting(9)] == ["Hello", "Hi"]
    assert await room.ledger.read(waiting_events) == [("chat:1@tifa", '{"id": 1}')]
    assert [job.evaluator for job in await room.ledger.read(partial(due, now=2**62, most=9))] == ["facts"]


async def test_a_close_that_fails_leaves_nothing_of_itself(room: Room) -> None:
    message = await room.hear("1")
    taken = await room.take(message)
    assert taken

    with pytest.raises(AttributeError):
        await room.close(taken, "Hi", reflections=("no reflection",))  # type: ignore[arg-type]

    assert await room.lines() == ["Hello"]
    assert await room.ledger.read(partial(waiting, client="chat")) == []
    assert await room.ledger.read(unanswered) == [("tifa", "chat/a", "chat:1")]


async def test_how_a_turn_ended_can_be_asked_afterwards(room: Room) -> None:
    message = await room.hear("1")
    assert await room.ledger.read(partial(turns.answer, turn="chat:1@tifa")) is None
    taken = await room.take(message)
    assert taken
    assert await room.ledger.read(partial(turns.answer, turn="chat:1@tifa")) is None
    result = ActionResult(ActionCall("1", "roll", {}), "done", "6")
    await room.do(turns.note, turn=taken.id, name="action/00/00", value=dump(ActionResult, result), kind="action")
    await room.close(taken, "Hi")

    ended = await room.ledger.read(partial(turns.answer, turn="chat:1@tifa"))

    assert ended
    assert (ended.outcome, ended.texts, ended.results) == ("answered", ("Hi",), (result,))


async def test_a_turn_closed_in_the_middle_of_an_action_can_be_asked_for(room: Room) -> None:
    taken = await room.take(await room.hear("1"))
    assert taken
    await room.do(turns.start, turn=taken.id, agent="tifa", name="action/00/00", kind="action")
    await room.close(taken, "Sorry")

    ended = await room.ledger.read(partial(turns.answer, turn="chat:1@tifa"))

    assert ended
    assert (ended.texts, ended.results) == (("Sorry",), ())


async def test_a_turn_that_nobody_knows_is_no_turn(room: Room) -> None:
    with pytest.raises(LookupError):
        await room.ledger.read(partial(turns.answer, turn="chat:9@tifa"))


# --- the window ------------------------------------------------------------------------------------------------


async def test_an_answer_stands_at_the_message_it_answers_while_later_ones_wait(room: Room) -> None:
    heard = [await room.hear(str(n), f"question {n}") for n in range(1, 6)]
    for message in heard[:2]:
        taken = await room.take(message)
        assert taken
        await room.close(taken, message.text.replace("question", "answer"))

    assert await room.lines(before=heard[2].at) == ["question 1", "answer 1", "question 2", "answer 2"]
    assert await room.lines() == [
        "question 1",
        "answer 1",
        "question 2",
        "answer 2",
        *(f"question {n}" for n in (3, 4, 5)),
    ]


async def test_an_answer_that_never_reached_the_room_leaves_the_window(room: Room) -> None:
    taken = await room.take(await room.hear("1"))
    assert taken
    await room.close(taken, "Hi")

    await room.ledger.write(partial(give_up, key="chat:1@tifa/reply", state="in doubt", error="cut off"))
    assert await room.lines() == ["Hello", "Hi"]

    await room.ledger.write(partial(give_up, key="chat:1@tifa/reply", state="failed", error="no such room"))
    assert await room.lines() == ["Hello"]


async def test_an_agent_sees_only_what_it_heard_and_said_itself(room: Room) -> None:
    taken = await room.take(await room.hear("1", "for tifa"))
    assert taken
    await room.close(taken, "from tifa")
    await room.hear("2", "for cloud", agent="cloud")

    assert await room.lines(agent="tifa") == ["for tifa", "from tifa"]
    assert await room.lines(agent="cloud") == ["for cloud"]
