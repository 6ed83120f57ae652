"""What one person says in a burst is answered once: held back, gathered, and never lost, doubled or swallowed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from carrier.interfaces import Turn
from carrier.ledger.bursts import MOST, MOST_CHARS
from carrier.ledger.intake import Place, take_in
from carrier.ledger.outbox import waiting
from carrier.ledger.tables import inbox
from carrier.runtime.gathering import LONGEST, Bursts
from carrier.testing.hosts import until
from carrier.testing.models import ListedModel
from carrier.testing.runtimes import LittleHost, little_host
from carrier.types.talk import Lane, Message

LANE = Lane("tifa", "dc/bar")
SECOND = 1.0


def said(id: str, text: str = "", by: str = "anna", **more: Any) -> Message:
    return Message("dc", id, "dc/bar", f"dc:{by}", text or id, sender_name=by.title(), **more)


# --- held back ---------------------------------------------------------------------------------------------------


@dataclass
class Time:
    """Passes when it is told to."""

    now: float = 0.0
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def later(self, seconds: float, call: Callable[[], None]) -> Any:
        entry = (self.now + seconds, call)
        self.due.append(entry)
        return Timer(self, entry)

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while ready := sorted((entry for entry in self.due if entry[0] <= until), key=lambda entry: entry[0]):
            self.due.remove(ready[0])
            self.now = ready[0][0]
            ready[0][1]()
        self.now = until


@dataclass
class Timer:
    time: Time
    entry: tuple[float, Callable[[], None]]

    def cancel(self) -> None:
        if self.entry in self.time.due:
            self.time.due.remove(self.entry)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def released() -> list[str]:
    return []


@pytest.fixture
def bursts(time: Time, released: list[str]) -> Bursts:
    return Bursts(lambda lane, id: released.append(id.removeprefix("dc:")), time.later, lambda: time.now)


def test_who_speaks_is_answered_when_they_have_been_silent_for_long_enough(
    bursts: Bursts, time: Time, released: list[str]
) -> None:
    bursts.put(LANE, said("1"), SECOND)
    time.passes(0.9)
    bursts.put(LANE, said("2"), SECOND)
    time.passes(0.9)
    assert (released, bursts.length(LANE), bursts.agents()) == ([], 2, {"tifa"})

    time.passes(0.1)

    assert (released, bursts.length(LANE), bursts.agents()) == (["1", "2"], 0, set())


def test_what_needs_no_answer_shows_that_somebody_goes_on(bursts: Bursts, time: Time, released: list[str]) -> None:
    bursts.goes_on(LANE, said("0"), SECOND)
    bursts.put(LANE, said("1"), SECOND)
    time.passes(0.9)
    bursts.goes_on(LANE, said("2"), SECOND)
    bursts.goes_on(LANE, said("3", by="ben"), SECOND)
    time.passes(0.9)
    assert released == []

    time.passes(0.1)

    assert released == ["1"]


def test_who_never_stops_is_answered_all_the_same(bursts: Bursts, time: Time, released: list[str]) -> None:
    for number in range(10 * LONGEST):
        bursts.put(LANE, said(str(number)), SECOND)
        time.passes(SECOND / 2)

    assert released[: 2 * LONGEST] == [str(number) for number in range(2 * LONGEST)]


def test_whoever_speaks_next_lets_the_one_before_go_first(bursts: Bursts, time: Time, released: list[str]) -> None:
    bursts.put(LANE, said("1"), SECOND)
    bursts.put(LANE, said("2", by="ben"), SECOND)
    assert released == ["1"]
    bursts.put(LANE, said("3"), 0.0)

    assert released == ["1", "2", "3"]


def test_each_room_and_each_agent_has_its_own(bursts: Bursts, time: Time, released: list[str]) -> None:
    bursts.put(LANE, said("1"), SECOND)
    bursts.put(Lane("tifa", "dc/shop"), said("2"), SECOND)
    bursts.put(Lane("cloud", "dc/bar"), said("3", by="ben"), 0.0)

    assert released == ["3"]
    time.passes(SECOND)
    assert released == ["3", "1", "2"]


def test_nothing_is_released_after_the_end(bursts: Bursts, time: Time, released: list[str]) -> None:
    bursts.put(LANE, said("1"), SECOND)
    bursts.close()
    time.passes(2 * SECOND)

    assert released == []


# --- gathered ------------------------------------------------------------------------------------------------------

GATHER = 60.0
"""Longer than any test: whatever was said belongs together, as far as the rules let it."""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        host.gather = GATHER
        yield host


async def states(host: LittleHost) -> dict[str, str]:
    def query(connection: Connection) -> dict[str, str]:
        rows = connection.execute(select(inbox.c.message, inbox.c.state))
        return {row.message.removeprefix("dc:"): row.state for row in rows if "@" not in row.message}

    return await host.ledger.read(query)


async def hear(host: LittleHost, *messages: Message) -> None:
    for message in messages:
        await host.inbox.take_in(message)


def told(model: ListedModel) -> list[str]:
    """What each question's last message said."""
    return [request.prompt.conversation[-1].text for request in model.requests]


