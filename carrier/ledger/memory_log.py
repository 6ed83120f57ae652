"""The queue of what memory must take in: rows stay until the memory store has them on its own disk."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, union_all

from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.forms import dump, load
from carrier.ledger.tables import inbox, memory_log, messages, tombstones
from carrier.types import Memory

_add = insert(memory_log)
_waiting = (
    select(memory_log.c.position, memory_log.c.body)
    .where(memory_log.c.position > bindparam("after"))
    .order_by(memory_log.c.position)
    .limit(bindparam("most"))
)
_known = union_all(
    select(memory_log.c.id).where(memory_log.c.id.in_(bindparam("ids", expanding=True))),
    select(tombstones.c.id).where(tombstones.c.id.in_(bindparam("ids", expanding=True))),
)
_forget = delete(memory_log).where(memory_log.c.id.in_(bindparam("ids", expanding=True)))


def log_memory(connection: Connection, clock: Clock, memory: Memory) -> None:
    connection.execute(_add, {"id": memory.id, "position": clock.tick(), "body": dump(Memory, memory)})


def remember(connection: Connection, clock: Clock, memories: Sequence[Memory]) -> list[Memory]:
    """Log what is not known yet and was not forgotten; returns that."""
    ids = [memory.id for memory in memories]
    known = set(connection.execute(_known, {"ids": ids}).scalars())
    new = [memory for memory in memories if memory.id not in known]
    for memory in new:
        log_memory(connection, clock, memory)
    return new


class LedgerMemoryLog:
    """`interfaces.MemoryLog`, kept in the ledger."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    async def waiting(self, limit: int, after: int = 0) -> list[tuple[int, Memory]]:
        def query(connection: Connection) -> list[tuple[int, Memory]]:
            rows = connection.execute(_waiting, {"after": after, "most": limit})
            return [(row.position, load(Memory, row.body)) for row in rows]

        return await self._ledger.read(query)

    async def remembered(self, ids: Collection[str]) -> None:
        await self._ledger.write(lambda connection: connection.execute(_forget, {"ids": list(ids)}))


def refill(connection: Connection, clock: Clock) -> int:
    """Log everything that was heard and said once more, for a memory store that has lost rows; returns how many."""
    there = select(memory_log.c.id)
    heard = (
        select(messages, inbox.c.agent.label("hearer"), (messages.c.id + "@" + inbox.c.agent).label("memory"))
        .join(inbox, inbox.c.message == messages.c.id)
        .where(messages.c.agent == "")
    )
    own = select(messages, messages.c.agent.label("hearer"), messages.c.id.label("memory")).where(
        messages.c.agent != ""
    )
    both = union_all(heard, own).subquery()
    lost = select(both).where(both.c.text != "", both.c.memory.not_in(there)).order_by(both.c.at)
    rows = connection.execute(lost).all()
    for row in rows:
        log_memory(connection, clock, _memory(row))
    return len(rows)


def _memory(row: Row[Any]) -> Memory:
    return Memory(
        id=row.memory,
        agent=row.hearer,
        room=row.room,
        entity=row.sender,
        kind="reply" if row.agent else "message",
        text=row.text,
        at=row.at,
        name=row.sender_name,
    )
