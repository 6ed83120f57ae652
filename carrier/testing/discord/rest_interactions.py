"""REST: the commands that bots register, and what they answer to interactions."""

import re
from collections.abc import Mapping
from typing import Any

from carrier.testing.discord import drafts, interactions, payloads, posting, rest_messages
from carrier.testing.discord.calls import Answer, Call, Route
from carrier.testing.discord.errors import ApiError, invalid, no_access, too_long, unknown
from carrier.testing.discord.interactions import ANSWER_IN, EPHEMERAL, LOADING, ON_COMPONENT, Interaction
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.posting import Draft
from carrier.testing.discord.things import Bot, Message

MESSAGE, DEFER, DEFER_UPDATE, UPDATE = 4, 5, 6, 7
NAME = re.compile(r"[-_'\w]{1,32}")
MOST = 100
"""Commands of a bot, everywhere or in one guild."""


# Answering


async def callback(call: Call) -> Answer:
    """The first answer, within three seconds."""
    one = call.core.interactions.all.get(call.id("interaction"))
    if one is None or one.token != call.named["token"]:
        raise unknown("Interaction")
    if one.answered:
        raise ApiError(400, 40060, "Interaction has already been acknowledged.")
    if call.core.interactions.past(one, ANSWER_IN):
        raise unknown("Interaction")
    kind = _kind(call, one)
    _obey(call, one, kind)
    one.answered = kind
    told = call.query.get("with_response", "false").lower() in ("1", "true")
    return Answer(_response(call, one)) if told else Answer()


def _kind(call: Call, one: Interaction) -> int:
    kind = int(call.form.get("type") or 0)
    known = (MESSAGE, DEFER, DEFER_UPDATE, UPDATE) if one.kind == ON_COMPONENT else (MESSAGE, DEFER)
    if kind not in known:
        raise invalid("type", "BASE_TYPE_CHOICES", f"Value must be one of {set(known)}.")
    return kind


def _obey(call: Call, one: Interaction, kind: int) -> None:
    form = call.form.get("data") or {}
    if kind == MESSAGE:
        draft = drafts.draft(call, form, one.channel)
        one.original = interactions.answer(call.world, one, draft, first=True)
    elif kind == DEFER:
        flags = LOADING | int(form.get("flags") or 0) & EPHEMERAL
        one.original = interactions.answer(call.world, one, Draft(flags=flags), first=True)
    else:
        one.original = one.message
        if kind == UPDATE and one.message:
            rest_messages.apply(call, one.message, form)


def _response(call: Call, one: Interaction) -> dict[str, Any]:
    told: dict[str, Any] = {"id": str(one.id), "type": one.kind}
    resource: dict[str, Any] = {"type": one.answered}
    if one.original:
        told["response_message_id"] = str(one.original.id)
        told["response_message_loading"] = bool(one.original.flags & LOADING)
        told["response_message_ephemeral"] = one.original.only_for is not None
    if one.original and one.answered in (MESSAGE, UPDATE):
        resource["message"] = _shown(call, one, one.original)
    return {"interaction": told, "resource": resource}


def _shown(call: Call, one: Interaction, message: Message) -> dict[str, Any]:
    """Who has the token sees all of its messages."""
    return payloads.message(message, Reader(one.bot.id, -1, call.world.cdn))


async def follow(call: Call, one: Interaction) -> Answer:
    """A further message; while the first is still announced only, it is that one."""
    _need_answer(one)
    draft = drafts.draft(call, call.form, one.channel)
    if one.original and one.original.flags & LOADING:
        return Answer(_shown(call, one, _fill(call, one.original, call.form)))
    message = interactions.answer(call.world, one, draft, first=False)
    one.followups.append(message)
    return Answer(_shown(call, one, message))


def _need_answer(one: Interaction) -> None:
    if not one.answered:
        raise unknown("Webhook")


def _fill(call: Call, message: Message, form: Mapping[str, Any]) -> Message:
    """What was announced is said."""
    message.flags &= ~LOADING
    return rest_messages.apply(call, message, form)


def find(call: Call, one: Interaction) -> Message:
    """The message in the path, one of the interaction's own."""
    _need_answer(one)
    known = {str(it.id): it for it in (one.original, *one.followups) if it}
    message = one.original if call.named["message"] == "@original" else known.get(call.named["message"])
    if message is None:
        raise unknown("Message")
    return message


async def get(call: Call, one: Interaction) -> Answer:
    return Answer(_shown(call, one, find(call, one)))


