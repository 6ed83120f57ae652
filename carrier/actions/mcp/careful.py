"""A client as a transport that never raises, and never gives back more than somebody would read."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
from mcp.types import JSONRPCError

from carrier.actions.mcp.faults import CUT, DOUBTFUL, REFUSED
from carrier.actions.mcp.splitting import LONGEST

LONGEST_COMPLAINT = 2**16


class Careful(httpx2.AsyncBaseTransport):
    """What fails is answered by an error of the protocol; `suspect` is told when the server may be another by now."""

    def __init__(self, outside: httpx2.AsyncClient, suspect: Callable[[], None]):
        self._outside, self._suspect = outside, suspect

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            answer = await self._outside.send(request, stream=True, follow_redirects=False)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            self._suspect()
            return _fault(REFUSED, f"it cannot be reached: {error or type(error).__name__}")
        except httpx2.HTTPError as error:
            self._suspect()
            return _fault(CUT, f"the connection broke off: {type(error).__name__}")
        # The rules of whoever made the client, which raise what they like.
        except Exception as error:
            return _fault(REFUSED, f"it may not be reached: {error}")
        if answer.status_code >= 400 and request.method == "POST":
            return await self._complaint(request, answer)
        if answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            return _fault(CUT, "it sent packed what was not asked for so")
        return httpx2.Response(answer.status_code, headers=answer.headers.raw, stream=_Body(answer))

    async def _complaint(self, request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        """The error in the body, where there is one; what is no fault of the server's own was not carried out."""
        said = _error_in(await _beginning(answer))
        if "mcp-session-id" in request.headers and answer.status_code in (400, 404):
            self._suspect()
        code = CUT if answer.status_code >= 500 else REFUSED
        message = said.get("message") or f"it answers {answer.status_code} {answer.reason_phrase}".strip()
        # By codes of the server's own the two agree on a version.
        own = said.get("code") if said.get("code") not in DOUBTFUL else None
        return _fault(own or code, message, said.get("data"))


class _Body(httpx2.AsyncByteStream):
    """An answer up to its limit; a stream of news has none."""

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


def _error_in(body: bytes) -> dict[str, Any]:
    """The error of the protocol that a body holds; empty: it holds none."""
    try:
        return JSONRPCError.model_validate_json(body).error.model_dump()
    except ValueError:
        return {}
