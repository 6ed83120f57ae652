"""What judges a message or a reply, or reflects on them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from carrier.config.models.choices import none_of, where, written
from carrier.config.models.values import Described, Period

_MAY: dict[str, tuple[str, ...]] = {
    "message": ("replace", "block"),
    "reply": ("revise", "replace", "block"),
    "after": (),
}
"""What a failure may lead to at each stage."""


class Evaluator(Described):
    """What judges a message or a reply, or reflects on them."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                where("stage", "after", none_of("on_fail")),
                where("stage", "message", {"properties": {"on_fail": {"not": {"const": "revise"}}}}),
                {**where("stage", "after", {}), "else": none_of("every")},
                {**where("on_fail", "replace", written("text")), "else": none_of("text")},
            ]
        }
    )

    kind: Literal["evaluator"] = "evaluator"
    type: str = Field(description="judge or python")
    stage: Literal["message", "reply", "after"] = Field(
        default="reply", description="Before the model is asked, before a reply is sent, or after it: a reflection"
    )
    on_fail: Literal["revise", "replace", "block"] = Field(
        default="block", description="What becomes of it: written anew, replaced by `text`, or held"
    )
    text: str = Field(default="", description="What is said instead, for `on_fail: replace`")
    attempts: Annotated[int, Field(ge=1, le=5)] = Field(default=2, description="Of revising; then it is held")
    every: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=8, description="Messages between two looks back, for `stage: after`"
    )
    timeout: Period = Field(default=30.0, description="For one judgement")

    @model_validator(mode="after")
    def _rules(self) -> "Evaluator":
        may = _MAY[self.stage]
        if "on_fail" in self.model_fields_set and self.on_fail not in may:
            reason = f"there is {' or '.join(may)}" if may else "what was sent stays sent"
            raise ValueError(f"`on_fail: {self.on_fail}` makes no sense at the stage {self.stage}; {reason}")
        if (self.on_fail == "replace") != bool(self.text):
            raise ValueError("`on_fail: replace` and `text` belong together")
        if "every" in self.model_fields_set and self.stage != "after":
            raise ValueError("`every` belongs to `stage: after`")
        return self


Score = Annotated[float, Field(ge=0, le=1)]


class Judge(Evaluator):
    """A model scores it from 0 to 1."""

    type: Literal["judge"]
    question: str = Field(description="As in: Is the reply warm, and free of sarcasm?")
    pass_from: Score = Field(default=0.7, alias="pass", description="The score it needs")


class PythonEvaluator(Evaluator):
    """A function of yours."""

    type: Literal["python"]
    entrypoint: str = Field(description="checks/tone.py:judge, or package.module:function")
    pass_from: Score = Field(default=0.7, alias="pass", description="The score it needs, where that is what it returns")
