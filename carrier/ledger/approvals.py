"""The transactions of what waits for a human: asked for once, decided once, used once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from carrier.ledger.asks import first_message
from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump, load
from carrier.ledger.intake import Intake, take_in
from carrier.ledger.tables import approvals, messages, turns
from carrier.types.models import ActionCall
from carrier.types.talk import Message

Decision = Literal["approved", "edited", "refused", "expired"]
State = Literal["pending", "approved", "edited", "refused", "expired", "used"]

CLIENT = "approvals"
"""What the client of a decision's message is called."""
MOST_WAITING = 20
"""Of one agent's in one room."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A call that somebody has to allow: exactly this one, of exactly this version of the action."""

    id: str
    turn: str
    agent: str
    room: str
    call: ActionCall
    digest: str
    state: State
    decided_by: str
    at: int
    expires_at: int
    reason: str = ""
    """Why it is asked for, where the agent's permissions alone would have allowed it."""
    slot: str = ""
    """The slot of a schedule that says it; empty: it is an action's call."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something to be decided."""

    turn: str
    agent: str
    room: str
    call: ActionCall
    digest: str
    """Of the agent, the action's definition and the arguments: what may run."""
    seconds: float
    """How long it may wait."""
    reason: str = ""
    slot: str = ""


_SECOND = 1_000_000
_known = (
    select(approvals.c.id)
    .where(approvals.c.digest == bindparam("of_digest"), approvals.c.room == bindparam("of_room"))
    .where(approvals.c.state == "pending")
)
_waiting = (
    select(func.count())
    .select_from(approvals)
    .where(approvals.c.agent == bindparam("of_agent"), approvals.c.room == bindparam("of_room"))
    .where(approvals.c.state == "pending")
)
_settle = update(approvals).where(
    approvals.c.digest == bindparam("of_digest"),
    approvals.c.room == bindparam("of_room"),
    approvals.c.state == "pending",
)
_decide = update(approvals).where(approvals.c.id == bindparam("of"), approvals.c.state == "pending")
_turns = (
    select(turns.c.id)
    .join(messages, messages.c.id == turns.c.message)
    .where(messages.c.kind == "approval", turns.c.state == "closed")
)
_use = update(approvals).where(approvals.c.id == bindparam("of"), approvals.c.state.in_(["approved", "edited"]))


def ask(connection: Connection, clock: Clock, asked: Asked) -> tuple[str, bool]:
    """The id of what waits, and whether it is new: the same call asked for twice is one approval.

    Without an id too much waits in the room already.
    """
    found = connection.execute(_known, {"of_digest": asked.digest, "of_room": asked.room}).scalar()
    if found is not None:
        return str(found), False
    if connection.execute(_waiting, {"of_agent": asked.agent, "of_room": asked.room}).scalar_one() >= MOST_WAITING:
        return "", False
    number = str((connection.execute(select(func.count()).select_from(approvals)).scalar() or 0) + 1)
    at = clock.tick()
    row = {
        "id": number,
        "turn": asked.turn,
        "agent": asked.agent,
        "room": asked.room,
        "call": dump(ActionCall, asked.call),
        "digest": asked.digest,
        "reason": asked.reason,
        "state": "pending",
        "at": at,
        "expires_at": clock.now() + int(asked.seconds * _SECOND),
        "slot": asked.slot,
    }
    connection.execute(insert(approvals), row)
    return number, True


def decide(
    connection: Connection,
    clock: Clock,
    id: str,
    decision: Decision,
    by: str,
    arguments: Mapping[str, object] | None = None,
    digest: str = "",
) -> Intake | None:
    """Decide what is pending, and queue the turn that follows from it; None when it is not pending (any more).

    An edited one comes with its arguments and their digest. What has expired can only be `expired`.
    """
    approval = get(connection, id)
    if approval is None or approval.state != "pending":
        return None
    if decision != "expired" and clock.now() > approval.expires_at:
        decision, by, arguments = "expired", "", None
    values: dict[str, Any] = {"state": decision, "decided_by": by}
    if arguments is not None:
        call = ActionCall(approval.call.id, approval.call.name, arguments)
        values |= {"call": dump(ActionCall, call), "digest": digest}
    connection.execute(_decide.values(**values), {"of": id})
    if approval.slot:
        # Its schedule goes on with it, at its time.
        return Intake(_told(connection, approval, decision, by), new=False)
    return take_in(connection, clock, _told(connection, approval, decision, by), {approval.agent: "waiting"})


