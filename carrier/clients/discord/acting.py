"""What agents do on Discord beside speaking."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import discord

from carrier.clients.discord.reasons import why_not_sent
from carrier.clients.discord.rooms import Rooms
from carrier.errors import ActionError, InDoubt
from carrier.quoting import clean_name
from carrier.types.talk import Message

if TYPE_CHECKING:
    from carrier.clients.discord.connection import Bot

NAME_CHARS = 100


class Acting:
    """`act` does one thing where a message was said; raises ActionError with the reason why it was not done."""

    def __init__(self, bot: "Bot", rooms: Rooms):
        self._bot, self._rooms = bot, rooms
        self._ways: Mapping[str, Callable[..., Awaitable[str]]] = {
            "discord/react": self._react,
            "discord/pin": self._pin,
            "discord/start_thread": self._start_thread,
            "discord/add_role": self._add_role,
        }

    async def act(self, action: str, message: Message, arguments: Mapping[str, Any]) -> str:
        if action not in self._ways:
            raise ActionError(f"Discord has no {action}")
        try:
            return await self._ways[action](message, **arguments)
        except ActionError:
            raise
        except Exception as error:
            reason = why_not_sent(error)
            unknown = isinstance(reason, OSError) and action == "discord/start_thread"
            raise (InDoubt if unknown else ActionError)(str(reason)) from error

    async def _react(self, message: Message, emoji: str) -> str:
        await (await self._answered(message)).add_reaction(emoji)
        return "It is there."

    async def _pin(self, message: Message) -> str:
        await (await self._answered(message)).pin()
        return "It is pinned."

    async def _start_thread(self, message: Message, name: str) -> str:
        """The new thread, as a room."""
        answered = await self._answered(message)
        made = await self._bot.http.start_thread_with_message(
            answered.channel.id, answered.id, name=name[:NAME_CHARS], auto_archive_duration=1440
        )
        return f"{message.client}/{made['id']}"

    async def _add_role(self, message: Message, role: str) -> str:
        guild = self._guild(message)
        found = [each for each in guild.roles if role in (str(each.id), each.name) and not each.is_default()]
        if len(found) != 1:
            raise ActionError(f"{len(found) or 'no'} roles here are called {role!r}")
        id, name = await self._asker(message)
        await self._bot.http.add_role(guild.id, id, found[0].id, reason="asked for by an agent")
        return f"{name} has the role {found[0].name}."

    async def _asker(self, message: Message) -> tuple[int, str]:
        """Whose message is answered: their id, and what they are called."""
        if message.kind == "command":
            return int(message.sender.partition(":")[2]), message.sender_name
        author = (await (await self._answered(message)).fetch()).author
        return author.id, clean_name(author.display_name)

    async def _answered(self, message: Message) -> discord.PartialMessage:
        id = message.platform_id
        if message.kind == "command" or not id.isdigit():
            raise ActionError("this is no answer to a message on Discord")
        return (await self._rooms.channel(message.room)).get_partial_message(int(id))

    def _guild(self, message: Message) -> discord.Guild:
        id = message.room.partition("/")[2]
        channel = self._bot.get_channel(int(id)) if id.isdigit() else None
        guild: discord.Guild | None = getattr(channel, "guild", None)
        if guild is None:
            raise ActionError("there are no roles in direct messages")
        return guild
