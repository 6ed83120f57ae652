"""Agents under their own names and pictures, by webhooks: one of each channel serves all of them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
from discord.http import Route

from carrier.clients.discord.posting import request
from carrier.types.talk import Attachment

if TYPE_CHECKING:
    from carrier.clients.discord.connection import Bot

log = logging.getLogger(__name__)

NAME = "Carrier"
NAME_CHARS = 80
NO_SUCH_WEBHOOK, TOO_MANY_WEBHOOKS = 10015, 30007
_KEPT_BY_DISCORD = ("discord", "clyde")
"""What nobody may be called."""


def speaker(name: str) -> str:
    """A name as Discord takes it of a webhook."""
    lower = name.lower()
    kept = any(word in lower for word in _KEPT_BY_DISCORD)
    return (" ".join(name) if kept else name)[:NAME_CHARS].strip() or NAME


@dataclass(frozen=True, slots=True)
class Face:
    """What an agent is called, and the address of its picture."""

    name: str
    picture: str = ""


class Personas:
    """Says things by the webhooks of the channels, which it finds or makes."""

    def __init__(self, bot: "Bot"):
        self._bot = bot
        self._webhooks: dict[int, tuple[str, str] | None] = {}
        """Id and token by channel; None: there the bot may have none."""
        self._looking: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def is_own(self, message: discord.Message) -> bool:
        """Whether one of these said it."""
        return message.webhook_id is not None and message.application_id == self._bot.application_id

    async def say(
        self, channel: int, face: Face, said: Mapping[str, Any], attachments: Sequence[Attachment]
    ) -> str | None:
        """The id of the message; None where this cannot be done, in direct messages or without the permission."""
        parent, thread = self._place(channel)
        shown = {**said, "username": speaker(face.name), **({"avatar_url": face.picture} if face.picture else {})}
        while webhook := await self._webhook(parent) if parent else None:
            try:
                return await self._post(webhook, {"wait": "true", **thread}, request(shown, attachments))
            except discord.NotFound as error:
                if error.code != NO_SUCH_WEBHOOK:
                    raise
                # Somebody has removed it, so another one is made.
                del self._webhooks[parent]
        return None

    async def change(self, channel: int, message: int, said: Mapping[str, Any]) -> bool:
        """Whether one of these said it, and it says this now."""
        return await self._reach("PATCH", channel, message, **said)

    async def remove(self, channel: int, message: int) -> bool:
        """Whether one of these said it, and it is gone."""
        return await self._reach("DELETE", channel, message)

    async def _reach(self, method: str, channel: int, message: int, **said: Any) -> bool:
        parent, thread = self._place(channel)
        if not (webhook := await self._webhook(parent) if parent else None):
            return False
        path = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"
        route = Route(method, path, webhook_id=int(webhook[0]), webhook_token=webhook[1], message_id=message)
        try:
            await self._bot.http.request(route, **said, params=thread)
        except discord.NotFound:
            return False
        return True

    def _place(self, channel: int) -> tuple[int, Mapping[str, str]]:
        """The channel whose webhook speaks there, and how it is told of a thread; 0: the channel is not known."""
        place = self._bot.get_channel(channel)
        if isinstance(place, discord.Thread):
            return place.parent_id, {"thread_id": str(channel)}
        return (channel if place else 0), {}

    async def _post(self, webhook: tuple[str, str], query: Mapping[str, str], said: Mapping[str, Any]) -> str:
        id, token = webhook
        route = Route("POST", "/webhooks/{webhook_id}/{webhook_token}", webhook_id=int(id), webhook_token=token)
        return str((await self._bot.http.request(route, **said, params=query))["id"])

    async def _webhook(self, channel: int) -> tuple[str, str] | None:
        # Two threads of a channel may want its first one at a time.
        async with self._looking[channel]:
            if channel not in self._webhooks:
                self._webhooks[channel] = await self._found_or_made(channel)
            return self._webhooks[channel]

    async def _found_or_made(self, channel: int) -> tuple[str, str] | None:
        try:
            return await self._found(channel) or await self._made(channel)
        except discord.HTTPException as error:
            if not isinstance(error, discord.Forbidden) and error.code != TOO_MANY_WEBHOOKS:
                raise
            log.warning("%s: agents speak there under the bot's own name: %s", channel, error.text)
            return None

    async def _found(self, channel: int) -> tuple[str, str] | None:
        application = str(self._bot.application_id)
        for webhook in await self._bot.http.channel_webhooks(channel):
            if webhook.get("application_id") == application and webhook.get("token"):
                return str(webhook["id"]), str(webhook["token"])
        return None

    async def _made(self, channel: int) -> tuple[str, str]:
        webhook = await self._bot.http.create_webhook(channel, name=NAME)
        return str(webhook["id"]), str(webhook["token"])
