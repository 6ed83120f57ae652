"""The door of a local Discord: one port for the REST API, the gateway, the attachments and the control."""

import asyncio
import socket
from typing import TYPE_CHECKING

from aiohttp import web

from carrier.testing.discord import cdn
from carrier.testing.discord.faults import Rest

if TYPE_CHECKING:
    from carrier.testing.discord.local import Discord


class Server:
    """Listens on loopback; `closing` is set while it goes down."""

    def __init__(self, discord: "Discord", port: int):
        self.port = port
        self.closing = asyncio.Event()
        self._discord = discord
        self._runner: web.ServerRunner | None = None

    async def up(self) -> None:
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", self.port))
        self.port = door.getsockname()[1]
        self.closing.clear()
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, door).start()

    async def down(self) -> None:
        """Cut every connection, refuse new ones."""
        if self._runner is None:
            return
        self.closing.set()
        for site in list(self._runner.sites):
            await site.stop()
        for connection in list(self._discord.gateway.connections):
            connection.abort()
        await self._runner.cleanup()
        self._runner = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._discord.gateway.serve(request)
        if request.path.startswith("/attachments/"):
            return await self._fetch(request)
        if request.path.startswith("/control/"):
            return await self._discord.control.serve(request)
        return await self._discord.rest.serve(request)

    async def _fetch(self, request: web.BaseRequest) -> web.StreamResponse:
        """An attachment by its address."""
        path = request.rel_url.raw_path
        if fault := self._discord.faults.for_(Rest, request.method, path, 0):
            return await self._discord.rest.fail(request, fault)
        attachment = self._discord.world.cdn.find(path, request.query)
        if attachment is None:
            return web.Response(status=404, text="This content is no longer available.")
        response = web.StreamResponse(headers={"Content-Length": str(attachment.size)})
        response.content_type = attachment.file.type or "application/octet-stream"
        await response.prepare(request)
        for piece in cdn.pieces(attachment):
            await response.write(piece)
        await response.write_eof()
        return response
