"""Who may do what: the permission bits, and how roles and a channel's overwrites add up."""

from carrier.testing.discord.things import PRIVATE_THREAD, Channel, Guild, Member

ADD_REACTIONS = 1 << 6
ADMINISTRATOR = 1 << 3
MANAGE_CHANNELS = 1 << 4
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
CHANGE_NICKNAME = 1 << 26
MANAGE_NICKNAMES = 1 << 27
MANAGE_ROLES = 1 << 28
MANAGE_WEBHOOKS = 1 << 29
USE_APPLICATION_COMMANDS = 1 << 31
MANAGE_THREADS = 1 << 34
CREATE_PUBLIC_THREADS = 1 << 35
CREATE_PRIVATE_THREADS = 1 << 36
SEND_MESSAGES_IN_THREADS = 1 << 38
PIN_MESSAGES = 1 << 51

EVERYONE = (
    ADD_REACTIONS
    | VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | ATTACH_FILES
    | READ_MESSAGE_HISTORY
    | MENTION_EVERYONE
    | CHANGE_NICKNAME
    | USE_APPLICATION_COMMANDS
    | CREATE_PUBLIC_THREADS
    | CREATE_PRIVATE_THREADS
    | SEND_MESSAGES_IN_THREADS
)
"""What a new guild lets everyone do."""
BOT = EVERYONE | MANAGE_MESSAGES | MANAGE_ROLES | MANAGE_WEBHOOKS | MANAGE_THREADS | MANAGE_NICKNAMES | PIN_MESSAGES
"""What the role of an invited bot brings, unless said otherwise."""
ALL = (1 << 53) - 1


def in_guild(member: Member) -> int:
    """What the roles of a member allow."""
    if member.user is member.guild.owner:
        return ALL
    allowed = member.guild.everyone.permissions
    for role in member.roles:
        allowed |= role.permissions
    return ALL if allowed & ADMINISTRATOR else allowed


def in_channel(member: Member, channel: Channel) -> int:
    """The same in one channel; a thread has its parent's rules."""
    allowed = in_guild(member)
    if allowed == ALL:
        return ALL
    for allow, deny in _overwrites(member, channel.parent if channel.thread and channel.parent else channel):
        allowed = allowed & ~deny | allow
    return allowed if allowed & VIEW_CHANNEL else 0


def _overwrites(member: Member, channel: Channel) -> list[tuple[int, int]]:
    """Everyone's, then those of all roles together, then the member's own."""
    written = channel.overwrites
    nothing = (0, 0)
    roles = [written.get(role.id, nothing) for role in member.roles]
    allow = deny = 0
    for one_allow, one_deny in roles:
        allow, deny = allow | one_allow, deny | one_deny
    return [written.get(member.guild.id, nothing), (allow, deny), written.get(member.user.id, nothing)]


def of(guild: Guild, user_id: int, channel: Channel | None = None) -> int:
    """What a user may do there; nothing for who is no member."""
    member = guild.members.get(user_id)
    if member is None:
        return 0
    return in_channel(member, channel) if channel else in_guild(member)


def sees(user_id: int, channel: Channel) -> bool:
    if channel.guild is None:
        return any(user.id == user_id for user in channel.recipients)
    if channel.kind == PRIVATE_THREAD and channel.thread and user_id not in channel.thread.members:
        return bool(of(channel.guild, user_id, channel) & MANAGE_THREADS)
    return bool(of(channel.guild, user_id, channel) & VIEW_CHANNEL)
