"""Reactions and pins."""

from urllib.parse import unquote

from carrier.testing.discord import payloads, posting
from carrier.testing.discord.clock import timestamp
from carrier.testing.discord.errors import ApiError
from carrier.testing.discord.posting import PINNED, Draft
from carrier.testing.discord.things import (
    DIRECT_MESSAGE_REACTIONS,
    GUILD_MESSAGE_REACTIONS,
    GUILDS,
    Channel,
    Message,
    User,
)
from carrier.testing.discord.world import World

MOST_PINS = 250


def emoji(raw: str) -> str:
    """As it stands in a path; raises ApiError for what is no emoji."""
    name = unquote(raw)
    custom = name.partition(":")[2]
    if custom.isdigit() or (name and not name.isascii()):
        return name
    raise ApiError(400, 10014, "Unknown Emoji")


def add(world: World, message: Message, user: User, emoji: str) -> None:
    ids = message.reactions.setdefault(emoji, [])
    if user.id not in ids:
        ids.append(user.id)
        _tell(world, "MESSAGE_REACTION_ADD", message, user, emoji)


def remove(world: World, message: Message, user: User, emoji: str) -> None:
    ids = message.reactions.get(emoji, [])
    if user.id in ids:
        ids.remove(user.id)
        _tell(world, "MESSAGE_REACTION_REMOVE", message, user, emoji)
    if not ids:
        message.reactions.pop(emoji, None)


def _tell(world: World, name: str, message: Message, user: User, emoji: str) -> None:
    guild = message.channel.guild
    data = {
        "user_id": str(user.id),
        "message_id": str(message.id),
        "emoji": payloads.partial_emoji(emoji),
        "burst": False,
        "type": 0,
        **payloads.message_ids(message),
    }
    if name == "MESSAGE_REACTION_ADD":
        data["message_author_id"] = str(message.author.id)
        if guild and user.id in guild.members:
            data["member"] = payloads.full_member(guild.members[user.id])
    intents = GUILD_MESSAGE_REACTIONS if guild else DIRECT_MESSAGE_REACTIONS
    world.tell(name, lambda reader: data, guild=guild, channel=message.channel, intents=intents)


def pinned(channel: Channel) -> list[Message]:
    """The last pinned first."""
    found = [it for it in channel.messages.values() if it.pinned_at is not None]
    return sorted(found, key=lambda it: it.pinned_at or 0, reverse=True)


def pin(world: World, message: Message, by: User) -> None:
    """Pin it, and say so in the channel."""
    if message.pinned_at is not None:
        return
    if len(pinned(message.channel)) >= MOST_PINS:
        raise ApiError(400, 30003, f"Maximum number of pins reached ({MOST_PINS})")
    message.pinned_at = message.channel.last_pin = world.clock.now()
    _tell_pins(world, message)
    posting.post(
        world, message.channel, by, Draft(reply_to=message, reference=posting.reference_to(message), kind=PINNED)
    )


def unpin(world: World, message: Message) -> None:
    message.pinned_at = None
    _tell_pins(world, message)


def _tell_pins(world: World, message: Message) -> None:
    channel = message.channel
    last = timestamp(channel.last_pin) if channel.last_pin else None
    data = {**payloads.message_ids(message), "last_pin_timestamp": last}
    posting.tell(world, "MESSAGE_UPDATE", message)
    world.tell("CHANNEL_PINS_UPDATE", lambda reader: data, guild=channel.guild, channel=channel, intents=GUILDS)
