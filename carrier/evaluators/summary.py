"""A reflection: what was said in a room, summed up as it goes on."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from carrier.interfaces import AskModel, Exchange, Given
from carrier.templates import Templates
from carrier.types.agents import Agent
from carrier.types.memory import Summary
from carrier.types.talk import Line

LONGEST = 400
"""Characters of a line that are read."""


class RunningSummary:
    """Asks the small model for a new summary, of the one before and what was said since, by people and by the agent.

    Where there is nothing to add, or it answers nothing, the one before stays.
    """

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        every: int = Field(12, ge=1)
        max_chars: int = Field(1200, ge=100, le=10_000)

    def __init__(self, settings: Settings, given: Given):
        self.every = settings.every
        self._settings, self._given = settings, given

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[Summary]:
        agent, room, through = exchange.agent, exchange.room, exchange.lines[-1].at
        before = await self._given.summary(agent, room)
        lines = await self._given.said(agent, room, before.through if before else 0, through)
        if all(line.own for line in lines):
            return ()
        values = {"agent": agent, "summary": before.text if before else "", "max_chars": self._settings.max_chars}
        system = Templates(agent.sources).render(agent.templates["summary"], values)
        said = "\n".join(_said(line, agent) for line in lines)
        text = " ".join((await ask_model(system, said, purpose="summary", model="small")).split())
        since = before.since if before else lines[0].at
        return [Summary(text[: self._settings.max_chars], since, through)] if text else ()


def _said(line: Line, agent: Agent) -> str:
    name = agent.character.display_name if line.own else line.sender_name
    return f"{name}: {' '.join(line.text.split())[:LONGEST]}"
