"""Who speaks in a room, as an agent hears it, and what it knows of them."""

from collections.abc import Collection

from sqlalchemy import Connection, and_, bindparam, select

from carrier.ledger.forms import load
from carrier.ledger.tables import facts, inbox, messages
from carrier.types import Memory, Person

LINES = 200
"""How far back is looked for who speaks."""
FACTS = 2000
"""How many of an agent's facts are looked through, the newest."""

_heard = (
    select(messages.c.sender, messages.c.sender_name)
    .join(inbox, and_(inbox.c.message == messages.c.id, inbox.c.agent == bindparam("of_agent")))
    .where(messages.c.room == bindparam("of_room"), messages.c.at < bindparam("before"), messages.c.agent == "")
    .where(messages.c.kind != "schedule")
    .order_by(messages.c.at.desc())
    .limit(LINES)
)
_facts = select(facts.c.body).where(facts.c.agent == bindparam("of_agent")).order_by(facts.c.at.desc()).limit(FACTS)


def present(connection: Connection, agent: str, room: str, before: int, most: int) -> list[Person]:
    """Who spoke in a room last, the latest first."""
    rows = connection.execute(_heard, {"of_agent": agent, "of_room": room, "before": before})
    people: dict[str, Person] = {}
    for row in rows:
        people.setdefault(row.sender, Person(row.sender, row.sender_name or row.sender.partition(":")[2]))
    return list(people.values())[:most]


def facts_about(connection: Connection, agent: str, people: Collection[str], room: str, most: int) -> list[Memory]:
    """What an agent learned of these people, the newest first; only in this room, if one is given."""
    found = (load(Memory, body) for body in connection.execute(_facts, {"of_agent": agent}).scalars())
    of_them = [memory for memory in found if memory.entity in people and room in ("", memory.room)]
    return of_them[:most]
