"""A server that has a url: its messages over HTTP, through a client that decides what may be reached."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from carrier import egress
from carrier.actions.mcp.faults import CUT, DOUBTFUL, REFUSED
from carrier.actions.mcp.splitting import LONGEST
from carrier.actions.mcp.where import Address

if TYPE_CHECKING:
    import httpx2
    from mcp.client import Transport

Dial = Callable[[Address], "httpx2.AsyncClient"]
"""Makes the client for one server, in a thread. What it will not reach it raises for, before anything is sent."""

CONNECTING = 10.0
LONGEST_COMPLAINT = 2**16


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

        async with (
            await asyncio.to_thread(self._dial, self._where) as outside,
            httpx2.AsyncClient(
                transport=_careful(outside, self._suspect),
                headers=[*self._where.headers, ("accept-encoding", "identity")],
                # A call has its own limit; a stream of news may be silent for as long as it likes.
                timeout=httpx2.Timeout(CONNECTING, read=None),
                trust_env=False,
            ) as inside,
            streamable_http_client(self._where.url, http_client=inside, max_sse_event_size=LONGEST) as streams,
        ):
            yield streams


def _careful(outside: "httpx2.AsyncClient", suspect: Callable[[], None]) -> "httpx2.AsyncBaseTransport":
    """The client as a transport that never raises, and never gives back more than somebody would read."""
    # The library takes its time to import, so its classes are made here.
    import httpx2

    class Careful(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            try:
                answer = await outside.send(request, stream=True, follow_redirects=False)
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
                suspect()
                return _fault(REFUSED, f"it cannot be reached: {error or type(error).__name__}")
            except httpx2.HTTPError as error:
                suspect()
                return _fault(CUT, f"the connection broke off: {type(error).__name__}")
            # The rules of whoever made the client, which raise what they like.
            except Exception as error:
                return _fault(REFUSED, f"it may not be reached: {error}")
            if answer.status_code >= 400 and request.method == "POST":
                return await _complaint(request, answer)
            if answer.headers.get("content-encoding", "identity") != "identity":
                await answer.aclose()
                return _fault(CUT, "it sent packed what was not asked for so")
            return httpx2.Response(answer.status_code, headers=answer.headers.raw, stream=Body(answer))

    class Body(httpx2.AsyncByteStream):
        def __init__(self, answer: httpx2.Response):
            streams = answer.headers.get("content-type", "").lower().startswith("text/event-stream")
            self._answer, self._most = answer, float("inf") if streams else LONGEST

        async def __aiter__(self) -> AsyncIterator[bytes]:
            count = 0
            try:
                async for chunk in self._answer.aiter_raw():
                    count += len(chunk)
                    if count > self._most:
                        raise httpx2.StreamError(f"its answer is longer than {LONGEST:,} bytes")
                    yield chunk
            except httpx2.HTTPError as error:
                raise httpx2.StreamError(f"its answer broke off: {type(error).__name__}") from error

        async def aclose(self) -> None:
            await self._answer.aclose()

    async def _complaint(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        """The error in the body, where there is one; what is no fault of the server's own was not carried out."""
        said = _error_in(await _beginning(answer))
        if "mcp-session-id" in request.headers and answer.status_code in (400, 404):
            suspect()
        code = CUT if answer.status_code >= 500 else REFUSED
        message = said.get("message") or f"it answers {answer.status_code} {answer.reason_phrase}".strip()
        # By codes of the server's own the two agree on a version.
        own = said.get("code") if said.get("code") not in DOUBTFUL else None
        return _fault(own or code, message, said.get("data"))

    async def _beginning(answer: httpx2.Response) -> bytes:
        body = bytearray()
        try:
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LONGEST_COMPLAINT:
                    break
        except httpx2.HTTPError:
            pass
        finally:
            await answer.aclose()
        return bytes(body)

    def _fault(code: int, message: str, data: object = None) -> httpx2.Response:
        error = {"code": code, "message": message[:1000], "data": data}
        return httpx2.Response(502, json={"jsonrpc": "2.0", "id": None, "error": error})

    return Careful()


def _error_in(body: bytes) -> dict[str, Any]:
    """The error of the protocol that a body holds; empty: it holds none."""
    from mcp.types import JSONRPCError

    try:
        return JSONRPCError.model_validate_json(body).error.model_dump()
    except ValueError:
        return {}
