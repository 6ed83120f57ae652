"""What the tests of the local Discord stand on: discord.py's own client, and the bare wire beside it."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord
import yarl

from carrier.testing.discord import Bot, Channel, Discord, Guild, User, local_discord

GUILDS, MESSAGES, DIRECT, CONTENT = 1 << 0, 1 << 9, 1 << 12, 1 << 15
CHAT = GUILDS | MESSAGES | DIRECT | CONTENT


@dataclass
class Place:
    """A guild with a channel, a person and a bot."""

    discord: Discord
    guild: Guild
    general: Channel
    anna: User
    tifa: Bot


@asynccontextmanager
async def a_place(**how: Any) -> AsyncIterator[Place]:
    async with local_discord(**how) as local:
        guild = local.world.guild("Seventh Heaven")
        general = local.world.text(guild, "general", topic="drinks")
        anna = local.world.user("anna", "Anna", guilds=[guild])
        yield Place(local, guild, general, anna, local.world.bot("Tifa", guilds=[guild]))


@asynccontextmanager
async def library(local: Discord) -> AsyncIterator[None]:
    """discord.py speaks to this server, and afterwards to the one it spoke to before."""
    route, socket = discord.http.Route, discord.gateway.DiscordWebSocket
    before = route.BASE, socket.DEFAULT_GATEWAY
    route.BASE, socket.DEFAULT_GATEWAY = local.api, yarl.URL(local.gateway_url)
    try:
        yield
    finally:
        route.BASE, socket.DEFAULT_GATEWAY = before


class Client(discord.Client):
    """discord.py's client, which keeps what it is told."""

    def __init__(self, **options: Any):
        intents = options.pop("intents", None) or discord.Intents(value=CHAT | 1 << 10 | 1 << 11)
        super().__init__(intents=intents, guild_ready_timeout=0.02, **options)
        self.messages: list[discord.Message] = []
        self.told: list[tuple[str, Any]] = []

    async def on_message(self, message: discord.Message) -> None:
        self.messages.append(message)

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.told.append((event, args))
        super().dispatch(event, *args, **kwargs)

    def events(self, name: str) -> list[Any]:
        return [args for event, args in self.told if event == name]

    def text_channel(self, channel: Channel) -> discord.TextChannel:
        found = self.get_channel(channel.id)
        assert isinstance(found, discord.TextChannel)
        return found


@asynccontextmanager
async def connected(local: Discord, bot: Bot, **options: Any) -> AsyncIterator[Client]:
    """A client of discord.py that is ready."""
    client = Client(**options)
    async with library(local):
        living = asyncio.create_task(client.start(bot.token))
        try:
            await local.until(lambda: client.is_ready() or living.done())
            if living.done():
                living.result()
            yield client
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await client.close()


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> int:
        return int(self.body["code"])


@dataclass
class Wire:
    """REST without a library."""

    session: aiohttp.ClientSession
    local: Discord
    token: str

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Reply:
        headers = {"Authorization": f"Bot {self.token}"} | how.pop("headers", {})
        if body is not None:
            how["data"], headers["Content-Type"] = json.dumps(body), "application/json"
        async with self.session.request(method, f"{self.local.api}{path}", headers=headers, **how) as answer:
            text = await answer.text()
            is_json = answer.headers.get("Content-Type") == "application/json"
            return Reply(answer.status, dict(answer.headers), json.loads(text) if is_json else text)

    async def say(self, channel: Channel, content: str, **more: Any) -> Reply:
        return await self.ask("POST", f"/channels/{channel.id}/messages", {"content": content, **more})


@asynccontextmanager
async def wire(local: Discord, bot: Bot | None = None) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session:
        yield Wire(session, local, bot.token if bot else "")


@dataclass
class Line:
    """A connection to the gateway without a library; frames are read in a task of its own."""

    socket: aiohttp.ClientWebSocketResponse
    frames: list[Any] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    """text, bytes: how each came."""
    closed: int | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, op: int, data: Any) -> None:
        await self.socket.send_str(json.dumps({"op": op, "d": data}))

    async def identify(self, bot: Bot, intents: int = CHAT, **more: Any) -> None:
        await self.send(2, {"token": bot.token, "intents": intents, "properties": {}, **more})

    async def until(self, holds: Callable[[], Any], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def event(self, name: str) -> Any:
        await self.until(lambda: self.data(name))
        return self.data(name)[-1]

    async def frame(self, op: int) -> Any:
        await self.until(lambda: [it for it in self.frames if it["op"] == op])
        return [it for it in self.frames if it["op"] == op][-1]

    async def end(self) -> int | None:
        await self.until(lambda: self.closed is not None)
        return self.closed

    def data(self, name: str) -> list[Any]:
        return [it["d"] for it in self.frames if isinstance(it, dict) and it["t"] == name]

    @property
    def seq(self) -> int:
        return max((it["s"] or 0 for it in self.frames), default=0)

    async def read(self, stream: bool) -> None:
        inflate = zlib.decompressobj()
        async for message in self.socket:
            data = message.data
            if isinstance(data, bytes):
                data = (inflate.decompress(data) if stream else zlib.decompress(data)).decode()
            self.kinds.append("bytes" if isinstance(message.data, bytes) else "text")
            try:
                self.frames.append(json.loads(data))
            except ValueError:
                self.frames.append(data)
            self.changed.set()
        self.closed = self.socket.close_code or 1006
        self.changed.set()


@asynccontextmanager
async def line(local: Discord, path: str = "", compress: str = "", version: str = "10") -> AsyncIterator[Line]:
    query = {"v": version, "encoding": "json", **({"compress": compress} if compress else {})}
    url = yarl.URL(f"{local.gateway_url}{path}").with_query(query)
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        one = Line(socket)
        reading = asyncio.create_task(one.read(bool(compress)))
        try:
            yield one
        finally:
            await socket.close()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def identified(local: Discord, bot: Bot, intents: int = CHAT, **how: Any) -> AsyncIterator[Line]:
    async with line(local, **how) as one:
        await one.identify(bot, intents)
        await one.event("READY")
        yield one
