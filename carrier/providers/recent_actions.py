"""Tells what the agent did last in the room, and what came of it."""

import json
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from carrier.config.models.values import Period
from carrier.interfaces import Given, PastResult, Turn
from carrier.quoting import clean, clean_name

ARGUMENTS = 200
"""Characters of a call's arguments."""
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


@dataclass(frozen=True, slots=True)
class Recent:
    """An action of an earlier turn. Its arguments and its text may hold what anybody has written: quote them."""

    name: str
    arguments: str
    """In short, as in `dice: 2, sides: 6`."""
    status: str
    """As in `done`, `failed`, `pending`, `in doubt`."""
    text: str
    ago: str
    """As in `3 minutes ago`."""


class RecentActions:
    """What came of the agent's actions in the room's last turns, the newest first."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        at_most: int = Field(default=6, ge=1, le=50)
        within: Period = 86400.0
        characters: int = Field(default=300, ge=20, le=5000)

    def __init__(self, settings: Settings, given: Given):
        self._settings, self._given = settings, given

    async def __call__(self, turn: Turn) -> list[Recent]:
        past = await self._given.results(turn, self._settings.at_most, self._settings.within)
        return [self._told(each) for each in past]

    def _told(self, past: PastResult) -> Recent:
        call, result = past.result.call, past.result
        arguments = ", ".join(f"{name}: {_written(value)}" for name, value in call.arguments.items())
        text = _cut(result.text, self._settings.characters)
        return Recent(clean_name(call.name), _cut(arguments, ARGUMENTS), result.status, text, _ago(past.seconds))


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _cut(text: str, most: int) -> str:
    text = clean(text)
    return text if len(text) <= most else f"{text[:most]} …"


def _ago(seconds: float) -> str:
    for unit, length in UNITS:
        if count := int(seconds // length):
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
