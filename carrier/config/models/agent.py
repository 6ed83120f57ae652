"""An agent, and what it may name."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from carrier.config.models.character import Character
from carrier.config.models.values import Block, Described, Duration, Inside, Name


def _entry(value: object) -> object:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and len(value) == 1:
        name, settings = next(iter(value.items()))
        if settings is None or isinstance(settings, Mapping):
            return {"name": name, "settings": settings}
    raise ValueError("an entry is a name, or a name with settings, as in `facts: { every: 4 }`")


class Entry(Block):
    """An entry of a list of names."""

    name: str
    settings: dict[str, object] = Field(default={})


Use = Annotated[Entry, BeforeValidator(_entry, json_schema_input_type=str | dict[str, dict[str, object] | None])]


class Memory(Block):
    recent: Annotated[int, Field(ge=0, le=1000)] = Field(default=32, description="Last lines of the room that are told")
    recall: Annotated[int, Field(ge=0, le=100)] = Field(default=8, description="Memories that are looked up")
    scope: Literal["room", "user", "agent"] = "room"


class AgentLimits(Block):
    steps: Annotated[int, Field(ge=1, le=100)] = Field(default=6, description="Times the model is asked in one turn")
    turn: Duration = 300.0


class Words(Block):
    """Plain text, or ~ for silence."""

    failed: str | None = "I lost my thread; please say that again."
    held: str | None = "I would rather not say that."

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if not str(key).startswith("x-")}


class TemplateNames(Block):
    chat: Inside = "chat.j2"
    facts: Inside = "facts.j2"


def _how_written(value: object) -> str:
    return "a name" if isinstance(value, str) else "in place"


class Agent(Described):
    """An agent."""

    kind: Literal["agent"] = "agent"
    display_name: str = Field(default="", description="What people see; else its character's")
    character: (
        Annotated[
            Annotated[Name, Tag("a name")] | Annotated[Character, Tag("in place")],
            Discriminator(_how_written),
        ]
        | None
    ) = Field(default=None, description="A character's name, or its fields; else the character of the same name")
    model: str = Field(default="large", description="A name from the host's `models`")
    templates: TemplateNames = TemplateNames()
    respond: Literal["addressed", "always", "never"] = "addressed"
    context: tuple[Use, ...] = Field(
        default=tuple(Entry(name=name) for name in ("character", "recent_messages", "memories", "time")),
        description="Providers: what the templates are given",
    )
    actions: tuple[str, ...] = Field(default=("ignore",), description="What it may do")
    evaluators: tuple[Use, ...] = Field(
        default=(Entry(name="no_secrets"),), description="Gates before anything leaves, and reflections after"
    )
    memory: Memory = Memory()
    limits: AgentLimits = AgentLimits()
    words: Words = Words()
