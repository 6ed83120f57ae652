"""Rooms that an operator mutes, over HTTP."""

from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from carrier.api.forms import read_json, valid
from carrier.api.guards import problem
from carrier.api.status import mute_status
from carrier.config.models.values import Duration
from carrier.errors import UnknownRoom
from carrier.host import Host


class RoomForm(BaseModel):
    """The body of `POST /rooms/unmute`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: str = Field(max_length=500)


class MuteForm(RoomForm):
    """The body of `POST /rooms/mute`."""

    duration: Duration = Field(0.0, alias="for")
    """As in 2h; 0: until it is unmuted."""
    by: str = Field("the operator", min_length=1, max_length=200)


async def mute(host: Host, request: Request) -> Response:
    """Nobody answers there, for a while or until it is unmuted; what is said is heard."""
    form = valid(MuteForm, await read_json(request))
    try:
        muted = await host.mutes.mute(host.routing.room(form.room), form.duration, form.by)
    except UnknownRoom as error:
        return problem(404, str(error), field="room")
    return JSONResponse(asdict(mute_status(muted)))


async def unmute(host: Host, request: Request) -> Response:
    """Have a room answered again."""
    form = valid(RoomForm, await read_json(request))
    try:
        room = host.routing.room(form.room)
    except UnknownRoom as error:
        return problem(404, str(error), field="room")
    return JSONResponse({"room": room, "was_muted": await host.mutes.unmute(room)})
