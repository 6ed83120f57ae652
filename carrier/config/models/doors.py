"""What the doors to the platforms have in common, where it is more than a word."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from carrier.config.models.choices import none_of, one_of, only_one, written
from carrier.config.models.values import Block, Flag, Id, Name, NamePattern, Text

_PLACES = ("room", "category", "guild")
_SAYS = ("agent", "agents", "respond", "actions", "prompt")


class Route(Block):
    """Who answers somewhere, when, and how."""

    model_config = ConfigDict(
        json_schema_extra={
            **one_of(*_PLACES),
            "anyOf": [written(key) for key in _SAYS],
            "if": written("agents"),
            "then": none_of("agent"),
        }
    )

    room: Id | None = Field(default=None, description="A room or thread: its id, or its name of the client's `rooms`")
    category: Id | None = None
    guild: Id | None = None
    agent: Name = Field(default="", description="Who answers there; else who answers around it, or at the client")
    agents: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(
        default=None, description="Several in one place: who is named answers, and the first where nobody is named"
    )
    respond: Literal["addressed", "always", "decide", "never"] | None = Field(
        default=None, description="When; else as the agent says"
    )
    actions: tuple[NamePattern, ...] | None = Field(
        default=None, description="Of the agent's actions only these, as in [weather, github/get_*]"
    )
    prompt: Text = Field(default="", description="What the agent is told there beside its template")

    @property
    def place(self) -> tuple[str, str]:
        """What it is for, as in `("room", "garden")`."""
        return next((key, str(value)) for key in _PLACES if (value := getattr(self, key)))

    @property
    def answering(self) -> tuple[str, ...]:
        """The agents it names."""
        return self.agents or ((self.agent,) if self.agent else ())

    @model_validator(mode="after")
    def _rules(self) -> "Route":
        only_one(self, _PLACES)
        if self.agent and self.agents:
            raise ValueError("a route says `agent` or `agents`, not both")
        if not any(key in self.model_fields_set for key in _SAYS):
            raise ValueError(f"a route says something of the place: {', '.join(_SAYS)}")
        return self


class Access(Block):
    """Who is heard."""

    guilds: tuple[Id, ...] | None = Field(default=None, description="Only these; []: none. Unset: all, with a warning")
    rooms: tuple[Id, ...] | None = Field(default=None, description="Only these, by id or name; unset: all")
    users: tuple[Id, ...] | None = Field(default=None, description="Only these, and who `roles` names; unset: all")
    roles: tuple[Id, ...] | None = Field(default=None, description="Only who has one of these, and `users`; unset: all")
    deny_users: tuple[Id, ...] = Field(default=(), description="Never these")
    dms: Flag = Field(default=True, description="Direct messages")
    bots: Literal["none", "addressed", "all"] = Field(
        default="none", description="Which bots are answered; all of them are heard"
    )


class ClientLimits(Block):
    bot_turns: Annotated[int, Field(ge=0)] = Field(
        default=6, description="Answers to one bot in a row until a person speaks"
    )
