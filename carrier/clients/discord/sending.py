"""What leaves for Discord: each message once, with a nonce that is the same at each attempt."""

import io
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import discord

from carrier.clients.discord.moments import snowflake
from carrier.clients.discord.reasons import why_not_sent
from carrier.clients.discord.rooms import Rooms
from carrier.config.models.discord import DiscordSettings
from carrier.errors import CannotLook, Refused
from carrier.types import Outgoing

if TYPE_CHECKING:
    from carrier.clients.discord.connection import Bot

NONCE_CHARS = 25
LOOKED_THROUGH = 200
"""Messages of a room, the latest, among which one that was sent is looked for."""
SKEW = 120_000_000
"""Microseconds that Discord's clock may be behind."""


def nonce(outgoing: Outgoing) -> str:
    """Within some minutes Discord makes one message of all that have it."""
    return sha256(outgoing.key.encode()).hexdigest()[:NONCE_CHARS]


class Sending:
    """Puts messages on Discord, and finds them there again."""

    def __init__(self, bot: "Bot", rooms: Rooms, settings: DiscordSettings):
        self._bot, self._rooms, self._settings = bot, rooms, settings

    async def send(self, outgoing: Outgoing) -> str:
        try:
            channel = await self._rooms.channel(outgoing.room)
            message = await channel.send(outgoing.text or None, **self._options(outgoing, channel))
        except Exception as error:
            raise why_not_sent(error) from error
        return str(message.id)

    def _options(self, outgoing: Outgoing, channel: discord.PartialMessageable) -> dict[str, Any]:
        pings = self._settings.pings
        options: dict[str, Any] = {
            "nonce": nonce(outgoing),
            "allowed_mentions": discord.AllowedMentions(
                everyone="everyone" in pings,
                users="users" in pings,
                roles="roles" in pings,
                replied_user="replied" in pings,
            ),
        }
        if reference := _reference(outgoing, channel):
            options["reference"] = reference
        if outgoing.attachments:
            options["files"] = [discord.File(io.BytesIO(it.text.encode()), it.name) for it in outgoing.attachments]
        return options

    async def find(self, outgoing: Outgoing) -> str | None:
        """By the nonce where Discord tells it; else by who said it, its words, what it answers, and when."""
        try:
            channel = await self._rooms.channel(outgoing.room)
            since = discord.Object(snowflake(outgoing.at - SKEW))
            async for message in channel.history(limit=LOOKED_THROUGH, after=since, oldest_first=False):
                if str(message.id) not in outgoing.others and self._is(message, outgoing):
                    return str(message.id)
        except Exception as error:
            reason = why_not_sent(error)
            raise (CannotLook(str(reason)) if isinstance(reason, Refused) else reason) from error
        return None

    def _is(self, message: discord.Message, outgoing: Outgoing) -> bool:
        if self._bot.user is None or message.author.id != self._bot.user.id:
            return False
        if message.nonce is not None:
            return str(message.nonce) == nonce(outgoing)
        answers = str(message.reference.message_id) if message.reference else ""
        return _words(message.content) == _words(outgoing.text) and answers in ("", outgoing.reply_to)


def _words(text: str) -> str:
    """A text but for its blanks, which Discord does not keep as they are."""
    return " ".join(text.split())


def _reference(outgoing: Outgoing, channel: discord.PartialMessageable) -> discord.MessageReference | None:
    """What it answers; that this is gone keeps nothing back."""
    if not outgoing.reply_to.isdigit():
        return None
    return discord.MessageReference(message_id=int(outgoing.reply_to), channel_id=channel.id, fail_if_not_exists=False)
