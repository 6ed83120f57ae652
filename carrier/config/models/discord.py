"""A door to Discord."""

from typing import Literal

from pydantic import ConfigDict, Field, SecretStr

from carrier.config.models.client import Client
from carrier.config.models.values import Block, Duration, Flag, Id


class Access(Block):
    """Who is heard."""

    guilds: tuple[Id, ...] | None = Field(default=None, description="Only these; []: none. Unset: all, with a warning")
    rooms: tuple[Id, ...] | None = Field(default=None, description="Only these, by id or name; unset: all")
    users: tuple[Id, ...] | None = Field(default=None, description="Only these; unset: all")
    roles: tuple[Id, ...] | None = Field(default=None, description="Only who has one of these; unset: all")
    deny_users: tuple[Id, ...] = Field(default=(), description="Never these")
    dms: Flag = Field(default=True, description="Direct messages")
    bots: Literal["none", "addressed", "all"] = Field(default="none", description="Which bots are answered")


class Discord(Client):
    """A bot on Discord."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["discord"]
    token: SecretStr = Field(description="The bot's, in the environment: ${DISCORD_API_TOKEN}")
    persona: Literal["bot", "webhook"] = Field(
        default="bot", description="webhook: the answering agent's name and avatar"
    )
    access: Access = Field(default=Access(), description="Who is heard")
    gather: Duration = Field(default=1.5, description="What one person says within it is answered once")
