"""Where attachments are fetched: signed addresses that run out, and the bytes behind them."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from carrier.testing.discord.clock import Clock
from carrier.testing.discord.things import Attachment

LASTS = 24 * 60 * 60
PATH = re.compile(r"/attachments/(\d+)/(\d+)/[^/]+$")


class Cdn:
    """The attachments by id; `base` is the address in front of `/attachments/…`."""

    def __init__(self, clock: Clock):
        self.base = ""
        self.lasts: float = LASTS
        """Seconds for which an address is good."""
        self._clock, self._secret = clock, secrets.token_bytes(16)
        self._attachments: dict[int, Attachment] = {}

    def keep(self, attachment: Attachment) -> None:
        self._attachments[attachment.id] = attachment

    def url(self, attachment: Attachment) -> str:
        """An address that is good from now on, for as long as addresses are."""
        path = f"/attachments/{attachment.channel_id}/{attachment.id}/{quote(attachment.file.name)}"
        now = self._clock.now()
        until, since = f"{int(now + self._clock.lasts(self.lasts)):x}", f"{int(now):x}"
        return f"{self.base}{path}?ex={until}&is={since}&hm={self._sign(path, until, since)}&"

    def find(self, path: str, query: Mapping[str, str]) -> Attachment | None:
        """What the address stands for; None if it is no address of ours, or has run out."""
        match, until = PATH.match(path), query.get("ex", "")
        if match is None or not hmac.compare_digest(query.get("hm", ""), self._sign(path, until, query.get("is", ""))):
            return None
        return self._attachments.get(int(match[2])) if int(until, 16) > self._clock.now() else None

    def _sign(self, path: str, until: str, since: str) -> str:
        return hmac.new(self._secret, f"{path} {until} {since}".encode(), hashlib.sha256).hexdigest()


def pieces(attachment: Attachment, size: int = 256 * 1024) -> Iterator[bytes]:
    """Its bytes, as many as it says it has."""
    content = attachment.file.content
    for start in range(0, len(content), size):
        yield content[start : start + size]
    missing = attachment.size - len(content)
    while missing > 0:
        yield bytes(min(size, missing))
        missing -= size
