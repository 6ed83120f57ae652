"""What leaves for Discord: each message once, with a nonce that is the same at each attempt."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import discord
from discord.http import Route

from carrier.clients.discord.moments import snowflake
from carrier.clients.discord.personas import Face, Personas, speaker
from carrier.clients.discord.posting import body, request
from carrier.clients.discord.reasons import why_not_sent
from carrier.clients.discord.rooms import Rooms
from carrier.config.models.discord import DiscordSettings
from carrier.errors import CannotLook, Refused
from carrier.types.talk import Outgoing

if TYPE_CHECKING:
    from carrier.clients.discord.connection import Bot

NONCE_CHARS = 25
LOOKED_THROUGH = 200
"""Messages of a room, the latest, among which one that was sent is looked for."""
SKEW = 120_000_000
"""Microseconds that Discord's clock may be behind."""
THREAD_NAME = "The whole answer"
THREAD_MINUTES: Literal[1440] = 1440
NO_SUCH_CHANNEL = 10003


def nonce(outgoing: Outgoing) -> str:
    """Within some minutes Discord makes one message of all that have it."""
    return sha256(outgoing.key.encode()).hexdigest()[:NONCE_CHARS]


class Sending:
    """Puts messages on Discord, and finds them there again."""

    def __init__(self, bot: "Bot", rooms: Rooms, personas: Personas, settings: DiscordSettings):
        self._bot, self._rooms, self._personas, self._settings = bot, rooms, personas, settings
        self._by_webhook = settings.persona == "webhook"

    async def send(self, outgoing: Outgoing) -> str:
        with _in_our_words():
            channel = (await self._rooms.channel(outgoing.room)).id
            if not outgoing.thread:
                return await self._say(channel, outgoing)
            try:
                return await self._say(int(outgoing.thread), outgoing)
            except discord.NotFound as error:
                if error.code != NO_SUCH_CHANNEL:
                    raise
            return await self._say(await self._thread(channel, int(outgoing.thread)), outgoing)

    async def _thread(self, channel: int, message: int) -> int:
        """A thread at a message; the channel itself where it can have none, as in a thread or in direct messages."""
        try:
            made = await self._bot.http.start_thread_with_message(
                channel, message, name=THREAD_NAME, auto_archive_duration=THREAD_MINUTES
            )
        except (discord.Forbidden, discord.HTTPException) as error:
            if error.status >= 500 or error.status == 429:
                raise
            return channel
        return int(made["id"])

    async def take_back(self, outgoing: Outgoing) -> None:
        with _in_our_words(), suppress(discord.NotFound):
            await self._remove((await self._rooms.channel(outgoing.room)).id, int(outgoing.edits))

    async def _remove(self, channel: int, message: int) -> None:
        if not (self._by_webhook and await self._personas.remove(channel, message)):
            await self._bot.http.delete_message(channel, message)

    async def _say(self, channel: int, outgoing: Outgoing) -> str:
        said = body(outgoing, self._settings)
        if outgoing.edits and await self._change(channel, outgoing, said):
            return outgoing.edits
        if self._by_webhook:
            face = Face(outgoing.name, self._settings.avatars.get(outgoing.agent, ""))
            if id := await self._personas.say(channel, face, said, outgoing.attachments):
                return id
        said |= {"nonce": nonce(outgoing), "enforce_nonce": True}
        if outgoing.reply_to.isdigit():
            # That it is gone keeps nothing back.
            said["message_reference"] = {"message_id": outgoing.reply_to, "fail_if_not_exists": False}
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel)
        made = await self._bot.http.request(route, **request(said, outgoing.attachments))
        return str(made["id"])

    async def _change(self, channel: int, outgoing: Outgoing, said: Mapping[str, Any]) -> bool:
        """Whether what is to be edited says this now. What may not be edited gives way to what is said anew."""
        with _unless_refused():
            await self._edit(channel, outgoing, said)
            return True
        # Half an answer must not stand there as if it were one.
        with _unless_refused():
            await self._remove(channel, int(outgoing.edits))
        return False

    async def _edit(self, channel: int, outgoing: Outgoing, said: Mapping[str, Any]) -> None:
        message, files = int(outgoing.edits), outgoing.attachments
        if self._by_webhook and await self._personas.change(channel, message, request(said, files)):
            return
        path = "/channels/{channel_id}/messages/{message_id}"
        route = Route("PATCH", path, channel_id=channel, message_id=message)
        await self._bot.http.request(route, **request(said, files))

    # --- found again

    async def find(self, outgoing: Outgoing) -> str | None:
        """By the nonce where Discord tells it; else by who said it, its words, what it answers, and when."""
        try:
            with _in_our_words():
                return await self._find(outgoing)
        except Refused as error:
            raise CannotLook(str(error)) from error

    async def _find(self, outgoing: Outgoing) -> str | None:
        found = None
        if outgoing.thread:
            with suppress(discord.NotFound):
                found = await self._find_in(self._bot.get_partial_messageable(int(outgoing.thread)), outgoing)
        # Where there can be no thread it is in the channel itself.
        return found or await self._find_in(await self._rooms.channel(outgoing.room), outgoing)

    async def _find_in(self, channel: discord.PartialMessageable, outgoing: Outgoing) -> str | None:
        since = discord.Object(snowflake(outgoing.at - SKEW))
        async for message in channel.history(limit=LOOKED_THROUGH, after=since, oldest_first=False):
            if str(message.id) not in outgoing.others and self._is(message, outgoing):
                return str(message.id)
        return None

    def _is(self, message: discord.Message, outgoing: Outgoing) -> bool:
        own = self._personas.is_own(message) and message.author.name == speaker(outgoing.name)
        if not own and (self._bot.user is None or message.author.id != self._bot.user.id):
            return False
        if message.nonce is not None:
            return str(message.nonce) == nonce(outgoing)
        answers = str(message.reference.message_id) if message.reference else ""
        return _words(message.content) == _words(outgoing.text) and answers in ("", outgoing.reply_to)


def _words(text: str) -> str:
    """A text but for its blanks, which Discord does not keep as they are."""
    return " ".join(text.split())


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise why_not_sent(error) from error


@contextmanager
def _unless_refused() -> Iterator[None]:
    try:
        yield
    except discord.HTTPException as error:
        if not isinstance(why_not_sent(error), Refused):
            raise
