"""REST: the bot itself, users, guilds, members, roles and channels."""

from typing import Any

from carrier.testing.discord import payloads, permissions
from carrier.testing.discord.calls import Answer, Call, Route, snowflake_in
from carrier.testing.discord.errors import ApiError, invalid, no_permission, unknown
from carrier.testing.discord.things import GUILD_MEMBERS, Channel, Guild, Member, Role, Thread


async def me(call: Call) -> Answer:
    return Answer(
        {**payloads.user(call.bot.user), "verified": True, "mfa_enabled": False, "locale": "en-US", "email": None}
    )


async def application(call: Call) -> Answer:
    return Answer(payloads.application(call.bot))


async def gateway(call: Call) -> Answer:
    return Answer({"url": call.core.gateway_url})


async def gateway_bot(call: Call) -> Answer:
    return Answer(
        {
            "url": call.core.gateway_url,
            "shards": _recommended(call),
            "session_start_limit": call.core.starts.limit(call.bot),
        }
    )


def _recommended(call: Call) -> int:
    """How many shards its guilds need."""
    mine = sum(call.bot.id in guild.members for guild in call.world.guilds.values())
    return max(1, -(-mine // call.core.starts.guilds_a_shard))


async def user(call: Call) -> Answer:
    return Answer(payloads.user(call.user))


async def my_guilds(call: Call) -> Answer:
    mine = [it for it in call.world.guilds.values() if call.bot.id in it.members]
    after = int(call.query.get("after", "0"))
    return Answer([_partial(it, call) for it in mine if it.id > after][: int(call.query.get("limit", "200"))])


def _partial(guild: Guild, call: Call) -> dict[str, Any]:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "owner": guild.owner is call.bot.user,
        "permissions": str(permissions.of(guild, call.bot.id)),
        "features": [],
    }


async def open_dm(call: Call) -> Answer:
    id = snowflake_in(str(call.form.get("recipient_id") or ""), "recipient_id")
    user = call.world.users.get(id)
    if user is None:
        raise unknown("User")
    if user is call.bot.user:
        raise ApiError(400, 50033, "Invalid Recipient(s)")
    return Answer(payloads.channel(call.world.dm(user, call.bot), call.reader))


async def guild(call: Call) -> Answer:
    return Answer(payloads.guild(call.guild))


async def channels(call: Call) -> Answer:
    there = [it for it in call.guild.channels.values() if not it.thread and permissions.sees(call.bot.id, it)]
    return Answer([payloads.channel(it, call.reader) for it in there])


async def roles(call: Call) -> Answer:
    return Answer([payloads.role(it) for it in call.guild.roles.values()])


async def members(call: Call) -> Answer:
    """All of them only for a bot whose portal allows the intent."""
    after, limit = int(call.query.get("after", "0")), int(call.query.get("limit", "1"))
    if not call.bot.intents & GUILD_MEMBERS:
        raise ApiError(403, 50001, "Missing Access")
    there = sorted(call.guild.members.values(), key=lambda it: it.user.id)
    return Answer([payloads.full_member(it) for it in there if it.user.id > after][:limit])


def _member(call: Call) -> Member:
    member = call.guild.members.get(call.id("user"))
    if member is None:
        raise unknown("Member")
    return member


async def member(call: Call) -> Answer:
    return Answer(payloads.full_member(_member(call)))


async def rename_me(call: Call) -> Answer:
    guild = call.guild
    call.need(permissions.CHANGE_NICKNAME, guild)
    own = guild.members[call.bot.id]
    nick = call.form.get("nick") or None
    if nick and len(nick) > 32:
        raise invalid("nick", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
    return Answer(payloads.full_member(call.world.join(guild, own.user, nick, own.roles)))


async def give(call: Call) -> Answer:
    member = _member(call)
    call.world.give(member.guild, member.user, _role_below(call))
    return Answer()


async def take(call: Call) -> Answer:
    member = _member(call)
    call.world.take(member.guild, member.user, _role_below(call))
    return Answer()


def _role_below(call: Call) -> Role:
    """The role in the path, if the bot stands above it."""
    guild = call.guild
    role = guild.roles.get(call.id("role"))
    if role is None:
        raise unknown("Role")
    call.need(permissions.MANAGE_ROLES, guild)
    own = max((it.position for it in guild.members[call.bot.id].roles), default=0)
    if role.position >= own or role.managed_by or role is guild.everyone:
        raise no_permission()
    return role


async def channel(call: Call) -> Answer:
    return Answer(payloads.channel(call.channel, call.reader))


async def change(call: Call) -> Answer:
    channel, form = call.channel, call.form
    if channel.thread:
        _change_thread(call, channel, form)
    else:
        call.need(permissions.MANAGE_CHANNELS, channel)
        channel.topic = form.get("topic", channel.topic)
    channel.name = form.get("name") or channel.name
    channel.slowmode = int(form.get("rate_limit_per_user") or channel.slowmode)
    call.world.tell_channel("THREAD_UPDATE" if channel.thread else "CHANNEL_UPDATE", channel)
    return Answer(payloads.channel(channel, call.reader))


def _change_thread(call: Call, channel: Channel, form: dict[str, Any]) -> None:
    thread = channel.thread
    assert thread is not None
    if not call.may(permissions.MANAGE_THREADS, channel) and not _may_change(thread, call.bot.id, form):
        raise no_permission()
    if thread.archived and form.get("archived", True):
        raise ApiError(400, 50083, "Thread is archived")
    thread.archived = bool(form.get("archived", thread.archived))
    thread.locked = bool(form.get("locked", thread.locked))
    thread.archived_at = call.world.clock.now()
    thread.auto_archive_minutes = int(form.get("auto_archive_duration") or thread.auto_archive_minutes)


def _may_change(thread: Thread, bot: int, form: dict[str, Any]) -> bool:
    """Without being a moderator: who is in it may open it, who made it may change it, and nobody may lock it."""
    if thread.locked or form.keys() & {"locked", "rate_limit_per_user"}:
        return False
    return bot == thread.owner_id or (bot in thread.members and form == {"archived": False})


async def delete(call: Call) -> Answer:
    channel = call.channel
    if channel.guild is None:
        return Answer(payloads.channel(channel, call.reader))
    call.need(permissions.MANAGE_THREADS if channel.thread else permissions.MANAGE_CHANNELS, channel)
    gone = payloads.channel(channel, call.reader)
    call.world.delete_channel(channel)
    return Answer(gone)


async def add_channel(call: Call) -> Answer:
    guild, form = call.guild, call.form
    call.need(permissions.MANAGE_CHANNELS, guild)
    parent = call.world.channels.get(int(form.get("parent_id") or 0))
    kind = int(form.get("type") or 0)
    made = call.world.channel(guild, kind, str(form.get("name") or ""), parent, topic=form.get("topic"))
    return Answer(payloads.channel(made, call.reader), 201)


ROUTES = (
    Route("GET", "/users/@me", me),
    Route("GET", "/users/@me/guilds", my_guilds),
    Route("POST", "/users/@me/channels", open_dm),
    Route("GET", "/users/{user}", user),
    Route("GET", "/oauth2/applications/@me", application),
    Route("GET", "/applications/@me", application),
    Route("GET", "/gateway", gateway, open=True),
    Route("GET", "/gateway/bot", gateway_bot),
    Route("GET", "/guilds/{guild}", guild),
    Route("GET", "/guilds/{guild}/channels", channels),
    Route("POST", "/guilds/{guild}/channels", add_channel),
    Route("GET", "/guilds/{guild}/roles", roles),
    Route("GET", "/guilds/{guild}/members", members),
    Route("PATCH", "/guilds/{guild}/members/@me", rename_me),
    Route("GET", "/guilds/{guild}/members/{user}", member),
    Route("PUT", "/guilds/{guild}/members/{user}/roles/{role}", give),
    Route("DELETE", "/guilds/{guild}/members/{user}/roles/{role}", take),
    Route("GET", "/channels/{channel}", channel),
    Route("PATCH", "/channels/{channel}", change),
    Route("DELETE", "/channels/{channel}", delete),
)
