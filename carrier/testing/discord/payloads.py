"""What things look like on the wire, to the one who reads them."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carrier.testing.discord.cdn import Cdn
from carrier.testing.discord.clock import timestamp
from carrier.testing.discord.permissions import sees
from carrier.testing.discord.things import (
    CATEGORY,
    DM,
    FORUM,
    GUILD_MEMBERS,
    GUILD_PRESENCES,
    MESSAGE_CONTENT,
    Attachment,
    Bot,
    Channel,
    Guild,
    Member,
    Message,
    Persona,
    Role,
    User,
    Webhook,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """The bot that something is shown to."""

    id: int
    intents: int
    """Of its session; what its portal allows where it asks over REST."""
    cdn: Cdn


def user(user: User | Persona) -> Json:
    if isinstance(user, Persona):
        shown: Json = {"id": str(user.id), "username": user.name, "avatar": user.avatar, "discriminator": "0000"}
        return {**shown, "bot": True, "global_name": None, "public_flags": 0}
    shown = {"id": str(user.id), "username": user.name, "avatar": None, "discriminator": "0"}
    return {**shown, "global_name": user.global_name, "public_flags": 0, **({"bot": True} if user.bot else {})}


def member(member: Member) -> Json:
    """Without the user, as it hangs on messages."""
    return {
        "nick": member.nick,
        "roles": [str(role.id) for role in member.roles],
        "joined_at": timestamp(member.joined_at),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "avatar": None,
        "banner": None,
        "communication_disabled_until": None,
    }


def full_member(one: Member) -> Json:
    return {**member(one), "user": user(one.user)}


def member_event(member: Member) -> Json:
    return {**full_member(member), "guild_id": str(member.guild.id)}


def role(role: Role) -> Json:
    return {
        "id": str(role.id),
        "name": role.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": role.position,
        "permissions": str(role.permissions),
        "managed": role.managed_by is not None,
        "mentionable": role.mentionable,
        "flags": 0,
        **({"tags": {"bot_id": str(role.managed_by)}} if role.managed_by else {}),
    }


def role_event(guild: Guild, one: Role) -> Json:
    return {"guild_id": str(guild.id), "role": role(one)}


def tag(id: int, name: str) -> Json:
    return {"id": str(id), "name": name, "moderated": False, "emoji_id": None, "emoji_name": None}


def channel(channel: Channel, reader: Reader) -> Json:
    last = str(channel.last_message_id) if channel.last_message_id else None
    head: Json = {"id": str(channel.id), "type": channel.kind, "flags": 0}
    if channel.kind == DM:
        others = [user(one) for one in channel.recipients if one.id != reader.id]
        return {**head, "last_message_id": last, "recipients": others}
    assert channel.guild is not None
    head |= {"guild_id": str(channel.guild.id), "name": channel.name, "nsfw": channel.nsfw}
    head["parent_id"] = str(channel.parent.id) if channel.parent else None
    if channel.thread:
        return head | _thread(channel, reader) | {"last_message_id": last}
    head |= {"position": channel.position, "permission_overwrites": _overwrites(channel)}
    if channel.kind == CATEGORY:
        return head
    head |= {"topic": channel.topic, "last_message_id": last, "rate_limit_per_user": channel.slowmode}
    if channel.last_pin:
        head["last_pin_timestamp"] = timestamp(channel.last_pin)
    if channel.kind == FORUM:
        head |= {"available_tags": channel.tags, "default_reaction_emoji": None, "default_sort_order": None}
        head |= {"default_forum_layout": 0, "default_thread_rate_limit_per_user": 0}
    return head


def _overwrites(channel: Channel) -> list[Json]:
    roles = channel.guild.roles if channel.guild else {}
    return [
        {"id": str(id), "type": 0 if id in roles else 1, "allow": str(allow), "deny": str(deny)}
        for id, (allow, deny) in channel.overwrites.items()
    ]


def _thread(channel: Channel, reader: Reader) -> Json:
    thread = channel.thread
    assert thread is not None
    said = [one for one in channel.messages.values() if one.id != channel.id and not one.kind]
    shown: Json = {
        "owner_id": str(thread.owner_id),
        "message_count": min(len(said), 50),
        "total_message_sent": len(said),
        "member_count": min(len(thread.members), 50),
        "rate_limit_per_user": channel.slowmode,
        "applied_tags": [str(tag) for tag in thread.tags],
        "thread_metadata": {
            "archived": thread.archived,
            "auto_archive_duration": thread.auto_archive_minutes,
            "archive_timestamp": timestamp(thread.archived_at),
            "locked": thread.locked,
            **({"invitable": True} if channel.kind == 12 else {}),
        },
    }
    if reader.id in thread.members:
        shown["member"] = thread_member(channel, reader.id)
    return shown


def thread_member(channel: Channel, user_id: int) -> Json:
    assert channel.thread is not None
    joined = timestamp(channel.thread.members[user_id])
    return {"id": str(channel.id), "user_id": str(user_id), "join_timestamp": joined, "flags": 0}


def thread_gone(channel: Channel, reader: Reader) -> Json:
    assert channel.guild is not None
    parent = str(channel.parent.id) if channel.parent else None
    return {"id": str(channel.id), "guild_id": str(channel.guild.id), "parent_id": parent, "type": channel.kind}


def guild(guild: Guild) -> Json:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": str(guild.owner.id),
        "description": guild.description,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "roles": [role(one) for one in guild.roles.values()],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "safety_alerts_channel_id": None,
        "max_members": 500_000,
        "vanity_url_code": None,
        "banner": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "nsfw_level": 0,
        "incidents_data": None,
    }


def guild_create(one: Guild, reader: Reader) -> Json:
    """All that a bot is told of a guild at once; of its members only itself without the intents for them."""
    visible = [channel for channel in one.channels.values() if sees(reader.id, channel)]
    all_members = reader.intents & (GUILD_MEMBERS | GUILD_PRESENCES)
    return {
        **guild(one),
        "joined_at": timestamp(one.members[reader.id].joined_at),
        "large": len(one.members) > 250,
        "unavailable": False,
        "member_count": len(one.members),
        "members": [full_member(it) for it in one.members.values() if all_members or it.user.id == reader.id],
        "channels": [channel(it, reader) for it in visible if not it.thread],
        "threads": [channel(it, reader) for it in visible if it.thread and not it.thread.archived],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def message(message: Message, reader: Reader, *, nested: bool = False) -> Json:
    """As this bot sees it: without the message content intent mostly empty."""
    shown: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "author": user(message.author),
        "timestamp": timestamp(message.sent_at),
        "edited_timestamp": timestamp(message.edited_at) if message.edited_at else None,
        "tts": message.tts,
        "type": message.kind,
        "flags": message.flags,
        "mention_everyone": message.mention_everyone,
        "mentions": [user(it) for it in message.mentions],
        "mention_roles": [str(it.id) for it in message.mention_roles],
        "pinned": message.pinned_at is not None,
        **(_said(message, reader) if may_read(message, reader) else SILENCE),
    }
    if message.reactions:
        shown["reactions"] = [_reaction(emoji, ids, reader) for emoji, ids in message.reactions.items()]
    if message.webhook_id:
        shown["webhook_id"] = str(message.webhook_id)
    if message.application_id:
        shown["application_id"] = str(message.application_id)
    if message.interaction:
        shown["interaction_metadata"] = message.interaction
    if message.thread:
        shown["thread"] = channel(message.thread, reader)
    if message.reference:
        shown["message_reference"] = dict(message.reference)
        if not nested:
            referenced = message.referenced
            gone = referenced is None or referenced.id not in referenced.channel.messages
            shown["referenced_message"] = None if gone else _nested(referenced, reader)
    return shown


def _nested(one: Message | None, reader: Reader) -> Json | None:
    return message(one, reader, nested=True) if one else None


SILENCE: Json = {"content": "", "embeds": [], "attachments": [], "components": []}


def _said(message: Message, reader: Reader) -> Json:
    said: Json = {
        "content": message.content,
        "embeds": message.embeds,
        "attachments": [attachment(it, reader) for it in message.attachments],
        "components": message.components,
    }
    if message.stickers:
        said["sticker_items"] = message.stickers
    if message.poll:
        said["poll"] = message.poll
    return said


def may_read(message: Message, reader: Reader) -> bool:
    """Without the intent: direct messages, its own, and those that mention it."""
    return (
        bool(reader.intents & MESSAGE_CONTENT)
        or message.channel.guild is None
        or reader.id in (message.author.id, message.application_id)
        or any(it.id == reader.id for it in message.mentions)
    )


def message_event(one: Message, reader: Reader) -> Json:
    """With what only the gateway tells: where it is, and who its author is there."""
    shown = message(one, reader)
    guild = one.channel.guild
    if guild is None:
        return {**shown, "channel_type": one.channel.kind}
    shown |= {"guild_id": str(guild.id), "channel_type": one.channel.kind}
    shown["mentions"] = [_mentioned(it, guild) for it in one.mentions]
    if author := guild.members.get(one.author.id):
        shown["member"] = member(author)
    return shown


def _mentioned(one: User, guild: Guild) -> Json:
    there = guild.members.get(one.id)
    return {**user(one), **({"member": member(there)} if there else {})}


def _reaction(emoji: str, ids: list[int], reader: Reader) -> Json:
    return {
        "emoji": partial_emoji(emoji),
        "count": len(ids),
        "count_details": {"burst": 0, "normal": len(ids)},
        "me": reader.id in ids,
        "me_burst": False,
        "burst_colors": [],
    }


def partial_emoji(emoji: str) -> Json:
    name, _, id = emoji.partition(":")
    return {"id": id or None, "name": name}


def attachment(one: Attachment, reader: Reader) -> Json:
    url = reader.cdn.url(one)
    shown: Json = {"id": str(one.id), "filename": one.file.name, "size": one.size, "url": url, "proxy_url": url}
    kind = one.file.type or mimetypes.guess_type(one.file.name)[0]
    if kind:
        shown["content_type"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    if one.file.description:
        shown["description"] = one.file.description
    return shown


def webhook(one: Webhook) -> Json:
    guild = one.channel.guild
    return {
        "id": str(one.id),
        "type": 1,
        "guild_id": str(guild.id) if guild else None,
        "channel_id": str(one.channel.id),
        "user": user(one.made_by),
        "name": one.name,
        "avatar": None,
        "token": one.token,
        "application_id": str(one.application_id) if one.application_id else None,
    }


def application(bot: Bot) -> Json:
    """The flags say which privileged intents the portal allows (as for a bot in few guilds)."""
    flags = (bot.intents & GUILD_PRESENCES and 1 << 13) | (bot.intents & GUILD_MEMBERS and 1 << 15)
    flags |= bot.intents & MESSAGE_CONTENT and 1 << 19
    return {
        "id": str(bot.id),
        "name": bot.name,
        "icon": None,
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "bot": user(bot.user),
        "verify_key": f"{bot.id:064x}",
        "owner": user(User(1, "developer")),
        "team": None,
        "flags": flags,
        "redirect_uris": [],
        "interactions_endpoint_url": None,
    }


def message_ids(message: Message) -> Mapping[str, str]:
    """What points to a message: its id, its channel's, its guild's."""
    guild = message.channel.guild
    return {"channel_id": str(message.channel.id), **({"guild_id": str(guild.id)} if guild else {})}
