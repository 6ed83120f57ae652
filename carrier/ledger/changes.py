"""The transactions for what is said otherwise, or taken back, after it was said."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from carrier.ledger import approvals, asks, jobs, learned, summaries
from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump, load, to_message
from carrier.ledger.intake import memory_of
from carrier.ledger.memory_log import log_memory
from carrier.ledger.tables import (
    entities,
    facts,
    goal_changes,
    goals,
    inbox,
    journal,
    later,
    memory_log,
    messages,
    tombstones,
    turns,
)
from carrier.types.memory import Memory
from carrier.types.talk import Attachment, Message


@dataclass(frozen=True, slots=True)
class Changed:
    """What memory has to forget, and to take in instead; and the files that nobody needs any more."""

    forgotten: tuple[str, ...] = ()
    memories: tuple[Memory, ...] = ()
    files: tuple[str, ...] = ()


_known = select(messages).where(messages.c.id == bindparam("id"), messages.c.agent == "")
_hearers = select(inbox.c.agent).where(inbox.c.message == bindparam("id"))
_waits = select(inbox.c.agent).where(inbox.c.message == bindparam("id"), inbox.c.state == "waiting")
_answered = select(turns.c.id).where(
    or_(turns.c.message == bindparam("id"), func.instr(turns.c.gathered, bindparam("listed")) > 0),
    turns.c.state == "closed",
)
_set = update(messages).where(messages.c.id == bindparam("of_id"))


def edit(connection: Connection, clock: Clock, message: Message, follow: bool) -> Changed:
    """A known message says this now, with these files; once it was answered only to `follow`."""
    row = connection.execute(_known, {"id": message.id}).one_or_none()
    if row is None or not row.delivered:
        return Changed()
    if not follow and not connection.execute(_waits, {"id": message.id}).first():
        return Changed()
    was = to_message(row)
    files = _files(was.attachments, message.attachments)
    if (was.text, was.attachments) == (message.text, files):
        return Changed()
    now = replace(was, text=message.text, attachments=files)
    values = {"text": now.text, "attachments": dump(tuple[Attachment, ...], files)}
    connection.execute(_set, {"of_id": message.id, **values})
    if was.text != now.text:
        _look_back_anew(connection, was)
    agents = connection.execute(_hearers, {"id": message.id}).scalars().all()
    forgotten = _memories(was, agents)
    connection.execute(delete(memory_log).where(memory_log.c.id.in_(forgotten)))
    memories = [replace(memory_of(now, agent), id=_edited(now, agent)) for agent in agents if now.text]
    for memory in memories:
        log_memory(connection, clock, memory)
    return Changed(tuple(forgotten), tuple(memories))


def _files(before: tuple[Attachment, ...], now: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """The files there are now; those that are here already stay as they are."""
    here = {(file.name, file.size): file for file in before}
    return tuple(here.get((file.name, file.size), file) for file in now)


def _edited(message: Message, agent: str) -> str:
    """The memory of an edited message: what was forgotten once does not come back under its name."""
    return f"{memory_of(message, agent).id}/{sha256(message.text.encode()).hexdigest()[:16]}"


def _memories(message: Message, agents: Sequence[str]) -> list[str]:
    return [id for agent in agents for id in (memory_of(message, agent).id, _edited(message, agent))]


def withdraw(connection: Connection, clock: Clock, ids: Collection[str], forget: bool) -> Changed:
    """Messages that were taken back: not answered if they wait for it, in no prompt and no memory.

    With `forget` nothing of what they said is kept, nor of what was learned from them.
    """
    changed = [_withdraw(connection, clock, id, forget) for id in ids]
    return Changed(
        forgotten=tuple(id for each in changed for id in each.forgotten),
        files=tuple(file for each in changed for file in each.files),
    )


def _withdraw(connection: Connection, clock: Clock, id: str, forget: bool) -> Changed:
    row = connection.execute(_known, {"id": id}).one_or_none()
    if row is None:
        return Changed()
    message = to_message(row)
    begun = ("taken", "done")
    connection.execute(
        update(inbox).where(inbox.c.message == id, inbox.c.state.not_in(begun)).values(state="withdrawn")
    )
    connection.execute(_set, {"of_id": id, "delivered": False})
    _look_back_anew(connection, message)
    forgotten = _memories(message, connection.execute(_hearers, {"id": id}).scalars().all())
    if forget:
        forgotten += _forget(connection, id)
    connection.execute(delete(memory_log).where(memory_log.c.id.in_(forgotten)))
    bury(connection, clock, forgotten)
    files = tuple(file.path for file in message.attachments if file.path) if forget else ()
    return Changed(tuple(forgotten), files=files)


def _look_back_anew(connection: Connection, message: Message) -> None:
    """What its room's reflections make, or have summed up, of words that are no more is made of those there are."""
    jobs.drop_all(connection, message.room)
    summaries.drop(connection, message.room, message.at)


def _forget(connection: Connection, id: str) -> list[str]:
    """Empty a message and what its turns asked for, their journals with what they wanted said later, and what was
    learned from it alone."""
    connection.execute(_set, {"of_id": id, "text": "", "attachments": "[]"})
    answering = _answering(connection, id)
    for table in (journal, later):
        connection.execute(delete(table).where(table.c.turn.in_(answering)))
    asks.forget(connection, answering)
    approvals.forget(connection, answering)
    mentioning = connection.execute(select(facts).where(func.instr(facts.c.body, dump(str, id)) > 0)).all()
    found = [row.id for row in mentioning if load(Memory, row.body).source_ids == (id,)]
    learned.forget(connection, found)
    return found


def _answering(connection: Connection, id: str) -> set[str]:
    """The closed turns that answered a message, those of the colleagues they asked, and what was decided for them."""
    found: set[str] = set()
    new = set(connection.execute(_answered, {"id": id, "listed": dump(str, id)}).scalars())
    while new := new - found:
        found |= new
        new = {*asks.asked(connection, new), *approvals.followed(connection, new)}
    return found


def said_by(connection: Connection, entity: str) -> list[str]:
    """The ids of all that somebody said and that is kept."""
    said = select(messages.c.id).where(messages.c.sender == entity, messages.c.agent == "")
    return list(connection.execute(said.where(or_(messages.c.text != "", messages.c.delivered))).scalars())


def forget_learned(connection: Connection, clock: Clock, entity: str) -> Changed:
    """What was learned of somebody is forgotten, whoever told it; what names them in a summary, what agents are after
    for them, and what they are called."""
    of_them = select(facts.c.id).where(or_(facts.c.entity == entity, facts.c.other == entity))
    ids = connection.execute(of_them).scalars().all()
    learned.forget(connection, ids)
    connection.execute(delete(memory_log).where(memory_log.c.id.in_(ids)))
    for table in (goals, goal_changes):
        connection.execute(delete(table).where(table.c.whose == "person", table.c.subject == entity))
    name = connection.execute(select(entities.c.name).where(entities.c.id == entity)).scalar()
    summaries.drop_naming(connection, name or "")
    connection.execute(update(entities).where(entities.c.id == entity).values(name=""))
    bury(connection, clock, ids)
    return Changed(tuple(ids))


def bury(connection: Connection, clock: Clock, ids: Collection[str]) -> None:
    """What goes by these ids may not come back."""
    there = set(connection.execute(select(tombstones.c.id).where(tombstones.c.id.in_(ids))).scalars())
    for id in ids:
        if id not in there:
            connection.execute(insert(tombstones), {"id": id, "at": clock.tick()})
