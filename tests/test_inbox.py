"""The message manager: nothing is taken in twice, lost, or answered out of order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from carrier.errors import Conflict, LedgerError, Overloaded
from carrier.interfaces import Turn
from carrier.ledger import rooms
from carrier.ledger.engine import open_ledger
from carrier.ledger.turns import SUSPECT, alone, take
from carrier.runtime import inbox as inbox_module
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import Words
from carrier.types.models import Completion, Request
from carrier.types.talk import Message

CLOUD = replace(AGENT, name="cloud")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


class Gated(ListedModel):
    """Answers when it may, and tells how many it is asked for at once."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.asked = asyncio.Queue[str]()
        self.busy = self.most = 0

    async def complete(self, request: Request) -> Completion:
        self.busy += 1
        self.most = max(self.most, self.busy)
        self.asked.put_nowait(request.prompt.conversation[-1].text)
        await self.may.wait()
        self.busy -= 1
        return await super().complete(request)


# --- taking in -------------------------------------------------------------------------------------------------


async def test_the_same_message_twice_has_one_turn(host: LittleHost) -> None:
    model = ListedModel()
    host.add(model=model)
    message = host.message("Hello")

    async with host.answering():
        first, again = await asyncio.gather(host.inbox.take_in(message), host.inbox.take_in(message))
        await host.answered(message)
        late = await host.inbox.take_in(message)

    assert (first.new, again.new, late.new) == (True, False, False)
    assert first.turns == again.turns == late.turns == ("api:m1@tifa",)
    assert len(model.requests) == 1
    assert await host.lines() == ["Hello", "you said: Hello"]


async def test_a_door_that_may_refuse_hears_of_another_message_under_a_known_id(host: LittleHost) -> None:
    host.add()
    message = host.message("Hello")
    await host.inbox.take_in(message, may_refuse=True)

    with pytest.raises(Conflict, match="m1"):
        await host.inbox.take_in(replace(message, text="Goodbye"), may_refuse=True)
    receipt = await host.inbox.take_in(replace(message, text="Goodbye"))

    assert not receipt.new
    assert await host.lines() == ["Hello"]


async def test_messages_keep_the_order_in_which_they_were_handed_over(host: LittleHost) -> None:
    host.add()
    texts = [f"message {n}" for n in range(50)]

    await asyncio.gather(*(host.inbox.take_in(host.message(text)) for text in texts))

    assert await host.lines() == texts


async def test_what_no_store_can_hold_is_kept_in_a_form_that_it_can(host: LittleHost) -> None:
    host.add()

    await host.inbox.take_in(host.message("a\0b \ud83d", sender_name="\udc00"))

    [line] = await host.lines()
    assert line.startswith("a\N{REPLACEMENT CHARACTER}b ")


async def test_a_message_that_is_too_long_is_cut(host: LittleHost) -> None:
    host.add()

    await host.inbox.take_in(host.message("x" * 5000))

    assert await host.lines() == ["x" * 1000]


async def test_in_a_full_lane_a_message_is_heard_or_refused(host: LittleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "MOST_IN_A_LANE", 2)
    host.add()
    for _ in range(2):
        await host.inbox.take_in(host.message("answered"))

    heard = await host.inbox.take_in(host.message("heard"))
    with pytest.raises(Overloaded, match="tifa has too much"):
        await host.inbox.take_in(host.message("refused"), may_refuse=True)
    elsewhere = await host.inbox.take_in(host.message("other room", room="@ben"), may_refuse=True)

    assert (heard.turns, len(elsewhere.turns)) == ((), 1)
    assert await host.lines() == ["answered", "answered", "heard"]
    assert host.inbox.lanes.waiting_for("tifa") == 3


async def test_what_an_agent_only_hears_has_no_turn(host: LittleHost) -> None:
    host.add()

    receipt = await host.inbox.take_in(host.message("to somebody else", addressed=False))

    assert (receipt.turns, receipt.new) == ((), True)
    assert await host.lines() == ["to somebody else"]


async def test_a_message_that_cannot_be_stored_is_not_taken_in(tmp_path: Path) -> None:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        host = LittleHost(ledger)
        host.add()

    with pytest.raises(LedgerError):
        await host.inbox.take_in(host.message())
    assert host.inbox.lanes.waiting_for("tifa") == 0


# --- answering -------------------------------------------------------------------------------------------------


async def test_a_room_is_answered_one_by_one_and_rooms_side_by_side(host: LittleHost) -> None:
    model = Gated()
    host.add(model=model)
    messages = [host.message(f"{room}{n}", room=room) for room in "ab" for n in range(3)]
    for message in messages:
        await host.inbox.take_in(message)

    async with host.answering():
        asked = {await model.asked.get(), await model.asked.get()}
        model.may.set()
        for message in messages:
            await host.answered(message)

    assert asked == {"a0", "b0"}
    assert model.most == 2
    assert await host.lines("api/a") == ["a0", "you said: a0", "a1", "you said: a1", "a2", "you said: a2"]


