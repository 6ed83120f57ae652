"""What an account says and does where it is spoken to: comments, answers to mentions, direct messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carrier.clients.instagram.graph import Graph
from carrier.clients.instagram.hooks import Mention
from carrier.clients.instagram.publisher import Publisher
from carrier.clients.instagram.rooms import Self, place_of, seconds
from carrier.errors import ActionError, CannotLook, PostError
from carrier.types.talk import Message, Outgoing

ACTIONS = ("instagram/hide", "instagram/delete")


@dataclass(frozen=True)
class Talk:
    """Calls of the Graph API, each tried once; all raise PostError."""

    graph: Graph
    account: Self
    publisher: Publisher

    async def say(self, outgoing: Outgoing) -> str:
        """Returns the id under which it stands there. Raises Refused for what is no room."""
        told = await self.graph.post(*self._call(outgoing), publishing=True)
        return str(told.get("message_id") or told.get("id", ""))

    def _call(self, outgoing: Outgoing) -> tuple[str, dict[str, object]]:
        place, id = place_of(outgoing.room)
        match place:
            case "messages":
                return "me/messages", {"recipient": {"id": id}, "message": {"text": outgoing.text}}
            case "mentions":
                return f"{self.account.account}/mentions", _answer(id, outgoing)
        path = f"{outgoing.reply_to}/replies" if outgoing.reply_to else f"{id}/comments"
        return path, {"message": outgoing.text}

    async def find(self, outgoing: Outgoing) -> str | None:
        """Among the comments that stand there; raises CannotLook for all else."""
        place, id = place_of(outgoing.room)
        if place != "media":
            raise CannotLook("Instagram does not list what was said to others under a key")
        above, edge = (await self._top(outgoing.reply_to), "replies") if outgoing.reply_to else (id, "comments")
        there = await self.publisher.own_comments(above, edge)
        return next((id for id, said in there if said == outgoing.text and id not in outgoing.others), None)

    async def _top(self, comment: str) -> str:
        """The comment below which a reply to this one stands: Instagram has no third level."""
        told = await self.graph.get(comment, fields="parent_id")
        return str(told.get("parent_id") or comment)

    async def of(self, mention: Mention) -> Message | None:
        """What somebody said who named the account."""
        if mention.comment:
            field = f"mentioned_comment.comment_id({mention.comment}){{id,text,timestamp,username}}"
        else:
            field = f"mentioned_media.media_id({mention.media}){{id,caption,timestamp,username}}"
        told = await self.graph.get(self.account.account, fields=field)
        row: Mapping[str, Any] = told.get("mentioned_comment") or told.get("mentioned_media") or {}
        at = seconds(row["timestamp"]) if "timestamp" in row else mention.at
        row = {**row, "text": row.get("text") or row.get("caption")}
        return self.account.comment("mentions", mention.media, row, at, id=mention.comment or mention.media)

    async def act(self, action: str, message: Message) -> str:
        """Raises ActionError where that cannot be."""
        place, _ = place_of(message.room)
        if place != "media" or action not in ACTIONS:
            raise ActionError(f"there is no {action} here, but only below posts of one's own")
        try:
            if action == "instagram/delete":
                await self.graph.delete(message.platform_id)
                return "The comment is deleted."
            await self.graph.post(message.platform_id, {"hide": True})
            return "The comment is hidden: only who wrote it sees it."
        except PostError as error:
            raise ActionError(str(error)) from error


def _answer(media: str, outgoing: Outgoing) -> dict[str, object]:
    said: dict[str, object] = {"media_id": media, "message": outgoing.text}
    # Who is named in a caption answers the post itself.
    return said if outgoing.reply_to in ("", media) else {**said, "comment_id": outgoing.reply_to}
