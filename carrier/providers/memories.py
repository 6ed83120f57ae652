"""Tells what comes up in memory when the message is read."""

from pydantic import BaseModel, ConfigDict

from carrier.interfaces import Given, Turn
from carrier.types.memory import Recalled


class RecalledMemories:
    """What the message recalls, strongest first; nothing for a message without words."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        pass

    async def __call__(self, turn: Turn) -> list[Recalled]:
        return await turn.recall(turn.message.text) if turn.message.text.strip() else []
