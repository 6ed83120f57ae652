"""One scope as a whole in memory: its lines, and their vectors in one matrix."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from sys import intern

import numpy as np
from numpy.typing import NDArray

from carrier.memory.recall import Floats, Lines
from carrier.memory.trust import weight
from carrier.memory.waiting import Vector, words
from carrier.types.memory import Memory

LINE = 700
"""About what a line takes beside its vector, in bytes."""

Stored = tuple[Memory, Vector | None]


class View:
    """One scope's lines, in the order they came; each list and array says something else of the same lines."""

    def __init__(self, size: int, capacity: int = 64):
        self.memories: list[Memory] = []
        self.places: dict[str, int] = {}
        self._rooms, self._speakers = Lookup(), Lookup()
        self._at = np.zeros(capacity, np.int64)
        self._room = np.zeros(capacity, np.int32)
        self._speaker = np.zeros(capacity, np.int32)
        self._weight = np.zeros(capacity, np.float32)
        self._private = np.zeros(capacity, np.bool_)
        self._vectors = np.zeros((capacity, size), np.float32)
        self._zeros = np.zeros(size, np.float32)

    def __len__(self) -> int:
        return len(self.memories)

    @property
    def bytes(self) -> int:
        return self._vectors.nbytes + LINE * len(self)

    def add(self, memory: Memory, vector: Vector | None = None) -> bool:
        """Take a line in, or only its vector if it is here already; True if the view takes more memory now."""
        place = self.places.get(memory.id)
        full = place is None and len(self) == len(self._at)
        if full:
            self._grow()
        if place is None:
            place = self._append(memory)
        if vector is not None:
            self._vectors[place] = vector
        return full

    def lines(self, asked: Iterable[str], text: Mapping[str, float], question: Vector | None) -> Lines:
        """The lines as recall sees them; `text` is what the search by words found, by id."""
        count = len(self)
        found = np.zeros(count, np.float32)
        for id in text.keys() & self.places.keys():
            found[self.places[id]] = text[id]
        return Lines(
            at=self._at[:count],
            room=self._room[:count],
            text=found,
            named=self._named(asked)[self._speaker[:count]],
            vectors=self._vectors[:count],
            question=self._zeros if question is None else np.asarray(question, np.float32),
        )

    @property
    def weights(self) -> Floats:
        """What of its strength each line has, by how far it is trusted."""
        return self._weight[: len(self)]

    def allowed(self, skip: Collection[str], rooms: Collection[str] = ()) -> NDArray[np.bool_]:
        """Which lines may come up: none of those to skip, and what is private only in these rooms."""
        allowed = ~self._private[: len(self)]
        for place in np.flatnonzero(self._private[: len(self)]) if any(rooms) else ():
            allowed[place] = self.memories[place].room in rooms
        allowed[[self.places[id] for id in skip if id in self.places]] = False
        return allowed

    def _append(self, memory: Memory) -> int:
        place = len(self)
        self._at[place] = memory.at
        self._room[place] = self._rooms.number(memory.room)
        # Who is spoken to is named too: that says nothing for what they said themselves.
        self._speaker[place] = self._speakers.number("" if memory.kind == "reply" else memory.name)
        self._weight[place], self._private[place] = weight(memory), memory.private
        self.places[memory.id] = place
        self.memories.append(memory)
        return place

    def _grow(self) -> None:
        self._at, self._room, self._speaker, self._weight, self._private, self._vectors = (
            np.concatenate([array, np.zeros_like(array[: len(array) // 2])])
            for array in (self._at, self._room, self._speaker, self._weight, self._private, self._vectors)
        )

    def _named(self, asked: Iterable[str]) -> NDArray[np.bool_]:
        asked = frozenset(asked)
        return np.array([not asked.isdisjoint(words(name)) for name in self._speakers.numbers], np.bool_)


def view_of(stored: Sequence[Stored], size: int) -> View:
    view = View(size, capacity=max(64, len(stored) * 5 // 4))
    for memory, vector in stored:
        view.add(memory, vector)
    return view


class Lookup:
    """Numbers for names, in the order they came."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        return self.numbers.setdefault(intern(name), len(self.numbers))
