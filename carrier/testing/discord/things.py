"""The nouns of a local Discord: users, guilds, channels, messages and what hangs on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT, DM, CATEGORY, THREAD, PRIVATE_THREAD, FORUM = 0, 1, 4, 11, 12, 15

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_WEBHOOKS = 1 << 5
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
GUILD_MESSAGE_REACTIONS = 1 << 10
GUILD_MESSAGE_TYPING = 1 << 11
DIRECT_MESSAGES = 1 << 12
DIRECT_MESSAGE_REACTIONS = 1 << 13
DIRECT_MESSAGE_TYPING = 1 << 14
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
KNOWN_INTENTS = sum(1 << bit for bit in (*range(17), 20, 21, 24, 25))


@dataclass(eq=False)
class User:
    """Somebody: a person, or a bot's account."""

    id: int
    name: str
    global_name: str | None = None
    bot: bool = False
    dms_closed: bool = False
    """Takes no direct messages from members of shared guilds."""

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Bot:
    """An application with its account; the application's id is the account's."""

    user: User
    token: str
    intents: int = PRIVILEGED
    """The privileged intents that its developer portal has switched on."""
    commands: dict[int | None, list[dict[str, Any]]] = field(default_factory=dict)
    """Registered commands by guild id; None: everywhere."""

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def mention(self) -> str:
        return self.user.mention


@dataclass(eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int
    mentionable: bool = False
    managed_by: int | None = None
    """The bot whose role it is."""

    @property
    def mention(self) -> str:
        return f"<@&{self.id}>"


@dataclass(eq=False)
class Member:
    user: User
    guild: "Guild"
    joined_at: float
    nick: str | None = None
    roles: list[Role] = field(default_factory=list)


@dataclass(eq=False)
class Guild:
    id: int
    name: str
    owner: User
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)
    """Threads among them."""
    description: str | None = None

    @property
    def everyone(self) -> Role:
        return self.roles[self.id]


@dataclass(eq=False)
class Thread:
    """What only a thread has."""

    owner_id: int
    archived: bool = False
    locked: bool = False
    auto_archive_minutes: int = 4320
    archived_at: float = 0.0
    members: dict[int, float] = field(default_factory=dict)
    """When each joined."""
    tags: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Channel:
    id: int
    kind: int
    name: str
    guild: Guild | None = None
    parent: "Channel | None" = None
    topic: str | None = None
    position: int = 0
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)
    """What is allowed and denied, by the id of a role or a user."""
    recipients: tuple[User, ...] = ()
    thread: Thread | None = None
    tags: list[dict[str, Any]] = field(default_factory=list)
    """What posts of a forum can be marked with."""
    messages: dict[int, "Message"] = field(default_factory=dict)
    """By id, the oldest first."""
    last_message_id: int | None = None
    last_pin: float | None = None
    slowmode: int = 0
    nsfw: bool = False

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"


@dataclass(frozen=True, slots=True)
class File:
    """Something to attach: its bytes, or how large it says it is (zeros come when it is fetched)."""

    name: str
    content: bytes = b""
    type: str | None = None
    size: int | None = None
    description: str | None = None


@dataclass(eq=False)
class Attachment:
    id: int
    channel_id: int
    file: File

    @property
    def size(self) -> int:
        return len(self.file.content) if self.file.size is None else self.file.size


@dataclass(frozen=True, slots=True)
class Webhook:
    id: int
    token: str
    channel: Channel
    name: str
    made_by: User
    application_id: int | None = None


@dataclass(frozen=True, slots=True)
class Persona:
    """Who a webhook's message is by."""

    id: int
    name: str
    avatar: str | None = None


@dataclass(frozen=True, slots=True)
class Pinged:
    """Who got a notification of a message."""

    users: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    everyone: bool = False

    def __bool__(self) -> bool:
        return bool(self.users or self.roles or self.everyone)


@dataclass(eq=False)
class Message:
    id: int
    channel: Channel
    author: User | Persona
    content: str
    sent_at: float
    kind: int = 0
    flags: int = 0
    tts: bool = False
    nonce: str | int | None = None
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[Role] = field(default_factory=list)
    mention_everyone: bool = False
    pinged: Pinged = Pinged()
    attachments: list[Attachment] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    stickers: list[dict[str, Any]] = field(default_factory=list)
    poll: dict[str, Any] | None = None
    reference: Mapping[str, str] | None = None
    referenced: "Message | None" = None
    reactions: dict[str, list[int]] = field(default_factory=dict)
    """Who reacted, by emoji (`👀`, or `name:id`)."""
    edited_at: float | None = None
    pinned_at: float | None = None
    webhook_id: int | None = None
    application_id: int | None = None
    interaction: dict[str, Any] | None = None
    only_for: int | None = None
    """The one user who sees it: an ephemeral answer to an interaction."""
    thread: Channel | None = None
    edits: list[str] = field(default_factory=list)
    """What it said before each edit."""

    @property
    def link(self) -> str:
        place = self.channel.guild.id if self.channel.guild else "@me"
        return f"https://discord.com/channels/{place}/{self.channel.id}/{self.id}"
