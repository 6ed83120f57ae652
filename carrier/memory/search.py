"""Recall over all there is: the store, the views of it, and what still waits."""

import asyncio
from collections.abc import Collection

from carrier.memory.lance import LanceStore
from carrier.memory.recall import MOST, strengths, strongest
from carrier.memory.scopes import Scopes
from carrier.memory.vectors import Vectors
from carrier.memory.view import Stored, View, view_of
from carrier.memory.waiting import Vector, Waiting, shared, words
from carrier.types.memory import Recalled, Scope

LONG = 2_000
"""Lines that are weighed in a thread: on the event loop they would take some milliseconds."""


class Search:
    def __init__(self, store: LanceStore, scopes: Scopes, waiting: Waiting, vectors: Vectors):
        self._store, self._scopes, self._waiting, self._vectors = store, scopes, waiting, vectors

    async def find(
        self, scope: Scope, text: str, limit: int, skip: Collection[str], seconds: float, here: str = ""
    ) -> list[Recalled]:
        asked = words(text)
        view, found, question = await asyncio.gather(
            self._scopes.view(scope, lambda: self._waiting_in(scope)),
            self._by_words(scope, text, asked),
            self._vectors.of_question(text, seconds),
        )
        if view is None:
            view = await self._part_of(scope, text, question)
        lines = view.lines(asked, found, question)
        strength = await asyncio.to_thread(strengths, lines) if len(lines.at) > LONG else strengths(lines)
        strength = strength * view.weights[: len(strength)]
        places = strongest(strength, view.allowed(skip, (scope.room, here))[: len(strength)], limit)
        return [Recalled(view.memories[place], float(strength[place])) for place in places]

    async def _by_words(self, scope: Scope, text: str, asked: list[str]) -> dict[str, float]:
        """What shares words with a text, on disk and waiting; the waiting are measured by the best on disk."""
        waiting = {row.memory.id: shared(asked, row) for row in self._waiting.within(scope)}
        stored = await self._store.by_words(scope, text, MOST) if asked else {}
        best = max(stored.values(), default=1.0)
        return {id: share * best for id, share in waiting.items()} | stored

    async def _part_of(self, scope: Scope, text: str, question: Vector | None) -> View:
        """A view of what was found, for a scope too large to be held."""
        found = await self._store.nearest(scope, text, question, MOST)
        return view_of([*found, *self._waiting_in(scope)], self._store.size)

    def _waiting_in(self, scope: Scope) -> list[Stored]:
        return [(row.memory, row.vector) for row in self._waiting.within(scope)]
