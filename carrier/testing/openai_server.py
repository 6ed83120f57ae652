"""A small model server on loopback that speaks the OpenAI chat API, and fails on request."""

import asyncio
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does with one request."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Tools to call, as (name, arguments in JSON)."""
    status: int = 200
    message: str = ""
    """What a status that is no success says."""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    """Never answer."""
    cut: bool = False
    """Close the connection half-way."""
    body: str = ""
    """Sent as it stands, whatever was asked."""
    held: asyncio.Event | None = None
    """After the first piece of a stream nothing more comes before this is set."""
    endless: bool = False
    """A stream that says its text again and again."""
    reason: str = ""
    """Why the answer ends, if not as it seems."""
    counts: bool = True
    """Whether it says what it took."""


@dataclass
class OpenAIServer:
    """Gives its answers one after the other, then repeats what it was told; keeps what it was asked."""

    url: str = ""
    models: tuple[str, ...] = ("tiny",)
    answers: deque[Answer] = field(default_factory=deque)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def routes(self) -> list[Route]:
        return [
            Route("/v1/models", self._list),
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})

    async def _complete(self, request: Request) -> Response:
        asked = await request.json()
        self.requests.append(asked)
        self.keys.append(request.headers.get("authorization", "").removeprefix("Bearer "))
        answer = self.answers.popleft() if self.answers else Answer(f"you said: {asked['messages'][-1]['content']}")
        if answer.hang:
            await self.closing.wait()
        if answer.status != 200:
            message = answer.message or f"status {answer.status} as told"
            error = {"error": {"message": message, "type": "error", "code": None}}
            return JSONResponse(error, answer.status, dict(answer.headers))
        if answer.body:
            return Response(answer.body, media_type="text/event-stream" if asked.get("stream") else "application/json")
        if asked.get("stream"):
            return StreamingResponse(_events(asked, answer), media_type="text/event-stream")
        return _whole(asked, answer)


@asynccontextmanager
async def openai_server(*answers: Answer) -> AsyncIterator[OpenAIServer]:
    """A running server on a free port of loopback."""
    server = OpenAIServer(answers=deque(answers))
    async with serving(server.routes()) as address:
        server.url = f"http://{address}/v1"
        try:
            yield server
        finally:
            server.closing.set()


@asynccontextmanager
async def serving(routes: Sequence[BaseRoute]) -> AsyncIterator[str]:
    """Serve these on a free port of loopback, whose address it hands out."""
    # A socket that names its protocol answers at once: asyncio sets TCP_NODELAY on no other.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.bind(("127.0.0.1", 0))
    door.listen()
    server = _Quiet(uvicorn.Config(Starlette(routes=routes), lifespan="off", ws="none", log_config=None, log_level=60))
    running = asyncio.create_task(server.serve([door]))
    try:
        yield f"127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


class _Quiet(uvicorn.Server):
    """Leaves the signals to whoever runs it."""

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
        return nullcontext()


def _whole(asked: Mapping[str, Any], answer: Answer) -> Response:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.calls:
        message["tool_calls"] = [_call(number, *call) for number, call in enumerate(answer.calls)]
    choice = {"index": 0, "message": message, "finish_reason": _reason(answer)}
    body = _head(asked, "chat.completion") | {"choices": [choice], "usage": _usage(asked, answer)}
    if answer.cut:
        return StreamingResponse(_torn(json.dumps(body)), media_type="application/json")
    return JSONResponse(body)


async def _torn(body: str) -> AsyncIterator[str]:
    yield body[: len(body) // 2]
    raise ConnectionResetError("cut as told")


async def _events(asked: Mapping[str, Any], answer: Answer) -> AsyncIterator[str]:
    deltas = list(_deltas(answer))
    for number, delta in enumerate(_again_and_again(deltas) if answer.endless else deltas):
        if answer.cut and number == len(deltas) // 2:
            raise ConnectionResetError("cut as told")
        if answer.held and number == 2:
            await answer.held.wait()
        # Nothing waits for a reader that is gone: let the server see that it is.
        await asyncio.sleep(0)
        yield _event(asked, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield _event(asked, [{"index": 0, "delta": {}, "finish_reason": _reason(answer)}])
    if answer.counts and (asked.get("stream_options") or {}).get("include_usage"):
        yield _event(asked, [], _usage(asked, answer))
    yield "data: [DONE]\n\n"


def _again_and_again(deltas: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield deltas[0]
    yield from cycle(deltas[1:])


def _deltas(answer: Answer) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in answer.text.split(" ") for word in (word, " ")][:-1] if answer.text else []
    for number, (name, arguments) in enumerate(answer.calls):
        deltas.append({"tool_calls": [{"index": number} | _call(number, name, "")]})
        half = len(arguments) // 2
        deltas += [
            {"tool_calls": [{"index": number, "function": {"arguments": part}}]}
            for part in (arguments[:half], arguments[half:])
        ]
    return deltas


def _call(number: int, name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _event(asked: Mapping[str, Any], choices: list[dict[str, Any]], usage: object = None) -> str:
    return f"data: {json.dumps(_head(asked, 'chat.completion.chunk') | {'choices': choices, 'usage': usage})}\n\n"


def _head(asked: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": asked["model"]}


def _reason(answer: Answer) -> str:
    return answer.reason or ("tool_calls" if answer.calls else "stop")


def _usage(asked: Mapping[str, Any], answer: Answer) -> dict[str, int] | None:
    if not answer.counts:
        return None
    told = sum(len(str(message.get("content") or "").split()) for message in asked["messages"])
    said = len(answer.text.split()) + len(answer.calls)
    return {"prompt_tokens": told, "completion_tokens": said, "total_tokens": told + said}
