"""What the ledger knows that decides who answers a message, looked up while the message is taken in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, and_, bindparam, func, or_, select, text

from carrier.ledger.engine import Clock
from carrier.ledger.tables import ANSWERED, PEOPLE, inbox, messages, outbox, turns
from carrier.types.talk import Message


def _never(agent: str, times: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a message at the moment it is taken in."""

    now: int
    own: bool = False
    """An agent here said it, at this client."""
    replied_to: str = ""
    """The agent whose words it replies to."""
    has_answered: Callable[[str, int], bool] = _never
    """Whether an agent has answered the sender there so many times since a person last spoke."""


_said_by = (
    select(outbox.c.agent)
    .where(outbox.c.client == bindparam("at"), outbox.c.platform_id == bindparam("said"))
    .order_by(outbox.c.at.desc())
    .limit(1)
)


def known(connection: Connection, clock: Clock, message: Message) -> Known:
    replied_to = _speaker(connection, message.client, message.reply_to) if message.reply_to else None
    return Known(
        now=clock.tick(),
        own=not message.to and _speaker(connection, message.client, message.platform_id) is not None,
        replied_to=replied_to or "",
        has_answered=partial(_has_answered, connection, message),
    )


def _speaker(connection: Connection, client: str, platform_id: str) -> str | None:
    """The agent that said something, by the platform's id of it; None where nobody here did."""
    found: str | None = connection.execute(_said_by, {"at": client, "said": platform_id}).scalar()
    return found


# The wider index of the same columns would do as well, and which one is taken would be chance.
_last_person = text(
    f"SELECT at FROM messages INDEXED BY ix_messages_people WHERE room = :of_room AND {PEOPLE} ORDER BY at DESC LIMIT 1"
)
_answers = (
    select(inbox.c.message)
    .join(messages, messages.c.id == inbox.c.message)
    .outerjoin(turns, turns.c.id == inbox.c.message + "@" + inbox.c.agent)
    .where(
        text(f"inbox.{ANSWERED}"),
        inbox.c.agent == bindparam("of_agent"),
        inbox.c.room == bindparam("of_room"),
        inbox.c.at > bindparam("since"),
        messages.c.sender == bindparam("of_sender"),
        # What was answered together with something else has no turn of its own.
        or_(inbox.c.state == "waiting", and_(turns.c.id.is_not(None), turns.c.outcome != "silent")),
    )
    .order_by(inbox.c.at)
    .limit(bindparam("most"))
)
_count = select(func.count()).select_from(_answers.subquery())


def _has_answered(connection: Connection, message: Message, agent: str, times: int) -> bool:
    since = connection.execute(_last_person, {"of_room": message.room}).scalar() or 0
    asked = {"of_agent": agent, "of_room": message.room, "since": since, "of_sender": message.sender, "most": times}
    return connection.execute(_count, asked).scalar_one() >= times
