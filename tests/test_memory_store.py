"""The table of memories on disk: what it takes, what it finds, and how it is mended."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from carrier.memory.light import import_lancedb
from carrier.types.memory import Memory, Scope

# As the host does it: what needs LanceDB comes after.
import_lancedb()

from carrier.memory import disk, repair  # noqa: E402
from carrier.memory.lance import LanceStore, Unstorable  # noqa: E402
from carrier.memory.waiting import Row  # noqa: E402

SPACE = "letters:2"


def memory(id: str, text: str = "hello there", agent: str = "tifa", room: str = "room", entity: str = "anna") -> Memory:
    return Memory(id, agent, room, entity, "message", text, 1, "Anna", ("a", "b"), "revision")


def rows(*memories: Memory, vector: tuple[float, float] | None = (1.0, 0.0)) -> list[Row]:
    return [Row(memory, 0.0, frozenset(), vector) for memory in memories]


async def opened(folder: Path, space: str = SPACE, size: int = 2) -> LanceStore:
    return await LanceStore.open(folder, space, size)


async def ids(store: LanceStore) -> set[str]:
    return {memory.id for memory, _ in await store.lines(Scope("tifa"))}


async def test_a_memory_comes_back_as_it_was(tmp_path: Path) -> None:
    await (await opened(tmp_path)).add(rows(memory("1", "naïve 😀 'quoted' \0 text")))

    store = await opened(tmp_path)
    [(found, vector)] = await store.lines(Scope("tifa"))

    assert found == memory("1", "naïve 😀 'quoted' \0 text")
    assert vector is not None
    assert list(vector) == [1, 0]
    assert store.stored == 1


@pytest.mark.parametrize("value", ["it's", "' OR 1=1 --", "a\\", "\\' OR '", '"', "%", "a\nb", "x') OR ('1'='1"])
async def test_no_name_reaches_beyond_its_scope(tmp_path: Path, value: str) -> None:
    store = await opened(tmp_path)
    await store.add(rows(memory("other"), memory(value, "hello you", agent=value, room=value, entity=value)))

    scope = Scope(value, value, value)

    assert [found.id for found, _ in await store.lines(scope)] == [value]
    assert set(await store.by_words(scope, "hello", 9)) == {value}
    assert await store.known([value, "none"]) == {value}
    assert await store.count(Scope("tifa", value)) == 0
    await store.delete([value])
    assert await ids(store) == {"other"}


@pytest.mark.parametrize("text", ["", "   ", "+-*/", '"unended', "AND OR NOT (", "title:hello^9~", "x" * 100_000])
async def test_any_text_may_be_searched_for(tmp_path: Path, text: str) -> None:
    store = await opened(tmp_path)
    await store.add(rows(memory("1")))

    assert await store.by_words(Scope("tifa"), text, 9) in ({}, {"1": pytest.approx(0.2, abs=1)})
    assert await store.by_words(Scope("tifa"), "hello", 9)


async def test_vectors_may_come_later_and_those_of_another_model_count_as_missing(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.add(rows(memory("1"), memory("2"), vector=None))
    assert store.without_vector == 2

    await store.set_vectors({"1": (0.0, 1.0), "gone": (0.0, 1.0)})
    assert [lacking.id for lacking in await store.lacking_vectors(9, [])] == ["2"]
    assert await store.lacking_vectors(9, ["2"]) == []
    assert (store.stored, store.without_vector) == (2, 1)

    other = await opened(tmp_path, "other:2")
    assert other.without_vector == 2
    assert [vector for _, vector in await other.lines(Scope("tifa"))] == [None, None]

    longer = await opened(tmp_path, "longer:3", 3)
    await longer.set_vectors({"1": (0.0, 1.0, 0.0)})
    assert longer.without_vector == 1


async def test_a_large_scope_is_searched_by_words_and_by_meaning(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.add(rows(memory("far", "about cats"), vector=(0.0, 1.0)))
    await store.add(rows(memory("near", "else"), memory("elsewhere", room="other"), vector=(1.0, 0.0)))

    room = Scope("tifa", "room")
    found = await store.nearest(room, "cats", (1.0, 0.0), 1)

    assert [memory.id for memory, _ in found] == ["far", "near"]
    assert [memory.id for memory, _ in await store.nearest(room, "cats", None, 1)] == ["far"]


async def test_a_row_that_cannot_be_said_in_columns_is_told_from_a_store_that_fails(tmp_path: Path) -> None:
    store = await opened(tmp_path)

    with pytest.raises(Unstorable, match="surrogates"):
        await store.add(rows(memory("1", "\ud800")))

    assert await ids(store) == set()


async def test_a_table_of_an_older_form_is_given_what_it_lacks(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    fact = replace(memory("fact"), kind="fact")
    await store.add(rows(memory("old"), fact))
    await store._table.drop_columns(["trust", "private", "confidence", "other"])

    again = await opened(tmp_path)
    new = replace(memory("new"), trust="claimed", private=True, confidence=0.5, other="api:ben")
    await again.add(rows(new))

    found = {each.id: each for each, _ in await again.lines(Scope("tifa"))}
    assert found["old"] == memory("old")
    assert found["fact"] == replace(fact, confidence=0.0)
    assert found["new"] == new


async def test_putting_in_order_keeps_the_files_few_and_finds_all(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for number in range(70):
        await store.add(rows(memory(str(number), f"word{number}")))
        if store.untidy:
            await store.tidy()

    again = await opened(tmp_path)

    assert not again.untidy
    assert len(await ids(again)) == 70
    assert set(await again.by_words(Scope("tifa"), "word3", 9)) == {"3"}
    assert set(await again.by_words(Scope("tifa"), "word69", 9)) == {"69"}


def newest(folder: Path, pattern: str) -> Path:
    return max((folder / "memories.lance").glob(pattern), key=lambda path: path.stat().st_mtime_ns)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


MANIFEST, DATA = "_versions/*.manifest", "data/*.lance"


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [(MANIFEST, emptied), (MANIFEST, zeroed), (DATA, emptied), (DATA, zeroed), (DATA, Path.unlink)],
    ids=["empty manifest", "zeroed manifest", "empty data", "zeroed data", "no data"],
)
async def test_what_a_power_cut_broke_is_put_aside_and_all_before_it_stays(
    tmp_path: Path, pattern: str, damage: Callable[[Path], None]
) -> None:
    store = await opened(tmp_path)
    for id in ("1", "2", "3"):
        await store.add(rows(memory(id)))
    store.complete()
    damage(newest(tmp_path, pattern))

    mended = await opened(tmp_path)

    assert await ids(mended) == {"1", "2"}
    assert mended.incomplete
    assert list((tmp_path / "quarantine").glob("*/*.manifest"))
    await mended.add(rows(memory("3")))
    assert await ids(await opened(tmp_path)) == {"1", "2", "3"}


async def test_a_table_of_which_nothing_can_be_read_is_kept_beside_an_empty_one(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.add(rows(memory("1")))
    store.complete()
    for manifest in (tmp_path / "memories.lance" / "_versions").glob("*.manifest"):
        emptied(manifest)

    mended = await opened(tmp_path)

    assert await ids(mended) == set()
    assert mended.incomplete
    assert list((tmp_path / "quarantine").glob("*/memories.lance/data/*.lance"))


async def test_a_table_is_left_alone_when_nothing_can_be_read_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path)
    await store.add(rows(memory("1")))

    async def too_many_open_files(table: object) -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(repair, "_read_through", too_many_open_files)
        with pytest.raises(OSError, match="too many"):
            await opened(tmp_path)

    assert await ids(await opened(tmp_path)) == {"1"}
    assert not (tmp_path / "quarantine").exists()


async def test_broken_indices_are_made_anew(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.add(rows(memory("1")))
    await store.tidy()
    store.complete()
    for index in (tmp_path / "memories.lance" / "_indices").glob("*/*"):
        emptied(index)

    mended = await opened(tmp_path)

    assert set(await mended.by_words(Scope("tifa"), "hello", 9)) == {"1"}
    assert await mended.known(["1"]) == {"1"}
    assert not mended.incomplete


@pytest.mark.parametrize("at_once", [True, False], ids=["the file system", "each file"])
def test_a_folder_is_synced_whole(tmp_path: Path, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_text("text")
    if not at_once:
        monkeypatch.setattr(disk, "_syncfs", None)

    disk.sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        disk.sync(tmp_path / "missing")
