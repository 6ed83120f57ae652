"""The memory system as a whole, over a real table."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from carrier.memory import writer
from carrier.memory.embeddings import MiniLM
from carrier.memory.lance import LanceStore
from carrier.memory.memories import LanceMemories
from carrier.memory.waiting import Row
from carrier.testing.embedder import WordEmbedder
from carrier.testing.memory_log import ListedMemoryLog
from carrier.types.memory import Memory, Scope

ROOM = Scope("tifa", "api/@anna")


def memory(number: int, text: str, agent: str = "tifa", room: str = "api/@anna", entity: str = "api:anna") -> Memory:
    return Memory(f"{number}@{agent}", agent, room, entity, "message", text, 1_000_000 * number, "Anna")


@asynccontextmanager
async def remembering(
    folder: Path, log: ListedMemoryLog, embedder: WordEmbedder | MiniLM | None = None
) -> AsyncIterator[LanceMemories]:
    async def rebuild() -> None:
        log.add(EVERYTHING)

    async with LanceMemories(folder, log, embedder, rebuild) as memories:
        memories.open()
        yield memories


EVERYTHING: list[Memory] = []
"""What the ledger would fill the log with again."""


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    EVERYTHING.clear()


def tell(log: ListedMemoryLog, memories: LanceMemories, *told: Memory) -> None:
    log.add(told)
    memories.put(told)


async def texts(memories: LanceMemories, question: str, scope: Scope = ROOM, skip: Collection[str] = ()) -> list[str]:
    return [found.memory.text for found in await memories.recall(scope, question, 8, skip)]


async def test_what_was_said_is_recalled_by_its_meaning(tmp_path: Path) -> None:
    log = ListedMemoryLog()
    async with remembering(tmp_path, log, MiniLM()) as memories:
        tell(log, memories, memory(1, "I adopted a kitten"), memory(999_999, "The stock market fell again"))
        await memories.settled()

        assert (await texts(memories, "Which pets do they own?"))[0] == "I adopted a kitten"
        assert memories.state().without_vector == 0
        assert not log.rows


@pytest.mark.parametrize("stored", [True, False])
async def test_what_is_only_claimed_comes_up_after_what_was_said(tmp_path: Path, stored: bool) -> None:
    claimed = replace(memory(1, "the cat is called Barret"), trust="claimed")
    async with remembering(tmp_path, log := ListedMemoryLog(), None) as memories:
        tell(log, memories, claimed, memory(999_999, "the cat is called Whiskers"))
        if stored:
            await memories.settled()

        found = await texts(memories, "how is the cat called")

    assert found == ["the cat is called Whiskers", "the cat is called Barret"]


@pytest.mark.parametrize("stored", [True, False])
async def test_what_was_said_in_private_comes_up_only_there(tmp_path: Path, stored: bool) -> None:
    private = replace(memory(1, "the cat is called Whiskers"), private=True)
    everywhere = Scope(private.agent)
    async with remembering(tmp_path, log := ListedMemoryLog(), None) as memories:
        tell(log, memories, private)
        if stored:
            await memories.settled()

        elsewhere = await memories.recall(everywhere, "the cat", 8, here="api/@eve")
        nowhere = await memories.recall(everywhere, "the cat", 8)
        there = await memories.recall(everywhere, "the cat", 8, here=private.room)
        in_its_room = await texts(memories, "the cat")

    assert (elsewhere, nowhere) == ([], [])
    assert [found.memory for found in there] == [private]
    assert in_its_room == [private.text]


async def test_what_is_put_is_recalled_before_the_store_is_open_and_before_it_is_written(tmp_path: Path) -> None:
    log, embedder = ListedMemoryLog(), WordEmbedder()
    embedder.open.clear()
    async with LanceMemories(tmp_path, log, embedder) as memories:
        tell(log, memories, memory(1, "the cat is called Whiskers"), memory(2, "no"))
        assert not memories.state().ready
        assert await texts(memories, "how is the cat called") == ["the cat is called Whiskers"]

        memories.open()

        assert "the cat is called Whiskers" in await texts(memories, "how is the cat called")
        assert memories.state().stored == 0
        embedder.open.set()
        await memories.settled()
        assert memories.state().stored == 2


async def test_recall_stays_within_agent_room_and_person(tmp_path: Path) -> None:
    log = ListedMemoryLog()
    async with remembering(tmp_path, log, WordEmbedder()) as memories:
        tell(
            log,
            memories,
            memory(1, "cat one"),
            memory(2, "cat two", room="other"),
            memory(3, "cat three", entity="api:bob"),
            memory(4, "cat four", agent="barret"),
        )

        async def found() -> list[set[str]]:
            scopes = (ROOM, Scope("tifa"), Scope("tifa", entity="api:anna"), Scope("barret"), Scope("nobody"))
            return [{text.split()[1] for text in await texts(memories, "cat", scope)} for scope in scopes]

        expected = [{"one", "three"}, {"one", "two", "three"}, {"one", "two"}, {"four"}, set()]
        assert await found() == expected
        await memories.settled()
        assert await found() == expected


async def test_the_recent_window_is_not_recalled(tmp_path: Path) -> None:
    log = ListedMemoryLog()
    async with remembering(tmp_path, log) as memories:
        tell(log, memories, memory(1, "old cat"), memory(2, "new cat"))
        await memories.settled()

        assert await texts(memories, "cat", skip={"2@tifa"}) == ["old cat"]


async def test_what_the_log_holds_is_taken_in_at_the_start_and_never_twice(tmp_path: Path) -> None:
    log = ListedMemoryLog()
    told = [memory(number, f"word{number}") for number in range(700)]
    log.add(told)
    async with remembering(tmp_path, log) as memories:
        await memories.settled()
        assert (memories.state().stored, log.rows) == (700, {})

    log.add([*told[:20], memory(1_000, "said before the crash")])
    async with remembering(tmp_path, log) as memories:
        await memories.settled()
        memories.put(told[:3])
        await memories.settled()

        assert (memories.state().stored, log.rows) == (701, {})
        assert (await texts(memories, "crash"))[0] == "said before the crash"


async def test_what_does_not_fit_into_memory_stays_in_the_log_until_there_is_room(tmp_path: Path) -> None:
    log, embedder = ListedMemoryLog(), WordEmbedder()
    embedder.open.clear()
    async with remembering(tmp_path, log, embedder) as memories:
        tell(log, memories, *(memory(number, f"word{number}") for number in range(2_600)))
        assert memories.state().waiting == 2_000

        embedder.open.set()
        await memories.settled()

        assert (memories.state().stored, memories.state().without_vector, log.rows) == (2_600, 0, {})


async def test_a_row_does_not_wait_for_its_vector_for_ever_and_gets_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.0)
    log, embedder = ListedMemoryLog(), WordEmbedder()
    async with remembering(tmp_path, log, embedder) as memories:
        await memories.settled()
        embedder.open.clear()
        written = log_shrinks(log)
        tell(log, memories, memory(1, "a cat"), memory(2, "a dog"))
        await written
        assert memories.state().without_vector == 2

        embedder.open.set()
        await memories.settled()

        assert memories.state().without_vector == 0
        assert await texts(memories, "dog and more") == ["a dog", "a cat"]


def log_shrinks(log: ListedMemoryLog) -> "asyncio.Future[None]":
    """Done when the next rows leave the log."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    remembered = log.remembered

    async def told(ids: Collection[str]) -> None:
        await remembered(ids)
        if not done.done():
            done.set_result(None)

    log.remembered = told  # type: ignore[method-assign]
    return done


