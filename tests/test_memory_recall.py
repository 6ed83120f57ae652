"""What comes up for a question, and in which order."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
import pytest

from carrier.memory.filters import one_of, quoted, within
from carrier.memory.recall import Lines, scaled, strengths, strongest
from carrier.memory.scopes import Scopes
from carrier.memory.view import Stored, View, view_of
from carrier.memory.waiting import Waiting, shared, words
from carrier.types.memory import Memory, Scope

MINUTE = 60_000_000


def memory(number: int, text: str = "", room: str = "room", name: str = "Anna", agent: str = "tifa") -> Memory:
    return Memory(f"{agent}/{number}", agent, room, f"api:{name}", "message", text, number * MINUTE, name)


def lines(text: Sequence[float], at: Sequence[int] = (), room: Sequence[int] = ()) -> Lines:
    count = len(text)
    return Lines(
        at=np.array(at or [number * MINUTE for number in range(count)]),
        room=np.array(room or [0] * count, np.int32),
        text=np.array(text, np.float32),
        named=np.zeros(count, np.bool_),
        vectors=np.zeros((count, 2), np.float32),
        question=np.zeros(2, np.float32),
    )


def test_a_strong_line_lends_strength_to_its_neighbours_in_the_order_of_time() -> None:
    minutes = [6, 9, 8, 5, 7]

    sixth, ninth, eighth, fifth, seventh = strengths(lines([0, 1, 0, 0, 0], at=[MINUTE * each for each in minutes]))

    assert ninth > eighth > seventh > sixth
    assert sixth == fifth == 0


def test_neighbours_are_lines_of_the_same_room_and_the_same_sitting() -> None:
    other_room = strengths(lines([1, 0, 0], room=[0, 1, 0]))
    next_day = strengths(lines([1, 0], at=[0, 1_500 * MINUTE]))

    assert other_room[1] == 0 < other_room[2]
    assert next_day[1] == 0


def test_a_line_nothing_speaks_for_is_not_recalled_though_its_sitting_is_strong() -> None:
    strength = strengths(lines([1, 0, 0, 0, 0, 0]))

    assert strongest(strength, np.ones(6, np.bool_), 6) == [0, 1, 2]


def test_the_weakest_that_was_found_comes_up_too() -> None:
    scale = scaled(np.array([5, 0, 4, 4.9], np.float32))

    assert scale[0] == 1
    assert scale[1] == 0
    assert scale[3] > scale[2] > 0
    assert list(scaled(np.array([0, 3], np.float32))) == [0, 1]


def test_only_the_strongest_are_weighed() -> None:
    scale = scaled(np.arange(10, dtype=np.float32), most=3)

    assert list(np.flatnonzero(scale)) == [7, 8, 9]


def test_no_lines_have_no_strength() -> None:
    assert len(strengths(lines([]))) == 0


def test_what_is_skipped_does_not_come_up() -> None:
    view = view_of([(memory(number), None) for number in range(3)], 2)

    allowed = view.allowed(["tifa/0", "tifa/2", "somebody else's"])

    assert strongest(np.ones(3, np.float32), allowed, 5) == [1]


def test_who_is_named_in_the_question_counts_but_not_the_agent_who_is_spoken_to() -> None:
    view = View(2)
    view.add(memory(1, name="Anna Smith"))
    view.add(memory(2, name="Bob"))
    view.add(Memory("reply", "tifa", "room", "api:anna", "reply", "yes", 3, "Tifa"))

    asked = view.lines(words("Tifa, what did Smith's brother say?"), {}, None)

    assert list(asked.named) == [True, False, False]


def test_a_view_grows_and_keeps_what_it_has() -> None:
    view = View(2, capacity=2)
    for number in range(9):
        view.add(memory(number), (number, 0.0))
    view.add(memory(3), (0.5, 0.5))

    found = view.lines([], {"tifa/4": 2.0, "unknown": 1.0}, (1.0, 0.0))

    assert list(found.vectors @ found.question) == [0, 1, 2, 0.5, 4, 5, 6, 7, 8]
    assert list(np.flatnonzero(found.text)) == [4]
    assert list(found.at) == [number * MINUTE for number in range(9)]


class Shelf:
    """Lines by agent, handed out when the door is open."""

    def __init__(self, **stored: int):
        self.stored = {agent: [(memory(n, agent=agent), None) for n in range(count)] for agent, count in stored.items()}
        self.reads: list[str] = []
        self.read = asyncio.Event()
        self.door = asyncio.Event()
        self.door.set()

    async def count(self, scope: Scope) -> int:
        return len(self.stored[scope.agent])

    async def lines(self, scope: Scope) -> list[Stored]:
        found: list[Stored] = list(self.stored[scope.agent])
        self.reads.append(scope.agent)
        self.read.set()
        await self.door.wait()
        return found


def nothing() -> list[Stored]:
    return []


async def test_scopes_are_read_once_and_the_least_asked_for_makes_room() -> None:
    shelf = Shelf(a=50, b=50, c=50)
    scopes = Scopes(shelf, size=2, budget=2 * 40_000)

    for agent in ("a", "b", "a", "c", "a", "b"):
        await scopes.view(Scope(agent), nothing)

    assert shelf.reads == ["a", "b", "c", "b"]


async def test_a_scope_too_large_to_be_held_is_not() -> None:
    shelf = Shelf(small=4, large=6)
    scopes = Scopes(shelf, size=2, most=5)

    assert await scopes.view(Scope("small"), nothing) is not None
    assert await scopes.view(Scope("large"), nothing) is None
    assert shelf.reads == ["small"]


async def test_what_comes_while_a_scope_is_read_is_in_it_and_what_is_forgotten_is_not() -> None:
    shelf = Shelf(tifa=2)
    shelf.door.clear()
    scopes = Scopes(shelf, size=2)
    reading = asyncio.create_task(scopes.view(Scope("tifa"), lambda: [(memory(7), None)]))
    await shelf.read.wait()

    scopes.add(memory(8))
    scopes.add(memory(9))
    del shelf.stored["tifa"][0]
    scopes.drop(["tifa/0", "tifa/9"])
    shelf.door.set()
    view = await reading

    assert view is not None
    assert [line.id for line in view.memories] == ["tifa/1", "tifa/7", "tifa/8"]


async def test_a_new_memory_is_in_every_view_it_belongs_to() -> None:
    scopes = Scopes(Shelf(tifa=0), size=2)
    all_scopes = [Scope("tifa"), Scope("tifa", "room"), Scope("tifa", "", "api:Anna"), Scope("tifa", "other")]
    views = [await scopes.view(scope, nothing) for scope in all_scopes]

    scopes.add(memory(1))
    scopes.add(memory(1), (1.0, 0.0))

    assert [len(view) for view in views if view is not None] == [1, 1, 1, 0]


def test_a_row_is_due_when_it_has_its_vector_or_has_waited_for_it_long_enough() -> None:
    waiting = Waiting(most=3)
    for number in range(3):
        waiting.add(memory(number))
    assert waiting.begin(9) == []
    assert waiting.space_left() == 0

    waiting.complete("tifa/1", (1.0, 0.0))
    [ready] = waiting.begin(9)
    assert ready.memory.id == "tifa/1"
    assert not waiting.complete("tifa/1", (0.0, 1.0))

    waiting.release(patience=0)
    assert len(waiting.begin(9)) == 3
    waiting.drop(["tifa/1", "never there"])
    assert set(waiting.rows) == {"tifa/0", "tifa/2"}


def test_nothing_waits_no_commit_is_due() -> None:
    waiting = Waiting()
    assert waiting.due_in(2) is None
    waiting.add(memory(1))
    assert (waiting.due_in(2) or 0) > 1
    waiting.complete("tifa/1", None)
    assert (waiting.due_in(2) or 0) < 1
    assert waiting.due_in(1) == 0


def test_words_are_shared_whatever_their_case() -> None:
    waiting = Waiting()
    waiting.add(memory(1, "My CAT is called Whiskers"))

    [row] = waiting.rows.values()

    assert shared(words("what is the cat of Anna called"), row) == pytest.approx(3 / 5)
    assert shared([], row) == 0


def test_a_value_cannot_leave_its_quotes() -> None:
    assert quoted("it's") == "'it''s'"
    assert within(Scope("a' OR '1'='1", "r")) == "agent = 'a'' OR ''1''=''1' AND room = 'r'"
    assert one_of("id", ["a", "b'c"]) == "id IN ('a', 'b''c')"
    assert within(Scope("")) == "agent = ''"


def test_ten_thousand_lines_are_weighed_in_milliseconds() -> None:
    vectors = np.random.default_rng(0).standard_normal((10_000, 384)).astype(np.float32)
    many = Lines(
        at=np.arange(10_000) * MINUTE,
        room=np.zeros(10_000, np.int32),
        text=np.zeros(10_000, np.float32),
        named=np.zeros(10_000, np.bool_),
        vectors=vectors,
        question=vectors[77],
    )

    begun = time.perf_counter()
    strength = strengths(many)

    assert strongest(strength, np.ones(10_000, np.bool_), 1) == [77]
    assert time.perf_counter() - begun < 0.5
