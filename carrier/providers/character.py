"""Tells who the agent is: its character with the names of the two who speak filled in, and the lore that comes up."""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from carrier.config.models.patterns import SEARCHED
from carrier.interfaces import Given, Turn
from carrier.types import characters
from carrier.types.characters import Lorebook, LoreEntry

PLACE = re.compile(r"\{\{\s*(char|user)\s*\}\}", re.IGNORECASE)
SECONDS = 0.5
"""How long the patterns of one lorebook are looked for; those that are left then do not come up."""

Searched = Callable[[Sequence[str]], bool]


class Character:
    """The character as a value for the templates, its words filled in once and never rendered.

    Its lorebook holds only the entries that come up, in the order in which they are told.
    """

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, settings: Settings, given: Given):
        self._given = given
        self._found = _Finding(Lorebook())

    async def __call__(self, turn: Turn) -> characters.Character:
        character = turn.agent.character
        told = replace(character, lorebook=await self._comes_up(turn, character.lorebook))
        names = {"char": character.display_name or character.name, "user": _one_line(turn.message.sender_name)}
        filled = _filled(told, lambda text: PLACE.sub(lambda place: names[place[1].lower()], text))
        return cast(characters.Character, filled)

    async def _comes_up(self, turn: Turn, book: Lorebook) -> Lorebook:
        if not book.entries:
            return book
        lines = await self._given.recent(turn, book.depth) if book.depth else []
        texts = [*(line.text for line in lines), turn.message.text]
        # Patterns of a large book take their time to compile and to look for.
        entries = await asyncio.to_thread(self._entries, book, texts)
        return replace(book, entries=entries)

    def _entries(self, book: Lorebook, texts: Sequence[str]) -> tuple[LoreEntry, ...]:
        found = self._found if self._found.book is book else _Finding(book)
        self._found = found
        return tuple(_within(found.entries(texts), book.characters))


class _Finding:
    """A lorebook made ready to be looked through, once."""

    def __init__(self, book: Lorebook):
        self.book = book
        self._entries = [(entry, _search(entry)) for entry in book.entries if entry.content.strip()]

    def entries(self, texts: Sequence[str]) -> list[LoreEntry]:
        until = time.monotonic() + SECONDS
        return [
            entry
            for entry, comes_up in self._entries
            if entry.constant or ((not entry.regex or time.monotonic() < until) and comes_up(texts))
        ]


def _search(entry: LoreEntry) -> Searched:
    """Whether the entry's keys come up in some texts."""
    if entry.regex:
        patterns = [re.compile(key, 0 if entry.case_sensitive else re.IGNORECASE) for key in entry.keys if key]
        return lambda texts: any(pattern.search(text, 0, SEARCHED) for pattern in patterns for text in texts)
    folded = str if entry.case_sensitive else str.casefold
    keys = [folded(key) for key in entry.keys if key.strip()]
    others = [folded(key) for key in entry.secondary_keys if key.strip()]

    def comes_up(texts: Sequence[str]) -> bool:
        said = "\n".join(map(folded, texts))
        return any(key in said for key in keys) and (not others or any(key in said for key in others))

    return comes_up


def _within(entries: Iterable[LoreEntry], characters: int) -> Iterator[LoreEntry]:
    """As many as may be told, in their order; those that are always told come before the others into the count."""
    ordered = sorted(entries, key=lambda entry: entry.order)
    chosen: set[int] = set()
    for entry in sorted(ordered, key=lambda entry: not entry.constant):
        if len(entry.content) <= characters:
            characters -= len(entry.content)
            chosen.add(id(entry))
    return (entry for entry in ordered if id(entry) in chosen)


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
    if not is_dataclass(value):
        return value
    return replace(value, **{field.name: _filled(getattr(value, field.name), fill) for field in fields(value)})  # type: ignore[type-var]
