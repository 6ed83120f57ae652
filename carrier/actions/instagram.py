"""What an agent does on Instagram beside speaking: with the comment that it answers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from carrier.interfaces import Given, Turn

_NOTHING: Mapping[str, object] = MappingProxyType({"type": "object", "properties": {}, "additionalProperties": False})


class _OnInstagram:
    """Asks the client for what the action is called."""

    name: str
    parameters = _NOTHING
    # Done twice it is done once.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    def __init__(self, settings: object, given: Given):
        self._act = given.act

    async def __call__(self, turn: Turn, /) -> object:
        return await self._act(self.name, turn.message, {})


class Hide(_OnInstagram):
    name = "instagram/hide"
    description = "Hide the comment that you answer from everybody but who wrote it, as for spam and abuse."


class Delete(_OnInstagram):
    name = "instagram/delete"
    description = "Delete the comment that you answer, with the replies below it; nobody can bring it back."
