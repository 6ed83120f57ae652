"""A door to Discord."""

from typing import Literal

from pydantic import ConfigDict, Field, SecretStr

from carrier.config.models.client import Client
from carrier.config.models.values import Duration


class Discord(Client):
    """A bot on Discord."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["discord"]
    token: SecretStr = Field(description="The bot's, in the environment: ${DISCORD_API_TOKEN}")
    persona: Literal["bot", "webhook"] = Field(
        default="bot", description="webhook: the answering agent's name and avatar"
    )
    gather: Duration = Field(default=1.5, description="What one person says within it is answered once")
