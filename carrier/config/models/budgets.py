"""What may be spent."""

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from carrier.config.models.rates import Cost, Rate, TimedRate
from carrier.config.models.values import Block, ModelName


class Budget(Block):
    """A purse: all that it names holds."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [key]} for key in ("cost", "tokens", "calls")]})

    cost: Cost | None = Field(default=None, description="Dollars for a time: 2 USD/day; s min h day month turn")
    tokens: Rate | None = Field(default=None, description="Tokens for a time: 60k/turn; s min h day month turn")
    calls: Rate | None = Field(default=None, description="Questions to models for a time: 20/turn, 500/day")
    when_spent: ModelName = Field(
        default="stop", description="stop, or the model that goes on: a name of yours, or provider/model"
    )

    @model_validator(mode="after")
    def _some(self) -> "Budget":
        if self.cost is None and self.tokens is None and self.calls is None:
            raise ValueError("a budget says `cost`, as in 2 USD/day, `tokens`, as in 60k/turn, or `calls`")
        return self


class ModelLimits(Block):
    """What a model is asked for at most."""

    requests: TimedRate | None = Field(default=None, description="As in 60/min")
    tokens: TimedRate | None = Field(default=None, description="As in 90k/min")
    at_once: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Requests under way at one time")
