"""Tells what the agent is after."""

from pydantic import BaseModel, ConfigDict

from carrier.interfaces import Given, Turn
from carrier.types import Goal


class Goals:
    """The goals of the agent's file."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        pass

    async def __call__(self, turn: Turn) -> tuple[Goal, ...]:
        return turn.agent.goals
