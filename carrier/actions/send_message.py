"""The action with which an agent says something in another room, of those that its file names."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from carrier.config.models.values import RoomName
from carrier.interfaces import Done, Given, SayIn, Turn
from carrier.types.agents import ActionDefinition


class SendMessage:
    """Rooms go by the names that the operator gave them; a model can name no other."""

    name = "send_message"
    description = "Say something in another room than the one you answer in."
    # All that it does is written with its end: before that nothing has happened.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        rooms: tuple[RoomName, ...]

        @field_validator("rooms")
        @classmethod
        def _some(cls, rooms: tuple[str, ...]) -> tuple[str, ...]:
            if not rooms:
                raise ValueError("name the rooms that it may speak in, as in tifa-discord/ops")
            return rooms

    def __init__(self, definition: ActionDefinition, given: Given):
        # As the configuration leaves them: each by the operator's name for it, with its whole id.
        settings: Any = definition.settings
        self._rooms: Mapping[str, str] = settings["rooms"]
        self.parameters: Mapping[str, object] = {
            "type": "object",
            "properties": {
                "room": {"type": "string", "enum": list(self._rooms)},
                "text": {"type": "string", "description": "What to say there.", "minLength": 1, "maxLength": 8000},
            },
            "required": ["room", "text"],
            "additionalProperties": False,
        }

    async def __call__(self, turn: Turn, /, **arguments: Any) -> Done:
        return Done(f"It is sent to {arguments['room']}.", (SayIn(self._rooms[arguments["room"]], arguments["text"]),))
