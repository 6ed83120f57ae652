"""Tells what day and time it is where the agent lives."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from carrier.dates import DAYS, day_of
from carrier.interfaces import Given, Turn


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, and how to say it: `Saturday, 21 November 2026, 14:05 (Europe/Oslo)`."""

    at: datetime
    text: str

    def __str__(self) -> str:
        return self.text


class Time:
    """The time of the agent's own zone."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        self._now = given.now

    async def __call__(self, turn: Turn) -> Moment:
        now = self._now().astimezone(ZoneInfo(turn.agent.timezone))
        return Moment(now, f"{DAYS[now.weekday()]}, {day_of(now)}, {now:%H:%M} ({turn.agent.timezone})")
