"""Tells what the agent is after, and how far it has got."""

from pydantic import BaseModel, ConfigDict

from carrier.interfaces import Given, Turn
from carrier.types.memory import Goal


class Goals:
    """The goals of the agent's file, and those that were set since: its own, the room's and those of who speaks."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        self._goals = given.goals

    async def __call__(self, turn: Turn) -> list[Goal]:
        return await self._goals(turn.agent, turn.message.room, [turn.message.sender])
