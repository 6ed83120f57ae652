"""Opens the HTTP door of a host, and closes it when all that came through it is answered."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from carrier.api.app import make_app
from carrier.api.tokens import ADDRESS, own_token
from carrier.config.catalog import Catalog
from carrier.errors import CarrierError
from carrier.host import Host, running, usable
from carrier.lock import locked

GRACE_SECONDS = 5
BACKLOG = 2048


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
    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the host's: uvicorn would raise them a second time."""
        yield


@dataclass(frozen=True, slots=True)
class Opened:
    """A living host, and how it is reached."""

    host: Host
    address: str
    token: str
    token_is_new: bool


@asynccontextmanager
async def open_door(catalog: Catalog, port: int | None = None) -> AsyncIterator[Opened]:
    """A host that answers over HTTP while the block runs; a port overrules the configured one, 0 takes a free one.

    Raises AlreadyRunning when another host has the data folder.
    """
    settings = usable(catalog).host
    name = settings.server.host
    # The lock comes first: a second host in one folder would find the port taken too, which tells its operator less.
    with locked(settings.data), listening(name, settings.server.port if port is None else port) as sock:
        async with running(catalog) as host:
            token, is_new = own_token(settings.data)
            address = f"http://{f'[{name}]' if ':' in name else name}:{sock.getsockname()[1]}"
            async with serving(make_app(host, token), sock):
                (settings.data / ADDRESS).write_text(address)
                host.memories.open()
                yield Opened(host, address, token, is_new)
                await host.drain()
        (settings.data / ADDRESS).unlink(missing_ok=True)


@asynccontextmanager
async def serving(app: ASGIApp, sock: socket.socket) -> AsyncIterator[None]:
    """Answers from here on; at the end open requests have a few seconds."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=GRACE_SECONDS
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]), name="server")
    await server.answers.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await task
