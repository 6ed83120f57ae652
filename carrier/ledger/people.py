"""Who speaks in a room, as an agent hears it."""

from sqlalchemy import Connection, and_, bindparam, select

from carrier.ledger.tables import inbox, messages
from carrier.types.talk import Person

LINES = 200
"""How far back is looked for who speaks."""

_heard = (
    select(messages.c.sender, messages.c.sender_name)
    .join(inbox, and_(inbox.c.message == messages.c.id, inbox.c.agent == bindparam("of_agent")))
    .where(messages.c.room == bindparam("of_room"), messages.c.at < bindparam("before"), messages.c.agent == "")
    .where(messages.c.kind != "schedule")
    .order_by(messages.c.at.desc())
    .limit(LINES)
)


def present(connection: Connection, agent: str, room: str, before: int, most: int) -> list[Person]:
    """Who spoke in a room last, the latest first."""
    rows = connection.execute(_heard, {"of_agent": agent, "of_room": room, "before": before})
    people: dict[str, Person] = {}
    for row in rows:
        people.setdefault(row.sender, Person(row.sender, row.sender_name or row.sender.partition(":")[2]))
    return list(people.values())[:most]
