"""The action with which an agent says something before it is done."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from carrier.interfaces import Given, Turn


class Reply:
    """Says a text at once, beside the answer that ends the turn."""

    name = "reply"
    description = "Say something in the room now, before you go on. Your answer itself needs no action."
    parameters: Mapping[str, object] = MappingProxyType(
        {
            "type": "object",
            "properties": {"text": {"type": "string", "description": "What to say.", "minLength": 1}},
            "required": ["text"],
            "additionalProperties": False,
        }
    )
    # What is said carries the turn's own key, so it leaves once however often the call is made again.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    def __init__(self, settings: object, given: Given):
        pass

    async def __call__(self, turn: Turn, /, **arguments: Any) -> str:
        await turn.say(arguments["text"])
        return "It is said."
