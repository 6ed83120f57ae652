"""What an agent may do on a model's wish, and who is asked."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from carrier.config.models.use import Callers
from carrier.config.models.values import Block, Id, Lines, NamePattern, Period, RoomName


class Permitted(Block):
    """Actions, and with which arguments; or just their pattern."""

    action: NamePattern = Field(description="A name, or a pattern of names as in github/*")
    where: dict[str, str] = Field(default={}, description="Arguments and what they look like, as in `repo: acme/*`")

    by: Callers | None = Field(default=None, description="Only where these have caused the call")

    @field_validator("where")
    @classmethod
    def _patterns(cls, where: Mapping[str, str]) -> Mapping[str, str]:
        for argument, pattern in where.items():
            if not pattern:
                raise ValueError(f"{argument!r} has an empty pattern; * stands for anything")
            if pattern.count("[") != pattern.count("]"):
                raise ValueError(f"{argument!r}: {pattern!r} has a bracket that is not closed")
        return where


def _short(value: object) -> object:
    return {"action": value} if isinstance(value, str) else value


Actions = tuple[Annotated[Permitted, BeforeValidator(_short, json_schema_input_type=NamePattern | Permitted)], ...]


class Permissions(Block):
    """Deny over ask over allow over otherwise."""

    otherwise: Literal["allow", "ask", "deny"] = Field(default="allow", description="For what no list names")
    allow: Actions = Field(default=(), description="Done without asking")
    ask: Actions = Field(default=(), description="Done when somebody approves; adds to what is inherited")
    deny: Actions = Field(default=(), description="Never done; adds to what is inherited")


class Approvers(Block):
    """Who may approve; neither: nobody but the API and the command line."""

    users: tuple[Id, ...] = ()
    roles: tuple[Id, ...] = ()


class Approvals(Block):
    """Who is asked, where, and for how long."""

    room: RoomName = Field(default="", description="Where it is asked, as in tifa-discord/ops")
    by: Approvers = Field(default=Approvers(), description="Who may answer there")
    expire: Period = Field(default=86400.0, description="Then it is refused")


class Goal(Block):
    """What an agent is after."""

    description: str = Field(description="What is to be reached")
    steps: Lines = Field(default=(), description="On the way there")