async def test_what_waits_of_one_person_is_answered_by_one_turn(host: LittleHost) -> None:
    model = ListedModel("All of it.")
    runtime = host.add(model=model)
    await hear(host, said("1", "One,"), said("2", "two,"), said("3", "three."))

    for id in ("1", "2", "3"):
        await runtime.turn(f"dc:{id}")

    assert told(model) == ["One,\ntwo,\nthree."]
    assert await states(host) == {"1": "done", "2": "done", "3": "done"}
    [unsent] = await host.ledger.read(partial(waiting, client="dc"))
    assert (unsent.outgoing.text, unsent.outgoing.reply_to) == ("All of it.", "3")
    assert await host.lines("dc/bar") == ["One,", "two,", "three.", "All of it."]


async def test_another_person_in_between_is_answered_in_between(host: LittleHost) -> None:
    model = ListedModel()
    runtime = host.add(model=model)
    await hear(host, said("1"), said("2"), said("3", by="ben"), said("4"))

    for id in ("1", "2", "3", "4"):
        await runtime.turn(f"dc:{id}")

    assert told(model) == ["1\n2", "3", "4"]
    assert [said.text for said in model.requests[1].prompt.conversation] == ["1", "2", "you said: 1\n2", "3"]


async def test_what_others_said_that_needs_no_answer_is_told_and_not_swallowed(host: LittleHost) -> None:
    model = ListedModel()
    runtime = host.add(model=model)
    await hear(host, said("1"), said("ha ha", by="ben", addressed=False), said("2"))

    await runtime.turn("dc:1")

    assert [said.text for said in model.requests[0].prompt.conversation] == ["ha ha", "1\n2"]


async def test_what_follows_at_once_belongs_to_it_though_it_addresses_nobody(host: LittleHost) -> None:
    model = ListedModel("Late.")
    runtime = host.add(model=model)
    await hear(host, said("1", "Tifa,"), said("2", "what time is it?", addressed=False))

    await runtime.turn("dc:1")

    assert told(model) == ["Tifa,\nwhat time is it?"]
    assert await states(host) == {"1": "done", "2": "heard"}


async def test_what_follows_later_does_not_belong_to_it(host: LittleHost) -> None:
    host.gather = 1e-9
    model = ListedModel()
    runtime = host.add(model=model)
    await hear(host, said("1"), said("2", addressed=False))

    await runtime.turn("dc:1")

    assert told(model) == ["1"]


async def test_what_another_agent_answers_does_not_belong_to_it(host: LittleHost) -> None:
    model = ListedModel()
    runtime = host.add(model=model)
    places: Mapping[str, Mapping[str, Place]] = {
        "1": {"tifa": "waiting", "cloud": "heard"},
        "2": {"tifa": "heard", "cloud": "waiting"},
        "3": {"tifa": "heard", "cloud": "heard"},
    }
    for id, agents in places.items():
        take = partial(take_in, clock=host.ledger.clock, message=said(id), agents=agents)
        await host.ledger.write(take)

    await runtime.turn("dc:1")

    assert told(model) == ["1\n3"]


