"""Who may use the host's API, and how long what was said is kept."""

from typing import Literal

from pydantic import Field, SecretStr

from carrier.config.models.values import Block, Duration, Name


class Token(Block):
    """Who shows its secret may do what its role may."""

    secret: SecretStr = Field(description="In the environment: ${CI_TOKEN}")
    role: Literal["viewer", "user", "approver", "operator", "admin"] = Field(
        default="user", description="Each may do what those before it may"
    )
    agents: tuple[Name, ...] | None = Field(default=None, description="Only these; else all")


class Retention(Block):
    """How long things are kept; what is not named is kept for good."""

    messages: Duration | None = Field(default=None, description="What was said, as in 365d")
    events: Duration | None = Field(default=None, description="What happened, as in 90d")
