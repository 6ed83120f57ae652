"""The door of a local Discord: one port for the REST API, the gateway, the attachments, and what else is opened."""

import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from carrier.testing.discord import cdn
from carrier.testing.discord.core import Core
from carrier.testing.discord.failing import fail
from carrier.testing.discord.faults import Rest
from carrier.testing.discord.gateway import Gateway
from carrier.testing.discord.rest import RestApi

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Server:
    """Listens on loopback; `doors` are further ones, by the beginning of a path."""

    def __init__(self, core: Core, rest: RestApi, gateway: Gateway, port: int):
        self.doors: dict[str, Serve] = {"/attachments/": self._fetch}
        self._core, self._rest, self._gateway, self._port = core, rest, gateway, port
        self._runner: web.ServerRunner | None = None

    async def up(self) -> None:
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", self._port))
        self._port = door.getsockname()[1]
        self._core.address = f"127.0.0.1:{self._port}"
        self._core.world.cdn.base = f"http://{self._core.address}"
        self._core.closing.clear()
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, door).start()

    async def down(self) -> None:
        """Cut every connection, refuse new ones."""
        if self._runner is None:
            return
        self._core.closing.set()
        for site in list(self._runner.sites):
            await site.stop()
        for connection in list(self._gateway.connections):
            connection.abort()
        await self._runner.cleanup()
        self._runner = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._gateway.serve(request)
        for path, serve in self.doors.items():
            if request.path.startswith(path):
                return await serve(request)
        return await self._rest.serve(request)

    async def _fetch(self, request: web.BaseRequest) -> web.StreamResponse:
        """An attachment by its address."""
        path = request.rel_url.raw_path
        if fault := self._core.faults.for_(Rest, request.method, path, 0):
            return await fail(request, fault, self._core.closing)
        attachment = self._core.world.cdn.find(path, request.query)
        if attachment is None:
            return web.Response(status=404, text="This content is no longer available.")
        response = web.StreamResponse(headers={"Content-Length": str(attachment.size)})
        response.content_type = attachment.file.type or "application/octet-stream"
        await response.prepare(request)
        for piece in cdn.pieces(attachment):
            await response.write(piece)
        await response.write_eof()
        return response