async def test_a_turn_does_not_see_the_messages_that_wait_behind_it(host: LittleHost) -> None:
    model = ListedModel()
    host.add(model=model)
    messages = [host.message(f"question {n}") for n in range(1, 6)]
    for message in messages:
        await host.inbox.take_in(message)

    async with host.answering():
        for message in messages:
            await host.answered(message)

    third = [said.text for said in model.requests[2].prompt.conversation]
    assert third == [
        *("question 1", "you said: question 1"),
        *("question 2", "you said: question 2"),
        "question 3",
    ]


async def test_a_message_for_an_agent_that_is_away_is_answered_when_it_comes(host: LittleHost) -> None:
    messages = [host.message(f"message {n}") for n in range(3)]
    async with host.answering():
        for message in messages:
            await host.inbox.take_in(message)
        assert host.inbox.lanes.waiting_for("tifa") == 3

        host.add()
        host.inbox.changed()
        ended = [await host.answered(message) for message in messages]

    assert [it.texts for it in ended] == [(f"you said: message {n}",) for n in range(3)]


async def test_an_agent_that_goes_keeps_what_waits_until_it_is_back(host: LittleHost) -> None:
    model = Gated()
    host.add(model=model)
    first, second = host.message("first"), host.message("second")
    async with host.answering():
        await host.inbox.take_in(first)
        await host.inbox.take_in(second)
        await model.asked.get()
        del host.agents["tifa"]
        model.may.set()
        await host.answered(first)
        await host.inbox.idle()
        assert await host.ended(second) is None

        host.add()
        host.inbox.changed()
        await host.answered(second)


async def test_a_swapped_agent_finishes_its_turn_and_the_next_message_meets_the_new_one(host: LittleHost) -> None:
    old = Gated()
    host.add(model=old)
    first, second = host.message("first"), host.message("second")
    async with host.answering():
        await host.inbox.take_in(first)
        await old.asked.get()
        host.add(model=ListedModel("I am new"))
        await host.inbox.take_in(second)
        old.may.set()

        assert (await host.answered(first)).texts == ("you said: first",)
        assert (await host.answered(second)).texts == ("I am new",)


async def test_what_an_earlier_life_left_unanswered_is_answered_in_order(tmp_path: Path) -> None:
    async with little_host(tmp_path) as before:
        before.add()
        messages = [before.message(f"message {n}") for n in range(3)]
        for message in messages:
            await before.inbox.take_in(message)

    async with little_host(tmp_path) as host:
        host.add()
        assert await host.inbox.resume() == 3
        async with host.answering():
            for message in messages:
                await host.answered(message)

        assert await host.lines() == [
            *("message 0", "you said: message 0"),
            *("message 1", "you said: message 1"),
            *("message 2", "you said: message 2"),
        ]


async def test_a_host_that_stops_leaves_a_turn_to_the_next_and_does_not_blame_it(tmp_path: Path) -> None:
    for _ in range(5):
        async with little_host(tmp_path) as host:
            model = Gated()
            host.add(model=model, chat="as it was")
            await host.inbox.take_in(Message("api", "1", "api/a", "api:anna", "Hello", to="tifa"))
            await host.inbox.resume()
            async with host.answering():
                await model.asked.get()

    async with little_host(tmp_path) as host:
        message = Message("api", "1", "api/a", "api:anna", "Hello", to="tifa")
        host.add(chat="as it is now")
        await host.inbox.resume()
        async with host.answering():
            ended = await host.answered(message)

    assert (ended.outcome, ended.texts) == ("answered", ("you said: Hello",))


async def test_a_turn_that_breaks_down_costs_the_lane_nothing_else(host: LittleHost) -> None:
    runtime = host.add()
    first, second = host.message("first"), host.message("second")

    class Breaking:
        agent = AGENT

        async def turn(self, message_id: str, message: Message | None = None) -> None:
            if message_id == first.id:
                raise RuntimeError("unforeseen")
            await runtime.turn(message_id, message)

    host.agents["tifa"] = Breaking()  # type: ignore[assignment]
    async with host.answering():
        await host.inbox.take_in(first)
        await host.inbox.take_in(second)

        assert (await host.answered(second)).outcome == "answered"


async def test_while_the_ledger_cannot_be_written_a_turn_waits_and_nothing_overtakes_it(
    host: LittleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "LEDGER_PAUSE", 0.01)
    first, second = host.message("first"), host.message("second")

    async def fill_the_disk(request: Request) -> Completion:
        await host.ledger.write(no_more_pages)
        return Completion("too much for it " * 10_000)

    async def free_the_disk(request: Request) -> Completion:
        await host.ledger.write(more_pages)
        return Completion("it fits now")

    model = ListedModel(fill_the_disk, free_the_disk)
    host.add(model=model)
    async with host.answering():
        await host.inbox.take_in(first)
        await host.inbox.take_in(second)

        assert (await host.answered(first)).texts == ("it fits now",)
        assert (await host.answered(second)).texts == ("you said: second",)

    assert [request.prompt.conversation[-1].text for request in model.requests] == ["first", "first", "second"]


