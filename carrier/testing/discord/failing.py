"""How a request ends that goes wrong by script."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from carrier.testing.discord.faults import Fault


class Cut(Exception):
    """The connection is cut instead of an answer."""


@dataclass
class Sending:
    """An answer with its headers, until it is written."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.body or None, headers=self.headers)


async def suffer(fault: Fault, closing: asyncio.Event) -> Sending:
    """What a fault answers; raises Cut where that is nothing, for one that hangs when all is closed."""
    if fault.hang:
        await closing.wait()
    if fault.hang or fault.reset:
        raise Cut
    return Sending(fault.status, fault.body, dict(fault.headers))


async def fail(request: web.BaseRequest, fault: Fault, closing: asyncio.Event) -> web.Response:
    """The whole answer to a request that nothing else is to be done for."""
    await asyncio.sleep(fault.delay)
    try:
        return (await suffer(fault, closing)).response()
    except Cut:
        return cut(request)


def cut(request: web.BaseRequest) -> web.Response:
    """End the connection; what is returned goes nowhere."""
    if request.transport:
        request.transport.abort()
    return web.Response()
