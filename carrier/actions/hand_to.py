"""The action with which an agent gives a conversation to another: NAME goes on with it after `hand_to/NAME`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from carrier.interfaces import Done, Given, HandOver, Turn
from carrier.types.agents import ActionDefinition


class HandTo:
    """One agent that a conversation may be given to; it answers the message at hand, and those that follow."""

    parameters: Mapping[str, object] = MappingProxyType(
        {
            "type": "object",
            "properties": {
                "summary": {
                    "type": "string",
                    "description": "What it is about, and why you hand it over.",
                    "minLength": 1,
                    "maxLength": 2000,
                }
            },
            "required": ["summary"],
            "additionalProperties": False,
        }
    )
    # All that it does is written with its end: before that nothing has happened.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    def __init__(self, definition: ActionDefinition, given: Given):
        self.name = definition.name
        self._other = definition.name.partition("/")[2]
        self._given = given

    @property
    def description(self) -> str:
        other = self._given.colleague(self._other)
        good_for = other.description if other else "not here now"
        return f"Give this conversation to {self._other}, who answers in your place from now on. {good_for}".strip()

    async def __call__(self, turn: Turn, /, **arguments: Any) -> Done:
        handover = HandOver(self._other, arguments["summary"])
        return Done(f"{self._other} goes on with this conversation.", (handover,), ends=True)
