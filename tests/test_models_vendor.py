"""A vendor's model is asked through litellm as it installs, against a real server of the OpenAI chat API."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from pydantic import SecretStr

from carrier.errors import ModelError
from carrier.models.loading import close_connections, load_litellm
from carrier.models.vendor import VendorModel
from carrier.testing.openai_server import Answer, OpenAIServer, openai_server
from carrier.types import ActionCall, Completion, ModelProfile, Prompt, Request, Said, Tool

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


def model(server: OpenAIServer, *answers: Answer, timeout: float = 10.0, key: str = "key-1234") -> VendorModel:
    server.answers.clear()
    server.answers.extend(answers)
    server.requests.clear()
    server.keys.clear()
    profile = ModelProfile("large", "openai/tiny", timeout, server.url, SecretStr(key), params={"temperature": 0.2})
    return VendorModel(profile, os.environ)


def request(*conversation: Said, tools: tuple[Tool, ...] = ()) -> Request:
    return Request(Prompt("Be kind.", conversation or (Said("user", "hello there", "Anna"),)), tools, agent="tifa")


async def streamed(vendor: VendorModel, asked: Request) -> tuple[list[str], Completion]:
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
    vendor = model(server, Answer(status=429, headers={"retry-after": "0.01"}), Answer(status=503), Answer("At last."))

    answer = await vendor.complete(request())

    assert answer.text == "At last."
    assert len(server.requests) == 3


async def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(server: OpenAIServer) -> None:
    vendor = model(server, Answer(status=429, headers={"retry-after": "3600"}))

    with pytest.raises(ModelError, match="status 429") as failed:
        await vendor.complete(request())

    assert failed.value.remedy == "retry"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "remedy", "tries"),
    [(400, "stop", 1), (401, "fall back", 1), (403, "fall back", 1), (404, "fall back", 1)],
)
async def test_what_does_not_pass_is_not_tried_again(
    server: OpenAIServer, status: int, remedy: str, tries: int
) -> None:
    vendor = model(server, Answer(status=status))

    with pytest.raises(ModelError, match=f"openai/tiny: status {status} as told") as failed:
        await vendor.complete(request())

    assert failed.value.remedy == remedy
    assert len(server.requests) == tries


async def test_a_call_with_broken_json_is_asked_for_again(server: OpenAIServer) -> None:
    broken, whole = Answer(calls=(("maps_find", '{"place":'),)), Answer(calls=(("maps_find", "{}"),))

    answer = await model(server, broken, whole).complete(request(tools=(FIND,)))

    assert [dict(call.arguments) for call in answer.calls] == [{}]


async def test_no_answer_within_the_timeout_is_an_error(server: OpenAIServer) -> None:
    with pytest.raises(ModelError, match=r"no answer|timed out") as failed:
        await model(server, Answer(hang=True), timeout=0.2).complete(request())

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
    await pieces.aclose()  # type: ignore[attr-defined]

    assert (await model(server, Answer("still here")).complete(request())).text == "still here"


async def test_a_broken_connection_is_tried_again(server: OpenAIServer) -> None:
    assert (await model(server, Answer("x", cut=True), Answer("whole")).complete(request())).text == "whole"


async def test_a_stream_that_cannot_begin_is_tried_again(server: OpenAIServer) -> None:
    vendor = model(server, Answer(status=429, headers={"retry-after": "0.01"}), Answer("Now."))

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

    assert failed.value.remedy == "stop"


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
