"""The HTTP door: every agent answers at `POST /{agent}/message`; a handful of routes say how things stand."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial, wraps
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from carrier.api import hooks, posts, scheduling, standing
from carrier.api.approving import decide, waiting
from carrier.api.asking import PATIENCE, Pending, answered, ask, listen, rendered
from carrier.api.forms import Form, FormError, Look, RenderForm, answer_json, keep_file, read_form, read_key, valid
from carrier.api.guards import Guard, problem
from carrier.api.metrics import EXPOSITION, exposition
from carrier.api.muting import mute, unmute
from carrier.api.status import status as status_of
from carrier.errors import ClientError, Conflict, LedgerError, Overloaded, TemplateError, UnknownAgent
from carrier.host import Host
from carrier.ledger import rooms
from carrier.runtime.watchers import Piece
from carrier.types.talk import Message

BODY_BESIDE_THE_FILE = 1_000_000
WORKERS = 2
"""Templates that callers bring are rendered so many at once."""

Handler = Callable[[Host, Request], Awaitable[Response]]
PUBLISHED: Sequence[tuple[str, str, Handler]] = (
    ("/posts", "GET", posts.listed),
    ("/posts", "POST", posts.make),
    ("/posts/files", "POST", posts.keep),
    ("/posts/{id}", "GET", posts.shown),
    ("/posts/{id}/{what}", "POST", posts.change),
    ("/clients/{client}/limits", "GET", posts.limits),
    ("/clients/{client}/token", "GET", posts.token),
    ("/hooks/{name}", "GET", hooks.ask),
    ("/hooks/{name}", "POST", hooks.tell),
    ("/schedules", "GET", scheduling.schedules),
    ("/schedules/calendar", "GET", scheduling.days),
    ("/schedules/clock", "POST", scheduling.trust_clock),
    ("/schedules/{name}/slots", "GET", scheduling.history),
    ("/schedules/{name}/{what}", "POST", scheduling.control),
)
"""Of what goes out unasked, and what platforms tell of it."""


def make_app(host: Host, token: str, name: str = "localhost", patience: float = PATIENCE) -> Starlette:
    """`name` is where it listens; callers may use it."""
    guard = Middleware(
        Guard, token=token, hosts=[name], most_bytes=lambda: host.settings.limits.upload + BODY_BESIDE_THE_FILE
    )
    routes: list[tuple[str, str, Handler]] = [
        ("/health", "GET", health),
        ("/status", "GET", status),
        ("/agents", "GET", agents),
        ("/metrics", "GET", metrics),
        ("/config/reload", "POST", reload),
        ("/config/plan", "GET", plan),
        ("/config/problems", "GET", problems),
        ("/approvals", "GET", waiting),
        ("/approvals/{id:int}", "POST", decide),
        ("/rooms/mute", "POST", mute),
        ("/rooms/unmute", "POST", unmute),
        ("/handovers", "GET", standing.handovers),
        ("/handovers/end", "POST", standing.end_handover),
        ("/later", "GET", standing.waiting),
        ("/later/{id}/cancel", "POST", standing.cancel),
        *PUBLISHED,
        ("/turns/{turn:path}", "GET", turn),
        ("/{agent}/message", "POST", partial(message, patience=patience)),
        ("/{agent}/render", "POST", partial(render, at_once=asyncio.Semaphore(WORKERS))),
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
        except ClientError as error:
            return problem(502, str(error))
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


async def metrics(host: Host, request: Request) -> Response:
    return PlainTextResponse(exposition(status_of(host), host.last_success), media_type=EXPOSITION)


# --- the files ------------------------------------------------------------------------------------------


async def reload(host: Host, request: Request) -> Response:
    """Read the files and apply what differs, now; answered when that is done."""
    done = await host.reload()
    found = [asdict(problem) for problem in done.problems]
    return JSONResponse({"revision": done.revision, "applied": done.ok, "reason": done.reason, "problems": found})


async def plan(host: Host, request: Request) -> Response:
    """What a reload would change."""
    from carrier.config.planning import plan as planned

    wanted = await host.read()
    # What has to wait for a restart is not what runs.
    runs = replace(host.catalog, host=host.settings)
    return JSONResponse(asdict(await asyncio.to_thread(planned, runs, wanted, datetime.now(UTC))))


async def problems(host: Host, request: Request) -> Response:
    """What is wrong with the files as they are now."""
    return JSONResponse({"problems": [asdict(problem) for problem in (await host.read()).problems]})


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


async def _message(host: Host, request: Request) -> Message:
    """What a caller says; what came with it is kept on disk."""
    agent = host.here.agent(request.path_params["agent"]).agent.name
    key, (form, file) = read_key(request), await read_form(request, host.settings.limits, Form)
    if file is None:
        return form.message(agent, key)
    return form.message(agent, key, (await asyncio.to_thread(keep_file, file, host.settings.data),))


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


async def render(host: Host, request: Request, at_once: asyncio.Semaphore) -> Response:
    """The exact prompt that a message would get, or would get by the template that comes with it."""
    agent = host.here.agent(request.path_params["agent"]).agent.name
    form, file = await read_form(request, host.settings.limits, RenderForm)
    said = form.message(agent, "", (file.attachment(),) if file else ())
    try:
        return JSONResponse({"prompt": await rendered(host, said, form.template, at_once)})
    except TemplateError as error:
        if form.template is None:
            raise
        return problem(422, str(error), field="template")


async def history(host: Host, request: Request) -> Response:
    """What was said last in a room, as an agent saw it."""
    agent = host.here.agent(request.path_params["agent"]).agent
    look = valid(Look, dict(request.query_params))
    lines = await host.ledger.read(partial(rooms.recent, agent=agent.name, room=look.room, most=look.limit))
    return JSONResponse({"room": look.room, "lines": [asdict(line) for line in lines]})
