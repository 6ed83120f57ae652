"""A message as a form brings it: checked as Discord checks, in its order and its words."""

from collections.abc import Mapping
from typing import Any

from carrier.testing.discord import permissions, posting
from carrier.testing.discord.calls import Call, snowflake_in
from carrier.testing.discord.errors import ApiError, empty_message, invalid, too_long
from carrier.testing.discord.posting import Draft
from carrier.testing.discord.things import CATEGORY, DM, FORUM, Channel, File, Message

CONTENT, NONCE, EMBEDS, FILES = 2000, 25, 10, 10
MOST_BYTES = 10 * 1024 * 1024
"""Of one file."""
SUPPRESS_EMBEDS, EPHEMERAL = 1 << 2, 1 << 6
FLAGS = SUPPRESS_EMBEDS | EPHEMERAL | 1 << 12 | 1 << 15
"""What a bot may set: also that nobody is notified, and that the components are all there is."""


def draft(call: Call, form: Mapping[str, Any], channel: Channel) -> Draft:
    """What a form wants said in a channel; raises ApiError for what Discord would not take."""
    check_text(form)
    files = files_of(call, form)
    replied, reference = _reference(form, channel)
    made = Draft(
        content=form.get("content") or "",
        files=files,
        embeds=tuple(form.get("embeds") or ()),
        components=tuple(with_ids(form.get("components") or ())),
        stickers=tuple({"id": str(id), "name": "sticker", "format_type": 1} for id in form.get("sticker_ids") or ()),
        poll=form.get("poll"),
        allowed=allowed_mentions(form),
        reply_to=replied,
        reference=reference,
        nonce=form.get("nonce"),
        tts=bool(form.get("tts")),
        flags=int(form.get("flags") or 0) & FLAGS,
    )
    check_said(made)
    return made


def check_text(form: Mapping[str, Any]) -> None:
    content = form.get("content")
    if content is not None and not isinstance(content, str):
        raise invalid("content", "BASE_TYPE_STRING", "Must be a string.")
    if content and len(content) > CONTENT:
        raise too_long("content", CONTENT)
    if len(str(form.get("nonce") or "")) > NONCE:
        raise too_long("nonce", NONCE)
    if len(form.get("embeds") or ()) > EMBEDS:
        raise too_long("embeds", EMBEDS)
    for place, embed in enumerate(form.get("embeds") or ()):
        if len(embed.get("description") or "") > 4096:
            raise too_long(f"embeds.{place}.description", 4096)


def check_said(made: Draft) -> None:
    if not (made.content.strip() or made.files or made.embeds or made.components or made.stickers or made.poll):
        raise empty_message()


def files_of(call: Call, form: Mapping[str, Any]) -> tuple[File, ...]:
    """The files that came along, named and described by `attachments`."""
    if len(call.files) > FILES:
        raise too_long("attachments", FILES)
    if any(len(file.content) > MOST_BYTES for file in call.files.values()):
        raise ApiError(413, 40005, "Request entity too large")
    told = {str(it.get("id")): it for it in form.get("attachments") or ()}
    return tuple(_described(file, told.get(field[6:-1], {})) for field, file in sorted(call.files.items()))


def _described(file: File, told: Mapping[str, Any]) -> File:
    name = str(told.get("filename") or file.name)
    return File(name, file.content, file.type, description=told.get("description"))


def _reference(form: Mapping[str, Any], channel: Channel) -> tuple[Message | None, dict[str, str] | None]:
    """What is replied to; a message that is gone only passes if the form says that it may be."""
    told = form.get("message_reference")
    if not told:
        return None, None
    id = snowflake_in(str(told.get("message_id") or ""), "message_reference.message_id")
    if message := channel.messages.get(id):
        return message, posting.reference_to(message)
    if told.get("fail_if_not_exists", True):
        raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
    return None, None


def allowed_mentions(form: Mapping[str, Any]) -> Mapping[str, Any] | None:
    allowed = form.get("allowed_mentions")
    if allowed is None:
        return None
    parse = allowed.get("parse") or ()
    for kind in parse:
        if kind not in ("users", "roles", "everyone"):
            raise invalid(
                "allowed_mentions.parse", "BASE_TYPE_CHOICES", "Value must be one of {'users', 'roles', 'everyone'}."
            )
        if allowed.get(kind):
            raise invalid(
                "allowed_mentions",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )
    for kind in ("users", "roles"):
        if len(allowed.get(kind) or ()) > 100:
            raise too_long(f"allowed_mentions.{kind}", 100)
    return dict(allowed)


def with_ids(components: Any, start: int = 1) -> list[dict[str, Any]]:
    """Discord numbers the components of a message."""
    numbered: list[dict[str, Any]] = []
    for component in components:
        one = {"id": start, **component}
        start += 1
        if "components" in component:
            one["components"] = with_ids(component["components"], start)
            start += len(component["components"])
        numbered.append(one)
    return numbered


def check_place(call: Call, channel: Channel, files: bool) -> None:
    """Whether the bot may speak there at all."""
    if channel.kind in (FORUM, CATEGORY):
        raise ApiError(400, 50008, "Cannot send messages in a non-text channel")
    if channel.kind == DM:
        _check_dm(call, channel)
        return
    call.need(permissions.SEND_MESSAGES_IN_THREADS if channel.thread else permissions.SEND_MESSAGES, channel)
    if files:
        call.need(permissions.ATTACH_FILES, channel)
    if channel.thread and channel.thread.locked and not call.may(permissions.MANAGE_THREADS, channel):
        raise ApiError(403, 160005, "Thread is locked")


def _check_dm(call: Call, channel: Channel) -> None:
    [other] = [it for it in channel.recipients if it.id != call.bot.id]
    shared = any({other.id, call.bot.id} <= guild.members.keys() for guild in call.world.guilds.values())
    if other.bot or other.dms_closed or not shared:
        raise ApiError(403, 50007, "Cannot send messages to this user")
