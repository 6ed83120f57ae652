"""What platforms tell by webhook: `/hooks/NAME` belongs to the client of that name, which knows who speaks."""

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from carrier.api.guards import problem
from carrier.errors import Passing, Refused
from carrier.host import Host
from carrier.interfaces import Listener
from carrier.runtime.supervisor import LivingClient

log = logging.getLogger(__name__)

MOST_BYTES = 1_000_000


async def ask(host: Host, request: Request) -> Response:
    """The platform asks whether the address is ours."""
    living = host.clients.get(request.path_params["name"])
    answer = _ear(living).challenge(dict(request.query_params)) if living and _listens(living) else None
    return PlainTextResponse(answer) if answer is not None else problem(403, "nobody here has asked for this")


async def tell(host: Host, request: Request) -> Response:
    """It tells something: on disk before it is answered, and once, however often it is told."""
    living = host.clients.get(request.path_params["name"])
    if living is None or not _listens(living):
        return problem(404, "no client of that name listens here")
    body = await request.body()
    if len(body) > MOST_BYTES:
        return problem(413, f"at most {MOST_BYTES} bytes are read")
    try:
        messages = await _ear(living).hear(body, request.headers)
    except Refused as error:
        log.warning("%s: what was told by webhook is refused: %s", living.definition.name, error)
        return problem(403, str(error))
    except Passing as error:
        return problem(503, str(error))
    for message in messages:
        await living.hear(message)
    return JSONResponse({"taken": len(messages)})


def _listens(living: LivingClient) -> bool:
    return hasattr(living.client, "hear")


def _ear(living: LivingClient) -> Listener:
    return living.client  # type: ignore[return-value]  # it was asked whether it is one
