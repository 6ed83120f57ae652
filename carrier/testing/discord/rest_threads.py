"""REST: threads, the posts of forums, and who is in them."""

from typing import Any

from carrier.testing.discord import drafts, payloads, permissions, threads
from carrier.testing.discord.calls import Answer, Call, Route
from carrier.testing.discord.errors import ApiError, invalid, unknown
from carrier.testing.discord.things import FORUM, PRIVATE_THREAD, TEXT, THREAD, Channel


async def from_message(call: Call) -> Answer:
    message = call.message
    call.need(permissions.CREATE_PUBLIC_THREADS, message.channel)
    if message.channel.kind != TEXT:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    made = threads.start(call.world, message.channel, name(call), call.bot.user, message)
    return Answer(payloads.channel(made, call.reader), 201)


def name(call: Call) -> str:
    name = call.form.get("name") or ""
    if not isinstance(name, str) or not 1 <= len(name) <= 100:
        raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return name


async def start(call: Call) -> Answer:
    """In a forum a post with its first message, elsewhere a thread from nothing."""
    channel = call.channel
    if channel.kind == FORUM:
        return _post(call, channel)
    # Without a type Discord makes a private one.
    kind = int(call.form.get("type") or PRIVATE_THREAD)
    if channel.kind != TEXT or kind not in (THREAD, PRIVATE_THREAD):
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    private = kind == PRIVATE_THREAD
    call.need(permissions.CREATE_PRIVATE_THREADS if private else permissions.CREATE_PUBLIC_THREADS, channel)
    made = threads.start(call.world, channel, name(call), call.bot.user, kind=kind)
    return Answer(payloads.channel(made, call.reader), 201)


def _post(call: Call, forum: Channel) -> Answer:
    call.need(permissions.SEND_MESSAGES, forum)
    draft = drafts.draft(call, call.form.get("message") or {}, forum)
    tags = [int(it) for it in call.form.get("applied_tags") or ()]
    if any(str(tag) not in {it["id"] for it in forum.tags} for tag in tags):
        raise ApiError(400, 10087, "Unknown Tag")
    thread, message = threads.post(call.world, forum, name(call), call.bot.user, draft, tags)
    shown = payloads.message(message, call.reader)
    return Answer({**payloads.channel(thread, call.reader), "message": shown}, 201)


def thread_of(call: Call) -> Channel:
    channel = call.channel
    if channel.thread is None:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    return channel


def _open_thread(call: Call) -> Channel:
    thread = thread_of(call)
    if thread.thread and thread.thread.archived:
        raise ApiError(400, 50083, "Thread is archived")
    return thread


async def join(call: Call) -> Answer:
    threads.join(call.world, _open_thread(call), call.bot.user)
    return Answer()


async def leave(call: Call) -> Answer:
    threads.leave(call.world, _open_thread(call), call.bot.user)
    return Answer()


async def add(call: Call) -> Answer:
    threads.join(call.world, _open_thread(call), call.user)
    return Answer()


async def remove(call: Call) -> Answer:
    thread = _open_thread(call)
    call.need(permissions.MANAGE_THREADS, thread)
    threads.leave(call.world, thread, call.user)
    return Answer()


async def member(call: Call) -> Answer:
    thread = thread_of(call)
    assert thread.thread is not None
    id = call.bot.id if call.named["user"] == "@me" else call.id("user")
    if id not in thread.thread.members:
        raise unknown("Member")
    return Answer(payloads.thread_member(thread, id))


async def members(call: Call) -> Answer:
    thread = thread_of(call)
    assert thread.thread is not None
    return Answer([payloads.thread_member(thread, id) for id in thread.thread.members])


async def active(call: Call) -> Answer:
    return Answer(_listed(call, threads.active(call.guild)))


async def archived(call: Call) -> Answer:
    """The last archived first."""
    parent = call.channel
    call.need(permissions.READ_MESSAGE_HISTORY, parent)
    there = parent.guild.channels.values() if parent.guild else ()
    found = [it for it in there if it.parent is parent and it.kind == THREAD and it.thread and it.thread.archived]
    found.sort(key=lambda it: it.thread.archived_at if it.thread else 0, reverse=True)
    limit = int(call.query.get("limit", "50"))
    return Answer({**_listed(call, found[:limit]), "has_more": len(found) > limit})


def _listed(call: Call, found: list[Channel]) -> dict[str, Any]:
    seen = [it for it in found if permissions.sees(call.bot.id, it)]
    mine = [it for it in seen if it.thread and call.bot.id in it.thread.members]
    return {
        "threads": [payloads.channel(it, call.reader) for it in seen],
        "members": [payloads.thread_member(it, call.bot.id) for it in mine],
    }


MEMBERS = "/channels/{channel}/thread-members"

ROUTES = (
    Route("POST", "/channels/{channel}/messages/{message}/threads", from_message),
    Route("POST", "/channels/{channel}/threads", start),
    Route("GET", "/channels/{channel}/threads/archived/public", archived),
    Route("GET", "/guilds/{guild}/threads/active", active),
    Route("GET", MEMBERS, members),
    Route("PUT", f"{MEMBERS}/@me", join),
    Route("DELETE", f"{MEMBERS}/@me", leave),
    Route("GET", f"{MEMBERS}/{{user}}", member),
    Route("PUT", f"{MEMBERS}/{{user}}", add),
    Route("DELETE", f"{MEMBERS}/{{user}}", remove),
)
