"""Something an agent can do."""

from typing import Literal

from pydantic import Field

from carrier.config.models.values import Described, Duration


class Action(Described):
    """Something an agent can do."""

    kind: Literal["action"] = "action"
    type: Literal["python"] = "python"
    entrypoint: str = Field(description="actions/dice.py:roll, or package.module:function")
    timeout: Duration = 30.0
    repeat: Literal["never", "keyed", "safe"] = Field(
        default="never", description="Whether it may run again after a crash"
    )
