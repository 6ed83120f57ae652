"""Messages: saying, editing and deleting them, and whom they ping."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carrier.testing.discord import payloads
from carrier.testing.discord.permissions import MENTION_EVERYONE, of, sees
from carrier.testing.discord.things import (
    DIRECT_MESSAGES,
    GUILD_MESSAGES,
    Attachment,
    Bot,
    Channel,
    File,
    Message,
    Persona,
    Pinged,
    Role,
    User,
)
from carrier.testing.discord.world import World

DEFAULT, PINNED, THREAD_CREATED, REPLY, COMMAND, THREAD_STARTER = 0, 6, 18, 19, 20, 21
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
"""What stands in code pings nobody."""
USERS, ROLES, EVERYONE = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>"), re.compile(r"@(?:everyone|here)\b")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message will say."""

    content: str = ""
    files: tuple[File, ...] = ()
    embeds: tuple[dict[str, Any], ...] = ()
    components: tuple[dict[str, Any], ...] = ()
    stickers: tuple[dict[str, Any], ...] = ()
    poll: dict[str, Any] | None = None
    allowed: Mapping[str, Any] | None = None
    """`allowed_mentions` as it came; None: all that is mentioned is pinged."""
    reply_to: Message | None = None
    reference: Mapping[str, str] | None = None
    """Of a message that may be gone."""
    nonce: str | int | None = None
    tts: bool = False
    flags: int = 0
    kind: int = DEFAULT


def post(world: World, channel: Channel, author: User | Persona, draft: Draft, **more: Any) -> Message:
    """Say it, and tell the bots that see it; `more` is set on the message as it stands."""
    id = more.pop("id", 0) or world.new_id()
    message = Message(id, channel, author, draft.content.strip(), world.clock.now(), **more)
    message.kind = REPLY if draft.reference and draft.kind == DEFAULT else draft.kind
    message.reference, message.referenced = draft.reference, draft.reply_to
    message.nonce, message.tts, message.flags = draft.nonce, draft.tts, message.flags | draft.flags
    message.embeds, message.components = list(draft.embeds), list(draft.components)
    message.stickers, message.poll = list(draft.stickers), draft.poll
    attach(world, message, draft.files)
    ping(message, draft.allowed)
    put(world, message)
    return message


def put(world: World, message: Message) -> None:
    """A message that is made appears in its channel; one for a single user's eyes appears to nobody else."""
    if message.only_for is not None:
        return
    channel = message.channel
    channel.messages[message.id] = message
    channel.last_message_id = message.id
    _wake(world, channel, message.author)
    tell(world, "MESSAGE_CREATE", message)


def _wake(world: World, channel: Channel, author: User | Persona) -> None:
    """Who speaks in a thread joins it, and an archived one opens."""
    if channel.thread is None:
        return
    if isinstance(author, User):
        channel.thread.members.setdefault(author.id, world.clock.now())
    if channel.thread.archived:
        channel.thread.archived = False
        channel.thread.archived_at = world.clock.now()
        world.tell_channel("THREAD_UPDATE", channel)


def edit(world: World, message: Message, changes: Mapping[str, Any]) -> Message:
    """Change attributes of a message; what it mentions is looked at anew and pings nobody."""
    message.edits.append(message.content)
    for name, value in changes.items():
        setattr(message, name, value)
    message.content = message.content.strip()
    pinged = message.pinged
    ping(message, None)
    message.pinged = pinged
    message.edited_at = world.clock.now()
    tell(world, "MESSAGE_UPDATE", message)
    return message


def delete(world: World, message: Message) -> None:
    message.channel.messages.pop(message.id, None)
    gone = {"id": str(message.id), **payloads.message_ids(message)}
    tell_of(world, "MESSAGE_DELETE", message.channel, gone)


