"""What a scripted model says and does."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from carrier.config.models.choices import one_of, only_one
from carrier.config.models.values import Block, Described, Duration, Lines, Pattern, Patterns

Call = dict[str, dict[str, object] | None]
Failure = Literal["rate_limit", "timeout", "unavailable", "bad_request"]

_DOES = ("say", "call", "fail")


def _one_action(call: Call) -> Call:
    if len(call) != 1:
        raise ValueError("`call` is one action with its arguments, as in `call: { roll_dice: { sides: 6 } }`")
    return call


_ONE_CALL: dict[str, Any] = {"allOf": [{"properties": {"call": {"minProperties": 1, "maxProperties": 1}}}]}
OneCall = Annotated[Call, AfterValidator(_one_action)]


class Step(Block):
    """What the model does at one of the times it is asked within a turn."""

    model_config = ConfigDict(json_schema_extra={**one_of(*_DOES), **_ONE_CALL})

    say: str | None = Field(default=None, description="Jinja")
    call: OneCall | None = Field(default=None, description="An action with its arguments")
    fail: Failure | None = Field(default=None, description="How the model fails")
    delay: Duration = Field(default=0.0, description="How long it takes")

    @model_validator(mode="after")
    def _one(self) -> "Step":
        only_one(self, _DOES)
        return self


class Rule(Block):
    """When it applies, and what then happens."""

    model_config = ConfigDict(json_schema_extra={**one_of("say", "call", "sequence", "fail"), **_ONE_CALL})

    purpose: str = Field(default="chat", alias="for", description="What is asked: chat, or an evaluator's name")
    when: Patterns = Field(default=(), description="Regular expressions, one of which is found in the last message")
    given: Pattern = Field(default="", description="A regular expression that is found in what the model was told")
    after: str = Field(default="", description="The action whose result came last")
    say: Lines = Field(default=(), description="Jinja; a list is used one after the other")
    call: OneCall | None = Field(default=None, description="An action with its arguments")
    sequence: tuple[Step, ...] = Field(default=(), description="A step for each time the model is asked within a turn")
    fail: Failure | None = Field(default=None, description="How the model fails")
    delay: Duration = Field(default=0.0, description="How long it takes")

    @model_validator(mode="after")
    def _one(self) -> "Rule":
        only_one(self, ("say", "call", "sequence", "fail"))
        return self


def _some(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if not rules:
        raise ValueError("a script has at least one rule")
    return rules


class Script(Described):
    """What a scripted model says and does: the first rule that applies."""

    kind: Literal["script"] = "script"
    rules: Annotated[tuple[Rule, ...], AfterValidator(_some)] = Field(
        description="Tried from the top", json_schema_extra={"minItems": 1}
    )
