"""What was asked of a local Discord: every request, with its token as a hash."""

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """One request and what it was answered; `status` 0: nothing, the connection was cut or left hanging."""

    at: float
    method: str
    path: str
    """Behind `/api/v10`."""
    query: dict[str, str]
    token: str
    """The first letters of its SHA-256; empty without one."""
    bot: str = ""
    body: Any = None
    files: tuple[str, ...] = ()
    status: int = 0
    fault: bool = False
    """Something went wrong by script."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame that a bot sent to the gateway, its token left out."""

    at: float
    bot: str
    op: int | None
    data: Any


@dataclass
class Journal:
    requests: list[Request] = field(default_factory=list)

    def of(self, method: str = "", path: str = "", bot: str = "") -> list[Request]:
        """Those with this method, this text in the path, this bot's name."""
        return [it for it in self.requests if method in ("", it.method) and path in it.path and bot in ("", it.bot)]


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12] if token else ""
