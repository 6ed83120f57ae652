"""The world of a local Discord: everything there is, how it is made, and who hears of it."""

import base64
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carrier.testing.discord import payloads, permissions
from carrier.testing.discord.cdn import Cdn
from carrier.testing.discord.clock import Clock, snowflake
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.things import (
    CATEGORY,
    DM,
    FORUM,
    GUILD_MEMBERS,
    GUILDS,
    PRIVILEGED,
    TEXT,
    Bot,
    Channel,
    Guild,
    Member,
    Role,
    User,
    Webhook,
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the bots that may know of it."""

    name: str
    data: Callable[[Reader], Mapping[str, Any]]
    """As one of them sees it."""
    guild: Guild | None = None
    channel: Channel | None = None
    """Only who sees this channel hears of it."""
    intents: int = 0
    """A session needs one of these; 0: each session hears of it."""
    only: Bot | None = None
    but: Bot | None = None
    """Hears of it in another way."""


class World:
    """Users, bots, guilds and channels; what is made while bots are connected is told to them."""

    def __init__(self, clock: Clock, cdn: Cdn):
        self.clock, self.cdn = clock, cdn
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.hearers: list[Callable[[Event], None]] = []
        self._last_id = 0

    def new_id(self) -> int:
        self._last_id = max(snowflake(self.clock.now()), self._last_id + 1)
        return self._last_id

    def tell(self, name: str, data: Callable[[Reader], Mapping[str, Any]], **to: Any) -> None:
        event = Event(name, data, **to)
        for hear in self.hearers:
            hear(event)

    def bot_with(self, token: str) -> Bot | None:
        return next((bot for bot in self.bots.values() if bot.token == token), None)

    def reset_token(self, bot: Bot) -> None:
        """The old token is good no more."""
        bot.token = new_token(bot.id)

    # Making

    def user(self, name: str, global_name: str | None = None, *, guilds: Iterable[Guild] = (), id: int = 0) -> User:
        """A person; in these guilds from now on."""
        user = User(id or self.new_id(), name, global_name)
        self.users[user.id] = user
        for guild in guilds:
            self.join(guild, user)
        return user

    def bot(
        self,
        name: str,
        *,
        guilds: Iterable[Guild] = (),
        intents: int = PRIVILEGED,
        may: int = permissions.BOT,
        token: str = "",
        id: int = 0,
    ) -> Bot:
        """An application, invited into these guilds; `intents`: the privileged ones its portal allows."""
        user = User(id or self.new_id(), name, bot=True)
        bot = Bot(user, token or new_token(user.id), intents)
        self.users[user.id], self.bots[user.id] = user, bot
        for guild in guilds:
            self.invite(guild, bot, may)
        return bot

    def guild(self, name: str, owner: User | None = None, *, id: int = 0) -> Guild:
        """An empty guild; without an owner somebody called `owner` is made."""
        owner = owner or self.user("owner")
        guild = Guild(id or self.new_id(), name, owner)
        guild.roles[guild.id] = Role(guild.id, "@everyone", permissions.EVERYONE, 0)
        self.guilds[guild.id] = guild
        self.join(guild, owner)
        return guild

    def category(self, guild: Guild, name: str, *, id: int = 0) -> Channel:
        return self.channel(guild, CATEGORY, name, None, id)

    def text(
        self, guild: Guild, name: str, parent: Channel | None = None, *, topic: str | None = None, id: int = 0
    ) -> Channel:
        return self.channel(guild, TEXT, name, parent, id, topic)

    def forum(
        self, guild: Guild, name: str, parent: Channel | None = None, *, tags: Iterable[str] = (), id: int = 0
    ) -> Channel:
        """A channel of posts; each is a thread."""
        forum = self.channel(guild, FORUM, name, parent, id)
        forum.tags = [payloads.tag(self.new_id(), tag) for tag in tags]
        return forum

    def channel(
        self, guild: Guild, kind: int, name: str, parent: Channel | None, id: int = 0, topic: str | None = None
    ) -> Channel:
        position = len(guild.channels)
        channel = Channel(id or self.new_id(), kind, name, guild, parent, topic, position)
        # Who sees a category sees its channels: Discord copies what it allows.
        channel.overwrites = dict(parent.overwrites) if parent else {}
        guild.channels[channel.id] = self.channels[channel.id] = channel
        self.tell_channel("CHANNEL_CREATE", channel)
        return channel

    def role(
        self, guild: Guild, name: str, may: int = 0, *, mentionable: bool = False, managed_by: int | None = None
    ) -> Role:
        """A role above all others of the guild."""
        role = Role(self.new_id(), name, may, len(guild.roles), mentionable, managed_by)
        guild.roles[role.id] = role
        self.tell("GUILD_ROLE_CREATE", lambda reader: payloads.role_event(guild, role), guild=guild, intents=GUILDS)
        return role

    def dm(self, user: User, bot: Bot | User) -> Channel:
        """The direct messages of these two; made when first asked for."""
        pair = {user.id, bot.id}
        for channel in self.channels.values():
            if channel.kind == DM and {one.id for one in channel.recipients} == pair:
                return channel
        channel = Channel(self.new_id(), DM, "", recipients=(user, self.users[bot.id]))
        self.channels[channel.id] = channel
        return channel

    # Changing

    def join(self, guild: Guild, user: User, nick: str | None = None, roles: Iterable[Role] = ()) -> Member:
        """Make somebody a member, or change what a member is called and is."""
        known = guild.members.get(user.id)
        member = known or Member(user, guild, self.clock.now())
        member.nick, member.roles = nick, list(roles)
        guild.members[user.id] = member
        event = "GUILD_MEMBER_UPDATE" if known else "GUILD_MEMBER_ADD"
        concerned = self.bots.get(user.id) if known else None
        if concerned:
            # Of itself a bot hears without the intent for members.
            self.tell(event, lambda reader: payloads.member_event(member), guild=guild, only=concerned)
        self.tell(
            event, lambda reader: payloads.member_event(member), guild=guild, intents=GUILD_MEMBERS, but=concerned
        )
        return member

    def invite(self, guild: Guild, bot: Bot, may: int = permissions.BOT) -> None:
        """The bot becomes a member, with a role of its own that brings these permissions."""
        role = self.role(guild, bot.name, may, managed_by=bot.id)
        self.join(guild, bot.user, roles=[role])
        self.tell("GUILD_CREATE", lambda reader: payloads.guild_create(guild, reader), guild=guild, only=bot)

    def leave(self, guild: Guild, user: User | Bot) -> None:
        member = guild.members.pop(user.id)
        gone = {"guild_id": str(guild.id), "user": payloads.user(member.user)}
        self.tell("GUILD_MEMBER_REMOVE", lambda reader: gone, guild=guild, intents=GUILD_MEMBERS)
        if bot := self.bots.get(user.id):
            self.tell("GUILD_DELETE", lambda reader: {"id": str(guild.id)}, only=bot)

    def give(self, guild: Guild, user: User | Bot, role: Role) -> None:
        member = guild.members[user.id]
        if role not in member.roles:
            self.join(guild, member.user, member.nick, [*member.roles, role])

    def take(self, guild: Guild, user: User | Bot, role: Role) -> None:
        member = guild.members[user.id]
        self.join(guild, member.user, member.nick, [one for one in member.roles if one is not role])

    def allow(self, channel: Channel, who: User | Bot | Role, bits: int) -> None:
        """Add to what the channel allows them."""
        allow, deny = channel.overwrites.get(who.id, (0, 0))
        channel.overwrites[who.id] = allow | bits, deny & ~bits
        self.tell_channel("CHANNEL_UPDATE", channel)

    def deny(self, channel: Channel, who: User | Bot | Role, bits: int) -> None:
        """Add to what the channel denies them."""
        allow, deny = channel.overwrites.get(who.id, (0, 0))
        channel.overwrites[who.id] = allow & ~bits, deny | bits
        self.tell_channel("CHANNEL_UPDATE", channel)

    def delete_channel(self, channel: Channel) -> None:
        """It goes, and with it its threads."""
        assert channel.guild is not None
        for thread in [one for one in channel.guild.channels.values() if one.thread and one.parent is channel]:
            self.delete_channel(thread)
        self.tell_channel("THREAD_DELETE" if channel.thread else "CHANNEL_DELETE", channel)
        del channel.guild.channels[channel.id], self.channels[channel.id]

    def tell_channel(self, name: str, channel: Channel) -> None:
        data = payloads.thread_gone if name == "THREAD_DELETE" else payloads.channel
        self.tell(name, lambda reader: data(channel, reader), guild=channel.guild, channel=channel, intents=GUILDS)


def new_token(id: int) -> str:
    """In the form of a bot's token: the id, a moment, a secret."""
    head = base64.urlsafe_b64encode(str(id).encode()).decode().rstrip("=")
    return f"{head}.{secrets.token_urlsafe(4)[:6]}.{secrets.token_urlsafe(28)[:38]}"
