"""Commands that people give, and buttons that they press: what each asks, and what is answered to it."""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
from discord.http import Route

from carrier.clients.discord.offering import arguments, command
from carrier.clients.discord.reading import within
from carrier.clients.discord.reasons import why_not_sent
from carrier.clients.discord.splitting import LIMIT
from carrier.config.models.discord import DiscordSettings, command_name
from carrier.errors import Refused
from carrier.interfaces import Deliver
from carrier.quoting import clean_name, shortened
from carrier.types.talk import Message

if TYPE_CHECKING:
    from carrier.clients.discord.connection import Bot

log = logging.getLogger(__name__)

# What an answer to an interaction is: a message, or a promise of one; or a change of the message with the button.
MESSAGE, LATER, UPDATE = 4, 5, 7
ONLY_FOR_THEM = 64
"""The flag of an answer that nobody else sees."""
TEXT_OPTION = 3
MANAGE_CHANNELS = str(1 << 4)
QUOTED = 1500
"""What is shown of a question."""
LIMITS = ("min_value", "max_value", "min_length", "max_length")
FAILED = "That could not be done; the operator's log says why."

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0

BUTTON = re.compile(r"carrier:(approve|refuse):([0-9]{1,12})")

COMMANDS: dict[str, dict[str, Any]] = {
    "ask": {
        "description": "Ask the agent something",
        "options": [{"type": TEXT_OPTION, "name": "text", "description": "What you want to know", "required": True}],
    },
    "status": {"description": "Who answers here, and how it stands"},
    "forget-me": {"description": "Have all forgotten that you ever said to the agents here"},
    "pause": {
        "description": "Have nobody answer here for a while",
        "default_member_permissions": MANAGE_CHANNELS,
        "options": [{"type": TEXT_OPTION, "name": "for", "description": "As in 30m or 2h; one hour if you do not say"}],
    },
}


def buttons(number: str) -> list[dict[str, Any]]:
    """Under a message that asks whether #number may be done. They hold all that is needed, and outlive a restart."""
    row = [
        {"type": 2, "style": 3, "label": "Approve", "custom_id": f"carrier:approve:{number}"},
        {"type": 2, "style": 4, "label": "Refuse", "custom_id": f"carrier:refuse:{number}"},
    ]
    return [{"type": 1, "components": row}]


