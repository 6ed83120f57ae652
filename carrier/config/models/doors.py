"""What the doors to the platforms have in common, where it is more than a word."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from carrier.config.models.choices import one_of, only_one, written
from carrier.config.models.values import Block, Id, Name

_PLACES = ("room", "category", "guild")


class Route(Block):
    """Who answers somewhere, and when."""

    model_config = ConfigDict(json_schema_extra={**one_of(*_PLACES), "anyOf": [written("agent"), written("respond")]})

    room: Id | None = Field(default=None, description="A room or thread: its id, or its name of the client's `rooms`")
    category: Id | None = None
    guild: Id | None = None
    agent: Name = Field(default="", description="Who answers there; else who answers at the client")
    respond: Literal["addressed", "always", "decide", "never"] | None = Field(
        default=None, description="When; else as the agent says"
    )

    @property
    def place(self) -> tuple[str, str]:
        """What it is for, as in `("room", "garden")`."""
        return next((key, str(value)) for key in _PLACES if (value := getattr(self, key)))

    @model_validator(mode="after")
    def _rules(self) -> "Route":
        only_one(self, _PLACES)
        if not self.agent and self.respond is None:
            raise ValueError("a route says `agent`, `respond`, or both")
        return self


class ClientLimits(Block):
    bot_turns: Annotated[int, Field(ge=0)] = Field(
        default=6, description="Answers to bots in a row until a person speaks"
    )
