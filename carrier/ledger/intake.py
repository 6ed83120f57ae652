"""The transaction that takes a message in, and those that say who met whom: what is committed here is never lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from carrier.ledger.cursors import move_cursor
from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump, to_message
from carrier.ledger.known import Known, known
from carrier.ledger.memory_log import UNTOLD, log_memory
from carrier.ledger.tables import entities, inbox, messages, participants, rooms
from carrier.types.memory import Memory
from carrier.types.talk import Attachment, Message

Place = Literal["waiting", "asks", "away", "heard"]
"""What a message is to an agent: it waits for an answer, for the agent's model to say whether it answers, for the agent
to come back and say so; or it is only heard."""

ASKED = "ask:"
"""What the room begins with in which a colleague is asked; no client can be called so."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a message: who has it waiting, what there is to remember; a message seen before has neither."""

    message: Message
    new: bool
    same: bool = True
    """False: what is known under this id says something else."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """What it is to each agent that has only now heard it."""
    answering: tuple[str, ...] = ()
    """Whose turns answer it, also when it was seen before."""
    memories: tuple[Memory, ...] = ()

    @property
    def waiting(self) -> tuple[str, ...]:
        return tuple(agent for agent, place in self.places.items() if place != "heard")


_known = select(messages).where(messages.c.id == bindparam("id"))
_answering = select(inbox.c.agent).where(inbox.c.message == bindparam("id"), inbox.c.state != "heard")
_add = insert(messages)
_file = insert(inbox)


def take_in(connection: Connection, clock: Clock, message: Message, agents: Mapping[str, Place]) -> Intake:
    """Store a message for the agents that answer or only hear it; one whose id is known changes nothing."""
    return _seen(connection, message) or _store(connection, clock, message, agents)


def hear(
    connection: Connection,
    clock: Clock,
    message: Message,
    placed: Callable[[Known], Mapping[str, Place]],
    cursor: str = "",
) -> Intake:
    """The same, where its agents are found by what is known at this moment; an agent's own words are not heard.

    `cursor` is where its client goes on in that room.
    """
    if cursor:
        move_cursor(connection, message.client, message.room, cursor)
    if seen := _seen(connection, message):
        return seen
    found = known(connection, clock, message)
    if found.own:
        return Intake(message, new=False)
    return _store(connection, clock, message, placed(found))


def _seen(connection: Connection, message: Message) -> Intake | None:
    found = connection.execute(_known, {"id": message.id}).one_or_none()
    if found is None:
        return None
    before = to_message(found)
    answering = tuple(connection.execute(_answering, {"id": message.id}).scalars())
    return Intake(before, new=False, same=_content(before) == _content(message), answering=answering)


def _store(connection: Connection, clock: Clock, message: Message, agents: Mapping[str, Place]) -> Intake:
    message = replace(message, at=clock.tick())
    connection.execute(_add, _row(message))
    for agent, place in agents.items():
        connection.execute(_file, _filed(agent, message, place))
    told = message.text and message.kind not in UNTOLD
    memories = tuple(memory_of(message, agent) for agent in agents if told)
    for memory in memories:
        log_memory(connection, clock, memory)
    waiting = tuple(agent for agent, place in agents.items() if place != "heard")
    return Intake(message, new=True, places=agents, answering=waiting, memories=memories)


def _filed(agent: str, message: Message, place: Place) -> dict[str, object]:
    unsure = place if place in ("asks", "away") else ""
    state = "heard" if place == "heard" else "waiting"
    row = {"agent": agent, "message": message.id, "room": message.room, "at": message.at}
    return {**row, "state": state, "unsure": unsure}


def _content(message: Message) -> object:
    """What makes two messages of one id the same; not where a file was put, nor when it came."""
    files = [(file.name, file.size, file.text) for file in message.attachments]
    return message.text, message.to, message.room, message.sender, files


def memory_of(message: Message, agent: str) -> Memory:
    """What one agent keeps of a message."""
    return Memory(
        id=f"{message.id}@{agent}",
        agent=agent,
        room=message.room,
        entity=message.sender,
        kind="message",
        text=message.text,
        at=message.at,
        name=message.sender_name,
        private=message.direct,
    )


def _row(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "client": message.client,
        "platform_id": message.platform_id,
        "room": message.room,
        "sender": message.sender,
        "sender_name": message.sender_name,
        "kind": message.kind,
        "text": message.text,
        "attachments": dump(tuple[Attachment, ...], message.attachments) if message.attachments else "[]",
        "addressed": message.addressed,
        "addressee": message.to,
        "reply_to": message.reply_to,
        "direct": message.direct,
        "bot": message.bot,
        "roles": _listed(message.roles),
        "within": _listed(message.within),
        "created_at": message.created_at or message.at,
        "at": message.at,
    }


def _listed(ids: tuple[str, ...]) -> str:
    return dump(tuple[str, ...], ids) if ids else "[]"


def connect(connection: Connection, clock: Clock, message: Message) -> None:
    """Room, entity and participant exist, and the entity has the name it goes by now."""
    _once(connection, rooms, {"id": message.room}, {"client": message.client}, clock)
    _once(connection, entities, {"id": message.sender}, {"name": message.sender_name}, clock)
    _once(connection, participants, {"room": message.room, "entity": message.sender}, {}, clock)
    if message.sender_name:
        named = update(entities).where(entities.c.id == message.sender, entities.c.name != message.sender_name)
        connection.execute(named.values(name=message.sender_name))


def _once(connection: Connection, table: Table, key: dict[str, str], rest: dict[str, str], clock: Clock) -> None:
    there = select(table.c.since).where(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(there).first() is None:
        connection.execute(insert(table), {**key, **rest, "since": clock.tick()})


def unanswered(connection: Connection) -> list[tuple[str, str, str]]:
    """What waits for a turn or was cut off in one, as (agent, room, message id), in the order it came.

    What a colleague asks is not among it: only who asked goes on with that.
    """
    query = (
        select(inbox.c.agent, inbox.c.room, inbox.c.message)
        .where(inbox.c.state.in_(["waiting", "taken"]))
        .where(~inbox.c.room.startswith(ASKED, autoescape=True))
    )
    return [(row.agent, row.room, row.message) for row in connection.execute(query.order_by(inbox.c.at))]
