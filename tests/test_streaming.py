"""What a model says reaches the API and the terminal while it still speaks."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from carrier.testing.openai_server import Answer
from tests.served import FILES, Served, served

# litellm's own, in each streamed chunk.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")

OPEN = FILES["agents.d/tifa.yaml"].replace("evaluators: [no_secrets]", "evaluators: []")
SECONDS = 20


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, {"agents.d/tifa.yaml": OPEN}) as host:
        yield host


@pytest.fixture
def rest(host: Served) -> asyncio.Event:
    """The model has said `Good`, and says the rest of `Good day` when this is set."""
    event = asyncio.Event()
    host.answers(Answer("Good day", held=event))
    return event


async def test_the_api_has_the_first_words_while_the_model_still_speaks(host: Served, rest: asyncio.Event) -> None:
    async with asyncio.timeout(SECONDS):
        stream = host.caller.stream("/tifa/message", {"text": "Hello"})
        first = await anext(stream)
        rest.set()
        *_, last = [item async for item in stream]

    assert first == ("delta", {"text": "Good"})
    assert (last[0], last[1]["text"]) == ("final", "Good day")


async def test_the_terminal_has_the_first_words_while_the_model_still_speaks(host: Served, rest: asyncio.Event) -> None:
    command = (sys.executable, "-m", "carrier", "--config", host.files.config, "chat", "tifa")
    chat = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert chat.stdin
    assert chat.stdout
    chat.stdin.write(b"Hello\n")
    async with asyncio.timeout(SECONDS):
        first = await chat.stdout.readuntil(b"Good")
        rest.set()
        chat.stdin.close()
        others = await chat.stdout.read()
        code = await chat.wait()

    assert (first, others, code) == (b"Tifa: Good", b" day\n", 0)
