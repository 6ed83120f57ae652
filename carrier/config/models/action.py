"""Something an agent can do."""

from typing import Annotated, Literal

from pydantic import Field

from carrier.config.models.use import Use
from carrier.config.models.values import Block, Described, Period


class Call(Block):
    """How the action is meant to be called."""

    user: str = Field(description="What somebody says")
    call: dict[str, object] = Field(description="The arguments it is then called with")


class Action(Described, Use):
    """Something an agent can do."""

    kind: Literal["action"] = "action"
    type: str = Field(description="python, http, mcp or openapi")
    timeout: Period = Field(default=30.0, description="For one call")
    repeat: Literal["never", "keyed", "safe"] = Field(
        default="never", description="Whether it may run again after a crash; keyed: with the same key"
    )


class SingleAction(Action):
    """What is called by its own name."""

    examples: Annotated[tuple[Call, ...], Field(max_length=8)] = Field(
        default=(), description="Calls that the model is shown"
    )


class PythonAction(SingleAction):
    """A function of yours; its parameters come from its type hints."""

    type: Literal["python"] = "python"
    entrypoint: str = Field(description="actions/dice.py:roll, or package.module:function")
