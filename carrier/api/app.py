"""The HTTP door: every agent answers at `POST /{agent}/message`; a handful of routes say how things stand."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict
from functools import partial, wraps
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from carrier.api.asking import PATIENCE, Pending, answered, ask, listen, rendered
from carrier.api.forms import FormError, Look, answer_json, keep_file, read_form, read_key, valid
from carrier.api.guards import Guard, problem
from carrier.api.status import status as status_of
from carrier.errors import Conflict, LedgerError, Overloaded, TemplateError, UnknownAgent
from carrier.host import Host
from carrier.ledger import rooms
from carrier.runtime.watchers import Piece
from carrier.types import Message

BODY_BESIDE_THE_FILE = 1_000_000

Handler = Callable[[Host, Request], Awaitable[Response]]


def make_app(host: Host, token: str, patience: float = PATIENCE) -> Starlette:
    settings = host.settings
    guard = Middleware(
        Guard, token=token, hosts=[settings.server.host], most_bytes=settings.limits.upload + BODY_BESIDE_THE_FILE
    )
    routes: list[tuple[str, str, Handler]] = [
        ("/health", "GET", health),
        ("/status", "GET", status),
        ("/agents", "GET", agents),
        ("/turns/{turn:path}", "GET", turn),
        ("/{agent}/message", "POST", partial(message, patience=patience)),
        ("/{agent}/render", "POST", render),
        ("/{agent}/history", "GET", history),
    ]
    return Starlette(
        routes=[Route(path, _handled(host, handler), methods=[method]) for path, method, handler in routes],
        middleware=[guard],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )


def _handled(host: Host, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler with its host; what may go wrong in one becomes the status that says so."""

    @wraps(handler)
    async def handled(request: Request) -> Response:
        try:
            return await handler(host, request)
        except UnknownAgent as error:
            return problem(404, str(error), field="agent", agents=list(error.known))
        except FormError as error:
            return problem(422, str(error), field=error.field)
        except Conflict as error:
            return problem(422, str(error), field="Idempotency-Key")
        except Overloaded as error:
            return problem(429, str(error))
        except LedgerError as error:
            return problem(503, f"nothing can be stored now: {error}")
        except TemplateError as error:
            return problem(500, str(error))

    return handled


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail)


async def _failed(request: Request, error: Exception) -> Response:
    return problem(500, "the host made a mistake, which stands in its log")


# --- how things stand -----------------------------------------------------------------------------------


async def health(host: Host, request: Request) -> Response:
    state = "stopping" if host.stopping else "ok"
    return JSONResponse({"status": state, "agents": len(host.agents)}, 503 if host.stopping else 200)


async def status(host: Host, request: Request) -> Response:
    return JSONResponse(asdict(status_of(host)))


async def agents(host: Host, request: Request) -> Response:
    return JSONResponse({"agents": [asdict(agent) for agent in status_of(host).agents]})


# --- talking --------------------------------------------------------------------------------------------


async def message(host: Host, request: Request, patience: float) -> Response:
    """Answer a message. `Accept: text/event-stream` gets it as it grows: `delta`, `replace`, then `final`."""
    if host.stopping:
        return problem(503, "the host is stopping; try again in a moment")
    said = await _message(host, request)
    if "text/event-stream" in request.headers.get("accept", ""):
        return _stream(host, said, patience)
    answer = await ask(host, said, patience)
    if isinstance(answer, Pending):
        return JSONResponse(_where(answer.turn), 202)
    return JSONResponse(answer_json(answer))


async def _message(host: Host, request: Request, keeps: bool = True) -> Message:
    """What a caller says; what came with it is kept on disk if it `keeps`."""
    agent = host.agent(request.path_params["agent"]).agent.name
    key, (form, file) = read_key(request), await read_form(request, host.settings.limits)
    if file is None:
        return form.message(agent, key)
    kept = await asyncio.to_thread(keep_file, file, host.settings.data) if keeps else file.attachment()
    return form.message(agent, key, (kept,))


def _stream(host: Host, said: Message, patience: float) -> Response:
    # Imported with the first stream: a host listens the sooner for it.
    from sse_starlette import EventSourceResponse

    return EventSourceResponse(_events(host, said, patience))


async def _events(host: Host, said: Message, patience: float) -> AsyncIterator[dict[str, str]]:
    async with aclosing(listen(host, said, patience)) as items:
        async for item in items:
            match item:
                case Piece():
                    yield _event("replace" if item.replace else "delta", {"text": item.text})
                case Pending():
                    yield _event("pending", _where(item.turn))
                case _:
                    yield _event("final", answer_json(item))


def _event(name: str, data: object) -> dict[str, str]:
    return {"event": name, "data": json.dumps(data, ensure_ascii=False)}


async def turn(host: Host, request: Request) -> Response:
    """The answer of a turn that took longer than its caller could wait."""
    name = request.path_params["turn"]
    try:
        ended = await answered(host, name)
    except LookupError:
        return problem(404, f"there is no turn {name!r}", field="turn")
    if ended is None:
        return JSONResponse(_where(name), 202)
    return JSONResponse(answer_json(ended))


def _where(turn: str) -> dict[str, str]:
    """Where the answer of a turn will be."""
    return {"turn": turn, "url": f"/turns/{quote(turn)}"}


async def render(host: Host, request: Request) -> Response:
    """The exact prompt that a message would get."""
    said = await _message(host, request, keeps=False)
    return JSONResponse({"prompt": await rendered(host, said)})


async def history(host: Host, request: Request) -> Response:
    """What was said last in a room, as an agent saw it."""
    agent = host.agent(request.path_params["agent"]).agent
    look = valid(Look, dict(request.query_params))
    lines = await host.ledger.read(partial(rooms.recent, agent=agent.name, room=look.room, most=look.limit))
    return JSONResponse({"room": look.room, "lines": [asdict(line) for line in lines]})