async def test_memories_kept_by_text_alone_get_vectors_when_there_is_a_model(tmp_path: Path) -> None:
    log = ListedMemoryLog()
    async with remembering(tmp_path, log) as memories:
        tell(log, memories, *(memory(number, f"word{number}") for number in range(150)))
        await memories.settled()
        assert memories.state().embeddings == "none"

    embedder = WordEmbedder()
    embedder.refused = "word77"
    async with remembering(tmp_path, log, embedder) as memories:
        await memories.settled()

        assert memories.state().without_vector == 1


async def test_a_model_that_is_not_there_leaves_recall_by_text(tmp_path: Path) -> None:
    log = ListedMemoryLog()
    async with remembering(tmp_path / "memory", log, MiniLM(tmp_path / "missing.onnx")) as memories:
        tell(log, memories, memory(1, "a cat"))
        await memories.settled()

        assert "missing.onnx" in memories.state().embeddings
        assert await texts(memories, "where is the cat?") == ["a cat"]


async def test_recall_does_not_wait_for_a_vector_past_its_time(tmp_path: Path) -> None:
    log, embedder = ListedMemoryLog(), WordEmbedder()
    async with remembering(tmp_path, log, embedder) as memories:
        tell(log, memories, memory(1, "a cat"))
        await memories.settled()
        embedder.open.clear()

        found = await memories.recall(ROOM, "my cat", 8, seconds=0.01)

        assert [each.memory.text for each in found] == ["a cat"]
        embedder.open.set()


