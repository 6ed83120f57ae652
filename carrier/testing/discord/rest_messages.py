"""REST: messages, their history, typing, reactions and pins."""

from collections.abc import Mapping
from typing import Any

from carrier.testing.discord import drafts, payloads, permissions, posting, reactions
from carrier.testing.discord.calls import Answer, Call, Route, snowflake_in
from carrier.testing.discord.clock import timestamp
from carrier.testing.discord.errors import ApiError, empty_message, invalid
from carrier.testing.discord.things import (
    DIRECT_MESSAGE_TYPING,
    DM,
    GUILD_MESSAGE_TYPING,
    Channel,
    Message,
)
from carrier.testing.discord.world import World


async def create(call: Call) -> Answer:
    channel = call.channel
    drafts.check_place(call, channel, bool(call.files))
    draft = drafts.draft(call, call.form, channel)
    if call.form.get("enforce_nonce") and draft.nonce is not None:
        known = call.core.nonces.find(call.bot.id, draft.nonce)
        if known is not None:
            return Answer(shown(call, known))
    message = posting.post(call.world, channel, call.bot.user, draft)
    call.core.nonces.keep(message)
    return Answer({**shown(call, message), **({"nonce": draft.nonce} if draft.nonce is not None else {})})


def shown(call: Call, message: Message) -> dict[str, Any]:
    return payloads.message(message, call.reader)


async def get(call: Call) -> Answer:
    call.need(permissions.READ_MESSAGE_HISTORY, call.channel)
    return Answer(shown(call, call.message))


async def history(call: Call) -> Answer:
    """Always the newest first, also of what comes after a message."""
    channel = call.channel
    if not call.may(permissions.READ_MESSAGE_HISTORY, channel):
        return Answer([])
    return Answer([shown(call, it) for it in reversed(window(channel, call))])


