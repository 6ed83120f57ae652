"""A memory log in a list, for tests and benchmarks that have no ledger."""

from collections.abc import Collection, Sequence

from carrier.types.memory import Memory


class ListedMemoryLog:
    """`interfaces.MemoryLog`. It outlives the memories it is handed to, as a ledger does."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, Memory]] = {}
        self._position = 0

    def add(self, memories: Sequence[Memory]) -> None:
        for memory in memories:
            self._position += 1
            self.rows.setdefault(memory.id, (self._position, memory))

    async def waiting(self, limit: int, after: int = 0) -> list[tuple[int, Memory]]:
        return [row for row in self.rows.values() if row[0] > after][:limit]

    async def remembered(self, ids: Collection[str]) -> None:
        for id in ids:
            self.rows.pop(id, None)