async def test_what_is_forgotten_is_gone_wherever_it_was(tmp_path: Path) -> None:
    log, embedder = ListedMemoryLog(), WordEmbedder()
    async with remembering(tmp_path, log, embedder) as memories:
        tell(log, memories, memory(1, "old cat"), memory(2, "other cat"))
        await memories.settled()
        assert len(await texts(memories, "cat")) == 2
        embedder.open.clear()
        tell(log, memories, memory(3, "new cat"))

        await log.remembered({"1@tifa", "3@tifa"})
        await memories.forget({"1@tifa", "3@tifa"})
        embedder.open.set()
        memories.put([memory(3, "new cat")])
        await memories.settled()

        assert await texts(memories, "cat") == ["other cat"]
        assert memories.state().stored == 1


async def test_a_row_that_cannot_be_stored_is_set_aside_and_the_others_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = ListedMemoryLog()
    async with remembering(tmp_path, log) as memories:
        tell(log, memories, *(memory(number, "\ud800" if number == 5 else "fine") for number in range(9)))
        await memories.settled()

        assert (memories.state().stored, log.rows) == (8, {})
        assert memories.state().problem == "1 memories could not be stored"
        assert "5@tifa is set aside" in caplog.text


async def test_a_row_that_the_store_refuses_again_and_again_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FIRST_PAUSE", 0.01)
    add = LanceStore.add

    async def fails_for_one(store: LanceStore, rows: Sequence[Row]) -> None:
        if any(row.memory.id == "5@tifa" for row in rows):
            raise RuntimeError("lance error")
        await add(store, rows)

    monkeypatch.setattr(LanceStore, "add", fails_for_one)
    log = ListedMemoryLog()
    async with remembering(tmp_path, log) as memories:
        for number in (5, 1, 2, 3):
            left = log_shrinks(log)
            tell(log, memories, memory(number, "fine"))
            if number != 5:
                await left
        await memories.settled()

        assert (memories.state().stored, log.rows) == (3, {})
        assert memories.state().problem == "1 memories could not be stored"


async def test_a_store_that_fails_for_a_while_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "FIRST_PAUSE", 0.01)
    log, failures, add = ListedMemoryLog(), iter(range(5)), LanceStore.add

    async def full_at_first(store: LanceStore, rows: Sequence[Row]) -> None:
        if next(failures, None) is not None:
            raise OSError("no space left on device")
        await add(store, rows)

    monkeypatch.setattr(LanceStore, "add", full_at_first)
    async with remembering(tmp_path, log) as memories:
        tell(log, memories, memory(1, "a cat"), memory(2, "a dog"))
        await memories.settled()

        assert (memories.state().stored, memories.state().problem, log.rows) == (2, "", {})
        assert "no space left" in caplog.text


@pytest.mark.parametrize("broken", ["memories.lance/_versions/*.manifest", "memories.lance/data/*.lance"])
async def test_what_a_power_cut_took_comes_back_from_the_ledger(
    tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = ListedMemoryLog()
    async with remembering(tmp_path, log) as memories:
        for number in range(3):
            tell(log, memories, memory(number, f"cat {number}"))
            EVERYTHING.append(memory(number, f"cat {number}"))
            await memories.settled()
    empty_newest(tmp_path, broken)
    caplog.set_level(logging.ERROR)

    async with remembering(tmp_path, log) as memories:
        await memories.settled()

        assert sorted(await texts(memories, "cat")) == ["cat 0", "cat 1", "cat 2"]
        assert memories.state().stored == 3
        assert "quarantine" in caplog.text


def empty_newest(folder: Path, pattern: str) -> None:
    max(folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns).write_bytes(b"")


async def test_what_waits_at_the_end_is_written_without_its_vector(tmp_path: Path) -> None:
    log, embedder = ListedMemoryLog(), WordEmbedder()
    async with remembering(tmp_path, log, embedder) as memories:
        await memories.settled()
        embedder.open.clear()
        tell(log, memories, memory(1, "last words"))

    assert not log.rows
    async with remembering(tmp_path, log, WordEmbedder()) as memories:
        await memories.settled()
        assert (memories.state().stored, memories.state().without_vector) == (1, 0)


async def test_a_folder_that_cannot_be_opened_is_told_and_recall_goes_on(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("a file where the folder should be")
    log, warned = ListedMemoryLog(), Warned()
    logging.getLogger("carrier.memory.memories").addHandler(warned)
    async with remembering(tmp_path / "memory", log) as memories:
        tell(log, memories, memory(1, "a cat"))
        await warned.event.wait()

        assert await texts(memories, "cat") == ["a cat"]
        assert "cannot be opened" in memories.state().problem
        assert len(log.rows) == 1


class Warned(logging.Handler):
    """Sets its event at the first warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.event.set()
