"""Tells what comes up for the message in what the agent was given to read."""

from pydantic import BaseModel, ConfigDict, Field

from carrier.interfaces import Given, Turn
from carrier.types.memory import Recalled


class Knowledge:
    """The passages of the agent's `knowledge` that fit the message, strongest first."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        at_most: int = Field(default=4, ge=1, le=50)

    def __init__(self, settings: Settings, given: Given):
        self._settings, self._given = settings, given

    async def __call__(self, turn: Turn) -> list[Recalled]:
        text = turn.message.text
        return await self._given.documents(turn, text, self._settings.at_most) if text.strip() else []
