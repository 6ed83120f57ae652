"""Answers that are shown while they grow: a row of the outbox each, until the whole answer takes its place."""

from sqlalchemy import Connection, delete, insert, select, update

from carrier.ledger.engine import Clock
from carrier.ledger.tables import outbox
from carrier.types.talk import Outgoing


def begin(connection: Connection, clock: Clock, turn: str, outgoing: Outgoing) -> bool:
    """Before a preview is put into its room: from here on it may be there. False: something else has to be sent there
    first."""
    waits = select(outbox.c.key).where(
        outbox.c.room == outgoing.room, outbox.c.state.in_(["waiting", "sending", "withdrawing"])
    )
    if connection.execute(waits.limit(1)).first():
        return False
    row = {
        "key": outgoing.key,
        "client": outgoing.client,
        "room": outgoing.room,
        "agent": outgoing.agent,
        "message": turn,
        "text": outgoing.text,
        "reply_to": outgoing.reply_to,
        "name": outgoing.name,
        "state": "showing",
        "position": 0,
        "at": clock.tick(),
    }
    connection.execute(insert(outbox), row)
    return True


def shown(connection: Connection, key: str, platform_id: str) -> None:
    """It is there."""
    connection.execute(update(outbox).where(outbox.c.key == key).values(platform_id=platform_id))


def drop(connection: Connection, key: str) -> None:
    """It is not there, or not any more."""
    connection.execute(delete(outbox).where(outbox.c.key == key))


def replace(connection: Connection, turn: str, client: str, first: str) -> None:
    """An answer takes the place of what is shown of it, by the key of its first message; empty: there is no answer.

    What nothing takes the place of is taken back.
    """
    shown = outbox.c.client == client, outbox.c.state == "showing", outbox.c.message == turn
    there = select(outbox.c.key, outbox.c.platform_id).where(*shown, outbox.c.platform_id != "")
    place = connection.execute(there.order_by(outbox.c.at.desc())).first()
    if first and place:
        drop(connection, place.key)
        connection.execute(update(outbox).where(outbox.c.key == first).values(platform_id=place.platform_id))
    connection.execute(update(outbox).where(*shown).values(state="withdrawing"))


def take_back_all(connection: Connection) -> None:
    """At the start of a host no answer grows."""
    connection.execute(update(outbox).where(outbox.c.state == "showing").values(state="withdrawing"))
