"""Where something is said on Instagram: below a post, below somebody else's, or with a person; and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from carrier.errors import Refused
from carrier.types.talk import Message

Place = Literal["media", "mentions", "messages"]
"""What rooms are called: `NAME/media:ID` below a post of one's own, `NAME/mentions:ID` below somebody else's,
`NAME/messages:ID` with a person."""


@dataclass(slots=True)
class Self:
    """The account, by its client's name; its own name is known once it was asked who it is."""

    client: str
    account: str
    username: str = ""

    def is_of(self, who: Mapping[str, Any]) -> bool:
        """Whether this is said by the account itself, which is told of that, too."""
        return str(who.get("id", "")) == self.account or (
            bool(self.username) and str(who.get("username", "")) == self.username
        )

    def comment(
        self, place: Place, below: str, row: Mapping[str, Any], at: float, parent: str = "", id: str = ""
    ) -> Message | None:
        """What somebody said below a post; None for what holds no words, and for one's own."""
        who = _who(row)
        id = id or str(row.get("id", ""))
        if not id or not row.get("text") or self.is_of(who):
            return None
        return Message(
            client=self.client,
            platform_id=id,
            room=f"{self.client}/{place}:{below or id}",
            sender=f"instagram:{who.get('id') or who.get('username') or 'unknown'}",
            sender_name=str(who.get("username", "")),
            text=str(row["text"]),
            reply_to=parent,
            created_at=int(at * 1_000_000),
        )

    def direct(self, id: str, sender: Mapping[str, Any], text: str, at: float) -> Message | None:
        """What somebody wrote directly."""
        if not text or not sender.get("id") or self.is_of(sender):
            return None
        return Message(
            client=self.client,
            platform_id=id,
            room=f"{self.client}/messages:{sender['id']}",
            sender=f"instagram:{sender['id']}",
            sender_name=str(sender.get("username", "")),
            text=text,
            direct=True,
            created_at=int(at * 1_000_000),
        )


def place_of(room: str) -> tuple[Place, str]:
    """Raises Refused for what is no room of Instagram's."""
    place, _, id = room.partition("/")[2].partition(":")
    match place:
        case "media" | "mentions" | "messages" if id:
            return place, id
    raise Refused(f"{room} is no room of Instagram's: a post is media:ID, a mention mentions:ID, a person messages:ID")


def seconds(moment: str) -> float:
    """Since 1970, of a time as the Graph API writes it."""
    return datetime.fromisoformat(moment).timestamp()


def _who(row: Mapping[str, Any]) -> Mapping[str, Any]:
    who = row.get("from")
    return who if isinstance(who, Mapping) else {"username": row.get("username", "")}
