"""Interactions: what people start with a command or a button, and what a bot answers to it."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from carrier.testing.discord import payloads, posting
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.permissions import of
from carrier.testing.discord.posting import COMMAND, REPLY, Draft
from carrier.testing.discord.things import Bot, Channel, Message, User
from carrier.testing.discord.world import World

ON_COMMAND, ON_COMPONENT = 2, 3
LOADING, EPHEMERAL = 1 << 7, 1 << 6
ANSWER_IN, GOOD_FOR = 3.0, 15 * 60.0
"""Seconds until the first answer, and for which the token is good."""
BUTTON, LINK = 2, 5
"""A component's type, and the style of the one that starts no interaction."""
USER, CHANNEL, ROLE, MENTIONABLE = 6, 7, 8, 9
"""Options whose value is an id."""


@dataclass(eq=False)
class Interaction:
    """`original` is the first answer, `followups` come after it; both may be for the user's eyes only."""

    id: int
    token: str
    kind: int
    bot: Bot
    user: User
    channel: Channel
    data: dict[str, Any]
    at: float
    message: Message | None = None
    """The one whose button was pressed."""
    answered: int = 0
    """The type of the callback; 0: none yet."""
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """What the user has been told."""
        told = [self.original, *self.followups]
        return [it.content for it in told if it and not it.flags & LOADING]


class Interactions:
    """Those that were started, by id."""

    def __init__(self, world: World):
        self._world = world
        self.all: dict[int, Interaction] = {}

    def with_token(self, application: int, token: str) -> Interaction | None:
        """The one whose answer goes on with this token, while it is good."""
        for one in self.all.values():
            if one.token == token and one.bot.id == application and not self.past(one, GOOD_FOR):
                return one
        return None

    def past(self, one: Interaction, seconds: float) -> bool:
        clock = self._world.clock
        return clock.now() - one.at > clock.lasts(seconds)

    def command(self, user: User, channel: Channel, bot: Bot, name: str, options: Mapping[str, Any]) -> Interaction:
        """Run a command that the bot has registered; raises ValueError for one that the app would not offer."""
        guild = channel.guild
        known = [*bot.commands.get(None, []), *(bot.commands.get(guild.id, []) if guild else [])]
        first, *rest = name.split()
        command = next((it for it in known if it["name"] == first and it.get("type", 1) == 1), None)
        if command is None:
            raise ValueError(f"{bot.name} has no command /{first} here; it has {[it['name'] for it in known]}")
        data = {"id": command["id"], "name": first, "type": 1, "options": _options(command, rest, options)}
        data["resolved"] = self._resolved(channel, data["options"])
        return self._begin(ON_COMMAND, user, channel, bot, data)

    def component(self, user: User, message: Message, custom_id: str, values: Iterable[str] = ()) -> Interaction:
        """Press a button (by its custom id or its label) or choose in a menu; raises ValueError if one cannot."""
        component = _find(message.components, custom_id)
        data: dict[str, Any] = {"custom_id": component["custom_id"], "component_type": component["type"]}
        if component["type"] != BUTTON:
            data["values"] = list(values)
        owner = self._world.bots[message.application_id or message.author.id]
        return self._begin(ON_COMPONENT, user, message.channel, owner, data | {"id": component["id"]}, message)

    def _begin(
        self, kind: int, user: User, channel: Channel, bot: Bot, data: dict[str, Any], message: Message | None = None
    ) -> Interaction:
        token, now = secrets.token_urlsafe(48), self._world.clock.now()
        one = Interaction(self._world.new_id(), token, kind, bot, user, channel, data, now, message)
        self.all[one.id] = one
        self._world.tell("INTERACTION_CREATE", lambda reader: payload(one, reader), guild=channel.guild, only=bot)
        return one

    def _resolved(self, channel: Channel, options: list[dict[str, Any]]) -> dict[str, Any]:
        """The users, roles and channels that options name."""
        resolved: dict[str, Any] = {}
        for option in _leaves(options):
            id, guild = option["value"], channel.guild
            if option["type"] in (USER, MENTIONABLE) and int(id) in self._world.users:
                resolved.setdefault("users", {})[id] = payloads.user(self._world.users[int(id)])
                if guild and int(id) in guild.members:
                    told = payloads.member(guild.members[int(id)])
                    resolved.setdefault("members", {})[id] = {**told, "permissions": str(of(guild, int(id)))}
            elif option["type"] in (ROLE, MENTIONABLE) and guild:
                resolved.setdefault("roles", {})[id] = payloads.role(guild.roles[int(id)])
            elif option["type"] == CHANNEL:
                named = self._world.channels[int(id)]
                told = {"id": id, "name": named.name, "type": named.kind, "permissions": "0"}
                resolved.setdefault("channels", {})[id] = told
        return resolved


