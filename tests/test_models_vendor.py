"""A vendor's model is asked through litellm as it installs, against a real server of the OpenAI chat API."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate

import pytest
import pytest_asyncio
from pydantic import SecretStr

from carrier.errors import ModelError
from carrier.metering import metered
from carrier.models.asking import Able, Asked
from carrier.models.clock import SystemClock
from carrier.models.guarded import Guarded, Shared
from carrier.models.loading import close_connections, load_litellm
from carrier.models.opening import Models
from carrier.models.vendor import VendorModel
from carrier.testing.openai_server import Answer, OpenAIServer, openai_server
from carrier.types.models import (
    UNPRICED,
    ActionCall,
    Completion,
    Image,
    ModelLimits,
    ModelProfile,
    Prices,
    Prompt,
    Request,
    Said,
    Tool,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # litellm's own, in each streamed chunk.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
]

FIND = Tool(
    "maps/find",
    "Find a place",
    {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[OpenAIServer]:
    await asyncio.to_thread(load_litellm)
    async with openai_server() as server:
        yield server
        await close_connections()


def model(server: OpenAIServer, *answers: Answer, timeout: float = 10.0, **params: object) -> VendorModel:
    server.answers.clear()
    server.answers.extend(answers)
    server.requests.clear()
    server.keys.clear()
    params = {"temperature": 0.2} | params
    profile = ModelProfile("large", "openai/tiny", timeout, server.url, SecretStr("key-1234"), params=params)
    return VendorModel(profile, os.environ)


def guarded(server: OpenAIServer, *answers: Answer, timeout: float = 10.0) -> Guarded:
    """With pauses that are short where the server does not ask for longer ones."""
    clock = SystemClock()
    shared = Shared.of("openai/tiny", ModelLimits(), clock)
    vendor = model(server, *answers, timeout=timeout)
    return Guarded(vendor, timeout, shared, clock, lambda least, most: 1.0 if least == 1.0 else 0.02)


def request(*conversation: Said, tools: tuple[Tool, ...] = ()) -> Request:
    return Request(Prompt("Be kind.", conversation or (Said("user", "hello there", "Anna"),)), tools, agent="tifa")


async def streamed(vendor: Asked, asked: Request) -> tuple[list[str], Completion]:
    *pieces, last = [piece async for piece in vendor.stream(asked)]
    assert isinstance(last, Completion)
    return [str(piece) for piece in pieces], last


async def exhaust(pieces: AsyncIterator[object]) -> None:
    async for _ in pieces:
        pass


async def test_an_answer_comes_with_what_it_took(server: OpenAIServer) -> None:
    vendor = model(server, Answer("Good day, Anna."))

    answer = await vendor.complete(request())

    assert (answer.text, answer.calls, answer.model) == ("Good day, Anna.", (), "openai/tiny")
    assert (answer.usage.tokens_in, answer.usage.tokens_out, answer.usage.cost) == (5, 3, 0.0)
    assert server.keys == ["key-1234"]
    assert server.requests[0]["temperature"] == 0.2
    assert server.requests[0]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Anna: hello there"},
    ]


async def test_a_stream_gives_the_pieces_and_then_the_whole(server: OpenAIServer) -> None:
    pieces, last = await streamed(model(server, Answer("Good day, Anna.")), request())

    assert pieces == ["Good", " ", "day,", " ", "Anna."]
    assert last.text == "Good day, Anna."
    assert (last.usage.tokens_in, last.usage.tokens_out) == (5, 3)


@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_actions_are_called_by_their_own_names(server: OpenAIServer, way: str) -> None:
    calls = (("maps_find", '{"place": "Bergen"}'), ("maps_find", '{"place": "Oslo"}'))
    vendor = model(server, Answer(calls=calls))
    asked = request(tools=(FIND,))

    answer = await vendor.complete(asked) if way == "whole" else (await streamed(vendor, asked))[1]

    assert [(call.name, dict(call.arguments)) for call in answer.calls] == [
        ("maps/find", {"place": "Bergen"}),
        ("maps/find", {"place": "Oslo"}),
    ]
    assert server.requests[0]["tools"][0]["function"] == {
        "name": "maps_find",
        "description": "Find a place",
        "parameters": dict(FIND.parameters),
    }


async def test_calls_and_results_of_the_conversation_are_told_again(server: OpenAIServer) -> None:
    call = ActionCall("c1", "maps/find", {"place": "Bergen"})
    said = (Said("user", "Where?"), Said("assistant", "", calls=(call,)), Said("tool", "60 N", "maps/find", (), "c1"))

    await model(server, Answer("There.")).complete(request(*said, tools=(FIND,)))

    _, _, asked, told = server.requests[0]["messages"]
    assert asked["tool_calls"][0]["function"] == {"name": "maps_find", "arguments": '{"place": "Bergen"}'}
    assert told == {"role": "tool", "tool_call_id": "c1", "content": "60 N"}


async def test_what_passes_is_tried_again_after_as_long_as_the_server_says(server: OpenAIServer) -> None:
    vendor = guarded(
        server, Answer(status=429, headers={"retry-after": "0.01"}), Answer(status=503), Answer("At last.")
    )

    answer = await vendor.complete(request())

    assert answer.text == "At last."
    assert len(server.requests) == 3


async def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(server: OpenAIServer) -> None:
    vendor = guarded(server, Answer(status=429, headers={"retry-after": "3600"}))

    with pytest.raises(ModelError, match="status 429") as failed:
        await vendor.complete(request())

    assert (failed.value.remedy, failed.value.retry_after) == ("retry", 3600.0)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "remedy", "tries"),
    [(400, "stop", 1), (401, "fall back", 1), (403, "fall back", 1), (404, "fall back", 1)],
)
async def test_what_does_not_pass_is_not_tried_again(
    server: OpenAIServer, status: int, remedy: str, tries: int
) -> None:
    vendor = guarded(server, Answer(status=status))

    with pytest.raises(ModelError, match=f"openai/tiny: status {status} as told") as failed:
        await vendor.complete(request())

    assert failed.value.remedy == remedy
    assert len(server.requests) == tries


async def test_a_call_with_broken_json_is_asked_for_again(server: OpenAIServer) -> None:
    broken, whole = Answer(calls=(("maps_find", '{"place":'),)), Answer(calls=(("maps_find", "{}"),))

    with metered() as wasted:
        answer = await guarded(server, broken, whole).complete(request(tools=(FIND,)))

    assert [dict(call.arguments) for call in answer.calls] == [{}]
    assert [(used.tokens_in, used.tokens_out) for used in wasted] == [(5, 1)]


@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_of_a_server_that_does_not_say_what_it_took_the_words_are_counted(server: OpenAIServer, way: str) -> None:
    vendor = model(server, Answer("Good day, Anna.", counts=False), input_cost_per_token=0.5, output_cost_per_token=1.0)

    answer = await vendor.complete(request()) if way == "whole" else (await streamed(vendor, request()))[1]

    used = answer.usage
    assert used.tokens_in >= 5
    assert 3 <= used.tokens_out <= 12
    assert used.cost == used.tokens_in * 0.5 + used.tokens_out


async def test_no_answer_within_the_timeout_is_an_error(server: OpenAIServer) -> None:
    with pytest.raises(ModelError, match=r"no answer|timed out") as failed:
        await guarded(server, Answer(hang=True), timeout=0.2).complete(request())

    assert failed.value.remedy == "retry"


async def test_a_stream_that_breaks_off_is_an_error_and_not_begun_again(server: OpenAIServer) -> None:
    vendor = model(server, Answer("one two three four", cut=True), Answer("never asked"))
    pieces = vendor.stream(request())

    assert [await anext(pieces), await anext(pieces)] == ["one", " "]
    with pytest.raises(ModelError) as failed:
        await exhaust(pieces)

    assert failed.value.remedy == "retry"
    assert len(server.requests) == 1


async def test_a_stream_may_be_left_before_its_end(server: OpenAIServer) -> None:
    pieces = model(server, Answer("one two three")).stream(request())

    assert await anext(pieces) == "one"
    await pieces.aclose()

    assert (await model(server, Answer("still here")).complete(request())).text == "still here"


async def test_a_broken_connection_is_tried_again(server: OpenAIServer) -> None:
    assert (await guarded(server, Answer("x", cut=True), Answer("whole")).complete(request())).text == "whole"


async def test_a_stream_that_cannot_begin_is_tried_again(server: OpenAIServer) -> None:
    vendor = guarded(server, Answer(status=429, headers={"retry-after": "0.01"}), Answer("Now."))

    pieces, _ = await streamed(vendor, request())

    assert pieces == ["Now."]


async def test_a_refused_connection_names_the_address() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{door.getsockname()[1]}/v1"
        vendor = VendorModel(ModelProfile("large", "openai/tiny", 0.6, url), os.environ)
        with pytest.raises(ModelError, match=f"nothing answers at {url}"):
            await vendor.complete(request())


@pytest.mark.parametrize(
    ("use", "environment", "names"),
    [
        ("anthropic/claude-sonnet-5", {}, "ANTHROPIC_API_KEY"),
        ("gemini/gemini-pro-latest", {"OPENAI_API_KEY": "k"}, "GOOGLE_API_KEY or GEMINI_API_KEY"),
    ],
)
async def test_a_missing_key_is_named_before_anybody_is_asked(
    server: OpenAIServer, use: str, environment: Mapping[str, str], names: str
) -> None:
    with pytest.raises(ModelError, match=f"no key: set {names} in the environment or .env") as failed:
        await VendorModel(ModelProfile("large", use), {**environment}).complete(request())

    assert (failed.value.remedy, failed.value.kind) == ("fall back", "account")


async def test_a_forbidden_network_is_not_used(server: OpenAIServer) -> None:
    environment = {"CARRIER_NETWORK_MODELS": "0", "OPENAI_API_KEY": "k"}

    with pytest.raises(ModelError, match="only models on this machine"):
        await VendorModel(ModelProfile("large", "openai/gpt-5.4"), environment).complete(request())


async def test_a_vendors_key_is_not_sent_to_another_address(server: OpenAIServer) -> None:
    vendor = model(server, Answer("hi"))
    vendor = VendorModel(ModelProfile("large", "openai/tiny", 10.0, server.url), {"OPENAI_API_KEY": "sk-real"})

    await vendor.complete(request())

    assert server.keys == ["none"]


async def test_ollama_is_asked_by_its_openai_api(server: OpenAIServer) -> None:
    model(server, Answer("hi"))
    address = server.url.removesuffix("/v1")

    answer = await VendorModel(ModelProfile("large", "ollama/tiny", base_url=address), os.environ).complete(request())

    assert (answer.text, answer.model, server.requests[0]["model"]) == ("hi", "ollama/tiny", "tiny")


async def test_an_unknown_provider_is_an_error_that_says_so(server: OpenAIServer) -> None:
    with pytest.raises(ModelError, match="LLM Provider NOT provided") as failed:
        await VendorModel(ModelProfile("large", "nonsense/x"), {}).complete(request())

    assert failed.value.remedy == "stop"


async def test_a_key_is_never_part_of_an_error(server: OpenAIServer) -> None:
    vendor = model(server, Answer(status=400, message="you sent key-1234"))

    with pytest.raises(ModelError) as failed:
        await vendor.complete(request())

    assert str(failed.value) == "openai/tiny: you sent [secret]"

    server.answers.append(Answer(status=400, message="you sent sk-real-one"))
    with pytest.raises(ModelError, match=r"you sent \[secret\]"):
        await VendorModel(vendor._profile, {"SOME_API_KEY": "sk-real-one"}).complete(request())


# --- errors, by what ails the model


@pytest.mark.parametrize(
    ("answer", "remedy", "kind"),
    [
        pytest.param(Answer(status=429), "retry", "busy", id="429"),
        pytest.param(Answer(status=429, message="insufficient_quota"), "fall back", "account", id="no money left"),
        pytest.param(Answer(status=401), "fall back", "account", id="401"),
        pytest.param(Answer(status=402), "fall back", "account", id="402"),
        pytest.param(Answer(status=403), "fall back", "account", id="403"),
        pytest.param(Answer(status=404), "fall back", "", id="404"),
        pytest.param(Answer(status=400), "stop", "", id="400"),
        pytest.param(Answer(status=408), "retry", "down", id="408"),
        pytest.param(Answer(status=500), "retry", "down", id="500"),
        pytest.param(Answer(status=502), "retry", "down", id="502"),
        pytest.param(Answer(status=503), "retry", "down", id="503"),
        pytest.param(Answer(status=529), "retry", "down", id="529"),
        pytest.param(
            Answer(status=400, message="This model's maximum context length is 10 tokens"),
            "fall back",
            "context",
            id="too long",
        ),
        pytest.param(
            Answer(status=400, message="request (9 tokens) exceeds the available context size (8 tokens)"),
            "fall back",
            "context",
            id="too long for llama.cpp",
        ),
        pytest.param(Answer(status=400, message="content_policy_violation: no"), "stop", "policy", id="policy"),
        pytest.param(Answer(reason="content_filter"), "stop", "policy", id="held back"),
        pytest.param(Answer("half", cut=True), "retry", "down", id="cut off"),
        pytest.param(Answer(calls=(("maps_find", '{"place":'),)), "retry", "garbage", id="half a call"),
        pytest.param(Answer(calls=(("maps_find", "[1]"),)), "retry", "garbage", id="arguments without names"),
        pytest.param(Answer(calls=(("maps_find", "[" * 100_000),)), "retry", "garbage", id="arguments without end"),
        pytest.param(Answer(calls=(("x" * 5000, "{}"),)), "retry", "garbage", id="a name without end"),
    ],
)
@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_each_failure_says_what_ails_the_model_and_what_may_help(
    server: OpenAIServer, way: str, answer: Answer, remedy: str, kind: str
) -> None:
    vendor = model(server, answer)

    with pytest.raises(ModelError) as failed:
        await (vendor.complete(request(tools=(FIND,))) if way == "whole" else streamed(vendor, request(tools=(FIND,))))

    assert (failed.value.remedy, failed.value.kind) == (remedy, kind), failed.value
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "garbage",
        "{}",
        "[]",
        "null",
        '{"choices": []}',
        '{"choices": null}',
        '{"choices": [{}]}',
        "<html>oops</html>",
        '{"choices": [{"index": 0, "message": null}]}',
        '{"choices": "x"}',
        "data: garbage\n\n",
        "data: {}\n\ndata: [DONE]\n\n",
    ],
)
@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_an_answer_that_makes_no_sense_is_an_error_or_an_empty_answer(
    server: OpenAIServer, way: str, body: str
) -> None:
    vendor = model(server, Answer(body=body or " "))

    async def outcome() -> str:
        try:
            answer = await vendor.complete(request()) if way == "whole" else (await streamed(vendor, request()))[1]
        except ModelError as error:
            return error.remedy
        return f"says {answer.text!r}, calls {answer.calls}"

    assert await outcome() in ("retry", "fall back", "says '', calls ()")


@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_what_cannot_be_processed_is_asked_once_more_by_litellm_and_not_by_us(
    server: OpenAIServer, way: str
) -> None:
    vendor = guarded(server, Answer(status=422), Answer(status=422), Answer("never asked for"))

    with pytest.raises(ModelError, match="its server cannot process the request") as failed:
        await (vendor.complete(request()) if way == "whole" else streamed(vendor, request()))

    assert failed.value.remedy == "stop"
    assert len(server.requests) == 2


async def test_a_date_says_as_well_when_to_ask_again(server: OpenAIServer) -> None:
    vendor = model(server, Answer(status=429, headers={"retry-after": formatdate(time.time() + 100, usegmt=True)}))

    with pytest.raises(ModelError) as failed:
        await vendor.complete(request())

    assert 95 < failed.value.retry_after <= 100


@pytest.mark.parametrize("said", ["soon", "-5", "1e9999", "nan", ""])
async def test_nonsense_about_when_to_ask_again_is_nothing_said(server: OpenAIServer, said: str) -> None:
    vendor = model(server, Answer(status=429, headers={"retry-after": said}))

    with pytest.raises(ModelError) as failed:
        await vendor.complete(request())

    assert failed.value.retry_after == 0.0


async def test_a_stream_without_an_end_is_left(server: OpenAIServer) -> None:
    vendor = model(server, Answer("x" * 100_000, endless=True))

    with pytest.raises(ModelError, match="its answer has no end") as failed:
        await streamed(vendor, request())

    assert failed.value.remedy == "fall back"


async def test_an_answer_of_ten_megabytes_is_refused(server: OpenAIServer) -> None:
    with pytest.raises(ModelError, match="more than 2,000,000 characters"):
        await guarded(server, Answer("x" * 10_000_000)).complete(request())


async def test_an_unknown_tool_is_for_the_loop_to_refuse(server: OpenAIServer) -> None:
    answer = await model(server, Answer(calls=(("nobody_knows", "{}"),))).complete(request(tools=(FIND,)))

    assert [call.name for call in answer.calls] == ["nobody_knows"]


async def test_half_a_surrogate_pair_is_made_storable(server: OpenAIServer) -> None:
    message = '{"role": "assistant", "content": "a\\ud83d\\u0000"}'
    vendor = model(server, Answer(body=f'{{"choices": [{{"index": 0, "message": {message}}}]}}'))

    assert set((await vendor.complete(request())).text) == {"a", "\ufffd"}


# --- what is asked for


async def test_an_answer_costs_what_the_profile_says(server: OpenAIServer) -> None:
    vendor = model(server, Answer("Good day, Anna."), input_cost_per_token=0.01, output_cost_per_token=0.1)

    answer = await vendor.complete(request())

    assert answer.usage.cost == pytest.approx(5 * 0.01 + 3 * 0.1)
    assert "input_cost_per_token" not in server.requests[0]


async def test_an_answer_of_a_known_model_costs_what_it_is_known_to(server: OpenAIServer) -> None:
    model(server, Answer("Good day, Anna."))
    vendor = VendorModel(ModelProfile("large", "openai/gpt-5.4", 10.0, server.url), os.environ)

    assert (await vendor.complete(request())).usage.cost > 0


async def test_a_schema_goes_to_the_server(server: OpenAIServer) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    vendor = model(server, Answer('{"age": 7}'))

    await vendor.complete(Request(request().prompt, schema=schema))

    told = server.requests[0]["response_format"]
    assert (told["type"], told["json_schema"]["schema"]) == ("json_schema", schema)


async def test_a_picture_goes_to_a_model_that_sees(server: OpenAIServer) -> None:
    asked = request(Said("user", "this?", images=(Image("image/png", data=b"\x89PNG"),)))

    await model(server, Answer("A dot."), images=True).complete(asked)
    await model(server, Answer("A dot.")).complete(asked)

    assert (
        server.requests[-1]["messages"][1]["content"] == "this?\n[here is a picture (image/png), which you cannot see]"
    )


async def test_a_picture_is_sent_as_a_data_url(server: OpenAIServer) -> None:
    asked = request(Said("user", "this?", images=(Image("image/png", data=b"\x89PNG"),)))

    await model(server, Answer("A dot."), images=True).complete(asked)

    _, shown = server.requests[0]["messages"][1]["content"]
    assert shown["image_url"]["url"] == "data:image/png;base64,iVBORw=="


@pytest.mark.parametrize(
    ("use", "able"),
    [
        ("openai/gpt-5.4", Able(True, True, True, 1_050_000)),
        ("deepseek/deepseek-reasoner", Able(False, None, False, 131_072)),  # type: ignore[arg-type]
        ("openai/nobody-knows", Able(True, False, False, 0)),
    ],
)
async def test_what_a_model_takes_is_known(server: OpenAIServer, use: str, able: Able) -> None:
    found = await VendorModel(ModelProfile("large", use), {}).able()

    assert (found.tools, found.images) == (able.tools, able.images)
    assert able.schema is None or found.schema == able.schema
    assert found.window == able.window


async def test_the_prices_of_a_model_are_those_of_the_list() -> None:
    known, unknown = [await VendorModel(ModelProfile("large", use), {}).able() for use in ("openai/gpt-4o", "openai/x")]

    assert known.prices == Prices(2.5e-06, 1e-05)
    assert unknown.prices == UNPRICED


async def test_a_turn_with_actions_in_words_goes_through_a_real_server(server: OpenAIServer) -> None:
    block = '```action\n{"action": "maps/find", "arguments": {"place": "Bergen"}}\n```'
    model(server, Answer(f"Let me look. {block}"))
    profile = ModelProfile("large", "openai/tiny", 10.0, server.url, params={"tools": "text"})
    opened, _ = await Models().open(profile, "tifa", os.environ, 1)

    *pieces, last = [piece async for piece in opened.stream(request(tools=(FIND,)))]

    assert isinstance(last, Completion)
    assert "".join(map(str, pieces)) == last.text == "Let me look."
    assert [(call.name, call.arguments) for call in last.calls] == [("maps/find", {"place": "Bergen"})]
    assert "tools" not in server.requests[0]


async def test_the_first_piece_is_shown_before_the_next_is_there(server: OpenAIServer) -> None:
    held = asyncio.Event()
    model(server, Answer("Good day", held=held))
    opened, _ = await Models().open(ModelProfile("large", "openai/tiny", 10.0, server.url), "tifa", os.environ, 1)
    stream = opened.stream(request())

    assert await anext(stream) == "Good"

    held.set()
    assert [piece async for piece in stream][-1].text == "Good day"  # type: ignore[union-attr]


async def test_a_server_that_is_gone_is_answered_for_by_the_fallback(server: OpenAIServer) -> None:
    model(server, Answer("I am here."))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{door.getsockname()[1]}/v1"
        second = ModelProfile("small", "openai/tiny", 10.0, server.url)
        profile = ModelProfile("large", "openai/gone", 0.4, gone, fallback=(second,))
        opened, _ = await Models().open(profile, "tifa", os.environ, 1)

        assert (await opened.complete(request())).text == "I am here."
