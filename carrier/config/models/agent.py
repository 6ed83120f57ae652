"""An agent, and what it may name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from carrier.config.models.character import Character
from carrier.config.models.later import Entries, Entry, InPlace, Later
from carrier.config.models.model import Model
from carrier.config.models.rates import TimedRate
from carrier.config.models.values import (
    Block,
    Described,
    Duration,
    Inside,
    Listed,
    Name,
    Named,
    RoomName,
    how_written,
)

if TYPE_CHECKING:
    from carrier.config.models.budgets import Budget
    from carrier.config.models.client import Client
    from carrier.config.models.permissions import Approvals, Goal, Permissions
    from carrier.config.models.schedule import Schedule
else:
    Budget = Annotated[Any, Later("budgets:Budget")]
    Client = Annotated[Any, InPlace("client")]
    Approvals = Annotated[Any, Later("permissions:Approvals")]
    Goal = Annotated[Any, Later("permissions:Goal")]
    Permissions = Annotated[Any, Later("permissions:Permissions")]
    Schedule = Annotated[Any, InPlace("schedule")]

Action = Annotated[Entry, Entries("action")]
Evaluator = Annotated[Entry, Entries("evaluator")]
Provider = Annotated[Entry, Entries("provider")]


class Memory(Block):
    """What it knows of what was said."""

    recent: Annotated[int, Field(ge=0, le=1000)] = Field(default=32, description="Last lines of the room that are told")
    recall: Annotated[int, Field(ge=0, le=100)] = Field(default=8, description="Memories that are looked up")
    scope: Literal["room", "user", "agent"] = Field(default="room", description="Whose memories are looked up")


class AgentLimits(Block):
    """What it does at most."""

    messages: TimedRate | None = Field(default=None, description="Messages of one user, as in 6/min")
    steps: Annotated[int, Field(ge=1, le=100)] = Field(default=6, description="Times the model is asked in one turn")
    turn: Duration = Field(default=300.0, description="How long one turn may take")


class Words(Block):
    """Plain text, or ~ for silence."""

    failed: str | None = Field(default="I lost my thread; please say that again.", description="A turn failed")
    held: str | None = Field(default="I would rather not say that.", description="An evaluator held a reply")

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if not str(key).startswith("x-")}


class TemplateNames(Block):
    """The templates it is told with."""

    chat: Inside = Field(default="chat.j2", description="For an answer")
    post: Inside = Field(default="post.j2", description="For a post")
    facts: Inside = Field(default="facts.j2", description="For the evaluator `facts`")
    relationships: Inside = Field(default="relationships.j2", description="For the evaluator `relationships`")
    summary: Inside = Field(default="summary.j2", description="For the evaluator `summary`")
    decide: Inside = Field(default="decide.j2", description="For `respond: decide`: whether to answer, YES or NO")
    goals: Inside = Field(default="goals.j2", description="For the evaluator `goals`")
    judge: Inside = Field(default="judge.j2", description="For evaluators of type `judge`; else Carrier's own words")


def _model_in_place(value: object) -> object:
    """`openai/gpt-5` is a model in place, `large` a name."""
    return {"use": value} if isinstance(value, str) and "/" in value else value


def _named(name: str) -> Entry:
    return Entry(name=name)


class Agent(Described):
    """An agent."""

    kind: Literal["agent"] = "agent"
    description: str = Field(default="", description="What colleagues and the API are told")
    display_name: str = Field(default="", description="What people see; else its character's")
    formerly: Name = Field(default="", description="What it was called before: it keeps the memories of that name")
    character: (
        Annotated[
            Annotated[Name, Tag("a name")] | Annotated[Character, Tag("in place")],
            Discriminator(how_written),
        ]
        | None
    ) = Field(default=None, description="A character's name, or its fields; else the character of the same name")
    model: Annotated[
        Annotated[Name, Tag("a name")] | Annotated[Model, Tag("in place")],
        Discriminator(how_written),
        BeforeValidator(_model_in_place),
    ] = Field(default="large", description="A name of the host's `models`, or provider/model, or its fields")
    templates: TemplateNames = Field(default=TemplateNames(), description="The templates it is told with")
    respond: Literal["addressed", "always", "decide", "never"] = Field(
        default="addressed", description="When it answers; addressed: mention, reply, name or direct message"
    )
    context: tuple[Provider, ...] = Field(
        default=tuple(
            Entry(name=name)
            for name in ("character", "recent_messages", "recent_actions", "memories", "knowledge", "goals", "time")
        ),
        description="Providers: what the templates are given",
    )
    actions: tuple[Action, ...] = Field(
        default=(Entry(name="ignore"),), description="What it may do: names, and patterns as github/*"
    )
    permissions: Permissions | None = Field(default=None, description="Narrows `actions` for the model's own wishes")
    approvals: Approvals | None = Field(default=None, description="Who is asked, where, and for how long")
    evaluators: tuple[Evaluator, ...] = Field(
        default=(Entry(name="no_secrets"),), description="Gates before anything leaves, and reflections after"
    )
    memory: Memory = Field(default=Memory(), description="What it knows of what was said")
    knowledge: Annotated[tuple[Inside, ...], Listed] = Field(
        default=(), description="Files it can recall, as in knowledge/tifa/**/*.md; adds to its character's"
    )
    goals: Annotated[dict[Name, Goal], Named] = Field(default={}, description="What it is after")
    delegates: tuple[Name, ...] = Field(default=(), description="Agents it may ask: they answer it")
    handoffs: tuple[Name, ...] = Field(default=(), description="Agents it may give the conversation to")
    limits: AgentLimits = Field(default=AgentLimits(), description="What it does at most")
    when_down: Literal["say", "wait"] = Field(
        default="say", description="Its models are down: say its words at once, or wait for a model"
    )
    words: Words = Field(default=Words(), description="What it says when it has nothing to say")
    budgets: tuple[
        Annotated[
            Annotated[Name, Tag("a name")] | Annotated[Budget, Tag("in place")],
            Discriminator(how_written),
        ],
        ...,
    ] = Field(default=(), description="Names of the host's budgets, or budgets of its own; all must hold")
    clients: Annotated[dict[Name, Client], Named] = Field(default={}, description="Doors of its own")
    schedules: Annotated[dict[Name, Schedule], Named] = Field(default={}, description="What it does by the clock")
    notify: RoomName = Field(default="", description="Where its failures are told; else the host's")

    @field_validator("clients", "schedules")
    @classmethod
    def _called_by_their_keys(cls, parts: Mapping[str, Described]) -> Mapping[str, Described]:
        for key, part in parts.items():
            if part.name:
                raise ValueError(f"{key} is called by its key; leave out `name: {part.name}`")
        return parts