class Interactions:
    """Answers each within the three seconds that Discord gives it."""

    def __init__(self, client: str, bot: "Bot", settings: DiscordSettings, deliver: Deliver):
        self._client, self._bot, self._settings, self._deliver = client, bot, settings, deliver
        self._registering = asyncio.Lock()

    # --- which commands there are

    async def register(self) -> None:
        """Have Discord offer what the configuration says, if it does not yet, and again where it has trouble.

        Without a word on it, nothing is done.
        """
        pause = FIRST_PAUSE
        while self._settings.commands is not None:
            try:
                async with self._registering:
                    return await self._register([*self._own(), *await self._actions()])
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                reason = why_not_sent(error)
                if isinstance(reason, Refused):
                    raise reason from error
            log.warning("%s: commands cannot be offered yet, again in %.0f s: %s", self._client, pause, reason)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _own(self) -> Iterator[dict[str, Any]]:
        """What the host does."""
        for name in self._settings.commands or ():
            if name in COMMANDS:
                yield {"name": name, "type": 1, **COMMANDS[name]}

    async def _actions(self) -> list[dict[str, Any]]:
        """What agents do."""
        tools = {tool.name: tool for tool in await self._deliver.tools(list(self._settings.offered.values()))}
        commands = {name: command(tools[name]) if name in tools else None for name in self._settings.offered.values()}
        for name in (name for name, made in commands.items() if made is None):
            why = "it needs what nobody can fill in on Discord" if name in tools else "nobody here has it"
            log.warning("%s: there is no command for the action %s: %s", self._client, name, why)
        return [made for made in commands.values() if made]

    async def _register(self, wanted: list[dict[str, Any]]) -> None:
        application = self._bot.application_id
        assert application
        offered: Sequence[Any] = await self._bot.http.get_global_commands(application)
        if _meaning(offered) != _meaning(wanted):
            await self._bot.http.bulk_upsert_global_commands(application, payload=wanted)
            names = ", ".join(each["name"] for each in wanted)
            log.info("%s: Discord offers the commands %s", self._client, names or "no more")

    # --- what people do

    async def asked(self, interaction: discord.Interaction[Any]) -> None:
        data: Any = interaction.data or {}
        pressed = BUTTON.fullmatch(str(data.get("custom_id", "")))
        if interaction.type is discord.InteractionType.component and pressed:
            await self._decide(interaction, pressed[1], pressed[2])
        elif interaction.type is discord.InteractionType.application_command:
            options = {option["name"]: option.get("value", "") for option in data.get("options", ())}
            await self._given(interaction, str(data.get("name")), options)

    async def _given(self, interaction: discord.Interaction[Any], name: str, options: Mapping[str, Any]) -> None:
        if name in COMMANDS:
            await self._command(interaction, name, str(options.get("text") or options.get("for", "")))
        elif action := self._settings.offered.get(name):
            await self._call(interaction, action, options)

    async def _decide(self, interaction: discord.Interaction[Any], meant: str, number: str) -> None:
        told = await self._deliver.command(meant, self._message(interaction, number))
        if not told.done:
            return await self._answer(interaction, MESSAGE, told.text, ONLY_FOR_THEM)
        asked, came = interaction.message.content if interaction.message else "", f"\n**{told.text}**"
        await self._answer(interaction, UPDATE, shortened(asked, LIMIT - len(came)) + came, components=[])

    async def _command(self, interaction: discord.Interaction[Any], name: str, text: str) -> None:
        if name == "ask":
            # On disk before anybody is told that it was asked.
            await self._deliver(self._message(interaction, text))
            return await self._answer(interaction, MESSAGE, _quoted(text))
        await self._answer(interaction, LATER, flags=ONLY_FOR_THEM)
        try:
            told = (await self._deliver.command(name, self._message(interaction, text))).text
        except Exception:
            log.exception("%s: /%s failed", self._client, name)
            told = FAILED
        await self._complete(interaction, told)

    async def _call(self, interaction: discord.Interaction[Any], action: str, options: Mapping[str, Any]) -> None:
        tools = await self._deliver.tools([action])
        filled = arguments(tools[0], options) if tools else options
        told = await self._deliver.call(action, filled, self._message(interaction, ""))
        if not told.done:
            return await self._answer(interaction, MESSAGE, told.text, ONLY_FOR_THEM)
        shown = " ".join([f"/{command_name(action)}", *(f"{name}: {value}" for name, value in options.items())])
        await self._answer(interaction, MESSAGE, _quoted(shown))

    def _message(self, interaction: discord.Interaction[Any], text: str) -> Message:
        """What somebody asks, as if they had said it to the bot."""
        user, channel = interaction.user, interaction.channel
        direct = interaction.guild_id is None
        return Message(
            client=self._client,
            platform_id=str(interaction.id),
            room=f"{self._client}/@{user.id}" if direct else f"{self._client}/{interaction.channel_id}",
            sender=f"discord:{user.id}",
            sender_name=clean_name(user.display_name) or str(user.id),
            text=text,
            direct=direct,
            bot=user.bot,
            roles=tuple(str(role.id) for role in getattr(user, "roles", ()) if not role.is_default()),
            within=tuple(within(channel, interaction.guild_id)),
            created_at=int(interaction.created_at.timestamp() * 1_000_000),
        )

    # --- what they are told

    async def _answer(
        self, interaction: discord.Interaction[Any], kind: int, text: str = "", flags: int = 0, **more: Any
    ) -> None:
        route = Route(
            "POST", "/interactions/{interaction}/{token}/callback", interaction=interaction.id, token=interaction.token
        )
        data = {"allowed_mentions": {"parse": []}, **({"content": text} if text else {}), "flags": flags, **more}
        await self._bot.http.request(route, json={"type": kind, "data": data})

    async def _complete(self, interaction: discord.Interaction[Any], text: str) -> None:
        route = Route(
            "PATCH",
            "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
            webhook_id=interaction.application_id,
            webhook_token=interaction.token,
        )
        await self._bot.http.request(route, json={"content": text, "allowed_mentions": {"parse": []}})


def _quoted(text: str) -> str:
    """What somebody has asked, as everybody sees it."""
    return shortened("> " + text.replace("\n", "\n> "), QUOTED)


def _meaning(commands: Sequence[dict[str, Any]]) -> dict[str, object]:
    """What matters of commands, in whatever form Discord gives them back."""
    return {
        command["name"]: (
            command["description"],
            command.get("default_member_permissions"),
            [
                (it["type"], it["name"], it["description"], bool(it.get("required")), _values(it), *map(it.get, LIMITS))
                for it in command.get("options") or ()
            ],
        )
        for command in commands
        if command.get("type", 1) == 1
    }


def _values(option: Mapping[str, Any]) -> list[object]:
    """What may be chosen."""
    return [choice["value"] for choice in option.get("choices") or ()]
