"""`auto` comes down to a key, a model server on this machine, or a script, and says why."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from carrier.errors import ModelError
from carrier.models.choosing import VENDORS, Server, choose
from carrier.models.opening import open_model
from carrier.models.vendor import VendorModel
from carrier.testing.openai_server import openai_server, serving
from carrier.types.models import Choice, ModelProfile, Script

AUTO = ModelProfile("large", "auto", scripts={"tifa": Script("tifa", ())})
NOBODY = {"OLLAMA_HOST": "127.0.0.1:9"}


async def chosen(
    environment: dict[str, str], *servers: Server, profile: ModelProfile = AUTO, agent: str = "tifa", own_port: int = 1
) -> Choice:
    return await choose(profile, agent, NOBODY | environment, own_port, servers)


async def test_a_key_that_is_set_comes_first() -> None:
    large = await chosen({"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k"})
    small = await chosen({"OPENAI_API_KEY": "k"}, profile=ModelProfile("small", "auto"))

    assert (large.use, large.why) == ("openai/gpt-5.4", "OPENAI_API_KEY is set")
    assert small.use == "openai/gpt-5.4-mini"


async def test_an_empty_key_is_none_and_a_forbidden_network_has_none() -> None:
    assert (await chosen({"OPENAI_API_KEY": ""})).use == "scripted/tifa"
    assert (await chosen({"OPENAI_API_KEY": "k", "CARRIER_NETWORK_MODELS": "0"})).use == "scripted/tifa"


async def test_without_a_key_a_server_on_this_machine_is_asked() -> None:
    async with openai_server() as server:
        server.models = ("nomic-embed-text", "tiny")
        choice = await chosen({}, Server("llama.cpp", server.url.split("/")[2]))

    assert (choice.use, choice.base_url) == ("openai/tiny", server.url)
    assert choice.why.startswith("no key is set, but llama.cpp answers on port ")


async def test_our_own_port_is_never_taken_for_a_model_server() -> None:
    async with openai_server() as server:
        address = server.url.split("/")[2]
        choice = await chosen({}, Server("vLLM", address), own_port=int(address.split(":")[1]))

    assert choice.use == "scripted/tifa"


async def test_of_ollamas_models_one_that_can_call_tools_is_taken() -> None:
    async with ollama({"bge-embed": [], "poet": ["completion"], "worker:8b": ["completion", "tools"]}) as address:
        choice = await chosen({"OLLAMA_HOST": address})

    assert (choice.use, choice.base_url) == ("ollama/worker:8b", f"http://{address}")


async def test_what_answers_with_something_else_is_no_model_server() -> None:
    async with ollama({}) as address:
        choice = await chosen({}, Server("llama.cpp", address), Server("LM Studio", address))

    assert choice.use == "scripted/tifa"


async def test_a_server_elsewhere_is_not_asked() -> None:
    assert (await chosen({"OLLAMA_HOST": "http://192.0.2.1:11434"})).use == "scripted/tifa"


async def test_without_anything_the_script_answers_and_says_so_at_once() -> None:
    started = time.monotonic()
    own = await chosen({})
    other = await chosen({}, agent="hello")

    assert time.monotonic() - started < 0.3
    assert own.use == "scripted/tifa"
    assert own.why == ("no key is set and no model server answers on this machine; answers come from the script tifa")
    assert other.use == "scripted/default"


async def test_a_model_that_is_named_is_taken_as_it_is() -> None:
    choice = await chosen({"OPENAI_API_KEY": "k"}, profile=ModelProfile("large", "groq/x", base_url="http://y"))

    assert (choice.use, choice.base_url) == ("groq/x", "http://y")


def test_the_model_that_was_chosen_is_made() -> None:
    script = open_model(AUTO, Choice("scripted/tifa", ""), {})
    default = open_model(AUTO, Choice("scripted/default", ""), {})
    vendor = open_model(AUTO, Choice("openai/tiny", "", "http://127.0.0.1:8080/v1"), {})

    assert isinstance(vendor, VendorModel)
    assert [model.name for model in (script, default, vendor)] == ["scripted/tifa", "scripted/default", "openai/tiny"]


def test_a_script_that_does_not_exist_is_an_error_that_lists_those_that_do() -> None:
    with pytest.raises(ModelError, match="there is no script 'cloud'; there are default, tifa"):
        open_model(AUTO, Choice("scripted/cloud", ""), {})


def test_each_vendor_has_a_large_and_a_small_model_behind_its_own_key() -> None:
    assert len({vendor.key for vendor in VENDORS}) == len(VENDORS)
    assert all("/" in vendor.large and "/" in vendor.small for vendor in VENDORS)


@asynccontextmanager
async def ollama(models: dict[str, list[str]]) -> AsyncIterator[str]:
    async def tags(request: Request) -> Response:
        return JSONResponse({"models": [{"name": name} for name in models]})

    async def show(request: Request) -> Response:
        return JSONResponse({"capabilities": models[(await request.json())["model"]]})

    async with serving([Route("/api/tags", tags), Route("/api/show", show, methods=["POST"])]) as address:
        yield address
