"""A small HTTP server on loopback that does what its path says: redirects, dawdles, packs bombs, repeats itself."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from carrier.testing.openai_server import serving

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the server was asked."""

    method: str
    target: str
    """Path and query, as they came."""
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class HttpServer:
    """Keeps what it was asked; `address` is its host and port."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, list[Response]] = field(default_factory=dict)
    """What a path answers, one after the other; the last one stays."""
    everything: Response | None = None
    """What all paths answer that have no answer of their own."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def routes(self) -> list[Route]:
        return [
            Route("/to", self._to, methods=METHODS),
            Route("/status/{status:int}", self._status, methods=METHODS),
            Route("/never", self._never, methods=METHODS),
            Route("/dawdle", self._dawdle, methods=METHODS),
            Route("/huge", self._huge, methods=METHODS),
            Route("/bomb", self._bomb, methods=METHODS),
            Route("/cut", self._cut, methods=METHODS),
            Route("/{rest:path}", self._echo, methods=METHODS),
        ]

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    async def _note(self, request: Request) -> Asked:
        scope = request.scope
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        target = (scope["raw_path"] + query).decode("latin-1")
        asked = Asked(request.method, target, dict(request.headers), await request.body())
        self.asked.append(asked)
        return asked

    async def _echo(self, request: Request) -> Response:
        asked = await self._note(request)
        if waiting := self.answers.get(request.url.path):
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if self.everything:
            return self.everything
        told = {"method": asked.method, "target": asked.target, "headers": asked.headers}
        return _json({**told, "body": asked.body.decode("utf-8", "replace")})

    async def _to(self, request: Request) -> Response:
        await self._note(request)
        return RedirectResponse(request.query_params["url"], int(request.query_params.get("status", "302")))

    async def _status(self, request: Request) -> Response:
        asked = await self._note(request)
        said = f"so it is: {asked.headers.get('authorization', 'nobody')}"
        return Response(said, request.path_params["status"], media_type="text/plain")

    async def _never(self, request: Request) -> Response:
        await self._note(request)
        await self.closing.wait()
        return Response()

    async def _dawdle(self, request: Request) -> Response:
        await self._note(request)
        return StreamingResponse(self._drops(), media_type="text/plain")

    async def _drops(self) -> AsyncIterator[bytes]:
        while not self.closing.is_set():
            yield b"."
            await asyncio.sleep(0.02)

    async def _huge(self, request: Request) -> Response:
        await self._note(request)
        return StreamingResponse(_flood(), media_type="text/plain")

    async def _bomb(self, request: Request) -> Response:
        """A few kilobytes that stand for 64 megabytes, packed `times` times."""
        await self._note(request)
        packed = _BOMB
        times = int(request.query_params.get("times", "1"))
        for _ in range(times - 1):
            packed = gzip.compress(packed)
        encoding = request.query_params.get("as", ", ".join(["gzip"] * times))
        return Response(packed, media_type="text/plain", headers={"content-encoding": encoding})

    async def _cut(self, request: Request) -> Response:
        await self._note(request)
        return StreamingResponse(_torn(), media_type="text/plain", headers={"content-length": "1000"})


_BOMB = gzip.compress(bytes(64 * 1024 * 1024), compresslevel=1)


def _json(value: object) -> Response:
    return Response(json.dumps(value), media_type="application/json")


async def _flood() -> AsyncIterator[bytes]:
    for _ in range(40):
        yield bytes(256 * 1024)
        await asyncio.sleep(0)


async def _torn() -> AsyncIterator[bytes]:
    yield b"half of it"
    raise ConnectionResetError("cut as told")


@asynccontextmanager
async def http_server() -> AsyncIterator[HttpServer]:
    """A running server on a free port of loopback."""
    server = HttpServer()
    async with serving(server.routes()) as server.address:
        try:
            yield server
        finally:
            server.closing.set()
