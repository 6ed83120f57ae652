"""A door to Discord."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, field_validator

from carrier.config.models.client import Client
from carrier.config.models.rates import Rate, TimedRate
from carrier.config.models.values import Block, Duration, Flag, Name, Named, NamePattern, Period, Size, looks, whole

_API = r"https?://\S+"
_GATEWAY = r"wss?://\S+"


def _address(form: str, example: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(form, value):
            raise ValueError(f"this is an address, as in {example}")
        return value.rstrip("/")

    return AfterValidator(check)


ApiAddress = Annotated[str, _address(_API, "https://discord.com/api/v10"), looks(whole(_API))]
GatewayAddress = Annotated[str, _address(_GATEWAY, "wss://gateway.discord.gg"), looks(whole(_GATEWAY))]
PictureAddress = Annotated[str, _address(_API, "https://example.com/tifa.png"), looks(whole(_API))]


COMMANDS = ("ask", "status", "forget-me", "pause")
"""What the host itself does for people; all other commands are actions."""


def command_name(action: str) -> str:
    """What an action is called on Discord, which knows no slash: discord/pin is discord-pin."""
    return action.lower().replace("/", "-")


class Endpoint(Block):
    """Where Discord is, or something that speaks as it does."""

    api: ApiAddress = Field(default="https://discord.com/api/v10", description="The REST API, version 10")
    gateway: GatewayAddress | None = Field(default=None, description="The gateway; unset: as the API says")


class Connection(Block):
    """How the connection is kept."""

    ready: Period = Field(default=60.0, description="What it may take to connect, or to come back")
    silence: Period = Field(default=60.0, description="How long nothing at all may be heard")
    identifies: TimedRate = Field(
        default=Rate(30, "h"),
        description="New sessions at most, of each connection; Discord resets the token of 1000 a day",
    )
    shards: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Connections that share the guilds; unset: as Discord recommends"
    )


class Files(Block):
    """Which files are fetched that come with messages; of others the agent is told the name."""

    size: Size = Field(default=10_000_000, description="The largest that is fetched")
    types: tuple[str, ...] = Field(
        default=("image/png", "image/jpeg", "image/webp", "image/gif", "text/*", "application/json"),
        description="As in image/* or application/pdf",
    )


class Backfill(Block):
    """What is looked for that was said while nobody listened."""

    age: Duration = Field(default=86400.0, description="Nothing older; 0: nothing at all")
    messages: Annotated[int, Field(ge=1, le=1000)] = Field(default=100, description="Of a room at most, the latest")


class Long(Block):
    """What becomes of an answer that takes many messages."""

    over: Annotated[int, Field(ge=1, le=50)] = Field(default=4, description="Messages that are not too many")
    as_: Literal["messages", "file", "thread"] = Field(
        default="messages",
        alias="as",
        description="file: the beginning, and all of it as a file; thread: what follows the first in a thread",
    )


class DiscordSettings(Block):
    """What is a client's own affair on Discord; it connects anew when any of this changes."""

    token: SecretStr = Field(description="The bot's, in the environment: ${DISCORD_API_TOKEN}")
    persona: Literal["bot", "webhook"] = Field(
        default="bot", description="webhook: the answering agent's name and avatar"
    )
    avatars: Annotated[dict[Name, PictureAddress], Named] = Field(
        default={}, description="With `persona: webhook`: the picture of each agent, as an address on the web"
    )
    hear: Literal["all", "addressed"] = Field(
        default="all",
        description="all: needs the Message Content Intent; addressed: mentions and direct messages only, without it",
    )
    reply: Flag = Field(default=True, description="The first message of an answer refers to what it answers")
    pings: tuple[Literal["replied", "users", "roles", "everyone"], ...] = Field(
        default=(), description="Whom answers may ping: who is answered, or whom a model mentions"
    )
    typing: Flag = Field(default=True, description="Shown while an answer is written")
    acknowledge: str = Field(default="", description="An emoji that is put to a message while its answer is written")
    stream: Flag = Field(default=False, description="An answer is shown while it grows, and edited until it is whole")
    long: Long = Field(default=Long(), description="Answers of many messages")
    files: Files = Field(default=Files(), description="Files that come with messages")
    commands: tuple[NamePattern, ...] | None = Field(
        default=None,
        description="What people find under /: ask, status, forget-me, pause, actions; unset: as Discord has it",
    )
    edits: Literal["follow", "ignore"] = Field(
        default="follow", description="Whether what is remembered follows a message that is edited after its answer"
    )
    deletions: Literal["forget", "keep"] = Field(
        default="forget", description="forget: of a deleted message nothing is kept; keep: it only leaves the prompt"
    )
    backfill: Backfill = Field(default=Backfill(), description="What was said while nobody listened")
    endpoint: Endpoint = Field(default=Endpoint(), description="For a server of your own that speaks as Discord does")
    connection: Connection = Field(default=Connection(), description="How the connection is kept")

    @field_validator("commands")
    @classmethod
    def _commands_differ(cls, commands: tuple[str, ...] | None) -> tuple[str, ...] | None:
        names = [command_name(command) for command in commands or ()]
        for number, name in enumerate(names):
            if not re.fullmatch(r"[\w-]{1,32}", name):
                raise ValueError(f"{name!r} is no command of Discord's: letters, digits, - and _, at most 32")
            if name in names[:number]:
                raise ValueError(f"two commands are called /{name}")
        return commands

    @property
    def offered(self) -> Mapping[str, str]:
        """The actions that people may run by a command, by the command's name."""
        return {command_name(name): name for name in self.commands or () if name not in COMMANDS}


class Discord(Client, DiscordSettings):
    """A bot on Discord."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["discord"]
    gather: Duration = Field(default=1.5, description="What one person says within it is answered once")
