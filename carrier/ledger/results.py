"""What an agent's actions came to in the last turns of a room, out of their journals."""

import json
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, text

from carrier.interfaces import PastResult
from carrier.ledger import approvals
from carrier.ledger.forms import load, to_message
from carrier.ledger.tables import ANSWERED, inbox, journal, messages, turns
from carrier.ledger.tables import approvals as asked
from carrier.types.models import ActionCall, ActionResult

TURNS = 50
"""How many of them are looked through, the newest."""
_SECOND = 1_000_000

_turns = (
    select(messages, turns.c.id.label("turn_id"), turns.c.gathered)
    .join(inbox, inbox.c.message == messages.c.id)
    .join(turns, and_(turns.c.id == inbox.c.message + "@" + inbox.c.agent, turns.c.state == "closed"))
    .where(inbox.c.agent == bindparam("of_agent"), inbox.c.room == bindparam("of_room"))
    .where(text(f"inbox.{ANSWERED}"))
    .order_by(inbox.c.at.desc())
    .limit(TURNS)
)
_ended = (
    select(journal)
    .where(journal.c.turn.in_(bindparam("turns", expanding=True)), journal.c.kind == "action")
    .where(journal.c.ended_at > bindparam("since"))
    .order_by(journal.c.ended_at.desc())
)
_waits = select(asked.c.call).where(
    asked.c.agent == bindparam("of_agent"), asked.c.room == bindparam("of_room"), asked.c.state == "pending"
)
_withdrawn = select(messages.c.id).where(
    messages.c.id.in_(bindparam("ids", expanding=True)), messages.c.delivered.is_(False)
)


def earlier(connection: Connection, agent: str, room: str, now: int, most: int, seconds: float) -> list[PastResult]:
    """What came of an agent's actions in a room within so many seconds, the newest first.

    Of a turn that goes back to words which were taken back or forgotten nothing is told. A call that has to be approved
    is told while it waits; after that, what came of it is.
    """
    here = {"of_agent": agent, "of_room": room}
    found = {row.turn_id: row for row in connection.execute(_turns, here)}
    ended = connection.execute(_ended, {"turns": list(found), "since": now - int(seconds * _SECOND)}).all()
    waiting = [load(ActionCall, call) for call in connection.execute(_waits, here).scalars()]
    stands = cache(lambda turn: _stands(connection, found[turn]))
    told = ((load(ActionResult, row.value), row.ended_at) for row in ended if stands(row.turn))
    news = (PastResult(result, (now - at) / _SECOND) for result, at in told if _is_news(result, waiting))
    return list(islice(news, most))


def _is_news(result: ActionResult, waiting: Sequence[ActionCall]) -> bool:
    """Whether something was done, or still waits: not mere silence, nor a call that was decided about since."""
    if result.status != "pending":
        return not result.ends or bool(result.text)
    return any((call.name, call.arguments) == (result.call.name, result.call.arguments) for call in waiting)


def _stands(connection: Connection, turn: Row[Any]) -> bool:
    """Whether all that a turn goes back to is still said; of a decision, what led to the call."""
    cause = to_message(turn)
    if cause.kind == "approval":
        found = approvals.cause(connection, cause)
        if found is None:
            return False
        cause = found
    ids = [cause.id, *json.loads(turn.gathered)]
    return connection.execute(_withdrawn, {"ids": ids}).first() is None
