"""What Instagram tells by webhook: known by its signature, refused when it is old, and made into messages."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carrier.clients.instagram.rooms import Self
from carrier.types.talk import Message

OLDEST = 36 * 3600.0
"""Seconds for which Instagram tries to tell something; what is older was kept by somebody else."""
AHEAD = 300.0
"""Seconds that its clock may be before this one."""


class Unsigned(Exception):
    """Nobody can say that this comes from Instagram."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody has named the account: in a comment below a post of theirs, or, without one, in its caption.

    What they said has to be asked for.
    """

    media: str
    comment: str
    at: float


@dataclass(frozen=True, slots=True)
class Ear:
    """What is listened to, and how it is known."""

    account: Self
    app_secret: str
    verify_token: str
    listens: frozenset[str]
    now: Callable[[], float]

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """What Instagram has to read when it asks for the address; None: somebody else asks."""
        asked, shown = query.get("hub.mode"), query.get("hub.verify_token", "")
        if asked != "subscribe" or not self.verify_token or not _same(shown, self.verify_token):
            return None
        return query.get("hub.challenge", "")

    def heard(self, body: bytes, signature: str) -> list[Message | Mention]:
        """What is told, as far as it is listened to; raises Unsigned."""
        right = "sha256=" + hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        if not self.app_secret or not _same(signature, right):
            raise Unsigned("the signature is not that of this app")
        try:
            told = json.loads(body)
            return [each for entry in told["entry"] for each in self._of_entry(entry) if each]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unsigned("what it says is not of Instagram's form") from error

    def _of_entry(self, entry: Mapping[str, Any]) -> Iterator[Message | Mention | None]:
        if str(entry.get("id", self.account.account)) != self.account.account:
            return
        at = float(entry["time"])
        at = at / 1000 if at > 1e11 else at
        if not -AHEAD <= self.now() - at <= OLDEST:
            raise Unsigned("it is too old")
        changes = entry.get("changes") or ([entry] if "field" in entry else [])
        for change in changes:
            if change["field"] in self.listens:
                yield self._of_change(change["field"], change["value"], at)
        for event in entry.get("messaging") or () if "messages" in self.listens else ():
            said = event.get("message") or {}
            if not said.get("is_echo"):
                yield self.account.direct(str(said.get("mid", "")), event["sender"], str(said.get("text", "")), at)

    def _of_change(self, field: str, value: Mapping[str, Any], at: float) -> Message | Mention | None:
        media = value.get("media") or {}
        below = str(media.get("id", "") if isinstance(media, Mapping) else media) or str(value.get("media_id", ""))
        comment = str(value.get("comment_id") or value.get("id") or "")
        match field:
            case "comments":
                return self.account.comment("media", below, value, at, str(value.get("parent_id", "")), comment)
            case "mentions" if below:
                return Mention(below, str(value.get("comment_id", "")), at)
        return None


def _same(told: str, right: str) -> bool:
    """In the same time whatever is wrong about it."""
    return hmac.compare_digest(told.encode(), right.encode())