def _told(connection: Connection, approval: Approval, decision: Decision, by: str) -> Message:
    """The decision as a message in the room where the call was asked for, in reply to what led to it."""
    first = first_message(connection, approval.turn)
    who = f" by {by}" if by else ""
    return Message(
        client=first.client if first else CLIENT,
        # Nobody can have sent a message under this id beforehand, in whose place the decision would then be lost.
        platform_id=f"approval:{approval.id}:{decision}:{token_hex(8)}",
        room=approval.room,
        sender=f"{CLIENT}:{by or 'nobody'}",
        sender_name=by or "nobody",
        text=f"The call of {approval.call.name} that waited as #{approval.id} is {decision}{who}.",
        kind="approval",
        to=approval.agent,
        reply_to=first.reply_to if first and first.kind == "approval" else first.platform_id if first else "",
    )


def use(connection: Connection, id: str) -> bool:
    """Take an approval for the one call that it allows; False when it was used already, or never given."""
    return connection.execute(_use.values(state="used"), {"of": id}).rowcount == 1


def withdraw(connection: Connection, slot: str) -> None:
    """Nobody needs to decide about a slot's work any more: it is decided otherwise, or another one."""
    waiting = update(approvals).where(approvals.c.slot == slot, approvals.c.state == "pending")
    connection.execute(waiting.values(state="expired", slot=""))


def settle(connection: Connection, clock: Clock, digest: str, room: str) -> None:
    """The same call is run now without having to be asked for: what still waits for it would run it twice."""
    connection.execute(_settle.values(state="used"), {"of_digest": digest, "of_room": room})


def followed(connection: Connection, asking: Collection[str]) -> list[str]:
    """The turns that followed from decisions about what these turns asked for."""
    about = select(approvals.c.id, approvals.c.room).where(approvals.c.turn.in_(asking))
    found: list[str] = []
    for row in connection.execute(about).all():
        told = _turns.where(messages.c.room == row.room, messages.c.platform_id.startswith(f"approval:{row.id}:"))
        found += connection.execute(told).scalars()
    return found


def forget(connection: Connection, asking: Collection[str]) -> None:
    """Empty the calls that these turns asked for; what is not run yet never will be."""
    for row in connection.execute(select(approvals).where(approvals.c.turn.in_(asking))).all():
        call = dump(ActionCall, replace(load(ActionCall, row.call), arguments={}))
        state = "expired" if row.state in ("pending", "approved", "edited") else row.state
        empty = update(approvals).where(approvals.c.id == row.id).values(call=call, state=state, reason="")
        connection.execute(empty)


def cause(connection: Connection, message: Message) -> Message | None:
    """The message that a decision goes back to, over however many decisions; None: it is no more."""
    while message.kind == "approval":
        approval = get(connection, number_of(message))
        found = first_message(connection, approval.turn) if approval else None
        if found is None:
            return None
        message = found
    return message


def number_of(decision: Message) -> str:
    """The id of the approval that a message tells the decision of."""
    return decision.platform_id.split(":")[1]


def get(connection: Connection, id: str) -> Approval | None:
    row = connection.execute(select(approvals).where(approvals.c.id == id)).one_or_none()
    return _to_approval(row) if row else None


def latest(connection: Connection, most: int = 50, pending: bool = False) -> list[Approval]:
    """The newest first."""
    query = select(approvals).order_by(approvals.c.at.desc()).limit(most)
    rows = connection.execute(query.where(approvals.c.state == "pending") if pending else query)
    return [_to_approval(row) for row in rows]


def due(connection: Connection, now: int) -> list[str]:
    """What has waited too long."""
    late = select(approvals.c.id).where(approvals.c.state == "pending", approvals.c.expires_at < now)
    return [str(id) for id in connection.execute(late).scalars()]


def _to_approval(row: Row[Any]) -> Approval:
    return Approval(
        row.id, row.turn, row.agent, row.room, load(ActionCall, row.call), row.digest, row.state, row.decided_by,
        row.at, row.expires_at, row.reason, row.slot,
    )  # fmt: skip
