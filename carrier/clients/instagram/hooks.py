"""What Instagram tells by webhook: known by its signature, refused when it is old, and made into messages."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carrier.types import Message

OLDEST = 36 * 3600.0
"""Seconds for which Instagram tries to tell something; what is older was kept by somebody else."""
AHEAD = 300.0
"""Seconds that its clock may be before this one."""


class Unsigned(Exception):
    """Nobody can say that this comes from Instagram."""


@dataclass(frozen=True, slots=True)
class Ear:
    """What is listened to, and how it is known."""

    client: str
    account: str
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

    def messages(self, body: bytes, signature: str) -> list[Message]:
        """What is told, as far as it is listened to; raises Unsigned."""
        right = "sha256=" + hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        if not self.app_secret or not _same(signature, right):
            raise Unsigned("the signature is not that of this app")
        try:
            told = json.loads(body)
            return [message for entry in told["entry"] for message in self._of_entry(entry)]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unsigned("what it says is not of Instagram's form") from error

    def _of_entry(self, entry: Mapping[str, Any]) -> Iterator[Message]:
        if str(entry.get("id", self.account)) != self.account:
            return
        at = float(entry["time"])
        at = at / 1000 if at > 1e11 else at
        if not -AHEAD <= self.now() - at <= OLDEST:
            raise Unsigned("it is too old")
        changes = entry.get("changes") or ([entry] if "field" in entry else [])
        for change in changes:
            if change["field"] in ("comments", "mentions") and change["field"] in self.listens:
                yield from self._of_comment(change["field"], change["value"], at)
        for event in entry.get("messaging") or () if "messages" in self.listens else ():
            yield from self._of_person(event, at)

    def _of_comment(self, field: str, value: Mapping[str, Any], at: float) -> Iterator[Message]:
        """One's own comments are told of, too."""
        id = str(value.get("comment_id") or value.get("id") or "")
        who: Mapping[str, Any] = value.get("from") or {}
        if not id or str(who.get("id", "")) == self.account or not value.get("text"):
            return
        media = value.get("media") or {}
        place = (
            str(media.get("id", "") if isinstance(media, Mapping) else media) or str(value.get("media_id", "")) or id
        )
        yield Message(
            client=self.client,
            platform_id=id,
            room=f"{self.client}/media:{place}",
            sender=f"instagram:{who.get('id', 'unknown')}",
            sender_name=str(who.get("username", "")),
            text=str(value["text"]),
            reply_to=str(value.get("parent_id", "")),
            created_at=int(at * 1_000_000),
        )

    def _of_person(self, event: Mapping[str, Any], at: float) -> Iterator[Message]:
        said, sender = event.get("message") or {}, str(event["sender"]["id"])
        if said.get("is_echo") or sender == self.account or not said.get("text"):
            return
        yield Message(
            client=self.client,
            platform_id=str(said["mid"]),
            room=f"{self.client}/messages:{sender}",
            sender=f"instagram:{sender}",
            text=str(said["text"]),
            direct=True,
            created_at=int(at * 1_000_000),
        )


def _same(told: str, right: str) -> bool:
    """In the same time whatever is wrong about it."""
    return hmac.compare_digest(told.encode(), right.encode())
