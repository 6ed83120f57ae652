"""What is remembered and not yet on disk: it is recalled from here meanwhile, and handed out to be written."""

import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from carrier.types.memory import Memory, Scope

Vector = Sequence[float]

PATIENCE = 5.0
"""Seconds a row is held back for its vector, so that it is written once."""
QUIET = 0.05
LATEST = 1.0
"""A commit is due after so many seconds in which nothing came, and at the latest so long after its first row."""


@dataclass(slots=True, eq=False)
class Row:
    """A memory on its way to the disk."""

    memory: Memory
    since: float
    words: frozenset[str]
    vector: Vector | None = None
    begun: bool = False
    """It was handed out to be written, as it is."""
    refusals: int = 0


class Waiting:
    """The rows by id, and which of them are ready: those that have their vector, or have waited for it long enough."""

    def __init__(self, most: int = 2_000):
        self.most = most
        self.rows: dict[str, Row] = {}
        self._ready: dict[str, Row] = {}
        self._unready: dict[str, Row] = {}
        self._ready_since = 0.0

    def space_left(self) -> int:
        return max(0, self.most - len(self.rows))

    def add(self, memory: Memory) -> None:
        row = Row(memory, time.monotonic(), frozenset(words(said(memory))))
        self.rows[memory.id] = self._unready[memory.id] = row

    def complete(self, id: str, vector: Vector | None) -> bool:
        """Give a row its vector, or none for good; False if it comes too late to be written with the row."""
        row = self.rows.get(id)
        if row is None or row.begun:
            return False
        row.vector = vector
        if self._unready.pop(id, None):
            self._make_ready(row)
        return True

    def release(self, patience: float = PATIENCE) -> None:
        """Make ready what has waited for its vector so long."""
        now = time.monotonic()
        for row in [row for row in self._unready.values() if now - row.since >= patience]:
            del self._unready[row.memory.id]
            self._make_ready(row)

    def begin(self, most: int) -> list[Row]:
        """Rows to be written now; they go on waiting until they are dropped."""
        rows = list(islice(self._ready.values(), most))
        for row in rows:
            row.begun = True
        return rows

    def due_in(self, most: int) -> float | None:
        """Seconds until a commit should begin if nothing else happens; None: nothing waits."""
        now = time.monotonic()
        if len(self._ready) >= most:
            return 0.0
        if self._ready:
            return max(0.0, min(QUIET, self._ready_since + LATEST - now))
        oldest = next(iter(self._unready.values()), None)
        return None if oldest is None else max(0.0, oldest.since + PATIENCE - now)

    def drop(self, ids: Collection[str]) -> None:
        """These are on disk, or gone."""
        for id in ids:
            for rows in (self.rows, self._ready, self._unready):
                rows.pop(id, None)
        self._ready_since = time.monotonic()

    def within(self, scope: Scope) -> Iterator[Row]:
        return (row for row in self.rows.values() if contains(scope, row.memory))

    def _make_ready(self, row: Row) -> None:
        if not self._ready:
            self._ready_since = time.monotonic()
        self._ready[row.memory.id] = row


def contains(scope: Scope, memory: Memory) -> bool:
    return memory.agent == scope.agent and scope.room in ("", memory.room) and scope.entity in ("", memory.entity)


def said(memory: Memory) -> str:
    """The text as it is searched: who said it is part of it."""
    return f"{memory.name}: {memory.text}" if memory.name else memory.text


def words(text: str) -> list[str]:
    """The different words of a text in small letters; one or two letters are no word to look for."""
    return list(dict.fromkeys(word for word in re.findall(r"\w+", text.casefold()) if len(word) > 2))


def shared(asked: Iterable[str], row: Row) -> float:
    """How many of the words asked for are in a row: 0 none, 1 all."""
    asked = frozenset(asked)
    return len(asked & row.words) / len(asked) if asked else 0.0
