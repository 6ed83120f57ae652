"""A message of Discord as Carrier's: who says it, where, and all of it as text."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import discord

from carrier.quoting import clean_name
from carrier.types.talk import Attachment, Message

EMBED_CHARS = 2000
"""What is read of one embed."""

SAID = {
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.chat_input_command,
    discord.MessageType.context_menu_command,
}
"""What somebody says; all else Discord says itself."""


def room_of(client: str, message: discord.Message) -> str:
    """As `client/id`; direct messages are `client/@user`."""
    return f"{client}/@{message.author.id}" if message.guild is None else f"{client}/{message.channel.id}"


def to_message(client: str, message: discord.Message, me: discord.ClientUser) -> Message:
    author, reference = message.author, message.reference
    is_reply = message.type is discord.MessageType.reply and reference is not None
    return Message(
        client=client,
        platform_id=str(message.id),
        room=room_of(client, message),
        sender=f"discord:{author.id}",
        sender_name=clean_name(author.display_name) or clean_name(author.name) or str(author.id),
        text=text_of(message, me),
        addressed=message.guild is None or _is_mentioned(message, me),
        reply_to=str(reference.message_id) if is_reply and reference else "",
        attachments=tuple(map(to_attachment, message.attachments)),
        direct=message.guild is None,
        bot=author.bot or message.webhook_id is not None,
        roles=tuple(str(role.id) for role in getattr(author, "roles", ()) if not role.is_default()),
        within=tuple(within(message.channel, message.guild.id if message.guild else None)),
        created_at=int(message.created_at.timestamp() * 1_000_000),
    )


def _is_mentioned(message: discord.Message, me: discord.ClientUser) -> bool:
    """By name, or by the role that is the bot's own."""
    own = message.guild.self_role if message.guild else None
    return any(user.id == me.id for user in message.mentions) or (own is not None and own in message.role_mentions)


def within(channel: object, guild: int | None) -> Iterator[str]:
    """The places that hold a channel, the nearest first."""
    if isinstance(channel, discord.Thread):
        yield f"room:{channel.parent_id}"
    around = channel.parent if isinstance(channel, discord.Thread) else channel
    if category := getattr(around, "category_id", None):
        yield f"category:{category}"
    if guild:
        yield f"guild:{guild}"


def to_attachment(file: discord.Attachment) -> Attachment:
    media_type = (file.content_type or "application/octet-stream").partition(";")[0].strip().lower()
    return Attachment(clean_name(file.filename) or str(file.id), media_type, file.size, url=file.url)


# --- text -------------------------------------------------------------------------------------------------------------


def text_of(message: discord.Message, me: discord.ClientUser) -> str:
    """All that a message says, with names for ids."""
    named = _Names(message, me)
    parts = [named.in_(message.content)]
    for forwarded in message.message_snapshots:
        quoted = named.in_(forwarded.content).replace("\n", "\n> ")
        parts.append(f"[forwarded]\n> {quoted}")
    parts += [f"[sticker: {clean_name(sticker.name)}]" for sticker in message.stickers]
    parts += [f"[poll: {_poll(message.poll)}]"] if message.poll else []
    parts += [f"[embed: {named.in_(told)}]" for embed in message.embeds if (told := _embed(embed))]
    return "\n".join(part for part in parts if part.strip())


def _poll(poll: discord.Poll) -> str:
    answers = "; ".join(f"{answer.id}) {answer.text}" for answer in poll.answers)
    return f"{poll.question} {answers}"


def _embed(embed: discord.Embed) -> str:
    """What somebody put there; what Discord shows of a link stands in the text already."""
    if embed.type != "rich":
        return ""
    fields = [f"{field.name}: {field.value}" for field in embed.fields]
    told = [embed.author.name, embed.title, embed.description, *fields, embed.footer.text]
    return "\n".join(each for each in told if each)[:EMBED_CHARS]


_TOKEN = re.compile(
    r"<(?:@!?(?P<user>\d+)|@&(?P<role>\d+)|#(?P<channel>\d+)|a?:(?P<emoji>\w+):\d+|"
    r"/(?P<command>[^:>]{1,120}):\d+|t:(?P<time>-?\d{1,13})(?::[a-zA-Z])?)>"
)


class _Names:
    """What the ids in a text stand for."""

    def __init__(self, message: discord.Message, me: discord.ClientUser):
        self._guild = message.guild
        self._users: Mapping[int, str] = {
            me.id: clean_name(message.guild.me.display_name if message.guild and message.guild.me else me.display_name),
            **{user.id: clean_name(user.display_name) for user in message.mentions},
        }
        self._kinds: Mapping[str, Callable[[str], str]] = {
            "user": lambda id: f"@{self._users.get(int(id)) or id}",
            "role": lambda id: f"@{self._role(int(id)) or id}",
            "channel": lambda id: f"#{self._channel(int(id)) or id}",
            "emoji": lambda name: f":{name}:",
            "command": lambda name: f"/{name}",
            "time": _moment,
        }

    def in_(self, text: str) -> str:
        return _TOKEN.sub(lambda found: self._kinds[found.lastgroup or ""](found[found.lastgroup or 0]), text)

    def _role(self, id: int) -> str:
        role = self._guild.get_role(id) if self._guild else None
        return clean_name(role.name) if role else ""

    def _channel(self, id: int) -> str:
        channel = self._guild.get_channel_or_thread(id) if self._guild else None
        return clean_name(channel.name) if channel else ""


def _moment(seconds: str) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return seconds
