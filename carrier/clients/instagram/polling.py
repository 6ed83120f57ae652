"""Looks for what was said to an account, where no webhook can tell of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from carrier.clients.instagram.graph import Graph
from carrier.clients.instagram.rooms import Self, seconds
from carrier.types.talk import Message

POSTS = 25
"""The newest ones, below which comments are looked for."""
COMMENTS = 50
"""Of one post, the newest."""
CONVERSATIONS = 20
_COMMENT = "id,text,timestamp,from,username"
_BELOW = f"{_COMMENT},replies{{{_COMMENT}}}"
_MESSAGES = "id,messages{id,created_time,from,message}"


@dataclass(eq=False)
class Lookout:
    """Comments and direct messages; Instagram has no list of mentions. Raises PostError."""

    graph: Graph
    account: Self
    listens: frozenset[str]
    _counts: dict[str, int] = field(default_factory=dict)
    """Of comments below each post, when they were last read and taken in."""
    _read: dict[str, int] = field(default_factory=dict)
    """The same, of those that were read and are not known to be taken in."""

    def taken_in(self) -> None:
        """All that was found last is on disk: it needs not be read again."""
        self._counts |= self._read

    async def look(self, since: float) -> list[Message]:
        """What was said since then, the oldest first; some of it may have been told before."""
        found: list[Message | None] = []
        if "comments" in self.listens:
            found += await self._comments()
        if "messages" in self.listens:
            found += await self._messages()
        # Times are told in whole seconds.
        said = [message for message in found if message and message.created_at >= int(since) * 1_000_000]
        return sorted(said, key=lambda message: message.created_at)

    async def _comments(self) -> list[Message | None]:
        posts = await self.graph.get(f"{self.account.account}/media", fields="id,comments_count", limit=POSTS)
        found: list[Message | None] = []
        self._read = {}
        for post in posts.get("data", []):
            id, count = str(post["id"]), int(post.get("comments_count", 0))
            if count != self._counts.get(id, 0):
                rows = await self.graph.get(f"{id}/comments", fields=_BELOW, limit=COMMENTS)
                found += [each for row in rows.get("data", []) for each in self._of_comment(id, row)]
            self._read[id] = count
        return found

    def _of_comment(self, post: str, row: Mapping[str, Any]) -> Iterator[Message | None]:
        yield self.account.comment("media", post, row, seconds(row["timestamp"]))
        for reply in (row.get("replies") or {}).get("data", []):
            yield self.account.comment("media", post, reply, seconds(reply["timestamp"]), str(row["id"]))

    async def _messages(self) -> list[Message | None]:
        conversations = await self.graph.get(
            "me/conversations", platform="instagram", fields=_MESSAGES, limit=CONVERSATIONS
        )
        return [
            self._of_message(row)
            for conversation in conversations.get("data", [])
            for row in (conversation.get("messages") or {}).get("data", [])
        ]

    def _of_message(self, row: Mapping[str, Any]) -> Message | None:
        at = seconds(row["created_time"])
        return self.account.direct(str(row["id"]), row.get("from") or {}, str(row.get("message", "")), at)
