"""The access token of an account, kept encrypted in the data folder as it is renewed."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carrier.errors import Refused

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

DAY = 86400.0
YOUNGEST = DAY
"""A token that was got less than so many seconds ago is not renewed: Instagram refuses to."""
SOON = 30 * DAY
"""One that is good for no longer than this is."""


@dataclass(frozen=True, slots=True)
class Token:
    """Times in seconds since 1970; 0: not known."""

    value: str
    got: float
    expires: float = 0.0

    def is_due(self, now: float) -> bool:
        """Whether it is time to renew it, and not too early."""
        return now - self.got >= YOUNGEST and (not self.expires or self.expires - now < SOON)


class TokenFile:
    """Keeps what a configured token was renewed to; another configured one begins anew."""

    def __init__(self, folder: Path, name: str, configured: str, now: Callable[[], float] = time.time):
        self._folder, self._file = folder, folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.token"
        self._from = hashlib.sha256(configured.encode()).hexdigest()
        self.token = Token(configured, now())

    def open(self) -> None:
        """Take up what was kept; for a thread, as the others. Raises Refused where the folder cannot be written."""
        kept = self._read()
        if kept and kept.pop("from") == self._from:
            self.token = Token(**kept)
        else:
            self.keep(self.token)

    def keep(self, token: Token) -> None:
        self.token = token
        text = json.dumps({**asdict(token), "from": self._from})
        _write(self._file, self._cipher().encrypt(text.encode()))

    def renewed(self, value: str, now: float, seconds: float) -> Token:
        return replace(self.token, value=value, got=now, expires=now + seconds if seconds else 0.0)

    def _read(self) -> dict[str, Any] | None:
        from cryptography.fernet import InvalidToken

        try:
            found: dict[str, Any] = json.loads(self._cipher().decrypt(self._file.read_bytes()))
        # Of another key, or cut off by a full disk: the configured one is where all began.
        except (FileNotFoundError, InvalidToken, ValueError):
            return None
        return found

    def _cipher(self) -> "Fernet":
        from cryptography.fernet import Fernet

        key = self._folder / "key"
        if not key.exists():
            _write(key, Fernet.generate_key())
        return Fernet(key.read_bytes())


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and for nobody else to read."""
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    except OSError as error:
        raise Refused(f"the access token cannot be kept in {file.parent}: {error.strerror}") from error
