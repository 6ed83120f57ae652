"""Tests of an agent: what is said to it, and what has to come of it."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from carrier.config.models.script import Call
from carrier.config.models.values import Block, Described, Id, ModelName, Name, Named, Patterns, Period, Text

OWN = "own"
"""Written where a model is named: the one that the agent has otherwise."""


def _called(value: object) -> object:
    """An action's name alone is a call whose arguments do not matter."""
    call = {value: None} if isinstance(value, str) and value else value
    if not isinstance(call, Mapping) or len(call) != 1:
        raise ValueError("an action is a name, or one name with arguments, as in `roll_dice: { dice: 2 }`")
    return call


_ONE_CALL = {
    "anyOf": [
        {"type": ["string", "number", "boolean"], "minLength": 1},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": ["object", "null"]},
        },
    ]
}
ExpectedCall = Annotated[Call, BeforeValidator(_called), WithJsonSchema(_ONE_CALL)]


class Expect(Block):
    """What has to come of a turn; what is not written does not matter, but that it fails or is held."""

    text: Patterns = Field(default=(), description="Regular expressions, each of which is found in the answer")
    not_text: Patterns = Field(default=(), description="Regular expressions, none of which is found in the answer")
    outcome: Literal["answered", "silent", "held", "failed"] | None = Field(
        default=None, description="How it ends; unless it is said, answered or silent"
    )
    actions: tuple[ExpectedCall, ...] | None = Field(
        default=None, description="The actions it takes, in order, with at least these arguments; [] for none"
    )
    stored: Patterns = Field(default=(), description="Regular expressions, each of which is found in a fact it keeps")


def _some_turns(turns: "tuple[Turn, ...]") -> "tuple[Turn, ...]":
    if not turns:
        raise ValueError("a case has at least one turn")
    return turns


class Turn(Block):
    """Something that is said, and what has to come of it."""

    say: Text = Field(description="What somebody says")
    speaker: Id = Field(default="", alias="as", description="Who says it; else who speaks in the case")
    expect: Expect = Field(default=Expect(), description="What has to come of it")


class Case(Block):
    """A conversation of its own: no other case knows of it."""

    speaker: Id = Field(default="user", alias="as", description="Who speaks")
    room: Id = Field(default="", description="Where; else in the room that who speaks has with the agent alone")
    turns: Annotated[tuple[Turn, ...], AfterValidator(_some_turns)] = Field(
        description="One after the other; the first that is not as expected ends the case",
        json_schema_extra={"minItems": 1},
    )


def _some_cases(cases: dict[str, Case]) -> dict[str, Case]:
    if not cases:
        raise ValueError("a test has at least one case")
    return cases


class Test(Described):
    """Tests of an agent, which `carrier-host test` runs; a host that lives takes no notice of them."""

    kind: Literal["test"] = "test"
    agent: Name = Field(default="", description="Who is tested; else the agent of the test's own name")
    model: ModelName | None = Field(
        default=None, description="own, a name of the host's `models`, or provider/model; else the agent's script"
    )
    timeout: Period = Field(default=60.0, description="How long one turn may take")
    cases: Annotated[dict[str, Case], AfterValidator(_some_cases), Named] = Field(description="By what they show")
