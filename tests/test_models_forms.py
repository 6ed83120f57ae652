"""Actions, answers and pictures for models that take them, and in words for those that do not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from carrier.errors import ModelError
from carrier.ledger.forms import dump, load
from carrier.metering import metered
from carrier.models.asking import Able
from carrier.models.chat_form import ToolNames, messages
from carrier.models.images import MOST_BYTES
from carrier.models.structured import Structured
from carrier.models.text_tools import FENCE, TextTools
from carrier.models.traits import Traits
from carrier.testing.models import ListedModel
from carrier.types.models import ActionCall, Completion, Image, ModelProfile, Prices, Prompt, Request, Said, Tool, Usage

ROLL = Tool("roll_dice", "Roll dice", {"type": "object", "properties": {"sides": {"type": "integer"}}})
FIND = Tool("maps/find", "Find a place", {"type": "object"})
AGE = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def request(*conversation: Said, tools: tuple[Tool, ...] = (), schema: Mapping[str, object] | None = None) -> Request:
    return Request(Prompt("Be kind.", conversation or (Said("user", "Roll!"),)), tools, "chat", "tifa", schema)


def block(json: str) -> str:
    return f"{FENCE}\n{json}\n```"


def wordy(*answers: str | Completion | list[str | Completion | Exception]) -> ListedModel:
    return ListedModel(*answers, able=Able(tools=False, schema=False))


# --- actions in words


async def test_a_model_that_takes_tools_is_handed_them() -> None:
    model, asked = ListedModel("hi"), request(tools=(ROLL,))

    await TextTools(model).complete(asked)

    assert model.requests == [asked]


async def test_a_model_without_tools_is_told_of_them_in_its_system_text() -> None:
    model = wordy("hi")

    await TextTools(model).complete(request(tools=(ROLL, FIND)))

    told = model.requests[0]
    assert told.tools == ()
    assert told.prompt.system.startswith("Be kind.\n\n# Actions")
    assert "roll_dice: Roll dice\nits arguments, as a JSON Schema: " in told.prompt.system
    assert '{"type": "object", "properties": {"sides": {"type": "integer"}}}' in told.prompt.system
    assert "maps/find: Find a place" in told.prompt.system


async def test_calls_and_results_of_the_conversation_are_told_as_they_would_be_written() -> None:
    one, two = ActionCall("c1", "roll_dice", {"sides": 6}), ActionCall("c2", "maps/find", {})
    said = (
        Said("user", "Roll!", "Anna"),
        Said("assistant", "Here.", calls=(one, two)),
        Said("tool", "4", "roll_dice", call_id="c1"),
        Said("tool", "Bergen", "maps/find", call_id="c2"),
    )
    model = wordy("hi")

    await TextTools(model).complete(request(*said))

    _, asked, told = model.requests[0].prompt.conversation
    both = '[{"action": "roll_dice", "arguments": {"sides": 6}}, {"action": "maps/find", "arguments": {}}]'
    assert asked == Said("assistant", f"Here.\n\n{block(both)}")
    assert told == Said("user", "What came of roll_dice:\n4\n\nWhat came of maps/find:\nBergen")


ROLLED = '{"action": "roll_dice", "arguments": {"sides": 6}}'
NOTED = '{"action": "note", "arguments": {"text": "```py\\n1\\n```"}}'


@pytest.mark.parametrize(
    ("answer", "text", "calls"),
    [
        pytest.param("Just words.", "Just words.", [], id="words"),
        pytest.param("```json\n{}\n```", "```json\n{}\n```", [], id="another fence"),
        pytest.param(f"Sure.\n\n{block(ROLLED)}", "Sure.", [("roll_dice", {"sides": 6})], id="after words"),
        pytest.param(block('{"action": "a"}'), "", [("a", {})], id="no arguments"),
        pytest.param(block('[{"action": "a"}, {"action": "b"}]'), "", [("a", {}), ("b", {})], id="several"),
        pytest.param(block(NOTED), "", [("note", {"text": "```py\n1\n```"})], id="a fence within"),
        pytest.param(f"{block(ROLLED)}\nIt is a 4!", "", [("roll_dice", {"sides": 6})], id="words after"),
        pytest.param(block('{"action": "who_knows"}'), "", [("who_knows", {})], id="for the loop to refuse"),
    ],
)
@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_a_block_becomes_calls(
    way: str, answer: str, text: str, calls: list[tuple[str, dict[str, object]]]
) -> None:
    model = TextTools(wordy(answer))

    *shown, completion = (
        [await model.complete(request())] if way == "whole" else [it async for it in model.stream(request())]
    )

    assert isinstance(completion, Completion)
    assert completion.text == text
    assert [(call.name, call.arguments) for call in completion.calls] == calls
    assert len({call.id for call in completion.calls}) == len(calls)
    assert way == "whole" or "".join(map(str, shown)) == text


UNREADABLE = [
    pytest.param(block('{"action": "roll_dice", "arg'), "it is no JSON", id="half a call"),
    pytest.param(f'{FENCE}\n{{"action": "a"}}', "it has no end", id="no end"),
    pytest.param(block('{"action": "a"} {"action": "b"}'), "more than one JSON value", id="two values"),
    pytest.param(block('{"action": "a"}') * 2, "more than one block", id="two blocks"),
    pytest.param(block('"roll_dice"'), "each action is an object", id="no object"),
    pytest.param(block('{"name": "roll_dice"}'), "each action is an object", id="other keys"),
    pytest.param(block('{"action": "a", "arguments": [1]}'), '"arguments" is an object', id="no named arguments"),
    pytest.param(block("[" * 100_000), "it is no JSON", id="nested without end"),
    pytest.param(block("roll the dice"), "it is no JSON", id="words"),
]


@pytest.mark.parametrize(("answer", "reason"), UNREADABLE)
@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_a_block_that_cannot_be_read_is_asked_for_once_more(way: str, answer: str, reason: str) -> None:
    listed = wordy(Completion(answer, usage=Usage(1, 2, 0.5)), Completion(block(ROLLED), usage=Usage(3, 4, 0.5)))
    model = TextTools(listed)

    with metered() as wasted:
        *shown, completion = (
            [await model.complete(request())] if way == "whole" else [it async for it in model.stream(request())]
        )

    assert isinstance(completion, Completion)
    assert shown == []
    assert [call.name for call in completion.calls] == ["roll_dice"]
    assert (wasted, completion.usage) == ([Usage(1, 2, 0.5)], Usage(3, 4, 0.5))
    *_, repeated, question = listed.requests[1].prompt.conversation
    assert repeated.role == "assistant"
    assert answer.startswith(repeated.text)
    assert reason in question.text


async def test_a_block_that_cannot_be_read_twice_is_an_error() -> None:
    model = wordy(block("{"), block("{"), "never asked for")

    with pytest.raises(ModelError, match="in a form that cannot be read, twice") as failed:
        await TextTools(model).complete(request())

    assert (failed.value.remedy, failed.value.kind, len(model.requests)) == ("fall back", "garbage", 2)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 1000])
async def test_a_stream_shows_no_part_of_a_block(size: int) -> None:
    whole = f"Look: `x` and ```py```.  Now I roll.\n\n{block(ROLLED)}"
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    model = TextTools(wordy([*pieces, Completion(whole)]))

    *shown, completion = [piece async for piece in model.stream(request())]

    assert "".join(map(str, shown)) == "Look: `x` and ```py```.  Now I roll."
    assert isinstance(completion, Completion)
    assert completion.text == "Look: `x` and ```py```.  Now I roll."


async def test_what_could_have_become_a_block_is_shown_in_the_end() -> None:
    model = TextTools(wordy(["A fence: ", "```act", Completion("A fence: ```act")]))

    *shown, _ = [piece async for piece in model.stream(request())]

    assert "".join(map(str, shown)) == "A fence: ```act"


# --- answers that fit a schema


async def test_a_model_that_takes_a_schema_is_handed_it() -> None:
    model = ListedModel('{"age": 7}')

    answer = await Structured(model).complete(request(schema=AGE))

    assert (answer.text, model.requests) == ('{"age": 7}', [request(schema=AGE)])


async def test_a_model_that_takes_none_is_asked_in_words() -> None:
    model = wordy('```json\n{"age": 7}\n```')

    answer = await Structured(model).complete(request(schema=AGE))

    assert answer.text == '{"age": 7}'
    assert model.requests[0].schema is None
    assert '"required": ["age"]' in model.requests[0].prompt.system


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("seven", "it is no JSON"),
        ("", "it is no JSON"),
        ('{"age": "seven"}', r"\$.age: 'seven' is not of type 'integer'"),
        ("{}", "'age' is a required property"),
        ("[" * 100_000, "it is no JSON"),
        ('He is {"age": 7}', "it is no JSON"),
    ],
)
@pytest.mark.parametrize("able", [Able(), Able(schema=False)], ids=["native", "in words"])
async def test_an_answer_that_does_not_fit_is_asked_for_once_more(able: Able, answer: str, reason: str) -> None:
    mended = ListedModel(Completion(answer, usage=Usage(1, 1)), Completion('{"age": 7}', usage=Usage(2, 2)), able=able)
    hopeless = ListedModel(answer, answer, "never asked for", able=able)

    with metered() as wasted:
        fitting = await Structured(mended).complete(request(schema=AGE))
    with pytest.raises(ModelError, match=reason) as failed:
        await Structured(hopeless).complete(request(schema=AGE))

    assert (fitting.text, fitting.usage, wasted) == ('{"age": 7}', Usage(2, 2), [Usage(1, 1)])
    assert (failed.value.remedy, failed.value.kind, len(hopeless.requests)) == ("fall back", "garbage", 2)


async def test_a_stream_shows_only_what_fits() -> None:
    model = Structured(ListedModel("seven", '{"age": 7}'))

    shown = [piece async for piece in model.stream(request(schema=AGE))]

    assert shown[0] == '{"age": 7}'
    assert len(shown) == 2


async def test_a_call_is_no_answer_yet_and_passes() -> None:
    model = wordy(block(ROLLED))

    answer = await Structured(TextTools(model)).complete(request(tools=(ROLL,), schema=AGE))

    assert [call.name for call in answer.calls] == ["roll_dice"]


async def test_who_must_write_blocks_is_not_held_to_json() -> None:
    model = ListedModel('{"age": 7}', able=Able(tools=False, schema=True))

    await Structured(TextTools(model)).complete(request(tools=(ROLL,), schema=AGE))

    assert model.requests[0].schema is None


async def test_a_wrong_schema_is_an_error_before_anybody_is_asked() -> None:
    model = ListedModel()

    with pytest.raises(ModelError, match="the schema for the answer is wrong"):
        await Structured(model).complete(request(schema={"type": "nonsense"}))

    assert model.requests == []


async def test_a_schema_that_names_an_address_is_not_fetched() -> None:
    with pytest.raises(ModelError, match="the schema leads nowhere"):
        await Structured(ListedModel("1", "1")).complete(request(schema={"$ref": "http://127.0.0.1:9/schema"}))


# --- pictures

PIXEL = b"\x89PNG\r\n\x1a\n"


def told(sees: bool, *images: Image) -> object:
    prompt = Prompt("", (Said("user", "What is this?", "Anna", images=images),))
    return messages(prompt, ToolNames(()), sees)[0]["content"]


def test_a_picture_is_shown_to_a_model_that_sees(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PIXEL)
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

    shown = told(True, Image("image/png", str(tmp_path / "a.png")), Image("image/png", data=PIXEL))

    assert shown == [{"type": "text", "text": "Anna: What is this?"}, url, url]


@pytest.mark.parametrize(
    ("sees", "image"),
    [
        pytest.param(False, Image("image/png", data=PIXEL), id="a model that does not see"),
        pytest.param(True, Image("image/png", "/nowhere/a.png"), id="a picture that is gone"),
        pytest.param(True, Image("image/svg+xml", data=b"<svg/>"), id="a kind no model reads"),
        pytest.param(True, Image("image/png", data=b"x" * (MOST_BYTES + 1)), id="a picture that is too large"),
        pytest.param(True, Image("image/png"), id="no picture"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_told_of(sees: bool, image: Image) -> None:
    assert told(sees, image) == f"Anna: What is this?\n[here is a picture ({image.media_type}), which you cannot see]"


def test_a_prompt_with_pictures_is_journaled_and_comes_back() -> None:
    prompt = Prompt(
        "",
        (
            Said(
                "user",
                "this",
                images=(Image("image/png", data=b"\xff\x00"), Image("image/gif", "a")),
            ),
        ),
    )

    assert load(Prompt, dump(Prompt, prompt)) == prompt


# --- what an operator knows of a model


def traits(**params: object) -> Traits:
    return Traits.of(ModelProfile("large", "openai/tiny", params=params))


def test_what_is_carriers_own_is_not_handed_on() -> None:
    found = traits(temperature=0.2, tools="text", schema="native", images=True, max_input_tokens=8000)

    assert found.handed == {"temperature": 0.2}
    assert found.over(Able(True, False, False, 0)) == Able(False, True, True, 8000)


def test_an_operators_prices_go_over_those_of_the_list() -> None:
    listed = Able(prices=Prices(0.1, 0.2))

    assert traits().over(listed).prices == Prices(0.1, 0.2)
    assert traits(output_cost_per_token=0.5).over(listed).prices == Prices(0.0, 0.5)


def test_prices_of_ones_own_count() -> None:
    assert traits(input_cost_per_token=1e-6, output_cost_per_token=2e-6).cost(1000, 500) == pytest.approx(0.002)
    assert not traits().priced


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        ({"tools": "yes"}, "params.tools is native or text"),
        ({"schema": True}, "params.schema is native or text"),
        ({"images": "no"}, "params.images is true or false"),
        ({"input_cost_per_token": "1 USD"}, "params.input_cost_per_token is a number"),
        ({"output_cost_per_token": -1}, "params.output_cost_per_token is a number"),
        ({"max_input_tokens": True}, "params.max_input_tokens is a number"),
    ],
)
def test_a_wrong_param_of_carriers_own_is_named(params: dict[str, object], rule: str) -> None:
    with pytest.raises(ModelError, match=f"the model 'large': {rule}"):
        traits(**params)
