"""What stands before every route: the token, the host it was meant for, and a bound on what is read."""

from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carrier.api.tokens import accepted

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
HOOKS = "/hooks/"
EVERYWHERE = frozenset({"0.0.0.0", "::"})
"""Addresses under which a host listens to whoever reaches the machine, by whatever name."""


class Guard:
    """Refuses what has no token, was addressed to another name (a page that rebinds DNS), or is too long."""

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str], most_bytes: Callable[[], int]):
        self.app, self._token, self._hosts, self._most_bytes = app, token, {*LOOPBACK, *hosts}, most_bytes
        self._any_name = not EVERYWHERE.isdisjoint(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if scope["path"].startswith(HOOKS):
            # The client that listens there knows who speaks, by whatever name it was reached.
            return await self.app(scope, _bounded(receive, self._most_bytes()), send)
        if refusal := self._refusal(headers):
            return await refusal(scope, receive, send)
        await self.app(scope, _bounded(receive, self._most_bytes()), send)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        if not self._any_name and _name(headers.get("host", "")) not in self._hosts:
            return problem(421, "this host does not go by that name", field="Host")
        if not accepted(headers.get("authorization", ""), self._token):
            message = "a token is needed: Authorization: Bearer …; it stands in the data folder, in the file `token`"
            return problem(401, message, field="Authorization")
        if int(headers.get("content-length") or 0) > (most_bytes := self._most_bytes()):
            return problem(413, f"at most {most_bytes} bytes are read")
        return None


def problem(status: int, message: str, field: str = "", **more: object) -> JSONResponse:
    """What went wrong, as every route says it."""
    return JSONResponse({"error": message, **({"field": field} if field else {}), **more}, status)


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0].lower()


def _bounded(receive: Receive, most_bytes: int) -> Receive:
    """The same body, refused as soon as it grows over the bound."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most_bytes:
            raise HTTPException(413, f"at most {most_bytes} bytes are read")
        return message

    return bounded
