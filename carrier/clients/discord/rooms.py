"""Carrier's rooms and Discord's channels: `client/id` is a channel or thread, `client/@user` are direct messages."""

from typing import TYPE_CHECKING

import discord

from carrier.quoting import clean, clean_name
from carrier.types.talk import RoomView

if TYPE_CHECKING:
    from carrier.clients.discord.connection import Bot


class Rooms:
    """The rooms of one client."""

    def __init__(self, client: str, bot: "Bot"):
        self._client, self._bot = client, bot
        self._direct: dict[int, int] = {}
        """Channels of direct messages, by user."""

    def met(self, message: discord.Message) -> None:
        """Somebody writes to the bot directly: that channel needs not be asked for any more."""
        if message.guild is None:
            self._direct[message.author.id] = message.channel.id

    async def channel(self, room: str) -> discord.PartialMessageable:
        """Where to say something; raises what Discord says of a user or a channel that is not there."""
        id = room.partition("/")[2]
        if not id.startswith("@"):
            return self._bot.get_partial_messageable(_number(id))
        user = _number(id[1:])
        if user not in self._direct:
            self._direct[user] = int((await self._bot.http.start_private_message(user))["id"])
        return self._bot.get_partial_messageable(self._direct[user])

    def view(self, room: str) -> RoomView | None:
        """A room as people see it, as far as the bot does."""
        id = room.partition("/")[2]
        if id.startswith("@"):
            user = self._bot.get_user(int(id[1:])) if id[1:].isdigit() else None
            return RoomView(
                f"direct messages with {clean_name(user.display_name)}" if user else "direct messages",
                kind="direct messages",
            )
        channel = self._bot.get_channel(int(id)) if id.isdigit() else None
        if isinstance(channel, discord.Thread):
            return _thread(channel)
        return _channel(channel) if isinstance(channel, discord.abc.GuildChannel) else None


def _number(id: str) -> int:
    """An id; one that is none finds nothing at Discord."""
    return int(id) if id.isdigit() else 0


def _thread(thread: discord.Thread) -> RoomView:
    parent = _channel(thread.parent) if thread.parent else None
    within = (parent.name, *parent.within) if parent else (clean_name(thread.guild.name),)
    kind = "forum post" if isinstance(thread.parent, discord.ForumChannel) else "thread"
    return RoomView(clean_name(thread.name), parent.topic if parent else "", kind, within)


def _channel(channel: discord.abc.GuildChannel) -> RoomView:
    category = [clean_name(channel.category.name)] if channel.category else []
    topic = clean(str(getattr(channel, "topic", None) or ""))
    return RoomView(f"#{clean_name(channel.name)}", topic, "channel", (*category, clean_name(channel.guild.name)))
