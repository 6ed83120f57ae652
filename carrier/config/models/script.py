"""What a scripted model says and does."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from carrier.config.models.values import Block, Described, Duration, Lines, Pattern, Patterns

Call = dict[str, dict[str, object] | None]
Failure = Literal["rate_limit", "timeout", "unavailable", "bad_request"]


def _only_one(block: "Step | Rule", keys: tuple[str, ...]) -> None:
    written = [key for key in keys if key in block.model_fields_set]
    if len(written) != 1:
        raise ValueError(f"exactly one of {', '.join(keys)} belongs here, not {' and '.join(written) or 'none'}")
    if block.call is not None and len(block.call) != 1:
        raise ValueError("`call` is one action with its arguments, as in `call: { roll_dice: { sides: 6 } }`")


class Step(Block):
    """What the model does at one of the times it is asked within a turn."""

    say: str | None = None
    call: Call | None = None
    fail: Failure | None = None
    delay: Duration = 0.0

    @model_validator(mode="after")
    def _one(self) -> "Step":
        _only_one(self, ("say", "call", "fail"))
        return self


class Rule(Block):
    """When it applies, and what then happens."""

    purpose: str = Field(default="chat", alias="for", description="What is asked: chat, or an evaluator's name")
    when: Patterns = Field(default=(), description="Regular expressions, one of which is found in the last message")
    given: Pattern = Field(default="", description="A regular expression that is found in what the model was told")
    after: str = Field(default="", description="The action whose result came last")
    say: Lines = Field(default=(), description="Jinja; a list is used one after the other")
    call: Call | None = Field(default=None, description="An action with its arguments")
    sequence: tuple[Step, ...] = Field(default=(), description="A step for each time the model is asked within a turn")
    fail: Failure | None = None
    delay: Duration = 0.0

    @model_validator(mode="after")
    def _one(self) -> "Rule":
        _only_one(self, ("say", "call", "sequence", "fail"))
        return self


def _some(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if not rules:
        raise ValueError("a script has at least one rule")
    return rules


class Script(Described):
    """What a scripted model says and does: the first rule that applies."""

    kind: Literal["script"] = "script"
    rules: Annotated[tuple[Rule, ...], AfterValidator(_some)]