async def edit(call: Call, one: Interaction) -> Answer:
    return Answer(_shown(call, one, _fill(call, find(call, one), call.form)))


async def delete(call: Call, one: Interaction) -> Answer:
    message = find(call, one)
    if message is one.original:
        one.original = None
    else:
        one.followups.remove(message)
    if message.only_for is None:
        posting.delete(call.world, message)
    return Answer()


# Commands


def _owner(call: Call) -> tuple[Bot, int | None]:
    """Whose commands, and in which guild (None: everywhere)."""
    if call.id("application") != call.bot.id:
        raise ApiError(403, 20012, "You are not authorized to perform this action on this application")
    if "guild" not in call.named:
        return call.bot, None
    if call.id("guild") not in call.world.guilds or call.bot.id not in call.world.guilds[call.id("guild")].members:
        raise no_access()
    return call.bot, call.id("guild")


async def commands(call: Call) -> Answer:
    bot, guild = _owner(call)
    return Answer(bot.commands.get(guild, []))


async def replace(call: Call) -> Answer:
    """All of them at once; one of a name that was there keeps its id."""
    bot, guild = _owner(call)
    told = call.body if isinstance(call.body, list) else []
    if len(told) > MOST:
        raise ApiError(400, 30032, f"Maximum number of application commands reached ({MOST}).")
    for place, command in enumerate(told):
        _check(command, f"{place}.")
    bot.commands[guild] = [_made(call, bot, guild, command) for command in told]
    return Answer(bot.commands[guild])


async def add(call: Call) -> Answer:
    bot, guild = _owner(call)
    _check(call.form, "")
    made = _made(call, bot, guild, call.form)
    others = [it for it in bot.commands.get(guild, []) if it["id"] != made["id"]]
    bot.commands[guild] = [*others, made]
    return Answer(made, 201 if len(others) == len(bot.commands[guild]) - 1 else 200)


def _check(command: Mapping[str, Any], at: str) -> None:
    name = str(command.get("name") or "")
    chat = int(command.get("type") or 1) == 1
    if chat and (not NAME.fullmatch(name) or name != name.lower()):
        raise invalid(f"{at}name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if chat and not 1 <= len(str(command.get("description") or "")) <= 100:
        raise invalid(f"{at}description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if len(command.get("options") or ()) > 25:
        raise too_long(f"{at}options", 25)


def _made(call: Call, bot: Bot, guild: int | None, command: Mapping[str, Any]) -> dict[str, Any]:
    """As Discord gives it back: with an id, and a version that tells of changes."""
    kind = int(command.get("type") or 1)
    named = [it for it in bot.commands.get(guild, []) if (it["name"], it["type"]) == (command["name"], kind)]
    head = {"id": named[0]["id"] if named else str(call.world.new_id()), "application_id": str(bot.id)}
    plain = {"default_member_permissions": None, "nsfw": False, "contexts": None, "integration_types": [0]}
    told = {**plain, **command, **head, "type": kind, "version": str(call.world.new_id())}
    return told if guild is None else {**told, "guild_id": str(guild)}


def _one(call: Call) -> dict[str, Any]:
    bot, guild = _owner(call)
    found = [it for it in bot.commands.get(guild, []) if it["id"] == call.named["command"]]
    if not found:
        raise unknown("Application Command")
    return found[0]


async def command(call: Call) -> Answer:
    return Answer(_one(call))


async def change(call: Call) -> Answer:
    command = _one(call)
    changed = {**command, **call.form, "id": command["id"]}
    _check(changed, "")
    command.update(changed, version=str(call.world.new_id()))
    return Answer(command)


async def drop(call: Call) -> Answer:
    command, (bot, guild) = _one(call), _owner(call)
    bot.commands[guild].remove(command)
    return Answer()


EVERYWHERE = "/applications/{application}/commands"
IN_GUILD = "/applications/{application}/guilds/{guild}/commands"

ROUTES = (
    Route("POST", "/interactions/{interaction}/{token}/callback", callback, open=True),
    *(
        route
        for all_ in (EVERYWHERE, IN_GUILD)
        for route in (
            Route("GET", all_, commands),
            Route("PUT", all_, replace),
            Route("POST", all_, add),
            Route("GET", f"{all_}/{{command}}", command),
            Route("PATCH", f"{all_}/{{command}}", change),
            Route("DELETE", f"{all_}/{{command}}", drop),
        )
    ),
)
