"""Shows that an answer is being written: best effort, and never for long."""

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from carrier.clients.discord.rooms import Rooms
from carrier.config.models.discord import DiscordSettings
from carrier.types.talk import Message

if TYPE_CHECKING:
    import discord

    from carrier.clients.discord.connection import Bot

log = logging.getLogger(__name__)

AGAIN = 8.0
"""Seconds after which Discord has to be told once more; it forgets after ten."""
MOST = 300.0
"""Seconds after which nobody believes it any more."""


class Composing:
    """Typing in rooms, and a sign at the messages that are answered."""

    def __init__(self, bot: "Bot", rooms: Rooms, settings: DiscordSettings):
        self._bot, self._rooms, self._settings = bot, rooms, settings
        self._writing: Counter[str] = Counter()
        self._typing: dict[str, asyncio.Task[None]] = {}
        self._signs: dict[str, asyncio.Task[None]] = {}
        """The last change of the sign at each message."""

    def shown(self, message: Message, on: bool) -> None:
        self._writing[message.room] += 1 if on else -1
        if self._settings.typing and on and message.room not in self._typing:
            self._typing[message.room] = asyncio.create_task(self._type(message.room))
        elif self._writing[message.room] <= 0:
            self._stop(message.room)
        if self._settings.acknowledge and message.platform_id.isdigit():
            self._change_sign(message, on)

    def _change_sign(self, message: Message, on: bool) -> None:
        sign = asyncio.create_task(self._sign(message, on, self._signs.get(message.id)))
        self._signs[message.id] = sign
        sign.add_done_callback(partial(self._changed, message.id))

    def _changed(self, message: str, sign: asyncio.Task[None]) -> None:
        if self._signs.get(message) is sign:
            del self._signs[message]

    def _stop(self, room: str) -> None:
        del self._writing[room]
        if typing := self._typing.pop(room, None):
            typing.cancel()

    async def _type(self, room: str) -> None:
        try:
            async with asyncio.timeout(MOST):
                channel = await self._rooms.channel(room)
                while True:
                    await self._bot.http.send_typing(channel.id)
                    await asyncio.sleep(AGAIN)
        # Whatever it is: the answer itself comes, or says why not.
        except Exception as error:
            log.debug("%s: typing is shown no more: %s", room, error)

    async def _sign(self, message: Message, on: bool, before: asyncio.Task[None] | None) -> None:
        try:
            if before:
                await asyncio.wait([before])
            channel: discord.PartialMessageable = await self._rooms.channel(message.room)
            said = channel.get_partial_message(int(message.platform_id))
            if on:
                await said.add_reaction(self._settings.acknowledge)
            elif self._bot.user:
                await said.remove_reaction(self._settings.acknowledge, self._bot.user)
        except Exception as error:
            log.debug("%s: the sign at %s cannot be set: %s", message.room, message.platform_id, error)

    async def close(self) -> None:
        tasks = [*self._typing.values(), *self._signs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
