"""The action with which an agent looks something up in what it remembers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from carrier.dates import day
from carrier.interfaces import Given, Turn
from carrier.types.memory import Memory

DOCUMENTS = 4


class Recall:
    """What comes up for a few words, in memory and in what the agent was given to read."""

    name = "recall"
    description = "Look something up in what was said before and in what you were given to read."
    parameters: Mapping[str, object] = MappingProxyType(
        {
            "type": "object",
            "properties": {"words": {"type": "string", "description": "What to look for.", "minLength": 1}},
            "required": ["words"],
            "additionalProperties": False,
        }
    )
    repeat: Literal["never", "keyed", "safe"] = "safe"

    def __init__(self, settings: object, given: Given):
        self._documents = given.documents

    async def __call__(self, turn: Turn, /, **arguments: Any) -> list[str]:
        said = await turn.recall(arguments["words"])
        read = await self._documents(turn, arguments["words"], DOCUMENTS)
        return [_told(each.memory) for each in (*said, *read)]


def _told(memory: Memory) -> str:
    doubt = ", unconfirmed" if memory.trust == "claimed" else ""
    over = f", until {day(memory.until)}" if memory.until else ""
    return f"{memory.name or 'Somebody'}{doubt}{over}: {memory.text}"
