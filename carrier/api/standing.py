"""What agents arranged and an operator may end, over HTTP: conversations handed over, and words for later."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from carrier.api.forms import read_json, valid
from carrier.api.guards import problem
from carrier.api.status import handover_status
from carrier.host import Host
from carrier.interfaces import Waiting
from carrier.ledger import later


class RoomForm(BaseModel):
    """The body of `POST /handovers/end`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: str = Field(min_length=1)


async def handovers(host: Host, request: Request) -> Response:
    """The rooms where an agent answers in another's place."""
    return JSONResponse({"handovers": [asdict(handover_status(each)) for each in host.handovers.lasting]})


async def end_handover(host: Host, request: Request) -> Response:
    """Have whoever answered in a room before answer there again."""
    form = valid(RoomForm, await read_json(request))
    ended = await host.handovers.end(form.room)
    if not ended:
        return problem(404, f"nothing is handed over in {form.room!r}", field="room")
    return JSONResponse({"handovers": [asdict(handover_status(each)) for each in ended]})


async def waiting(host: Host, request: Request) -> Response:
    """What agents say later, the next first."""
    found = await host.ledger.read(later.waiting)
    return JSONResponse({"later": [_plain(each) for each in found]})


async def cancel(host: Host, request: Request) -> Response:
    """Have something not said after all."""
    id = request.path_params["id"]
    if not await host.later.cancel(id):
        return problem(404, f"nothing of the id {id!r} waits", field="id")
    return JSONResponse({"id": id, "state": "cancelled"})


def _plain(waiting: Waiting) -> dict[str, Any]:
    return {**asdict(waiting), "at": waiting.at / 1_000_000}
