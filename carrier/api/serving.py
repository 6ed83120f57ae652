"""Opens the HTTP door of a host, moves it when its address changes, and closes it when all callers are answered."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from carrier.api.app import make_app
from carrier.api.asking import PATIENCE
from carrier.api.tokens import ADDRESS, own_token
from carrier.config.catalog import Catalog, ServerSettings
from carrier.errors import CarrierError
from carrier.host import Host, running, usable
from carrier.lock import locked

log = logging.getLogger(__name__)

GRACE_SECONDS = 5
"""What open requests have when the host stops."""
LEAVE_SECONDS = PATIENCE + GRACE_SECONDS
"""And when it moves: as long as a caller may be kept waiting."""
BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Opened:
    """A living host, and how it is reached."""

    host: Host
    door: "Door"
    token: str
    token_is_new: bool

    @property
    def address(self) -> str:
        return self.door.address


@asynccontextmanager
async def open_door(
    catalog: Catalog,
    port: int | None = None,
    last_good: bool = False,
    environment: Mapping[str, str] = os.environ,
    record: str = "",
) -> AsyncIterator[Opened]:
    """A host that answers over HTTP while the block runs; a port overrules the configured one, 0 takes a free one.

    `environment` is what the catalog was read with, `record` a cassette for what models answer. Raises AlreadyRunning
    when another host has the data folder.
    """
    settings = usable(catalog, last_good).host
    # The lock comes first: a second host in one folder would find the port taken too, which tells its operator less.
    with locked(settings.data), listening(*_where(settings.server, port)) as sock:
        async with running(catalog, environment, record=record) as host:
            token, is_new = own_token(settings.data)
            door = Door(host, token, settings.server, port)
            async with door.open(sock):
                host.living.door = door
                host.memories.open()
                yield Opened(host, door, token, is_new)
                await host.drain()


class Door:
    """Where callers come in: a socket at a time, and its address in the data folder."""

    def __init__(self, host: Host, token: str, server: ServerSettings, port: int | None = None):
        """A port overrules every configured one."""
        self.server = server
        self._host, self._token, self._port = host, token, port
        self._file = host.settings.data / ADDRESS
        self._answering: _Server
        self._leaving: dict[_Server, asyncio.Task[None]] = {}

    @property
    def address(self) -> str:
        return self._answering.address

    @asynccontextmanager
    async def open(self, sock: socket.socket) -> AsyncIterator[None]:
        """Callers are answered while the block runs; at the end open requests have a few seconds."""
        await self._answer_at(sock, self.server)
        try:
            yield
        finally:
            self._leave(self._answering, GRACE_SECONDS)
            await asyncio.wait(self._leaving.values(), timeout=GRACE_SECONDS)
            for server in self._leaving:
                server.force_exit = True
            await asyncio.gather(*self._leaving.values())
            self._file.unlink(missing_ok=True)

    async def move(self, server: ServerSettings) -> None:
        """Answer there from now on, and let those who came in before have their answers.

        Raises CarrierError, and stays, when that address cannot be had.
        """
        if _where(server, self._port) != _where(self.server, self._port):
            await self._move(server)
        self.server = server

    async def _move(self, server: ServerSettings) -> None:
        before = self._answering
        try:
            sock = listening(*_where(server, self._port))
        except CarrierError:
            if server.port != self.server.port:
                raise
            # On one port the old address has to be given up before the new one can be had.
            sock = await self._listening_instead(server)
        await self._answer_at(sock, server)
        self._leave(before)
        log.info("listens on %s", self.address)

    async def _listening_instead(self, server: ServerSettings) -> socket.socket:
        before = self._answering
        before.stop_listening()
        try:
            return listening(*_where(server, self._port))
        except CarrierError:
            await self._answer_at(listening(*before.place), self.server)
            self._leave(before)
            raise

    async def _answer_at(self, sock: socket.socket, server: ServerSettings) -> None:
        self._answering = await _Server.answering(make_app(self._host, self._token, server.host), sock)
        new = self._file.with_suffix(".new")
        new.write_text(self.address)
        os.replace(new, self._file)

    def _leave(self, server: "_Server", seconds: float = LEAVE_SECONDS) -> None:
        leaving = asyncio.create_task(server.leave(seconds), name=f"leaving {server.address}")
        self._leaving[server] = leaving
        leaving.add_done_callback(lambda _: self._leaving.pop(server))


def _where(server: ServerSettings, port: int | None) -> tuple[str, int]:
    return server.host, server.port if port is None else port


def listening(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises CarrierError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio would leave Nagle's algorithm on, and each answer would take 40 ms longer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
        return sock
    except OSError as error:
        sock.close()
        raise CarrierError(
            f"{host}:{port} cannot be listened on ({error.strerror}); set another `server: {{ port: … }}`"
        ) from error


class _Server(uvicorn.Server):
    """uvicorn at one socket, for as long as its task runs."""

    def __init__(self, app: ASGIApp, sock: socket.socket):
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
        self._sock = sock
        self.place: tuple[str, int] = sock.getsockname()[:2]
        self._answers = asyncio.Event()
        self._life = asyncio.create_task(self.serve(sockets=[sock]), name="server")

    @classmethod
    async def answering(cls, app: ASGIApp, sock: socket.socket) -> "_Server":
        server = cls(app, sock)
        await server._answers.wait()
        return server

    @property
    def address(self) -> str:
        host, port = self.place
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def stop_listening(self) -> None:
        """Callers that are here stay."""
        for server in self.servers:
            server.close()
        self._sock.close()

    async def leave(self, seconds: float) -> None:
        """Listen no more; callers that are here have so long to get their answers."""
        self.config.timeout_graceful_shutdown = int(seconds)
        self.should_exit = True
        await self._life

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answers.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the host's: uvicorn would raise them a second time."""
        yield
