"""The action with which an agent chooses to say nothing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from carrier.interfaces import Given, Turn
from carrier.types.talk import SILENCE, Response


class Ignore:
    """Ends the turn in silence: what it returns is the turn's response."""

    name = "ignore"
    description = "Say nothing: the message is not meant for you, or is best left unanswered."
    parameters: Mapping[str, object] = MappingProxyType(
        {"type": "object", "properties": {}, "additionalProperties": False}
    )
    repeat: Literal["never", "keyed", "safe"] = "safe"

    def __init__(self, settings: object, given: Given):
        pass

    async def __call__(self, turn: Turn, /, **arguments: Any) -> Response:
        return SILENCE
