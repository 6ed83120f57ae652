"""The action with which an agent keeps a fact about who speaks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from carrier.interfaces import Given, Turn


class Remember:
    """Keeps a sentence, to be recalled when it fits."""

    name = "remember"
    description = "Keep a fact about the person you answer: one that will still be true and useful in a year."
    parameters: Mapping[str, object] = MappingProxyType(
        {
            "type": "object",
            "properties": {
                "fact": {"type": "string", "description": "One sentence.", "minLength": 1, "maxLength": 500}
            },
            "required": ["fact"],
            "additionalProperties": False,
        }
    )
    # The fact's id is its place in the turn's journal: however often it is kept, it is there once.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    def __init__(self, settings: object, given: Given):
        pass

    async def __call__(self, turn: Turn, /, **arguments: Any) -> str:
        await turn.remember(arguments["fact"])
        return "It is kept."