def delete_many(world: World, channel: Channel, ids: list[int]) -> None:
    """All at once, as moderators do."""
    gone = [id for id in ids if channel.messages.pop(id, None)]
    place = {"channel_id": str(channel.id), **({"guild_id": str(channel.guild.id)} if channel.guild else {})}
    tell_of(world, "MESSAGE_DELETE_BULK", channel, {"ids": [str(id) for id in gone], **place})


def attach(world: World, message: Message, files: tuple[File, ...]) -> None:
    for file in files:
        attachment = Attachment(world.new_id(), message.channel.id, file)
        world.cdn.keep(attachment)
        message.attachments.append(attachment)


def tell(world: World, name: str, message: Message) -> None:
    """An event that carries the whole message."""
    if message.only_for is None:
        nonce = {"nonce": message.nonce} if name == "MESSAGE_CREATE" and message.nonce is not None else {}
        world.tell(name, lambda reader: payloads.message_event(message, reader) | nonce, **_hearers(message.channel))


def tell_of(world: World, name: str, channel: Channel, data: Mapping[str, Any]) -> None:
    """An event about messages that looks the same to all."""
    world.tell(name, lambda reader: data, **_hearers(channel))


def _hearers(channel: Channel) -> dict[str, Any]:
    intents = GUILD_MESSAGES if channel.guild else DIRECT_MESSAGES
    return {"guild": channel.guild, "channel": channel, "intents": intents}


def reference_to(message: Message) -> dict[str, str]:
    return {"type": 0, "message_id": str(message.id), **payloads.message_ids(message)}  # type: ignore[dict-item]


# Mentions


def ping(message: Message, allowed: Mapping[str, Any] | None) -> None:
    """Find out whom a message mentions and may ping; what is not allowed is not counted as mentioned."""
    text = CODE.sub("", message.content)
    users = [it for it in _users(message, text) if _allows(allowed, "users", it.id)]
    roles = [it for it in _roles(message, text) if _allows(allowed, "roles", it.id)]
    everyone = bool(EVERYONE.search(text)) and _may_call_all(message) and _allows(allowed, "everyone", 0)
    if (replied := _replied(message, allowed)) and replied not in users:
        users.append(replied)
    message.mentions, message.mention_roles, message.mention_everyone = users, roles, everyone
    notified = frozenset(it.id for it in users if it is not message.author and sees(it.id, message.channel))
    message.pinged = Pinged(notified, frozenset(it.id for it in roles), everyone)


def _allows(allowed: Mapping[str, Any] | None, kind: str, id: int) -> bool:
    if allowed is None:
        return True
    return kind in (allowed.get("parse") or ()) or str(id) in map(str, allowed.get(kind) or ())


def _users(message: Message, text: str) -> list[User]:
    guild = message.channel.guild
    there = (
        {id: it.user for id, it in guild.members.items()} if guild else {it.id: it for it in message.channel.recipients}
    )
    ids = dict.fromkeys(map(int, USERS.findall(text)))
    return [there[id] for id in ids if id in there]


def _roles(message: Message, text: str) -> list[Role]:
    guild = message.channel.guild
    named = [guild.roles[id] for id in map(int, ROLES.findall(text)) if id in guild.roles] if guild else []
    return [role for role in dict.fromkeys(named) if role.mentionable or _may_call_all(message)]


def _may_call_all(message: Message) -> bool:
    if message.channel.guild is None:
        return False
    # A webhook has no roles, and may.
    return isinstance(message.author, Persona) or bool(
        of(message.channel.guild, message.author.id, message.channel) & MENTION_EVERYONE
    )


def _replied(message: Message, allowed: Mapping[str, Any] | None) -> User | None:
    """Who wrote what is replied to, unless the reply is a quiet one."""
    quiet = allowed is not None and not allowed.get("replied_user")
    if message.kind != REPLY or message.referenced is None or quiet:
        return None
    author = message.referenced.author
    return author if isinstance(author, User) else None


def by(author: User | Bot) -> User:
    return author.user if isinstance(author, Bot) else author
