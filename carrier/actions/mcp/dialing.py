"""A server that has a url: its messages over HTTP, through a client that decides what may be reached."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from carrier import egress
from carrier.actions.mcp.splitting import LONGEST
from carrier.actions.mcp.where import Address

if TYPE_CHECKING:
    import httpx2
    from mcp.client import Transport

Dial = Callable[[Address], "httpx2.AsyncClient"]
"""Makes the client for one server, in a thread. What it will not reach it raises for, before anything is sent."""

CONNECTING = 10.0


def dial(where: Address) -> "httpx2.AsyncClient":
    """A client for the host of the url alone, which counts as named: a private one may be meant."""
    parts = urlsplit(where.url)
    place = egress.Place((parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80))
    return cast("httpx2.AsyncClient", egress.client(egress.Network((place,), named=True), library="httpx2"))


class Connection:
    """The url of an address as a transport. A request that fails is answered by its error: only that one is lost."""

    def __init__(self, where: Address, dial: Dial, suspect: Callable[[], None]):
        self._where, self._dial, self._suspect = where, dial, suspect
        self.gone = ""
        """Only a process can be gone; of a url it is found out by asking."""

    def transport(self) -> "Transport":
        return self._run()

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[Any]:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        from carrier.actions.mcp.careful import Careful

        async with (
            await asyncio.to_thread(self._dial, self._where) as outside,
            httpx2.AsyncClient(
                transport=Careful(outside, self._suspect),
                headers=[*self._where.headers, ("accept-encoding", "identity")],
                # A call has its own limit; a stream of news may be silent for as long as it likes.
                timeout=httpx2.Timeout(CONNECTING, read=None),
                trust_env=False,
            ) as inside,
            streamable_http_client(self._where.url, http_client=inside, max_sse_event_size=LONGEST) as streams,
        ):
            yield streams
