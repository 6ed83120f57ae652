"""A memory system in a list, for tests that need no store."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from carrier.interfaces import MemoryState, StoreGiven
from carrier.memory.trust import may_come_up, weight
from carrier.types.memory import Memory, Recalled, Scope


class MemoryList:
    """`interfaces.Memories`. A memory comes up when it shares a word with the text, the more the stronger."""

    def __init__(self) -> None:
        self.kept: dict[str, Memory] = {}
        self.opened = False

    def open(self) -> None:
        self.opened = True

    def expect(self, text: str) -> None:
        pass

    def put(self, memories: Sequence[Memory]) -> None:
        self.kept.update((memory.id, memory) for memory in memories)

    async def recall(
        self, scope: Scope, text: str, limit: int, skip: Collection[str] = (), seconds: float = 1.0, here: str = ""
    ) -> list[Recalled]:
        found = [
            Recalled(memory, _likeness(memory.text, text) * weight(memory))
            for memory in self.kept.values()
            if _is_in(memory, scope) and memory.id not in skip and may_come_up(memory, scope.room, here)
        ]
        return sorted((it for it in found if it.score), key=lambda it: it.score, reverse=True)[:limit]

    async def forget(self, ids: Collection[str]) -> None:
        for id in ids:
            self.kept.pop(id, None)

    def state(self) -> MemoryState:
        return MemoryState(self.opened, len(self.kept), waiting=0, without_vector=len(self.kept), embeddings="none")


@asynccontextmanager
async def in_a_list(settings: None, given: StoreGiven) -> AsyncIterator[MemoryList]:
    """`memory: { type: carrier.testing.memories:in_a_list }`: a host that starts with half the work, and forgets."""
    yield MemoryList()


def _is_in(memory: Memory, scope: Scope) -> bool:
    return (
        memory.agent == scope.agent
        and scope.room in ("", memory.room)
        and scope.entity in ("", memory.entity)
    )  # fmt: skip


def _likeness(text: str, other: str) -> float:
    words, others = set(text.lower().split()), set(other.lower().split())
    return len(words & others) / max(1, len(others))
