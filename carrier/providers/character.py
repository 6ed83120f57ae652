"""Tells who the agent is: its character, with the names of the two who speak filled in."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from carrier import types
from carrier.interfaces import Given, Turn

PLACE = re.compile(r"\{\{\s*(char|user)\s*\}\}", re.IGNORECASE)


class Character:
    """The character as a value for the templates; its words are filled in once, never rendered."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        pass

    async def __call__(self, turn: Turn) -> types.Character:
        character = turn.agent.character
        names = {"char": character.display_name or character.name, "user": _one_line(turn.message.sender_name)}
        filled: types.Character = _filled(
            character, lambda text: PLACE.sub(lambda place: names[place[1].lower()], text)
        )
        return filled


def _one_line(name: str) -> str:
    return " ".join(name.split())[:80] or "the user"


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    """The same value with each of its texts filled in, however deep."""
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, tuple):
        return tuple(_filled(part, fill) for part in value)
    if isinstance(value, Mapping):
        return {key: _filled(part, fill) for key, part in value.items()}
    return replace(value, **{field.name: _filled(getattr(value, field.name), fill) for field in fields(value)})
