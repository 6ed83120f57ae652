"""One request to the REST API while it is answered: who asks, for what, with what."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from carrier.testing.discord import permissions
from carrier.testing.discord.core import Core
from carrier.testing.discord.errors import ApiError, invalid, no_access, no_permission, unknown
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.things import DM, Bot, Channel, File, Guild, Message, User
from carrier.testing.discord.world import World


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None: 204."""

    body: Any = None
    status: int = 200


Handler = Callable[["Call"], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    template: str
    """`/channels/{channel}/messages`"""
    handle: Handler
    open: bool = False
    """Needs no token of a bot: a webhook's or an interaction's own is in the path."""


@dataclass
class Call:
    core: Core
    route: Route
    named: Mapping[str, str]
    """What stood in the braces."""
    query: Mapping[str, str]
    asker: Bot | None
    body: Any = None
    files: dict[str, File] = field(default_factory=dict)
    """By the name of their field, such as `files[0]`."""

    @property
    def world(self) -> World:
        return self.core.world

    @property
    def bot(self) -> Bot:
        assert self.asker is not None
        return self.asker

    @property
    def reader(self) -> Reader:
        return Reader(self.asker.id if self.asker else 0, self.asker.intents if self.asker else 0, self.world.cdn)

    @property
    def form(self) -> dict[str, Any]:
        if not isinstance(self.body, dict):
            raise ApiError(400, 50035, "Invalid Form Body")
        return self.body

    def id(self, name: str) -> int:
        return snowflake_in(self.named[name], name)

    @property
    def channel(self) -> Channel:
        """The one in the path, if the asker sees it."""
        channel = self.world.channels.get(self.id("channel"))
        if channel is None:
            raise unknown("Channel")
        if not permissions.sees(self.bot.id, channel):
            raise no_access()
        return channel

    @property
    def message(self) -> Message:
        message = self.channel.messages.get(self.id("message"))
        if message is None:
            raise unknown("Message")
        return message

    @property
    def guild(self) -> Guild:
        """The one in the path, if the asker is a member."""
        guild = self.world.guilds.get(self.id("guild"))
        if guild is None:
            raise unknown("Guild")
        if self.bot.id not in guild.members:
            raise no_access()
        return guild

    @property
    def user(self) -> User:
        user = self.world.users.get(self.id("user"))
        if user is None:
            raise unknown("User")
        return user

    def may(self, bits: int, place: Channel | Guild) -> bool:
        if isinstance(place, Guild):
            return permissions.of(place, self.bot.id) & bits == bits
        return place.kind == DM or (
            place.guild is not None and permissions.of(place.guild, self.bot.id, place) & bits == bits
        )

    def need(self, bits: int, place: Channel | Guild) -> None:
        if not self.may(bits, place):
            raise no_permission()


def snowflake_in(text: str, field: str) -> int:
    if not text.isdigit():
        raise invalid(field, "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')
    return int(text)


def parsed(raw: bytes) -> Any:
    """JSON of a body; what cannot be written as UTF-8 is no JSON either."""
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, UnicodeError) as error:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from error
    return body
