"""What agents have learned of people: kept once, closed when something else takes its place, and deleted only to be
forgotten."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from carrier.ledger.forms import dump, load
from carrier.ledger.tables import facts
from carrier.quoting import folded
from carrier.types.memory import Memory

LEARNED = ("fact", "relationship")
"""Kinds of memories that hold until something else takes their place."""
MOST = 2000
"""How many of what an agent knows of some people are looked through, the newest."""

_add = insert(facts)
_get = select(facts.c.body, facts.c.until).where(facts.c.id.in_(bindparam("ids", expanding=True)))
_ended = select(facts.c.id, facts.c.until).where(facts.c.id.in_(bindparam("ids", expanding=True)), facts.c.until > 0)
_like = select(facts.c.body).where(
    facts.c.agent == bindparam("agent"),
    facts.c.entity == bindparam("entity"),
    facts.c.other == bindparam("other"),
    facts.c.kind == bindparam("kind"),
    facts.c.until == 0,
)
_about = (
    select(facts.c.body)
    .where(
        facts.c.agent == bindparam("of_agent"),
        or_(
            facts.c.entity.in_(bindparam("people", expanding=True)),
            and_(facts.c.kind == "relationship", facts.c.other.in_(bindparam("people", expanding=True))),
        ),
        facts.c.kind.in_(bindparam("kinds", expanding=True)),
        facts.c.until == 0,
    )
    .order_by(facts.c.at.desc())
    .limit(MOST)
)
_close = update(facts).where(facts.c.id == bindparam("closed"))
_successor = select(facts.c.superseded_by).where(facts.c.id == bindparam("id"))
_delete = delete(facts).where(facts.c.id == bindparam("id"))


# --- kept -----------------------------------------------------------------------------------------------------------


def keep(connection: Connection, memory: Memory) -> Memory | None:
    """Keep what was learned, and close what it takes the place of; returns it as it is kept.

    None: it is kept already, in the same words. Where it may not take the other's place, both hold.
    """
    if memory.kind in LEARNED and _stands(connection, memory):
        return None
    memory = memory if _may_replace(connection, memory) else replace(memory, instead_of="")
    row = {"id": memory.id, "agent": memory.agent, "kind": memory.kind, "at": memory.at, "body": dump(Memory, memory)}
    connection.execute(_add, {**row, "entity": memory.entity, "other": memory.other})
    if memory.instead_of:
        connection.execute(_close.values(until=memory.at, superseded_by=memory.id), {"closed": memory.instead_of})
    return memory


def _stands(connection: Connection, memory: Memory) -> bool:
    """Whether the same was learned there before, as surely, and still holds."""
    whose = {"agent": memory.agent, "entity": memory.entity, "other": memory.other, "kind": memory.kind}
    there = (load(Memory, body) for body in connection.execute(_like, whose).scalars())
    return any(
        folded(each.text) == folded(memory.text)
        and each.room == memory.room
        and (each.trust == memory.trust or memory.trust == "claimed")
        for each in there
    )


def _may_replace(connection: Connection, memory: Memory) -> bool:
    """Only what the same person has said of the same may be replaced, by words of theirs, and what they said of
    themselves by no claim. What is private replaces nothing that is told elsewhere.
    """
    old = those(connection, [memory.instead_of]).get(memory.instead_of) if memory.instead_of else None
    return (
        old is not None
        and old.until == 0
        and (old.agent, old.kind, old.entity, old.other) == (memory.agent, memory.kind, memory.entity, memory.other)
        and (memory.trust, old.trust) != ("claimed", "said")
        and memory.confidence > 0
        and (old.room == memory.room or not memory.private)
    )


def forget(connection: Connection, ids: Collection[str]) -> None:
    """Delete these. What one had taken the place of gives way to what took its own, or holds again."""
    for id in ids:
        successor = connection.execute(_successor, {"id": id}).scalar()
        place = {"superseded_by": successor} if successor else {"superseded_by": "", "until": 0}
        connection.execute(update(facts).where(facts.c.superseded_by == id).values(**place))
        connection.execute(_delete, {"id": id})


# --- asked ----------------------------------------------------------------------------------------------------------


def about(
    connection: Connection,
    agent: str,
    people: Collection[str],
    room: str,
    most: int,
    here: str = "",
    kinds: Collection[str] = LEARNED,
) -> list[Memory]:
    """What an agent learned of these people, and of what others are to them, as far as it holds: what they said
    themselves first, then the newest; only in this room, if one is given. What is private counts only `here`."""
    asked = {"of_agent": agent, "people": list(people), "kinds": list(kinds)}
    found = (load(Memory, body) for body in connection.execute(_about, asked).scalars())
    told = [
        memory for memory in found if room in ("", memory.room) and (not memory.private or memory.room in (room, here))
    ]
    return sorted(told, key=lambda memory: memory.trust == "claimed")[:most]


def those(connection: Connection, ids: Collection[str]) -> dict[str, Memory]:
    """What goes by these ids, as far as it is kept, with when it stopped holding."""
    rows = connection.execute(_get, {"ids": list(ids)})
    found = (replace(load(Memory, row.body), until=row.until) for row in rows)
    return {memory.id: memory for memory in found}


def ended(connection: Connection, ids: Collection[str]) -> Mapping[str, int]:
    """When those of these that hold no more stopped to."""
    return {row.id: row.until for row in connection.execute(_ended, {"ids": list(ids)})}
