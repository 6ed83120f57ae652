"""What is to be sent, and how far each row has got: waiting, sending, sent, failed, or in doubt."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from carrier.ledger.forms import load
from carrier.ledger.tables import messages, outbox, slots, turns
from carrier.types.talk import Attachment, Outgoing

_waiting = (
    select(outbox)
    .where(
        outbox.c.client == bindparam("of_client"),
        outbox.c.state.in_(["waiting", "sending", "withdrawing"]),
        outbox.c.room.not_in(bindparam("rooms", expanding=True)),
    )
    .order_by(outbox.c.at)
    .limit(bindparam("most"))
)
_set = update(outbox).where(outbox.c.key == bindparam("of_key"))


@dataclass(frozen=True, slots=True)
class Unsent:
    """A row to deliver; one that is `sending` was cut off there, and may be out already."""

    outgoing: Outgoing
    sending: bool
    attempts: int
    at: int
    withdrawn: bool = False
    """What was shown of an answer that came to nothing: it is to be taken back."""


def waiting(connection: Connection, client: str, but: Collection[str] = (), most: int = 200) -> list[Unsent]:
    """What a client has to send, in order, `but` not into these rooms."""
    rows = connection.execute(_waiting, {"of_client": client, "rooms": list(but), "most": most})
    return [
        Unsent(_to_outgoing(row), row.state == "sending", row.attempts, row.at, row.state == "withdrawing")
        for row in rows
    ]


def _to_outgoing(row: Row[Any]) -> Outgoing:
    return Outgoing(
        key=row.key,
        client=row.client,
        room=row.room,
        text=row.text,
        agent=row.agent,
        reply_to=row.reply_to,
        attachments=load(tuple[Attachment, ...], row.attachments) if row.attachments != "[]" else (),
        asks=row.asks,
        name=row.name,
        thread=row.thread,
        edits=row.platform_id,
        at=row.at,
    )


def others(connection: Connection, outgoing: Outgoing, most: int = 200) -> tuple[str, ...]:
    """The platform's ids of what else was sent to its room, the latest."""
    sent = select(outbox.c.platform_id).where(
        outbox.c.room == outgoing.room, outbox.c.state == "sent", outbox.c.client == outgoing.client
    )
    return tuple(connection.execute(sent.order_by(outbox.c.at.desc()).limit(most)).scalars())


def sending(connection: Connection, key: str, attempts: int, now: int) -> None:
    """Before the call to the platform: from here on it may have taken effect."""
    connection.execute(_set, {"of_key": key, "state": "sending", "attempts": attempts, "tried_at": now})


def sent(connection: Connection, key: str, platform_id: str, mark: str = "") -> None:
    """`mark` says how, where it was not by the platform."""
    connection.execute(_set, {"of_key": key, "state": "sent", "platform_id": platform_id, "error": mark})


def put_back(connection: Connection, key: str, error: str) -> None:
    """A passing failure that certainly took no effect: it waits for another try."""
    connection.execute(_set, {"of_key": key, "state": "waiting", "error": error})


def give_up(connection: Connection, key: str, state: str, error: str) -> None:
    """`failed`: the words never reached the room, and leave the prompt; `in doubt`: nobody can say."""
    connection.execute(_set, {"of_key": key, "state": state, "error": error})
    if state == "failed":
        said = select(outbox.c.message).where(outbox.c.key == key).scalar_subquery()
        connection.execute(update(messages).where(messages.c.id == said).values(delivered=False))
    _tell_schedule(connection, key, f"{state}: {error}")


def _tell_schedule(connection: Connection, key: str, reason: str) -> None:
    """A slot that said it was not done after all."""
    turn = select(messages.c.turn).join(outbox, outbox.c.message == messages.c.id).where(outbox.c.key == key)
    order = select(turns.c.message).where(turns.c.id == turn.scalar_subquery()).scalar_subquery()
    connection.execute(
        update(slots).where(slots.c.message == order, slots.c.state == "done").values(state="failed", reason=reason)
    )
