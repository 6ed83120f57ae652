"""What a template is given."""

from typing import Literal

from pydantic import Field

from carrier.config.models.values import Described, Period


class Provider(Described):
    """What a template is given, by the provider's name."""

    kind: Literal["provider"] = "provider"
    type: str = Field(description="python")
    timeout: Period = Field(default=5.0, description="Then the turn goes on without it")


class PythonProvider(Provider):
    """A function of yours."""

    type: Literal["python"] = "python"
    entrypoint: str = Field(description="providers/stock.py:levels, or package.module:function")
