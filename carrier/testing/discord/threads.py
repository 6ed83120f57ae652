"""Threads and the posts of forums: how they begin, who joins, how they close."""

from collections.abc import Iterable, Mapping
from typing import Any

from carrier.testing.discord import payloads, posting
from carrier.testing.discord.errors import ApiError
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.posting import THREAD_CREATED, THREAD_STARTER, Draft
from carrier.testing.discord.things import GUILD_MEMBERS, GUILDS, THREAD, Channel, Guild, Message, Persona, Thread, User
from carrier.testing.discord.world import World

HAS_THREAD = 1 << 5
OLD = 60.0
"""Seconds; that a thread begins at a message older than this is told in the channel."""


def start(
    world: World, parent: Channel, name: str, by: User, message: Message | None = None, *, kind: int = THREAD
) -> Channel:
    """A thread, from a message (whose id it takes) or from nothing."""
    if message and message.thread:
        raise ApiError(400, 160004, "A thread has already been created for this message")
    thread = _make(world, parent, name, by, message.id if message else world.new_id(), kind)
    if message:
        _hang_on(world, thread, message, by)
    if kind == THREAD and (message is None or world.clock.now() - message.sent_at > OLD):
        place = {"channel_id": str(thread.id), "guild_id": str(_guild(thread).id)}
        posting.post(world, parent, by, Draft(name, reference=place, kind=THREAD_CREATED))
    return thread


def _hang_on(world: World, thread: Channel, message: Message, by: User) -> None:
    """The message shows its thread, which begins with a notice that points back to it."""
    message.thread, message.flags = thread, message.flags | HAS_THREAD
    posting.tell(world, "MESSAGE_UPDATE", message)
    posting.post(
        world,
        thread,
        by,
        Draft(reply_to=message, reference=posting.reference_to(message), kind=THREAD_STARTER),
    )


def post(
    world: World, forum: Channel, name: str, by: User | Persona, draft: Draft, tags: Iterable[int] = (), **more: Any
) -> tuple[Channel, Message]:
    """A post of a forum: a thread whose first message has its id."""
    thread = _make(world, forum, name, by, world.new_id(), THREAD, tags)
    message = posting.post(world, thread, by, draft, id=thread.id, **more)
    forum.last_message_id = thread.id
    return thread, message


def _make(
    world: World, parent: Channel, name: str, by: User | Persona, id: int, kind: int, tags: Iterable[int] = ()
) -> Channel:
    now = world.clock.now()
    state = Thread(by.id, archived_at=now, members={by.id: now} if isinstance(by, User) else {}, tags=list(tags))
    thread = Channel(id, kind, name, parent.guild, parent, thread=state, nsfw=parent.nsfw)
    _guild(thread).channels[id] = world.channels[id] = thread
    _tell(world, "THREAD_CREATE", thread, newly_created=True)
    return thread


def archive(world: World, thread: Channel, *, locked: bool = False) -> None:
    assert thread.thread is not None
    thread.thread.archived, thread.thread.locked = True, locked
    thread.thread.archived_at = world.clock.now()
    _tell(world, "THREAD_UPDATE", thread)


def join(world: World, thread: Channel, user: User) -> None:
    assert thread.thread is not None
    if user.id not in thread.thread.members:
        thread.thread.members[user.id] = world.clock.now()
        _tell_members(world, thread, user, "added_members", [payloads.thread_member(thread, user.id)])


def leave(world: World, thread: Channel, user: User) -> None:
    assert thread.thread is not None
    if thread.thread.members.pop(user.id, None):
        _tell_members(world, thread, user, "removed_member_ids", [str(user.id)])


def _tell_members(world: World, thread: Channel, user: User, what: str, told: list[Any]) -> None:
    """The one concerned hears of it in any case, the others with the intent for members."""
    guild = _guild(thread)
    count = len(thread.thread.members) if thread.thread else 0
    data = {"id": str(thread.id), "guild_id": str(guild.id), "member_count": count, what: told}
    concerned = world.bots.get(user.id)
    if concerned:
        world.tell("THREAD_MEMBERS_UPDATE", lambda reader: data, guild=guild, only=concerned, intents=GUILDS)
    world.tell(
        "THREAD_MEMBERS_UPDATE",
        lambda reader: data,
        guild=guild,
        channel=thread,
        intents=GUILD_MEMBERS,
        but=concerned,
    )


def _tell(world: World, name: str, thread: Channel, **more: Any) -> None:
    def data(reader: Reader) -> Mapping[str, Any]:
        return {**payloads.channel(thread, reader), **more}

    world.tell(name, data, guild=thread.guild, channel=thread, intents=GUILDS)


def _guild(channel: Channel) -> Guild:
    assert channel.guild is not None
    return channel.guild


def active(guild: Guild) -> list[Channel]:
    return [it for it in guild.channels.values() if it.thread and not it.thread.archived]
