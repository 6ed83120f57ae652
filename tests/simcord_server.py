"""A Discord that others wrote: simcord's guilds, rules, errors and events, put behind sockets, which it has none of."""

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import discord
from aiohttp import WSMsgType, web
from simcord._clock import Clock
from simcord.actors import _find_component
from simcord.backend import Backend, serializers
from simcord.backend.cdn import CDN_BASE
from simcord.backend.errors import BackendError
from simcord.backend.models import Channel, Message, User
from simcord.enums import ComponentType, InteractionType
from simcord.gateway import ShardRouter
from simcord.http import RouteNotImplemented, UnsupportedField, client
from simcord.http.router import dispatch
from simcord.interactions import base_payload

from carrier.testing.hosts import MOMENT

assert client  # it knows all routes

BEAT = 41_250
"""Milliseconds, as Discord asks for."""
OPEN = ("interactions/", "webhooks/")
"""Requests that carry a token of their own."""


class Now(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Simcord:
    """One bot's world, in which a test may do everything, and people what they are allowed to."""

    backend: Backend
    token: str
    url: str = ""
    gaps: list[str] = field(default_factory=list)
    """What was asked for that simcord does not have."""
    lines: "set[Line]" = field(default_factory=set)

    @property
    def bot(self) -> User:
        return self.backend.bot_user

    def member(self, guild: int, name: str, *roles: int) -> User:
        user = self.backend.make_user(name, global_name=name.title())
        self.backend.add_member(guild, user.id, roles=roles)
        return user

    def say(self, who: User, where: Channel, text: str, **more: Any) -> Message:
        """As a person can: raises BackendError where that one may not."""
        may = "send_messages_in_threads" if where.is_thread else "send_messages"
        self.backend.require_permissions(where.guild_id, who.id, where.id, may)
        return self.backend.create_message(where.id, who.id, text, **more)

    def ask(self, who: User, where: Channel, text: str, **more: Any) -> Message:
        return self.say(who, where, f"<@{self.bot.id}> {text}", **more)

    def command(self, who: User, where: Channel, name: str, **options: str) -> None:
        visible = {it["name"]: it for it in self.backend.visible_commands(user_id=who.id, channel_id=where.id)}
        told = {it["name"]: it["type"] for it in visible[name]["options"]}
        given = [{"name": option, "type": told[option], "value": value} for option, value in options.items()]
        data = {"id": visible[name]["id"], "name": name, "type": 1, "options": given}
        self._interact(InteractionType.APPLICATION_COMMAND, who, where.id, data)

    def press(self, who: User, message: Message, label: str) -> None:
        button = _find_component(message.components, types=(ComponentType.BUTTON,), custom_id=None, label=label)
        data = {"custom_id": button["custom_id"], "component_type": 2}
        shown = dict(serializers.message_payload(self.backend, message))
        self._interact(InteractionType.MESSAGE_COMPONENT, who, message.channel_id, data, message=shown)

    def _interact(self, kind: int, who: User, channel: int, data: dict[str, Any], **more: Any) -> None:
        guild = self.backend.get_channel(channel).guild_id
        record, payload = base_payload(
            self.backend, type=kind, channel_id=channel, guild_id=guild, user_id=who.id, data=data
        )
        if "message" in more:
            record.source_message_id = int(more["message"]["id"])
        self.backend.emit("INTERACTION_CREATE", {**payload, **more})

    def said(self, where: Channel) -> list[str]:
        """By the bot, in its order."""
        return [it.content for it in self.answers(where)]

    def answers(self, where: Channel) -> list[Message]:
        found = sorted(self.backend.messages.get(where.id, {}).values(), key=lambda it: it.id)
        return [it for it in found if it.author_id == self.bot.id and it.type in (0, 19, 20)]

    async def until(self, holds: Callable[[], Any], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)

    def drop(self) -> None:
        """Every connection, without a word."""
        for line in list(self.lines):
            line.abort()

    # --- REST

    async def rest(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path.removeprefix("/api/v10/")
        if path == "gateway/bot":
            limits = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
            return self._answer({"url": self._here("wss:"), "shards": 1, "session_start_limit": limits})
        if not path.startswith(OPEN) and request.headers.get("Authorization") != f"Bot {self.token}":
            return self._answer({"message": "401: Unauthorized", "code": 0}, 401)
        try:
            body, files = await _body(request)
            found = dispatch(
                self.backend, request.method, f"/{path}", json=body, params=dict(request.query), files=files
            )
        except (RouteNotImplemented, UnsupportedField) as gap:
            self.gaps.append(str(gap))
            return self._answer(gap.to_json(), 501)
        except BackendError as error:
            return self._answer(error.to_json(), error.status)
        return self._answer(found) if found is not None else web.Response(status=204)

    async def file(self, request: web.Request) -> web.Response:
        found = self.backend.cdn.get(CDN_BASE + request.path.removeprefix("/cdn"))
        return web.Response(body=found) if found is not None else web.Response(status=404)

    def _answer(self, body: Any, status: int = 200) -> web.Response:
        return web.Response(status=status, body=self.told(body).encode(), headers={"Content-Type": "application/json"})

    def told(self, body: Any) -> str:
        """JSON with the addresses of this server."""
        return json.dumps(body).replace(CDN_BASE, f"{self.url}/cdn").replace("wss://simcord.invalid", self._here("ws:"))

    def _here(self, scheme: str) -> str:
        return f"{scheme}{self.url.partition(':')[2]}/gateway"

    # --- the gateway

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        line = Line(self, socket, request)
        self.lines.add(line)
        try:
            await line.live()
        finally:
            self.lines.discard(line)
        return socket


class Line:
    """One connection: what simcord hands to discord.py's parsers goes through the socket instead."""

    def __init__(self, world: Simcord, socket: web.WebSocketResponse, request: web.Request):
        self._world, self._socket, self._request = world, socket, request
        self._outgoing: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._packed = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._number = 0
        self.intents = discord.Intents.none()
        self.guilds: tuple[discord.Guild, ...] = ()
        self.parsers = self
        self._router: ShardRouter | None = None

    def __getitem__(self, event: str) -> Callable[[Mapping[str, Any]], None]:
        """What simcord takes for discord.py's parser of an event."""
        return partial(self._event, event)

    def _event(self, event: str, data: Mapping[str, Any]) -> None:
        self._number += 1
        self._outgoing.put_nowait({"op": 0, "t": event, "s": self._number, "d": data})

    def _say(self, op: int, data: Any = None) -> None:
        self._outgoing.put_nowait({"op": op, "t": None, "s": None, "d": data})

    def abort(self) -> None:
        assert self._request.transport
        self._request.transport.abort()

    async def live(self) -> None:
        self._say(10, {"heartbeat_interval": BEAT})
        writing = asyncio.create_task(self._write())
        try:
            async for frame in self._socket:
                if frame.type == WSMsgType.TEXT:
                    await self._obey(json.loads(frame.data))
        finally:
            if self._router:
                self._world.backend.subscribers.remove(self._router.feed)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            text = self._world.told(await self._outgoing.get())
            if self._packed:
                await self._socket.send_bytes(
                    self._packed.compress(text.encode()) + self._packed.flush(zlib.Z_SYNC_FLUSH)
                )
            else:
                await self._socket.send_str(text)

    async def _obey(self, frame: Mapping[str, Any]) -> None:
        match frame["op"]:
            case 1:
                self._say(11)
            case 2 if frame["d"]["token"] == self._world.token:
                self._let_in(frame["d"]["intents"])
            case 2:
                await self._socket.close(code=4004, message=b"Authentication failed.")
            case 6:
                self._say(9, False)
            case op:
                self._world.gaps.append(f"gateway op {op}")

    def _let_in(self, intents: int) -> None:
        self.intents = discord.Intents._from_value(intents)
        backend = self._world.backend
        self._router = ShardRouter(backend, self, lambda *_: None, 1, (0,))
        self._router.identify(0)
        backend.subscribers.append(self._router.feed)
        for guild in backend.guilds.values():
            self._router.feed("GUILD_CREATE", serializers.guild_create_payload(backend, guild))


async def _body(request: web.Request) -> tuple[Any, list[discord.File]]:
    if not request.content_type.startswith("multipart/"):
        return (await request.json() if request.can_read_body else None), []
    body, files = None, []
    async for part in await request.multipart():
        assert isinstance(part, aiohttp.BodyPartReader)
        if part.name == "payload_json":
            body = json.loads(await part.text())
        else:
            files.append(discord.File(io.BytesIO(bytes(await part.read())), part.filename))
    return body, files


@asynccontextmanager
async def simcord(token: str = "one.token") -> AsyncIterator[Simcord]:
    world = Simcord(Backend(clock=Now()), token)
    app = web.Application()
    app.add_routes([web.get("/gateway/", world.gateway), web.get("/gateway", world.gateway)])
    app.add_routes([web.get("/cdn/{path:.*}", world.file), web.route("*", "/api/v10/{path:.*}", world.rest)])
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield world
    finally:
        world.drop()
        await runner.cleanup()
