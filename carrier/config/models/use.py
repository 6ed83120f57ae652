"""What may be said of any action: who may cause it, how often, and whether its arguments have to be asked for."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PlainValidator, model_validator

from carrier.config.models.rates import TimedRate
from carrier.config.models.values import Block, Flag, Id


class Callers(Block):
    """Who has caused a call: one of these people or roles, and with `direct` only in a direct message."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    users: tuple[Id, ...] = Field(default=(), description="The platform's ids; an API user as api:anna")
    roles: tuple[Id, ...] = Field(default=(), description="The platform's ids of roles; bots have none")
    direct: Flag = Field(default=False, description="true: only in a direct message")

    @model_validator(mode="after")
    def _somebody(self) -> "Callers":
        if not (self.users or self.roles or self.direct):
            raise ValueError("this is for nobody; name `users` or `roles`, or say `direct: true`")
        return self


class CallLimits(Block):
    """How often it is called at most."""

    calls: TimedRate | None = Field(default=None, description="As in 10/h; said by an action, of all agents together")


def _flag_or_names(value: object) -> bool | tuple[str, ...]:
    if value in (True, False, "true", "false"):
        return value in (True, "true")
    if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError("this is true, false, or a list of the names of arguments")
    return tuple(value)


Consequential = Annotated[
    bool | tuple[str, ...],
    PlainValidator(_flag_or_names, json_schema_input_type=bool | tuple[str, ...]),
]
"""All of its arguments, or those that are named."""


class Use(Block):
    """What an agent says of an action that it names."""

    by: Callers | None = Field(default=None, description="Who may cause it; else everybody who is answered")
    others: Literal["deny", "ask"] = Field(default="deny", description="What becomes of a call of anybody else")
    limits: CallLimits | None = Field(default=None, description="How often it is called at most")
    consequential: Consequential | None = Field(
        default=None,
        description="true, or names of arguments: they have to be words of who caused the call, else it is asked for",
    )
