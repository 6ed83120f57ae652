"""The scopes that are asked about just now, each held in memory whole."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from carrier.memory.view import Stored, View, view_of
from carrier.memory.waiting import Vector
from carrier.types.memory import Memory, Scope

BUDGET = 48_000_000
MOST = 20_000
"""Lines; a scope with more is searched on disk."""


class Source(Protocol):
    """Where the lines of a scope are read."""

    async def count(self, scope: Scope) -> int: ...
    async def lines(self, scope: Scope) -> list[Stored]: ...


class Scopes:
    """The views by scope, those asked about last; together they stay within their budget."""

    def __init__(self, source: Source, size: int, budget: int = BUDGET, most: int = MOST):
        self._source, self._size, self._budget, self._most = source, size, budget, most
        self._views: OrderedDict[Scope, View] = OrderedDict()
        self._too_large: set[Scope] = set()
        self._loading: dict[Scope, _Loading] = {}

    async def view(self, scope: Scope, waiting: Callable[[], Iterable[Stored]]) -> View | None:
        """All of a scope, with what is not on disk yet; None if it is too large to be held."""
        if scope in self._views:
            self._views.move_to_end(scope)
            return self._views[scope]
        if scope in self._too_large:
            return None
        if scope not in self._loading:
            self._loading[scope] = _Loading(asyncio.create_task(self._load(scope)), list(waiting()))
        return await asyncio.shield(self._loading[scope].task)

    def add(self, memory: Memory, vector: Vector | None = None) -> None:
        """Every view that a memory belongs to takes it in."""
        for scope in _scopes_of(memory):
            if scope in self._loading:
                self._loading[scope].arrived.append((memory, vector))
            if scope in self._views and self._views[scope].add(memory, vector):
                self._keep(scope, self._views[scope])

    def drop(self, ids: Collection[str]) -> None:
        """Forget whatever holds one of these; what is being read is read once more."""
        for scope in [scope for scope, view in self._views.items() if not view.places.keys().isdisjoint(ids)]:
            del self._views[scope]
        for loading in self._loading.values():
            loading.arrived = [stored for stored in loading.arrived if stored[0].id not in ids]
            loading.stale = True

    async def _load(self, scope: Scope) -> View | None:
        try:
            if await self._source.count(scope) > self._most:
                self._too_large.add(scope)
                return None
            view = await self._read(scope)
            self._keep(scope, view)
            return view
        finally:
            del self._loading[scope]

    async def _read(self, scope: Scope) -> View:
        loading = self._loading[scope]
        loading.stale = False
        stored = await self._source.lines(scope)
        view = await asyncio.to_thread(view_of, stored, self._size)
        if loading.stale:
            return await self._read(scope)
        for memory, vector in loading.arrived:
            view.add(memory, vector)
        return view

    def _keep(self, scope: Scope, view: View) -> None:
        self._views[scope] = view
        if len(view) > self._most:
            self._too_large.add(scope)
            del self._views[scope]
        while len(self._views) > 1 and sum(view.bytes for view in self._views.values()) > self._budget:
            self._views.popitem(last=False)


@dataclass(slots=True)
class _Loading:
    """A scope that is being read, and what came for it meanwhile."""

    task: "asyncio.Task[View | None]"
    arrived: list[Stored]
    stale: bool = False


def _scopes_of(memory: Memory) -> Iterable[Scope]:
    return (
        Scope(memory.agent, room, entity)
        for room in dict.fromkeys((memory.room, ""))
        for entity in dict.fromkeys((memory.entity, ""))
    )
