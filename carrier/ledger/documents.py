"""What agents were given to read, passage by passage: facts of an owner of their own, which no room comes across."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from carrier.ledger.engine import Clock
from carrier.ledger.forms import load
from carrier.ledger.memory_log import remember
from carrier.ledger.tables import facts, memory_log
from carrier.types.memory import Memory

_bodies = select(facts.c.body).where(facts.c.agent == bindparam("owner"))
_drop = [delete(table).where(table.c.id.in_(bindparam("ids", expanding=True))) for table in (facts, memory_log)]


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was taken in: the hash of its content, and its passages."""

    digest: str
    passages: tuple[str, ...]


def owner(agent: str) -> str:
    """Whose memories an agent's documents are: no agent can be called so."""
    return f"{agent}/knowledge"


def sources(connection: Connection, agent: str) -> Mapping[str, Source]:
    """What was taken in, by the name of the text."""
    found: dict[str, Source] = {}
    for body in connection.execute(_bodies, {"owner": owner(agent)}).scalars():
        memory: Memory = load(Memory, body)
        known = found.get(memory.room, Source(memory.revision, ()))
        found[memory.room] = Source(memory.revision, (*known.passages, memory.id))
    return found


def take_in(
    connection: Connection, clock: Clock, agent: str, source: str, digest: str, texts: Sequence[str]
) -> list[Memory]:
    """Keep and log a text's passages, in their order."""
    at = clock.tick()
    passages = [
        Memory(f"{owner(agent)}/{source}@{at}/{number}", owner(agent), source, "", "document", text, at + number,
               name=source, revision=digest, trust="given")
        for number, text in enumerate(texts)
    ]  # fmt: skip
    return remember(connection, clock, passages)


def drop(connection: Connection, ids: Collection[str]) -> None:
    """Forget passages; others with the same words may come later."""
    for statement in _drop:
        connection.execute(statement, {"ids": list(ids)})