def no_more_pages(connection: Connection) -> None:
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar()


def more_pages(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA max_page_count=100000").scalar()


async def test_a_door_that_closes_while_a_message_is_stored_leaves_it_its_turn(host: LittleHost) -> None:
    host.add()
    message = host.message()
    async with host.answering():
        door = asyncio.ensure_future(host.inbox.take_in(message))
        await asyncio.sleep(0)
        door.cancel()

        assert (await host.answered(message)).outcome == "answered"


# --- suspects --------------------------------------------------------------------------------------------------


async def left_by_a_host_that_died(folder: Path, *texts: str, times: int) -> list[Message]:
    """Messages, each in a room of its own; of the first one's turn the process died so many times."""
    async with little_host(folder) as host:
        host.add()
        messages = [host.message(text, room=text) for text in texts]
        for message in messages:
            await host.inbox.take_in(message)
        clock, id = host.ledger.clock, messages[0].id
        for _ in range(times):
            taken = await host.ledger.write(partial(take, clock=clock, agent="tifa", message_id=id, revision=""))
            if taken and taken.attempts >= SUSPECT:
                await host.ledger.write(partial(alone, turn=taken.id))
    return messages


async def test_a_turn_that_the_process_died_of_twice_runs_while_nothing_else_does(tmp_path: Path) -> None:
    messages = await left_by_a_host_that_died(tmp_path, "suspect", *(f"other {n}" for n in range(6)), times=2)
    async with little_host(tmp_path) as host:
        busy: list[int] = []

        async def look(turn: Turn) -> None:
            if turn.message.text == "suspect":
                busy.append(host.inbox.lanes.running)

        model = Gated()
        model.may.set()
        host.add(model=model, providers={"look": look})
        await host.inbox.resume()
        async with host.answering():
            for message in messages:
                await host.answered(message)

    assert busy == [1]
    assert len(model.requests) == len(messages)


async def test_a_turn_that_the_process_died_of_five_times_is_given_up(tmp_path: Path) -> None:
    messages = await left_by_a_host_that_died(tmp_path, "deadly", "harmless", times=5)
    async with little_host(tmp_path) as host:
        model = ListedModel()
        host.add(replace(AGENT, words=Words(failed="That is too much for me.")), model=model)
        await host.inbox.resume()
        async with host.answering():
            deadly, harmless = [await host.answered(message) for message in messages]

    assert (deadly.outcome, deadly.texts) == ("dead", ("That is too much for me.",))
    assert harmless.outcome == "answered"
    assert len(model.requests) == 1


# --- rooms and agents ------------------------------------------------------------------------------------------


async def test_agents_in_one_room_each_answer_what_both_hear_and_hear_each_other(host: LittleHost) -> None:
    host.add(model=ListedModel("I am Tifa"))
    host.add(CLOUD, model=ListedModel("..."))
    message = host.message("Who is there?", client="chat", room="bar", to="")

    async with host.answering():
        receipt = await host.inbox.take_in(message)
        await host.answered(replace(message, to="tifa"))
        await host.answered(replace(message, to="cloud"))

    assert receipt.turns == ("chat:m1@tifa", "chat:m1@cloud")
    for agent, own in (("tifa", "I am Tifa"), ("cloud", "...")):
        lines = await host.ledger.read(partial(rooms.recent, agent=agent, room="chat/bar", most=9))
        assert sorted(line.text for line in lines) == ["...", "I am Tifa", "Who is there?"]
        assert [line.text for line in lines if line.own] == [own]


async def test_what_one_agent_was_told_the_other_does_not_see(host: LittleHost) -> None:
    host.add()
    cloud = ListedModel()
    host.add(CLOUD, model=cloud)

    await host.ask("between us", room="shared")
    await host.ask("and you?", room="shared", to="cloud")

    assert [said.text for said in cloud.requests[0].prompt.conversation] == ["and you?"]


async def test_an_action_that_hangs_in_one_room_holds_up_no_other(host: LittleHost) -> None:
    began, never = asyncio.Event(), asyncio.Event()

    async def hang(turn: Turn) -> None:
        began.set()
        await never.wait()

    host.add(model=ListedModel(calls("hang"), "free"), actions=[Doing("hang", hang)])
    async with host.answering():
        await host.inbox.take_in(host.message(room="stuck"))
        await began.wait()
        free = host.message(room="free")
        await host.inbox.take_in(free)

        assert (await host.answered(free)).texts == ("free",)
