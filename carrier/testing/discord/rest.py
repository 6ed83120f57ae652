"""The REST API: finds the route, who asks and the limits, and writes each answer as Discord does."""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import BodyPartReader, web

from carrier.testing.discord import (
    faults,
    limits,
    rest_interactions,
    rest_messages,
    rest_places,
    rest_threads,
    rest_webhooks,
)
from carrier.testing.discord.calls import Answer, Call, Route, parsed
from carrier.testing.discord.core import Core
from carrier.testing.discord.errors import ApiError, not_allowed, not_found, unauthorized
from carrier.testing.discord.failing import Cut, Sending, cut, suffer
from carrier.testing.discord.faults import Rest
from carrier.testing.discord.journal import Request, hashed
from carrier.testing.discord.limits import Breach, Taken
from carrier.testing.discord.things import Bot, File

PREFIX = re.compile(r"/api/v(?:9|10)(?=/)")
PARTS = (rest_messages, rest_places, rest_threads, rest_interactions, rest_webhooks)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + "$")


PATTERNS = [(_pattern(route.template), route) for part in PARTS for route in part.ROUTES]
LARGEST = 120 * 1024 * 1024
"""Bytes of a request that are read at all: ten files, and some more."""
MAJOR = ("channel", "guild", "webhook", "token")
"""What a bucket counts apart."""


class RestApi:
    def __init__(self, core: Core):
        self._core = core

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bot ")
        asker = self._core.world.bot_with(token)
        entry = self._enter(request, hashed(token), asker.name if asker else "")
        try:
            sending = await self._answer(request, entry, asker)
        except Cut:
            return cut(request)
        finally:
            self._core.changed()
        entry.status = sending.status
        return sending.response()

    def _enter(self, request: web.BaseRequest, token: str, bot: str) -> Request:
        """Write down who asks for what."""
        path = PREFIX.sub("", request.rel_url.raw_path)
        entry = Request(self._core.clock.now(), request.method, path, dict(request.query), token, bot)
        self._core.journal.requests.append(entry)
        return entry

    async def _answer(self, request: web.BaseRequest, entry: Request, asker: Bot | None) -> Sending:
        """As it should be, or as a fault says."""
        fault = self._core.faults.for_(Rest, entry.method, entry.path, asker.id if asker else 0)
        entry.fault = fault is not None
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault and fault.answers and not fault.after:
            return await suffer(fault, self._core.closing)
        sending = await self._right(request, entry, asker)
        if fault and fault.after:
            return await suffer(fault, self._core.closing)
        return sending

    async def _right(self, request: web.BaseRequest, entry: Request, asker: Bot | None) -> Sending:
        if self._core.limits.banned:
            return await suffer(faults.page(429), self._core.closing)
        raw, files = await _read(request)
        try:
            route, named = find(request.method, entry.path)
        except ApiError as error:
            return self._say(error.status, error.body)
        taken = self._take(entry, route, named, asker)
        if not taken.ok:
            return self._limited(entry, route, taken)
        try:
            answer = await self._handle(entry, Call(self._core, route, named, request.query, asker, files=files), raw)
        except ApiError as error:
            answer = Answer(error.body, error.status)
        # A form is read as it comes: what does not fit is the asker's mistake, told with where it was noticed.
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            answer = Answer({"message": f"Invalid Form Body: {error!r}", "code": 50035}, 400)
        return self._say(answer.status, answer.body, headers(route, taken))

    async def _handle(self, entry: Request, call: Call, raw: bytes) -> Answer:
        if call.asker is None and not call.route.open:
            raise unauthorized()
        if raw:
            call.body = parsed(raw)
        entry.body, entry.files = call.body, tuple(it.name for it in call.files.values())
        return await call.route.handle(call)

    def _take(self, entry: Request, route: Route, named: Mapping[str, str], asker: Bot | None) -> Taken:
        """Count it against its bucket, and against all that this bot may ask."""
        who = asker.id if asker else 0
        kept = self._core.limits
        # What answers an interaction is not bound to it.
        if not route.open:
            whole = kept.take(("global", who), kept.everything)
            if not whole.ok:
                return Taken(False, kept.everything, -1, whole.reset_after)
        name = f"{route.method} {route.template}"
        major = tuple(named.get(it, "") for it in MAJOR)
        return kept.take((who, name, major), kept.rate(name))

    def _limited(self, entry: Request, route: Route, taken: Taken) -> Sending:
        """429, and a line among the breaches."""
        scope = "global" if taken.remaining < 0 else "user"
        kept = self._core.limits
        kept.breaches.append(Breach(entry.bot, entry.method, entry.path, scope, entry.at, entry.at + taken.reset_after))
        fault = faults.rate_limited(round(taken.reset_after, 3), scope=scope)
        told = headers(route, taken) if scope == "user" else {}
        return self._say(429, json.loads(fault.body), {**told, **fault.headers})

    def _say(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> Sending:
        if status in (401, 403, 429):
            self._core.limits.count_invalid()
        if body is None:
            return Sending(204, headers={"Via": "1.1 google", **(headers or {})})
        # Exactly this type: a client may compare it.
        told = {"Content-Type": "application/json", "Via": "1.1 google", **(headers or {})}
        return Sending(status, json.dumps(body).encode(), told)


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route and what stands in its braces; raises ApiError 404, or 405 for another method's path."""
    fitting = [(match, route) for pattern, route in PATTERNS if (match := pattern.match(path))]
    for match, route in _plainest_first(fitting):
        if route.method == method:
            return route, match.groupdict()
    raise not_allowed() if fitting else not_found()


def _plainest_first(fitting: Iterable[tuple[re.Match[str], Route]]) -> list[tuple[re.Match[str], Route]]:
    """`/users/@me` is meant before `/users/{user}`."""
    return sorted(fitting, key=lambda it: len(it[0].groupdict()))


def headers(route: Route, taken: Taken) -> dict[str, str]:
    reset = round(taken.reset_after, 3)
    return {
        "X-RateLimit-Limit": str(taken.rate.requests),
        "X-RateLimit-Remaining": str(taken.remaining),
        "X-RateLimit-Reset": f"{reset + time.time():.3f}",
        "X-RateLimit-Reset-After": f"{reset:.3f}",
        "X-RateLimit-Bucket": limits.bucket(f"{route.method} {route.template}"),
    }


async def _read(request: web.BaseRequest) -> tuple[bytes, dict[str, File]]:
    """The form as it came, and the files beside it by the name of their field."""
    request = request.clone(client_max_size=LARGEST)
    if not request.content_type.startswith("multipart/"):
        return await request.read(), {}
    form, files = b"", {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        content = bytes(await part.read())
        if part.filename:
            files[part.name or ""] = File(part.filename, content, part.headers.get("Content-Type"))
        elif part.name == "payload_json":
            form = content
    return form, files
