"""The running summaries: of each room what was said there, in the words of each agent that hears it; one at a time."""

import re
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, or_, select

from carrier.ledger.cursors import move_cursor
from carrier.ledger.tables import inbox, messages, summaries
from carrier.quoting import folded
from carrier.types.memory import Summary
from carrier.types.talk import Line

OWNER = "{}/summary"
"""Whose cursor says how far a room is summed up."""
MOST = 200
"""Lines that are summed up at once; of a room whose summary was dropped, the last that are left."""

_its = and_(summaries.c.room == bindparam("of_room"), summaries.c.agent == bindparam("of_agent"))
_get = select(summaries).where(_its)
_delete = delete(summaries).where(_its)
_reaching = select(summaries.c.agent).where(
    summaries.c.room == bindparam("of_room"),
    summaries.c.since <= bindparam("at"),
    summaries.c.through >= bindparam("at"),
)
_back = (
    select(messages.c.at)
    .where(messages.c.room == bindparam("of_room"), messages.c.agent == "", messages.c.delivered)
    .order_by(messages.c.at.desc())
    .offset(MOST)
    .limit(1)
)
_heard = and_(
    inbox.c.agent.is_not(None),
    messages.c.agent == "",
    messages.c.kind.in_(("chat", "api")),
    messages.c.bot.is_(False),
    messages.c.at > bindparam("after"),
    messages.c.at <= bindparam("through"),
)
# An answer stands at the place of what it answers: what reached through that place had not seen it yet.
_answered = and_(
    messages.c.agent == bindparam("of_agent"), messages.c.at >= bindparam("after"), messages.c.at < bindparam("through")
)
_said = (
    select(messages)
    .outerjoin(inbox, and_(inbox.c.message == messages.c.id, inbox.c.agent == bindparam("of_agent")))
    .where(messages.c.room == bindparam("of_room"), messages.c.delivered, messages.c.text != "", or_(_heard, _answered))
    .order_by(messages.c.at.desc(), messages.c.id.desc())
    .limit(MOST)
)


def get(connection: Connection, agent: str, room: str) -> Summary | None:
    row = connection.execute(_get, {"of_room": room, "of_agent": agent}).one_or_none()
    return Summary(row.text, row.since, row.through) if row else None


def said(connection: Connection, agent: str, room: str, after: int, through: int) -> list[Line]:
    """What people and the agent itself said in a room from one place to another, the last of it; oldest first."""
    asked = {"of_agent": agent, "of_room": room, "after": after, "through": through}
    return [_line(row) for row in reversed(connection.execute(_said, asked).all())]


def _line(row: Row[Any]) -> Line:
    name = row.sender_name or row.sender.partition(":")[2]
    return Line(row.id, name, row.text, row.at, row.agent != "", row.sender)


def keep(connection: Connection, agent: str, room: str, summary: Summary) -> None:
    """Put a summary in the place of the one before."""
    connection.execute(_delete, {"of_room": room, "of_agent": agent})
    row = {"room": room, "agent": agent, "text": summary.text, "since": summary.since, "through": summary.through}
    connection.execute(insert(summaries), row)


def drop(connection: Connection, room: str, at: int) -> None:
    """Drop what sums up the place of a message; with the next turn it is made anew of what is left."""
    for agent in connection.execute(_reaching, {"of_room": room, "at": at}).scalars().all():
        _drop(connection, agent, room)


def drop_naming(connection: Connection, name: str) -> None:
    """The same for all that name somebody."""
    word = re.compile(rf"(?<!\w){re.escape(folded(name))}(?!\w)")
    for row in connection.execute(select(summaries)).all() if name else ():
        if word.search(folded(row.text)):
            _drop(connection, row.agent, row.room)


def _drop(connection: Connection, agent: str, room: str) -> None:
    connection.execute(_delete, {"of_room": room, "of_agent": agent})
    back = connection.execute(_back, {"of_room": room}).scalar() or 0
    move_cursor(connection, OWNER.format(agent), room, str(back))
