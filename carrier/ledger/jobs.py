"""Work that may come later, as rows: what a reflection is due on, and how often a job was tried."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, literal, select, update

from carrier.errors import ActionError
from carrier.ledger import summaries
from carrier.ledger.cursors import move_cursor
from carrier.ledger.engine import Clock
from carrier.ledger.forms import to_message
from carrier.ledger.goals import Changed, change
from carrier.ledger.memory_log import remember
from carrier.ledger.tables import cursors, inbox, jobs, journal, messages
from carrier.types.memory import Goal, Memory, Summary
from carrier.types.talk import Message

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ReflectionDue:
    """An evaluator that looks back on a room once `every` messages have come since it last did."""

    evaluator: str
    every: int


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    kind: str
    agent: str
    evaluator: str
    room: str
    attempts: int


_cursor = select(cursors.c.position).where(cursors.c.owner == bindparam("owner"), cursors.c.room == bindparam("room"))
_heard_since = (
    select(inbox.c.message)
    .join(messages, messages.c.id == inbox.c.message)
    .where(
        messages.c.room == bindparam("room"),
        messages.c.at > bindparam("since"),
        messages.c.agent == "",
        messages.c.delivered,
        inbox.c.agent == bindparam("agent"),
    )
    .limit(bindparam("most"))
)
_count_heard = select(func.count()).select_from(_heard_since.subquery())
_of_room = select(jobs.c.id).where(
    func.substr(jobs.c.payload, func.instr(jobs.c.payload, " ") + 1) == bindparam("room")
)
_queued = select(jobs.c.id).where(jobs.c.agent == bindparam("agent"), jobs.c.payload == bindparam("payload"))
_waits = select(jobs.c.id).where(jobs.c.id == bindparam("id"))


def plan_reflections(
    connection: Connection, clock: Clock, agent: str, room: str, reflections: Sequence[ReflectionDue]
) -> bool:
    """Queue each reflection that has come due in a room, once; returns whether there was one."""
    queued = False
    for reflection in reflections:
        since = _since(connection, agent, reflection.evaluator, room)
        where = {"room": room, "since": since, "agent": agent, "most": reflection.every}
        if connection.execute(_count_heard, where).scalar_one() < reflection.every:
            continue
        job = {"agent": agent, "payload": f"{reflection.evaluator} {room}"}
        if connection.execute(_queued, job).first() is None:
            now = clock.tick()
            # Lines may be looked at anew, by a job that is another: each has an account of its own.
            id = f"{agent}/{reflection.evaluator}/{room}/{since}@{now}"
            connection.execute(insert(jobs), {"id": id, "kind": "reflection", "due_at": now, **job})
            queued = True
    return queued


def _since(connection: Connection, agent: str, evaluator: str, room: str) -> int:
    return int(connection.execute(_cursor, {"owner": f"{agent}/{evaluator}", "room": room}).scalar() or 0)


def due(connection: Connection, now: int, most: int) -> list[Job]:
    rows = connection.execute(select(jobs).where(jobs.c.due_at <= now).order_by(jobs.c.due_at).limit(most))
    return [_to_job(row) for row in rows]


def _to_job(row: Row[Any]) -> Job:
    evaluator, _, room = row.payload.partition(" ")
    return Job(row.id, row.kind, row.agent, evaluator, room, row.attempts)


def lines_since(connection: Connection, job: Job, most: int = 200) -> list[Message]:
    """What an agent heard in the job's room since its evaluator last looked, oldest first; not what agents said."""
    since = _since(connection, job.agent, job.evaluator, job.room)
    query = (
        select(messages)
        .join(inbox, inbox.c.message == messages.c.id)
        .where(messages.c.room == job.room, messages.c.at > since, messages.c.agent == "", inbox.c.agent == job.agent)
        .where(messages.c.delivered)
        .order_by(messages.c.at)
        .limit(most)
    )
    return [to_message(row) for row in connection.execute(query)]


def reflected(
    connection: Connection,
    clock: Clock,
    job: Job,
    through: int,
    memories: Sequence[Memory],
    changes: Sequence[Changed] = (),
    of_file: Sequence[Goal] = (),
    summary: Summary | None = None,
) -> list[Memory]:
    """Keep what a reflection found, move its cursor and drop the job; returns what was not known yet.

    Nothing is kept of a job that was dropped meanwhile: what it looked back on is not what was said any more. A goal
    that is no longer what the reflection took it for stays as it is.
    """
    if _is_gone(connection, job):
        drop(connection, job)
        return []
    if summary:
        summaries.keep(connection, job.agent, job.room, summary)
    new = remember(connection, clock, memories)
    for changed in changes:
        with suppress(ActionError):
            change(connection, clock, changed, of_file)
    _pass(connection, job, through)
    return new


def _is_gone(connection: Connection, job: Job) -> bool:
    return connection.execute(_waits, {"id": job.id}).first() is None


def _pass(connection: Connection, job: Job, through: int) -> None:
    """The lines up to here are done with, and so is the job."""
    move_cursor(connection, f"{job.agent}/{job.evaluator}", job.room, str(through))
    drop(connection, job)


def drop(connection: Connection, job: Job) -> None:
    """Forget a job that nobody can do now, and its journal: its lines make it due again with the agent's next turn."""
    _drop(connection, [job.id])


def drop_all(connection: Connection, room: str) -> None:
    """The same for all jobs of a room: an answer that one of them has may be made of what is there no more."""
    _drop(connection, connection.execute(_of_room, {"room": room}).scalars().all())


def _drop(connection: Connection, ids: Sequence[str]) -> None:
    connection.execute(delete(jobs).where(jobs.c.id.in_(ids)))
    connection.execute(delete(journal).where(journal.c.turn.in_(ids)))


def failed(connection: Connection, job: Job, error: str, again_at: int) -> bool:
    """Note a failed attempt; False when it was the last one and the job is gone, with its lines so far."""
    if _is_gone(connection, job):
        drop(connection, job)
        return True
    if job.attempts + 1 >= ATTEMPTS:
        _pass(connection, job, through=max((line.at for line in lines_since(connection, job)), default=0))
        return False
    again = {"attempts": literal(job.attempts + 1), "error": error, "due_at": again_at}
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(**again))
    return True


def next_due(connection: Connection) -> int | None:
    at: int | None = connection.execute(select(func.min(jobs.c.due_at))).scalar()
    return at
