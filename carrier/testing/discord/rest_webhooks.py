"""REST: webhooks, and by the same addresses what follows an interaction's first answer."""

import secrets
from typing import Any

from carrier.testing.discord import drafts, payloads, permissions, posting, rest_interactions, rest_messages, threads
from carrier.testing.discord.calls import Answer, Call, Route, snowflake_in
from carrier.testing.discord.errors import ApiError, invalid, unknown
from carrier.testing.discord.interactions import Interaction
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.posting import Draft
from carrier.testing.discord.things import FORUM, GUILD_WEBHOOKS, Channel, Message, Persona, Webhook

MOST = 15
"""Webhooks of a channel."""
FORBIDDEN = ("clyde", "discord")


async def make(call: Call) -> Answer:
    channel = call.channel
    call.need(permissions.MANAGE_WEBHOOKS, channel)
    if len(of(call, channel)) >= MOST:
        raise ApiError(400, 30007, f"Maximum number of webhooks reached ({MOST})")
    name = _name(call.form.get("name"), "name")
    token = secrets.token_urlsafe(48)
    made = Webhook(call.world.new_id(), token, channel, name, call.bot.user, call.bot.id)
    call.world.webhooks[made.id] = made
    place = {"channel_id": str(channel.id), "guild_id": str(channel.guild.id if channel.guild else 0)}
    call.world.tell(
        "WEBHOOKS_UPDATE", lambda reader: place, guild=channel.guild, channel=channel, intents=GUILD_WEBHOOKS
    )
    return Answer(payloads.webhook(made))


def _name(name: Any, field: str) -> str:
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 80:
        raise invalid(field, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length.")
    for word in FORBIDDEN:
        if word in name.lower():
            raise invalid(field, "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{word}"')
    return name.strip()


def of(call: Call, channel: Channel) -> list[Webhook]:
    return [it for it in call.world.webhooks.values() if it.channel is channel]


async def in_channel(call: Call) -> Answer:
    channel = call.channel
    call.need(permissions.MANAGE_WEBHOOKS, channel)
    return Answer([payloads.webhook(it) for it in of(call, channel)])


async def in_guild(call: Call) -> Answer:
    guild = call.guild
    call.need(permissions.MANAGE_WEBHOOKS, guild)
    return Answer([payloads.webhook(it) for it in call.world.webhooks.values() if it.channel.guild is guild])


def _webhook(call: Call) -> Webhook:
    """The one in the path, by its token or by the bot's permission."""
    webhook = call.world.webhooks.get(call.id("webhook"))
    if webhook is None:
        raise unknown("Webhook")
    if "token" in call.named and call.named["token"] != webhook.token:
        raise ApiError(401, 50027, "Invalid Webhook Token")
    if "token" not in call.named:
        call.need(permissions.MANAGE_WEBHOOKS, webhook.channel)
    return webhook


async def get(call: Call) -> Answer:
    return Answer(payloads.webhook(_webhook(call)))


async def delete(call: Call) -> Answer:
    del call.world.webhooks[_webhook(call).id]
    return Answer()


def _interaction(call: Call) -> Interaction | None:
    """An application's id in the place of a webhook's means an interaction."""
    if call.id("webhook") not in call.world.bots:
        return None
    one = call.core.interactions.with_token(call.id("webhook"), call.named["token"])
    if one is None:
        raise ApiError(401, 50027, "Invalid Webhook Token")
    return one


async def execute(call: Call) -> Answer:
    """204, unless the query says `wait`."""
    if one := _interaction(call):
        return await rest_interactions.follow(call, one)
    webhook, form = _webhook(call), call.form
    author = Persona(webhook.id, _name(form.get("username") or webhook.name, "username"), form.get("avatar_url"))
    more = {"webhook_id": webhook.id, "application_id": webhook.application_id}
    channel, draft = _place(call, webhook), drafts.draft(call, form, webhook.channel)
    if channel.kind == FORUM:
        message = _post(call, channel, author, draft, more)
    else:
        message = posting.post(call.world, channel, author, draft, **more)
    waits = call.query.get("wait", "false").lower() in ("1", "true")
    return Answer(_shown(call, webhook, message)) if waits else Answer()


def _place(call: Call, webhook: Webhook) -> Channel:
    """The webhook's channel, or a thread of it."""
    if "thread_id" not in call.query:
        if webhook.channel.kind == FORUM and not call.form.get("thread_name"):
            raise ApiError(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
        return webhook.channel
    thread = call.world.channels.get(snowflake_in(call.query["thread_id"], "thread_id"))
    if thread is None or thread.parent is not webhook.channel:
        raise unknown("Channel")
    return thread


def _post(call: Call, forum: Channel, author: Persona, draft: Draft, more: dict[str, Any]) -> Message:
    _, message = threads.post(call.world, forum, str(call.form["thread_name"]), author, draft, **more)
    return message


def _shown(call: Call, webhook: Webhook, message: Message) -> dict[str, Any]:
    return payloads.message(message, Reader(webhook.id, -1, call.world.cdn))


def _message(call: Call, webhook: Webhook) -> Message:
    message = _place(call, webhook).messages.get(call.id("message"))
    if message is None or message.webhook_id != webhook.id:
        raise unknown("Message")
    return message


async def get_message(call: Call) -> Answer:
    if one := _interaction(call):
        return await rest_interactions.get(call, one)
    webhook = _webhook(call)
    return Answer(_shown(call, webhook, _message(call, webhook)))


async def edit_message(call: Call) -> Answer:
    if one := _interaction(call):
        return await rest_interactions.edit(call, one)
    webhook = _webhook(call)
    changed = rest_messages.apply(call, _message(call, webhook), call.form)
    return Answer(_shown(call, webhook, changed))


async def delete_message(call: Call) -> Answer:
    if one := _interaction(call):
        return await rest_interactions.delete(call, one)
    posting.delete(call.world, _message(call, _webhook(call)))
    return Answer()


ONE = "/webhooks/{webhook}"
WITH_TOKEN = f"{ONE}/{{token}}"
MESSAGE = f"{WITH_TOKEN}/messages/{{message}}"

ROUTES = (
    Route("POST", "/channels/{channel}/webhooks", make),
    Route("GET", "/channels/{channel}/webhooks", in_channel),
    Route("GET", "/guilds/{guild}/webhooks", in_guild),
    Route("GET", ONE, get),
    Route("DELETE", ONE, delete),
    Route("GET", WITH_TOKEN, get, open=True),
    Route("DELETE", WITH_TOKEN, delete, open=True),
    Route("POST", WITH_TOKEN, execute, open=True),
    Route("GET", MESSAGE, get_message, open=True),
    Route("PATCH", MESSAGE, edit_message, open=True),
    Route("DELETE", MESSAGE, delete_message, open=True),
)