@pytest.mark.parametrize(("second", "is_asked"), [("asks", True), ("waiting", False)])
async def test_nobody_is_asked_whether_it_answers_what_is_addressed_in_part(
    host: LittleHost, second: Place, is_asked: bool
) -> None:
    small = ListedModel("YES")
    runtime = host.add(small=small)
    for id, place in (("1", "asks"), ("2", second)):
        agents: Mapping[str, Place] = {"tifa": place}  # type: ignore[dict-item]
        await host.ledger.write(partial(take_in, clock=host.ledger.clock, message=said(id), agents=agents))

    await runtime.turn("dc:1")

    assert bool(small.requests) == is_asked
    assert await host.lines("dc/bar") == ["1", "2", "you said: 1\n2"]


async def test_no_more_is_answered_together_than_a_model_can_read(host: LittleHost) -> None:
    model = ListedModel()
    runtime = host.add(model=model)
    host.inbox.message_chars = MOST_CHARS
    long = "x" * (MOST_CHARS - 1)
    await hear(host, said("1"), said("2", long), said("3", long), *(said(str(number)) for number in range(4, 50)))

    for number in range(1, 50):
        await runtime.turn(f"dc:{number}")

    assert told(model)[0] == f"1\n{long}"
    assert told(model)[1] == f"{long}\n4"
    assert [text.count("\n") + 1 for text in told(model)[2:]] == [MOST, 45 - MOST]


async def test_at_a_door_that_waits_for_each_answer_nothing_is_gathered(host: LittleHost) -> None:
    model = ListedModel()
    host.add(model=model)

    await host.ask("one")
    await host.ask("two")

    assert told(model) == ["one", "two"]


async def test_a_running_host_waits_gathers_and_answers_once(host: LittleHost) -> None:
    host.gather = 0.05
    model = ListedModel()
    host.add(model=model)

    async with host.answering():
        await hear(host, said("1"), said("2"), said("3"))
        await host.answered(replace(said("1"), to="tifa"))

    assert told(model) == ["1\n2\n3"]


async def test_what_was_said_while_the_turn_before_ran_is_answered_together(host: LittleHost) -> None:
    going, may = asyncio.Event(), asyncio.Event()

    async def slow(turn: Turn) -> None:
        going.set()
        await may.wait()

    host.gather = 0.01
    model = ListedModel()
    host.add(model=model, providers={"slow": slow})
    async with host.answering():
        await hear(host, said("0", by="ben"))
        await going.wait()
        await hear(host, said("1"), said("2"))
        may.set()
        await host.answered(replace(said("1"), to="tifa"))

    assert told(model) == ["0", "1\n2"]


# --- after a kill ----------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The end of a process, as far as one turn can tell."""


@pytest.mark.parametrize("at", ["compose", "model"])
async def test_after_a_kill_each_message_is_answered_once_and_what_came_later_on_its_own(
    tmp_path: Path, at: str
) -> None:
    async def die(turn: Turn) -> None:
        if at == "compose":
            raise Killed

    async with little_host(tmp_path) as first:
        first.gather = GATHER
        runtime = first.add(model=ListedModel(Killed()), providers={"die": die})
        await hear(first, said("1"), said("2", addressed=False), said("3"))
        with pytest.raises(Killed):
            await runtime.turn("dc:1")
        assert await states(first) == {"1": "taken", "2": "heard", "3": "taken"}

    async with little_host(tmp_path) as second:
        second.gather = GATHER
        model = ListedModel()
        second.add(model=model)
        await second.inbox.resume()
        await hear(second, said("4"))
        second.gather = 0.0
        async with second.answering():
            await second.answered(replace(said("1"), to="tifa"))
            await hear(second, said("5", by="ben"))
            await second.answered(replace(said("5"), to="tifa"))
            await until(lambda: not second.inbox.lanes.agents() and not second.inbox.lanes.running)

        assert told(model)[0] == "1\n2\n3"
        assert sorted(told(model)[1:]) == ["4", "5"]
        assert await states(second) == {"1": "done", "2": "heard", "3": "done", "4": "done", "5": "done"}
        assert len(await second.ledger.read(partial(waiting, client="dc"))) == 3