def payload(one: Interaction, reader: Reader) -> dict[str, Any]:
    """INTERACTION_CREATE"""
    channel, guild = one.channel, one.channel.guild
    told: dict[str, Any] = {
        "id": str(one.id),
        "application_id": str(one.bot.id),
        "type": one.kind,
        "token": one.token,
        "version": 1,
        "data": one.data,
        "channel": payloads.channel(channel, reader),
        "channel_id": str(channel.id),
        "locale": "en-US",
        "app_permissions": str(of(guild, one.bot.id, channel)) if guild else "0",
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(guild.id) if guild else "0"},
        "context": 0 if guild else 1,
        "attachment_size_limit": 10 * 1024 * 1024,
    }
    if one.message:
        # An interaction brings its message whole.
        told["message"] = payloads.message(one.message, Reader(one.bot.id, -1, reader.cdn))
    if guild is None:
        return told | {"user": payloads.user(one.user)}
    member = guild.members[one.user.id]
    allowed = str(of(guild, one.user.id, channel))
    told |= {"guild_id": str(guild.id), "guild_locale": "en-US"}
    told["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
    return told | {"member": {**payloads.full_member(member), "permissions": allowed}}


def answer(world: World, one: Interaction, draft: Draft, *, first: bool) -> Message:
    """The bot's message in answer: the first one, or a further one."""
    kind = COMMAND if first and one.kind == ON_COMMAND else REPLY
    replied = None if kind == COMMAND else one.message if first else one.original
    reference = posting.reference_to(replied) if replied and replied.only_for is None else None
    told = replace(draft, kind=kind, reply_to=replied, reference=reference)
    about = {"application_id": one.bot.id, "webhook_id": one.bot.id, "interaction": metadata(one)}
    hidden = one.user.id if draft.flags & EPHEMERAL else None
    return posting.post(world, one.channel, one.bot.user, told, only_for=hidden, **about)


def metadata(one: Interaction) -> dict[str, Any]:
    owners = {"0": str(one.channel.guild.id) if one.channel.guild else "0"}
    told = {"id": str(one.id), "type": one.kind, "user": payloads.user(one.user)}
    more = {"interacted_message_id": str(one.message.id)} if one.message else {}
    return {**told, "authorizing_integration_owners": owners, **more}


def _options(command: Mapping[str, Any], path: list[str], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the app would send for these words and values."""
    declared = command.get("options") or []
    if path:
        inner = next((it for it in declared if it["name"] == path[0] and it["type"] in (1, 2)), None)
        if inner is None:
            raise ValueError(f"/{command['name']} has no subcommand {path[0]!r}")
        return [{"name": inner["name"], "type": inner["type"], "options": _options(inner, path[1:], given)}]
    known = {it["name"]: it for it in declared}
    missing = [it["name"] for it in declared if it.get("required") and it["name"] not in given]
    if missing or given.keys() - known.keys():
        raise ValueError(f"/{command['name']} takes {list(known)}; missing {missing}, given {list(given)}")
    return [{"name": name, "type": known[name]["type"], "value": _value(value)} for name, value in given.items()]


def _value(value: Any) -> Any:
    """People, roles and channels are named by their ids."""
    return str(value.id) if hasattr(value, "id") else value


def _leaves(options: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for option in options:
        if "options" in option:
            yield from _leaves(option["options"])
        else:
            yield option


def _find(components: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for component in _all(components):
        if name in (component.get("custom_id"), component.get("label")):
            if component.get("disabled") or (component.get("style") == LINK and component["type"] == BUTTON):
                raise ValueError(f"{name!r} cannot be pressed")
            return component
    there = [it.get("custom_id") for it in _all(components) if it.get("custom_id")]
    raise ValueError(f"there is no {name!r} in the message; there are {there}")


def _all(components: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for component in components:
        yield component
        yield from _all(component.get("components") or [])
        if accessory := component.get("accessory"):
            yield accessory
