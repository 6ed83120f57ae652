"""A Discord on loopback: what it is made of, how it is opened, and what people do in it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from carrier.testing.discord import cdn, posting, reactions
from carrier.testing.discord.cdn import Cdn
from carrier.testing.discord.clock import Clock
from carrier.testing.discord.faults import Faults
from carrier.testing.discord.gateway import Gateway
from carrier.testing.discord.journal import Journal
from carrier.testing.discord.limits import Breach, Limits
from carrier.testing.discord.nonces import Nonces
from carrier.testing.discord.posting import Draft
from carrier.testing.discord.rest import RestApi
from carrier.testing.discord.rest_messages import type_in
from carrier.testing.discord.things import Bot, Channel, File, Message, User
from carrier.testing.discord.world import World


class Discord:
    """See the package's own words for what can be done with it."""

    def __init__(self, port: int = 0, speed: float = 1.0):
        self.port = port
        self.clock = Clock(speed)
        self.world = World(self.clock, Cdn(self.clock))
        self.faults, self.journal = Faults(), Journal()
        self.limits, self.nonces = Limits(self.clock), Nonces(self.clock)
        self.typed: list[tuple[float, int, int]] = []
        """When which bot (its id) showed that it types in which channel (its id)."""
        self.closing = asyncio.Event()
        self.gateway, self.rest = Gateway(self), RestApi(self)
        self.world.hear = self.gateway.hear
        self._runner: web.ServerRunner | None = None
        self._site: web.SockSite | None = None
        self._change = asyncio.Event()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def breaches(self) -> list[Breach]:
        return self.limits.breaches

    # What people do

    def say(
        self,
        user: User,
        channel: Channel,
        text: str = "",
        *,
        reply_to: Message | None = None,
        files: Iterable[File] = (),
        mentions: Iterable[Any] = (),
        ping: bool = True,
        **more: Any,
    ) -> Message:
        """A person says something; `mentions` are put in front, `more` is of `Draft`.

        As in Discord's own app a text of over 2,000 characters becomes a file `message.txt`.
        """
        self._must_be_there(user, channel)
        files = tuple(files)
        content = " ".join([*(it.mention for it in mentions), text]).strip()
        if len(content) > 2000:
            content, files = "", (*files, File("message.txt", content.encode(), "text/plain"))
        reference = posting.reference_to(reply_to) if reply_to else None
        allowed = None if ping else {"parse": ["users", "roles", "everyone"], "replied_user": False}
        draft = Draft(content, files, reply_to=reply_to, reference=reference, allowed=allowed, **more)
        return posting.post(self.world, channel, user, draft)

    def edit(self, message: Message, text: str) -> Message:
        return posting.edit(self.world, message, {"content": text})

    def delete(self, message: Message) -> None:
        posting.delete(self.world, message)

    def react(self, user: User, message: Message, emoji: str) -> None:
        reactions.add(self.world, message, user, emoji)

    def unreact(self, user: User, message: Message, emoji: str) -> None:
        reactions.remove(self.world, message, user, emoji)

    def type(self, user: User, channel: Channel) -> None:
        type_in(self.world, channel, user.id)

    def _must_be_there(self, user: User, channel: Channel) -> None:
        there = channel.guild.members if channel.guild else {it.id for it in channel.recipients}
        if user.id not in there:
            raise ValueError(f"{user.name} is not in {channel.guild.name if channel.guild else 'this conversation'}")

    # What a test looks at

    def feed(self, channel: Channel) -> list[Message]:
        """What stands in a channel, the oldest first."""
        return [channel.messages[id] for id in sorted(channel.messages)]

    def said(self, channel: Channel, author: User | Bot | None = None) -> list[str]:
        """The texts in a channel, of one author or of all."""
        return [it.content for it in self.feed(channel) if author is None or it.author.id == author.id]

    async def until(self, holds: Callable[[], Any], seconds: float = 10.0) -> None:
        """Wait until this holds, looking whenever something happened here, and now and then; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not holds():
                change = self._change
                asyncio.get_running_loop().call_later(0.05, change.set)
                await change.wait()
                self.changed()

    def changed(self) -> None:
        """Something happened: whoever waits looks again."""
        self._change.set()
        self._change = asyncio.Event()

    # Its life

    async def up(self) -> None:
        """Begin to listen, on the same port as before."""
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", self.port))
        self.port = door.getsockname()[1]
        self.world.cdn.base = f"http://127.0.0.1:{self.port}"
        self.closing.clear()
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None))
        await self._runner.setup()
        self._site = web.SockSite(self._runner, door)
        await self._site.start()

    async def down(self) -> None:
        """Cut every connection and refuse new ones; all that was said stays."""
        self.closing.set()
        assert self._site is not None
        assert self._runner is not None
        await self._site.stop()
        for connection in list(self.gateway.connections):
            connection.abort()
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.gateway.serve(request)
        if request.path.startswith("/attachments/"):
            return await self._fetch(request)
        return await self.rest.serve(request)

    async def _fetch(self, request: web.BaseRequest) -> web.StreamResponse:
        """An attachment by its address."""
        attachment = self.world.cdn.find(request.rel_url.raw_path, request.query)
        if attachment is None:
            return web.Response(status=404, text="This content is no longer available.")
        response = web.StreamResponse(headers={"Content-Length": str(attachment.size)})
        response.content_type = attachment.file.type or "application/octet-stream"
        await response.prepare(request)
        for piece in cdn.pieces(attachment):
            await response.write(piece)
        await response.write_eof()
        return response


@asynccontextmanager
async def local_discord(*, speed: float = 1.0, identify_every: float = 5.0, port: int = 0) -> AsyncIterator[Discord]:
    """A Discord that listens on a free port of loopback."""
    discord = Discord(port, speed)
    discord.gateway.starts.every = identify_every
    await discord.up()
    try:
        yield discord
    finally:
        await discord.down()
