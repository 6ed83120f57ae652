"""The queue of what memory must take in: rows stay until the memory store has them on its own disk."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, union_all

from carrier.ledger import learned
from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.forms import dump, load
from carrier.ledger.tables import facts, inbox, memory_log, messages, tombstones
from carrier.types.memory import Memory

UNTOLD = ("approval", "schedule", "ask")
"""Kinds of messages that nobody outside said: a decision is the host's own word, an order the operator's, a question a
colleague's. None is remembered."""

_add = insert(memory_log)
_waiting = (
    select(memory_log.c.position, memory_log.c.body)
    .where(memory_log.c.position > bindparam("after"))
    .order_by(memory_log.c.position)
    .limit(bindparam("most"))
)
_known = union_all(
    select(facts.c.id).where(facts.c.id.in_(bindparam("ids", expanding=True))),
    select(tombstones.c.id).where(tombstones.c.id.in_(bindparam("ids", expanding=True))),
)
_forget = delete(memory_log).where(memory_log.c.id.in_(bindparam("ids", expanding=True)))


def log_memory(connection: Connection, clock: Clock, memory: Memory) -> None:
    connection.execute(_add, {"id": memory.id, "position": clock.tick(), "body": dump(Memory, memory)})


def remember(connection: Connection, clock: Clock, memories: Sequence[Memory]) -> list[Memory]:
    """Keep and log what is not known yet and was not forgotten; returns it, as it is kept."""
    ids = [memory.id for memory in memories]
    known = set(connection.execute(_known, {"ids": ids}).scalars())
    new = [kept for memory in memories if memory.id not in known and (kept := learned.keep(connection, memory))]
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
    """Log all that was heard, said and learned once more, for a memory store that has lost rows; returns how many."""
    there = {
        *connection.execute(select(memory_log.c.id)).scalars(),
        *connection.execute(select(tombstones.c.id)).scalars(),
    }
    said = [_memory(row) for row in connection.execute(_all_said)]
    found = [load(Memory, body) for body in connection.execute(_all_learned).scalars()]
    lost = [memory for memory in (*said, *found) if memory.id not in there]
    for memory in lost:
        log_memory(connection, clock, memory)
    return len(lost)


_heard = (
    select(messages, inbox.c.agent.label("hearer"), (messages.c.id + "@" + inbox.c.agent).label("memory"))
    .join(inbox, inbox.c.message == messages.c.id)
    .where(messages.c.agent == "", messages.c.text != "", messages.c.kind.not_in(UNTOLD))
)
_own = select(messages, messages.c.agent.label("hearer"), messages.c.id.label("memory")).where(
    messages.c.agent != "", messages.c.kind != "ask"
)
_all_learned = select(facts.c.body).order_by(facts.c.at)
_all_said = union_all(_heard, _own).order_by("at")


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
        private=row.direct,
    )
