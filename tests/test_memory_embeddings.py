"""The model that comes along, and who is embedded next."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from carrier.memory import vectors
from carrier.memory.embeddings import MiniLM, NoEmbeddings
from carrier.memory.vectors import Vectors
from carrier.testing.embedder import WordEmbedder


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_what_means_nearly_the_same_is_near_and_a_vector_does_not_depend_on_its_company() -> None:
    model = MiniLM()

    cat, kitten, tax, long = await model.embed(
        ["A cat sat there.", "There was a kitten.", "Income tax law", "so " * 999]
    )
    [alone] = await model.embed(["A cat sat there."])

    assert len(cat) == model.size
    assert math.isclose(dot(cat, cat), 1, abs_tol=1e-4)
    assert dot(cat, kitten) > 0.5 > dot(cat, tax)
    assert dot(cat, alone) > 0.999
    assert math.isclose(dot(long, long), 1, abs_tol=1e-4)


async def test_another_file_than_the_model_it_should_be_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"something else")

    with pytest.raises(NoEmbeddings, match=r"model\.onnx: not the model it should be"):
        await MiniLM(tmp_path / "model.onnx").embed(["hello"])
    with pytest.raises(NoEmbeddings, match="cannot be read"):
        await MiniLM(tmp_path / "missing.onnx").embed(["hello"])


@asynccontextmanager
async def running(embedder: WordEmbedder | None) -> AsyncIterator[Vectors]:
    found = Vectors(embedder)
    life = asyncio.create_task(found.run())
    await found.want("ready?")
    yield found
    life.cancel()
    await asyncio.wait([life])


async def test_a_question_goes_before_what_is_only_stored_and_each_has_its_turn() -> None:
    embedder = WordEmbedder()
    async with running(embedder) as found:
        embedder.open.clear()
        embedder.seen.clear()
        under_way = found.want("first")
        await asyncio.sleep(0)
        stored = [found.want(f"stored {number} " + "x" * vectors.TOGETHER) for number in range(2)]
        asked = asyncio.create_task(found.of_question("a question", 5))
        await asyncio.sleep(0)
        embedder.open.set()
        await asyncio.gather(under_way, asked, *stored)

        assert [text.split()[0] for text in embedder.seen] == ["first", "a", "stored", "stored"]


async def test_a_text_is_embedded_once_for_the_question_and_for_its_memory() -> None:
    embedder = WordEmbedder()
    async with running(embedder) as found:
        embedder.seen.clear()

        stored = found.want("where is my cat")
        asked = await found.of_question("where is my cat", 5)
        later = await found.want("where is my cat")

        assert asked is not None
        assert asked is await stored is later
        assert embedder.seen == ["where is my cat"]


async def test_a_question_that_cannot_be_embedded_in_time_has_no_vector_but_its_memory_gets_one() -> None:
    embedder = WordEmbedder()
    async with running(embedder) as found:
        embedder.open.clear()

        assert await found.of_question("slow", 0.01) is None

        embedder.open.set()
        assert await found.want("slow") is not None


async def test_questions_do_not_queue_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = WordEmbedder()
    monkeypatch.setattr(vectors, "BEHIND", -1.0)
    async with running(embedder) as found:
        assert await found.of_question("at a bad time", 60) is None


async def test_a_text_that_cannot_be_embedded_does_not_take_others_with_it() -> None:
    embedder = WordEmbedder()
    embedder.refused = "poison"
    async with running(embedder) as found:
        good, bad, fine = await asyncio.gather(*map(found.want, ("good", "poison", "fine")))

        assert bad is None
        assert good is not None
        assert fine is not None
        assert found.usable


async def test_a_model_that_cannot_be_loaded_means_no_vectors_and_a_reason(tmp_path: Path) -> None:
    found = Vectors(MiniLM(tmp_path / "missing.onnx"))
    waiting = found.want("before")

    await found.run()

    assert await waiting is None
    assert await found.of_question("after", 5) is None
    assert "missing.onnx" in found.problem


async def test_without_an_embedder_nothing_waits() -> None:
    found = Vectors(None)

    assert found.want("text").done()
    assert await found.of_question("text", 5) is None
