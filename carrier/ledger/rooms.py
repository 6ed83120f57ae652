"""What was said last in a room, as an agent saw it: what it heard there, and its own words."""

from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select

from carrier.ledger.tables import inbox, messages
from carrier.types import Line

_lines = (
    select(messages.c.id, messages.c.sender_name, messages.c.sender, messages.c.text, messages.c.at, messages.c.agent)
    .outerjoin(inbox, and_(inbox.c.message == messages.c.id, inbox.c.agent == bindparam("of_agent")))
    .where(
        messages.c.room == bindparam("of_room"),
        messages.c.at < bindparam("before"),
        messages.c.delivered,
        or_(messages.c.agent == bindparam("of_agent"), and_(messages.c.agent == "", inbox.c.agent.is_not(None))),
        # What a schedule orders for a room is not said there; a task's own room remembers it.
        or_(messages.c.kind != "schedule", messages.c.agent != "", messages.c.client == "schedule"),
    )
    .order_by(messages.c.at.desc(), messages.c.id.desc())
    .limit(bindparam("most"))
)

END_OF_TIME = 2**62


def recent(connection: Connection, agent: str, room: str, most: int, before: int = END_OF_TIME) -> list[Line]:
    """The last lines before a place in the room's order, oldest first."""
    rows = connection.execute(_lines, {"of_agent": agent, "of_room": room, "most": most, "before": before}).all()
    return [_to_line(row) for row in reversed(rows)]


def _to_line(row: Row[Any]) -> Line:
    return Line(row.id, row.sender_name or row.sender.partition(":")[2], row.text, row.at, bool(row.agent))
