"""A door to a platform."""

from typing import Literal

from pydantic import ConfigDict, Field

from carrier.config.models.values import Described, Name


class Client(Described):
    """A door to a platform; its further keys belong to its type."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["client"] = "client"
    type: str
    agent: Name = Field(default="", description="Who answers")
