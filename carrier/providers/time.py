"""Tells what day and time it is where the agent lives."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from carrier.interfaces import Given, Turn

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


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
        # Not strftime: its names follow the machine's language.
        day = f"{DAYS[now.weekday()]}, {now.day} {MONTHS[now.month - 1]} {now.year}"
        return Moment(now, f"{day}, {now:%H:%M} ({turn.agent.timezone})")
