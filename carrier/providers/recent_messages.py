"""Tells what was said last in the room."""

from pydantic import BaseModel, ConfigDict

from carrier.interfaces import Given, Turn
from carrier.types.talk import Line


class RecentMessages:
    """As many lines as the agent's `memory: { recent: … }` says, oldest first."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        self._recent = given.recent

    async def __call__(self, turn: Turn) -> list[Line]:
        return await self._recent(turn, turn.agent.memory.recent)
