"""A reflection: what a conversation says of the agent's goals, noted as their progress."""

import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from carrier.interfaces import AskModel, Exchange, Given
from carrier.templates import Templates
from carrier.types.memory import Goal, GoalChange
from carrier.types.talk import Message

LINE = re.compile(r"\s*(?:[-*•]\s+)?\**(?P<goal>[a-z0-9][a-z0-9_-]{0,63})\**\s*:\**\s*(?P<came>\S.*?)\s*")
STEP = re.compile(r"step (?P<number>\d{1,3})(?: is)?(?: done)?[.]?", re.IGNORECASE)


class Goals:
    """Asks the small model what came of the goals, a line each: `NAME: step 2`, `NAME: done`, or `NAME: how it stands`.

    It is told what people said, nothing else. A line about no open goal, or in another form, is dropped.
    """

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        every: int = Field(8, ge=1)
        at_most: int = Field(8, ge=1, le=50)
        max_chars: int = Field(300, ge=20, le=500)

    def __init__(self, settings: Settings, given: Given):
        self.every = settings.every
        self._settings, self._goals = settings, given.goals

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[GoalChange]:
        lines = [line for line in exchange.lines if line.kind in ("chat", "api") and line.text.strip()]
        people = {line.sender for line in lines}
        goals = await self._goals(exchange.agent, exchange.room, people) if lines else []
        if not goals:
            return ()
        agent = exchange.agent
        values = {"agent": agent, "goals": goals, "lines": lines}
        system = Templates(agent.sources).render(agent.templates["goals"], values)
        answer = await ask_model(system, "\n".join(map(_said, lines)), purpose="goals", model="small")
        return self._changes(answer, goals)

    def _changes(self, answer: str, goals: Sequence[Goal]) -> list[GoalChange]:
        by_name: Mapping[str, Goal] = {goal.name: goal for goal in reversed(goals)}
        found = [match for line in answer.splitlines() if (match := LINE.fullmatch(line)) and match["goal"] in by_name]
        changes = [_change(by_name[match["goal"]], match["came"], self._settings.max_chars) for match in found]
        return [change for change in changes if change][: self._settings.at_most]


def _change(goal: Goal, came: str, most: int) -> GoalChange | None:
    """What is noted; None for a step that there is not."""
    if came.lower().rstrip(".") == "done":
        return GoalChange(goal.name, "done", goal.whose, goal.subject)
    if not (step := STEP.fullmatch(came)):
        return GoalChange(goal.name, "progress", goal.whose, goal.subject, note=came[:most])
    number = int(step["number"]) - 1
    if not 0 <= number < len(goal.steps) or goal.steps[number] in goal.done:
        return None
    return GoalChange(goal.name, "progress", goal.whose, goal.subject, step=goal.steps[number])


def _said(line: Message) -> str:
    name = line.sender_name or line.sender.rpartition(":")[2]
    return f"{' '.join(name.split())}: {' '.join(line.text.split())}"
