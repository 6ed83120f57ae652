"""What one person says in a row, so that it is answered together."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain

from sqlalchemy import Connection, and_, bindparam, exists, select

from carrier.ledger.forms import to_message
from carrier.ledger.tables import inbox, messages
from carrier.types.talk import Message

MOST, MOST_CHARS = 32, 16_000
"""Messages that are answered together, and of how many characters."""

_others = inbox.alias()
_after = (
    select(
        messages,
        inbox.c.state.label("place"),
        exists().where(_others.c.message == messages.c.id, _others.c.state != "heard").label("is_answered"),
    )
    .join(inbox, and_(inbox.c.message == messages.c.id, inbox.c.agent == bindparam("of_agent")))
    .where(messages.c.room == bindparam("of_room"), messages.c.at > bindparam("since"), messages.c.agent == "")
    .order_by(messages.c.at)
    .limit(4 * MOST)
)
_these = select(messages).where(messages.c.id.in_(bindparam("ids", expanding=True))).order_by(messages.c.at)


def said_in_a_row(connection: Connection, agent: str, first: Message, gather: float) -> list[Message]:
    """What the sender of a message said after it that waits for the same agent, up to what somebody else waits with.

    What followed within `gather` seconds belongs to it even if the agent would only have heard it, unless another
    agent answers it.
    """
    said = [first]
    for row in connection.execute(_after, {"of_agent": agent, "of_room": first.room, "since": first.at}):
        message = to_message(row)
        is_next = message.sender == first.sender and message.kind == "chat"
        if (row.place == "waiting" and not is_next) or _are_enough([*said, message]):
            break
        goes_on = not row.is_answered and message.at - said[-1].at <= gather * 1_000_000
        if is_next and (row.place == "waiting" or (row.place == "heard" and goes_on)):
            said.append(message)
    return said


def _are_enough(said: Sequence[Message]) -> bool:
    return len(said) > MOST or sum(len(message.text) for message in said) > MOST_CHARS


def those(connection: Connection, ids: Collection[str]) -> list[Message]:
    """The messages of these ids that are there, in order."""
    return [to_message(row) for row in connection.execute(_these, {"ids": list(ids)})]


def together(said: Sequence[Message]) -> Message:
    """Messages of one person as one, which stands where the last of them stands."""
    if len(said) == 1:
        return said[0]
    return replace(
        said[-1],
        text="\n".join(message.text for message in said if message.text),
        attachments=tuple(chain.from_iterable(message.attachments for message in said)),
        addressed=any(message.addressed for message in said),
        gathered=tuple(message.id for message in said[:-1]),
    )