def window(channel: Channel, call: Call) -> list[Message]:
    """The part of a channel's messages that the query asks for, the oldest first."""
    limit = snowflake_in(call.query.get("limit", "50"), "limit")
    if not 1 <= limit <= 100:
        raise invalid("limit", "NUMBER_TYPE_MAX" if limit else "NUMBER_TYPE_MIN", "int value should be from 1 to 100.")
    messages = [channel.messages[id] for id in sorted(channel.messages)]
    match [
        (word, snowflake_in(call.query[word], word)) for word in ("around", "before", "after") if word in call.query
    ]:
        case [("before", id), *_]:
            return [it for it in messages if it.id < id][-limit:]
        case [("after", id), *_]:
            return [it for it in messages if it.id > id][:limit]
        case [("around", id), *_]:
            older = [it for it in messages if it.id < id][-(limit // 2) :]
            return [*older, *[it for it in messages if it.id >= id][: limit - len(older)]]
    return messages[-limit:]


async def edit(call: Call) -> Answer:
    message, form = call.message, call.form
    own = message.author is call.bot.user
    if not own and set(form) - {"flags"}:
        raise ApiError(403, 50005, "Cannot edit a message authored by another user")
    if not own:
        call.need(permissions.MANAGE_MESSAGES, message.channel)
    _check_open(message.channel)
    return Answer(shown(call, apply(call, message, form)))


def _check_open(channel: Channel) -> None:
    if channel.thread and channel.thread.archived:
        raise ApiError(400, 50083, "Thread is archived")


def apply(call: Call, message: Message, form: Mapping[str, Any]) -> Message:
    """Change a message as the form says."""
    drafts.check_text(form)
    changes: dict[str, Any] = {}
    if "content" in form:
        changes["content"] = form["content"] or ""
    if "embeds" in form:
        changes["embeds"] = list(form["embeds"] or ())
    if "components" in form:
        changes["components"] = drafts.with_ids(form["components"] or ())
    if "flags" in form:
        changes["flags"] = message.flags & ~drafts.SUPPRESS_EMBEDS | int(form["flags"] or 0) & drafts.SUPPRESS_EMBEDS
    if "attachments" in form:
        kept = {str(it["id"]) for it in form["attachments"] or ()}
        changes["attachments"] = [it for it in message.attachments if str(it.id) in kept]
    _check_left(message, changes, bool(call.files))
    # What comes new stands beside what is kept.
    message.attachments = changes.pop("attachments", message.attachments)
    posting.attach(call.world, message, drafts.files_of(call, form))
    return posting.edit(call.world, message, changes)


def _check_left(message: Message, changes: dict[str, Any], files: bool) -> None:
    """An edit leaves something to be seen."""
    left = [changes.get(it, getattr(message, it)) for it in ("content", "embeds", "components", "attachments")]
    if not (files or any(left) or message.stickers or message.poll):
        raise empty_message()


async def delete(call: Call) -> Answer:
    message = call.message
    if message.author is not call.bot.user:
        call.need(permissions.MANAGE_MESSAGES, message.channel)
    posting.delete(call.world, message)
    return Answer()


async def delete_many(call: Call) -> Answer:
    channel = call.channel
    call.need(permissions.MANAGE_MESSAGES, channel)
    ids = [int(it) for it in call.form.get("messages") or ()]
    if not 2 <= len(ids) <= 100:
        raise ApiError(
            400,
            50016,
            "Provided too few or too many messages to delete.",
        )
    posting.delete_many(call.world, channel, ids)
    return Answer()


async def typing(call: Call) -> Answer:
    channel = call.channel
    drafts.check_place(call, channel, False)
    type_in(call.world, channel, call.bot.id)
    call.core.typed.append((call.world.clock.now(), call.bot.id, channel.id))
    return Answer()


def type_in(world: World, channel: Channel, user_id: int) -> None:
    guild = channel.guild
    data: dict[str, Any] = {
        "channel_id": str(channel.id),
        "user_id": str(user_id),
        "timestamp": int(world.clock.now()),
    }
    if guild and user_id in guild.members:
        data |= {"guild_id": str(guild.id), "member": payloads.full_member(guild.members[user_id])}
    intents = DIRECT_MESSAGE_TYPING if channel.kind == DM else GUILD_MESSAGE_TYPING
    world.tell("TYPING_START", lambda reader: data, guild=guild, channel=channel, intents=intents)


async def react(call: Call) -> Answer:
    message, emoji = call.message, reactions.emoji(call.named["emoji"])
    _check_open(message.channel)
    if emoji not in message.reactions:
        call.need(permissions.ADD_REACTIONS | permissions.READ_MESSAGE_HISTORY, message.channel)
    reactions.add(call.world, message, call.bot.user, emoji)
    return Answer()


async def unreact(call: Call) -> Answer:
    reactions.remove(call.world, call.message, call.bot.user, reactions.emoji(call.named["emoji"]))
    return Answer()


async def unreact_other(call: Call) -> Answer:
    call.need(permissions.MANAGE_MESSAGES, call.channel)
    reactions.remove(call.world, call.message, call.user, reactions.emoji(call.named["emoji"]))
    return Answer()


async def reactors(call: Call) -> Answer:
    ids = call.message.reactions.get(reactions.emoji(call.named["emoji"]), [])
    limit = int(call.query.get("limit", "25"))
    after = int(call.query.get("after", "0"))
    return Answer([payloads.user(call.world.users[id]) for id in sorted(ids) if id > after][:limit])


async def pin(call: Call) -> Answer:
    message = call.message
    call.need(permissions.PIN_MESSAGES, message.channel)
    reactions.pin(call.world, message, call.bot.user)
    return Answer()


async def unpin(call: Call) -> Answer:
    call.need(permissions.PIN_MESSAGES, call.channel)
    reactions.unpin(call.world, call.message)
    return Answer()


async def pins(call: Call) -> Answer:
    """With the moment of each, and whether there are more."""
    found = reactions.pinned(call.channel)
    items = [{"pinned_at": timestamp(it.pinned_at or 0), "message": shown(call, it)} for it in found]
    return Answer({"items": items, "has_more": False})


async def pins_of_old(call: Call) -> Answer:
    return Answer([shown(call, it) for it in reactions.pinned(call.channel)])


MESSAGES = "/channels/{channel}/messages"
ONE = f"{MESSAGES}/{{message}}"
REACTION = f"{ONE}/reactions/{{emoji}}"

ROUTES = (
    Route("POST", MESSAGES, create),
    Route("GET", MESSAGES, history),
    Route("GET", f"{MESSAGES}/pins", pins),
    Route("PUT", f"{MESSAGES}/pins/{{message}}", pin),
    Route("DELETE", f"{MESSAGES}/pins/{{message}}", unpin),
    Route("POST", f"{MESSAGES}/bulk-delete", delete_many),
    Route("GET", ONE, get),
    Route("PATCH", ONE, edit),
    Route("DELETE", ONE, delete),
    Route("PUT", f"{REACTION}/@me", react),
    Route("DELETE", f"{REACTION}/@me", unreact),
    Route("DELETE", f"{REACTION}/{{user}}", unreact_other),
    Route("GET", REACTION, reactors),
    Route("GET", "/channels/{channel}/pins", pins_of_old),
    Route("PUT", "/channels/{channel}/pins/{message}", pin),
    Route("DELETE", "/channels/{channel}/pins/{message}", unpin),
    Route("POST", "/channels/{channel}/typing", typing),
)
