"""What the local Graph API was asked, in order: tokens as hashes, and where they stood."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Place = Literal["", "header", "query", "body"]
SECRETS = ("access_token", "fb_exchange_token", "input_token", "client_secret", "appsecret_proof")


@dataclass
class Entry:
    """A request, and what it was answered."""

    number: int
    at: float
    method: str
    path: str
    parameters: dict[str, Any]
    token: str
    """The beginning of its SHA-256."""
    token_in: Place
    status: int = 0
    """0: it got no answer."""
    code: int = 0
    """Of the error that it was answered."""
    subcode: int = 0
    faults: tuple[str, ...] = ()
    done: bool = False
    """Whether what was asked for has been done by now."""


@dataclass
class Journal:
    entries: list[Entry] = field(default_factory=list)

    def find(self, method: str, ending: str) -> list[Entry]:
        """The requests of a method whose path ends so."""
        return [entry for entry in self.entries if entry.method == method and entry.path.endswith(ending)]


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12] if token else ""


def without_secrets(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: hashed(str(value)) if name in SECRETS else value for name, value in parameters.items()}
