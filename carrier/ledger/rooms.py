"""What was said last in a room, as an agent saw it: what it heard there, other agents too, and its own words."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select

from carrier.ledger.tables import inbox, messages
from carrier.types.talk import Line

_lines = (
    select(
        messages.c.id,
        messages.c.sender_name,
        messages.c.sender,
        messages.c.text,
        messages.c.attachments,
        messages.c.at,
        messages.c.agent,
    )
    .outerjoin(inbox, and_(inbox.c.message == messages.c.id, inbox.c.agent == bindparam("of_agent")))
    .where(
        messages.c.room == bindparam("of_room"),
        messages.c.at < bindparam("before"),
        messages.c.delivered,
        messages.c.id.not_in(bindparam("but", expanding=True)),
        or_(messages.c.agent == bindparam("of_agent"), inbox.c.agent.is_not(None)),
        # What a schedule orders for a room is not said there; a task's own room remembers it.
        or_(messages.c.kind != "schedule", messages.c.agent != "", messages.c.client == "schedule"),
    )
    .order_by(messages.c.at.desc(), messages.c.id.desc())
    .limit(bindparam("most"))
)

END_OF_TIME = 2**62


def recent(
    connection: Connection,
    agent: str,
    room: str,
    most: int,
    before: int = END_OF_TIME,
    but: Collection[str] = (),
) -> list[Line]:
    """The last lines before a place in the room's order, `but` not these messages; oldest first."""
    asked = {"of_agent": agent, "of_room": room, "most": most, "before": before, "but": list(but)}
    return [_to_line(row, agent) for row in reversed(connection.execute(_lines, asked).all())]


def _to_line(row: Row[Any], agent: str) -> Line:
    name = row.sender_name or row.sender.partition(":")[2]
    return Line(row.id, name, _text(row), row.at, row.agent == agent, row.sender)


def _text(row: Row[Any]) -> str:
    """What was said; files that came with it are named."""
    files = [f"[file {file['name']}]" for file in json.loads(row.attachments)] if row.attachments != "[]" else []
    return "\n\n".join([row.text, *files]) if files else str(row.text)
