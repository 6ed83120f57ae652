"""Tells what was said in the room before the recent messages."""

from pydantic import BaseModel, ConfigDict

from carrier.interfaces import Given, Turn


class Summary:
    """The room's running summary; nothing while the recent messages hold all that it sums up."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        self._given = given

    async def __call__(self, turn: Turn) -> str:
        summary = await self._given.summary(turn.agent, turn.message.room)
        if not summary:
            return ""
        recent = await self._given.recent(turn, turn.agent.memory.recent)
        is_all_there = recent and recent[0].at <= summary.since
        return "" if is_all_there else summary.text
