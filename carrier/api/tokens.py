"""What a caller needs to know, as files in the data folder: where the host listens, and the token of every call."""

import hmac
import os
import secrets
from pathlib import Path

TOKEN = "token"
"""Made at the first start, for its owner's eyes only."""
ADDRESS = "address"
"""There while a host runs."""


def own_token(data: Path) -> tuple[str, bool]:
    """The host's token, and whether it was made just now."""
    path = data / TOKEN
    # An empty file, from a start that was cut off, would let in whoever sends no token.
    if path.exists() and (token := path.read_text().strip()):
        return token, False
    token = "carrier_" + secrets.token_urlsafe(32)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token, True


def accepted(header: str, token: str) -> bool:
    """Whether an Authorization header carries the token."""
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
