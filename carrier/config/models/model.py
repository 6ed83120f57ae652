"""A model, and what it is asked for at most."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, SecretStr, model_validator

from carrier.config.models.choices import short
from carrier.config.models.later import Later
from carrier.config.models.values import Block, Duration, ModelName, ModelUse

if TYPE_CHECKING:
    from carrier.config.models.budgets import ModelLimits
else:
    ModelLimits = Annotated[Any, Later("budgets:ModelLimits")]


class Model(Block):
    """A model by your own name for it; or just its `use`."""

    model_config = ConfigDict(json_schema_extra=short("^(auto|[a-z0-9_-]+/\\S+)$"))

    use: ModelUse = Field(default="auto", description="auto, or provider/model")
    fallback: tuple[ModelName, ...] = Field(
        default=(), description="Models that are tried in order when it fails: names of yours, or provider/model"
    )
    timeout: Duration = Field(default=60.0, description="For one answer")
    base_url: str = Field(default="", description="Where it is served, if not where its provider is")
    api_key: SecretStr | None = Field(default=None, description="Better left in the environment: ${OPENAI_API_KEY}")
    params: dict[str, object] = Field(
        default={}, description="Handed to the model as they are: temperature and the like"
    )
    limits: ModelLimits | None = Field(default=None, description="What it is asked for at most")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return {"use": data} if isinstance(data, str) else data
