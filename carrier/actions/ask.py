"""The action with which an agent asks a colleague: NAME answers `ask/NAME`, within the asker's turn."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from carrier.interfaces import Given, Turn
from carrier.types.agents import ActionDefinition


class Ask:
    """One colleague that may be asked; who it is, and what it is good for, is as it lives when that is looked at."""

    parameters: Mapping[str, object] = MappingProxyType(
        {
            "type": "object",
            "properties": {
                "question": {
                    "type": "string",
                    "description": "All that has to be known to answer it: your colleague sees nothing else.",
                    "minLength": 1,
                    "maxLength": 8000,
                }
            },
            "required": ["question"],
            "additionalProperties": False,
        }
    )
    # Asked again after a crash, the colleague goes on with its turn, or gives the answer that it gave.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    def __init__(self, definition: ActionDefinition, given: Given):
        self.name = definition.name
        self._colleague = definition.name.partition("/")[2]
        self._given = given

    @property
    def description(self) -> str:
        colleague = self._given.colleague(self._colleague)
        good_for = colleague.description if colleague else "not here now"
        return f"Ask your colleague {self._colleague}, and go on with the answer. {good_for}".strip()

    async def __call__(self, turn: Turn, /, **arguments: Any) -> str:
        return await self._given.ask(turn, self._colleague, arguments["question"])
