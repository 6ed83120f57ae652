"""A cassette answers the requests that were recorded, and says of any other how it differs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from carrier.errors import ModelError
from carrier.models.replay import Recording, Replay, cassette
from carrier.testing.models import ListedModel, calls
from carrier.types.models import Completion, Image, Prompt, Request, Said, Tool, Usage

PARAMS = {"temperature": 0.2}
TOOL = Tool("roll_dice", "Roll dice", {"type": "object"})
REQUEST = Request(Prompt("Be kind.\nIt is Saturday.", (Said("user", "Good morning", "Anna"),)), (TOOL,), agent="tifa")


def replay(file: Path, params: dict[str, object] | None = None) -> Replay:
    return Replay("replay/talk", file, PARAMS if params is None else params)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "talk.jsonl"


async def test_what_was_recorded_is_answered_again(file: Path) -> None:
    recording = Recording(ListedModel("Good day.", calls("roll_dice", sides=6)), file, PARAMS)
    later = replace(REQUEST, purpose="facts")

    first, second = await recording.complete(REQUEST), await recording.complete(later)

    assert recording.name == "listed/model"
    assert (
        await replay(file).complete(REQUEST) == first == Completion("Good day.", (), Usage(2, 1, 0.5), "listed/model")
    )
    assert await replay(file).complete(later) == second


async def test_a_stream_comes_in_the_pieces_in_which_it_came(file: Path) -> None:
    recording = Recording(ListedModel(["Go", "od d", "ay.", Completion("Good day.")]), file, PARAMS)
    recorded = [piece async for piece in recording.stream(REQUEST)]

    assert [piece async for piece in replay(file).stream(REQUEST)] == recorded


async def test_what_came_whole_streams_word_by_word(file: Path) -> None:
    await Recording(ListedModel("Good day."), file, PARAMS).complete(REQUEST)

    *pieces, _ = [piece async for piece in replay(file).stream(REQUEST)]

    assert pieces == ["Good ", "day."]


async def test_of_two_answers_to_the_same_request_the_last_counts(file: Path) -> None:
    recording = Recording(ListedModel("one", "two"), file, PARAMS)
    player = replay(file)
    await recording.complete(REQUEST)
    assert (await player.complete(REQUEST)).text == "one"

    await recording.complete(REQUEST)

    assert (await player.complete(REQUEST)).text == "two"


async def test_an_answer_that_failed_is_not_recorded(file: Path) -> None:
    with pytest.raises(ModelError):
        await Recording(ListedModel(ModelError("listed/model", "no")), file, PARAMS).complete(REQUEST)

    with pytest.raises(ModelError, match="record it first"):
        await replay(file).complete(REQUEST)


def saying(text: str) -> Callable[[Request], Request]:
    return lambda request: replace(request, prompt=Prompt(request.prompt.system, (Said("user", text, "Anna"),)))


def told(system: str) -> Callable[[Request], Request]:
    return lambda request: replace(request, prompt=Prompt(system, request.prompt.conversation))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        pytest.param(
            told("Be kind.\nIt is Sunday."),
            "line 2 of the system text is It is Sunday., recorded is It is Sat",
            id="system",
        ),
        pytest.param(told("Be kind."), "line 2 of the system text is not there", id="a line less"),
        pytest.param(told("Be kind.\nIt is Saturday.\nNow."), "line 3 of the system text is new", id="a line more"),
        pytest.param(
            saying("Good evening"), "entry 1 of the conversation is .*evening.*, recorded is .*morning", id="said"
        ),
        pytest.param(
            lambda request: replace(request, purpose="facts"), 'purpose is "facts", recorded is "chat"', id="purpose"
        ),
        pytest.param(lambda request: replace(request, tools=()), "the tool roll_dice is not there", id="tools"),
        pytest.param(
            lambda request: replace(request, schema={"type": "object"}), "schema is .*, recorded is null", id="schema"
        ),
    ],
)
async def test_a_miss_says_what_differs_from_the_nearest(
    file: Path, change: Callable[[Request], Request], difference: str
) -> None:
    other = Request(Prompt("Something else altogether.", (Said("user", "Bye"),)), purpose="judge")
    recording = Recording(ListedModel("a", "b"), file, PARAMS)
    await recording.complete(other)
    await recording.complete(REQUEST)

    with pytest.raises(ModelError, match=f"replay/talk: talk.jsonl has no answer to this: {difference}") as failed:
        await replay(file).complete(change(REQUEST))

    assert failed.value.remedy == "stop"


async def test_other_params_are_another_request(file: Path) -> None:
    await Recording(ListedModel("a"), file, PARAMS).complete(REQUEST)

    with pytest.raises(ModelError, match="params is "):
        await replay(file, {"temperature": 0.9}).complete(REQUEST)


async def test_another_picture_is_another_request(file: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    picture = Image("image/png", str(tmp_path / "a.png"))
    asked = replace(REQUEST, prompt=Prompt("", (Said("user", "", images=(picture,)),)))
    await Recording(ListedModel("a"), file, PARAMS).complete(asked)
    assert (await replay(file).complete(asked)).text == "a"

    (tmp_path / "a.png").write_bytes(b"b")

    with pytest.raises(ModelError, match="has no answer to this"):
        await replay(file).complete(asked)


async def test_without_a_cassette_there_is_no_answer(file: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file or directory; record it first"):
        await replay(file).complete(REQUEST)


async def test_a_line_that_is_no_take_is_named_and_one_that_was_cut_off_is_not_there(file: Path) -> None:
    await Recording(ListedModel("a"), file, PARAMS).complete(REQUEST)
    with file.open("a") as end:
        end.write('{"key": "half')
    assert (await replay(file).complete(REQUEST)).text == "a"

    with file.open("a") as end:
        end.write("\n")

    with pytest.raises(ModelError, match=r"talk.jsonl:2 is no take of a recording"):
        await replay(file).complete(REQUEST)


@pytest.mark.parametrize("name", ["../talk", "/etc/passwd", "a/../b", "a//b", "", "A", ".hidden", "a.b", "a\n"])
def test_a_cassette_stands_in_its_folder_and_nowhere_else(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a cassette's name has small letters"):
        cassette(tmp_path, name)


def test_cassettes_may_stand_in_folders(tmp_path: Path) -> None:
    assert cassette(tmp_path, "tifa/small-talk") == tmp_path / "cassettes/tifa/small-talk.jsonl"
