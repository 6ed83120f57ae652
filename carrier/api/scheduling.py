"""What comes by the clock, over HTTP: listed, told in advance, paused and resumed, run, skipped and written anew."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from carrier.api.forms import read_json, valid
from carrier.api.guards import problem
from carrier.errors import Conflict, UnknownSchedule, UnknownSlot
from carrier.host import Host
from carrier.ledger import posts, slots
from carrier.scheduler.filing import micros, moment
from carrier.scheduler.listing import calendar, last_of, listed, of_posts


class ControlForm(BaseModel):
    """The body of `POST /schedules/{name}/{what}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str = Field("the operator", min_length=1, max_length=200)
    slot: str = Field("next", min_length=1, max_length=200)
    """Which one to skip or to edit, by the schedule's clock: as in 2026-12-24T09:00."""
    text: str = Field("", max_length=100_000)


class DaysForm(BaseModel):
    """The query of `GET /schedules/calendar`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: int = Field(7, ge=1, le=366)


class MostForm(BaseModel):
    """The query of `GET /schedules/{name}/slots`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=1000)


# --- looked at ----------------------------------------------------------------------------------------------


async def schedules(host: Host, request: Request) -> Response:
    """Each with its next times, how it stands, and what became of the last one."""
    found = [
        (schedule, last_of(await host.ledger.read(partial(slots.last_ended, schedule=name))))
        for name, schedule in sorted(host.catalog.schedules.items())
    ]
    scheduler = host.calendar.scheduler
    now, here, standing = scheduler.wall.now(), scheduler.here(), scheduler.standing

    def tell() -> list[dict[str, Any]]:
        return [asdict(listed(it, now, standing.get(it.name), it.name in here, last)) for it, last in found]

    return JSONResponse({"held": scheduler.held, "schedules": await asyncio.to_thread(tell)})


async def days(host: Host, request: Request) -> Response:
    """What the coming days bring."""
    now = host.calendar.scheduler.wall.now()
    until = now + timedelta(days=valid(DaysForm, dict(request.query_params)).days)
    known = await host.ledger.read(partial(slots.between, since=micros(now), until=micros(until)))
    entries = await asyncio.to_thread(calendar, host.catalog.schedules, known, now, until)
    entries += of_posts(await host.ledger.read(posts.under_way), host.settings.timezone, now, until)
    entries.sort(key=lambda entry: (entry.day, entry.time, entry.schedule))
    return JSONResponse({"days": [asdict(entry) for entry in entries]})


async def history(host: Host, request: Request) -> Response:
    """What became of its slots, the newest first, with what is planned for those to come."""
    name, most = request.path_params["name"], valid(MostForm, dict(request.query_params)).limit
    found = await host.ledger.read(partial(slots.history, schedule=name, most=most))
    if not found and name not in host.catalog.schedules:
        return _no_such(UnknownSchedule(name, sorted(host.catalog.schedules)))
    return JSONResponse({"slots": [_plain(slot) for slot in found]})


def _plain(slot: slots.Slot) -> dict[str, Any]:
    told = asdict(slot)
    times = {key: _time(told[key]) for key in ("due_at", "begins_at", "at")}
    return {key: value for key, value in {**told, **times}.items() if key not in ("message", "until")}


def _time(at: int) -> str:
    return moment(at).isoformat(timespec="seconds")


# --- controlled ---------------------------------------------------------------------------------------------


async def control(host: Host, request: Request) -> Response:
    """Pause, resume, run, skip or edit; answered when it counts."""
    name, what = request.path_params["name"], request.path_params["what"]
    if what not in _CONTROLS:
        return problem(404, f"nothing of the kind can be done; there are {', '.join(_CONTROLS)}")
    form = valid(ControlForm, await read_json(request))
    if what == "edit" and not form.text.strip():
        return problem(422, "write what is to be said instead", field="text")
    try:
        return JSONResponse({"schedule": name, "slot": await _CONTROLS[what](host, name, form) or ""})
    except UnknownSchedule as error:
        return _no_such(error)
    except UnknownSlot as error:
        return problem(422, str(error), field="slot")
    except Conflict as error:
        return problem(409, str(error))


Control = Callable[[Host, str, ControlForm], Awaitable[str | None]]
_CONTROLS: Mapping[str, Control] = {
    "pause": lambda host, name, form: host.calendar.controls.pause(name, form.by),
    "resume": lambda host, name, form: host.calendar.controls.resume(name),
    "run": lambda host, name, form: host.calendar.controls.run_now(name, form.by),
    "skip": lambda host, name, form: host.calendar.controls.skip(name, form.slot, form.by),
    "edit": lambda host, name, form: host.calendar.controls.edit(name, form.slot, form.text, form.by),
}


async def trust_clock(host: Host, request: Request) -> Response:
    """What is held because the clock seemed wrong goes on: it is right."""
    await host.calendar.controls.trust_clock()
    return JSONResponse({"held": ""})


def _no_such(error: UnknownSchedule) -> Response:
    return problem(404, str(error), field="name", schedules=list(error.known))
