"""The transactions of a turn: take it, journal its steps, close it; what it says leaves in the one that ends it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, insert, literal, select, update

from carrier.ledger.bursts import said_in_a_row, those, together
from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump, load, to_message
from carrier.ledger.jobs import ReflectionDue, plan_reflections
from carrier.ledger.memory_log import log_memory
from carrier.ledger.tables import events, inbox, journal, messages, outbox, spending, turns
from carrier.types.memory import Memory
from carrier.types.models import ActionResult, Usage
from carrier.types.talk import Attachment, Ended, Message, Outcome, Outgoing

StepKind = Literal["value", "model", "action"]

SUSPECT, DEAD = 3, 6
"""Attempts without progress from which on a turn runs alone, and at which it is given up.

Once alone is no proof: a host that is killed at random may be so in the first moments of an innocent turn.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a turn's journal: a step that began, and its result once it ended."""

    name: str
    kind: StepKind
    ended: bool
    value: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A turn in hand: what it answers, what its journal holds, and how often it was begun without getting further."""

    id: str
    message: Message
    journal: dict[str, Entry]
    attempts: int
    said: tuple[str, ...] = ()
    """What it said already, before a crash."""
    unsure: str = ""
    """`asks`: the small model says whether it answers; `away`: its agent was not there to say so."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Something an agent says: its row in the room, what it remembers of it, and what is to be sent."""

    id: str
    text: str
    memory: Memory
    outgoing: tuple[Outgoing, ...] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of a turn, all of it at once."""

    outcome: Outcome
    speech: Speech | None
    event: str
    reflections: Sequence[ReflectionDue] = ()


HAND_TO = "hand_to/"
"""What the actions are called that give a conversation to another agent, before its name."""


def turn_id(agent: str, message_id: str) -> str:
    return f"{message_id}@{agent}"


# --- take -----------------------------------------------------------------------------------------------

_filed = select(inbox.c.state, inbox.c.unsure).where(
    inbox.c.agent == bindparam("agent"), inbox.c.message == bindparam("message")
)
_sure = select(inbox.c.message).where(
    inbox.c.agent == bindparam("agent"),
    inbox.c.message.in_(bindparam("ids", expanding=True)),
    inbox.c.state != "heard",
    inbox.c.unsure == "",
)
_message = select(messages).where(messages.c.id == bindparam("message"))
_turn = select(turns.c.attempts, turns.c.progress, turns.c.gathered).where(turns.c.id == bindparam("turn"))
_entries = select(journal).where(journal.c.turn == bindparam("turn"))
_texts = select(messages.c.text).where(messages.c.turn == bindparam("turn")).order_by(messages.c.id)
_open = insert(turns)
_reopen = update(turns).where(turns.c.id == bindparam("turn"))
_set_inbox = update(inbox).where(
    inbox.c.agent == bindparam("for_agent"),
    inbox.c.message.in_(bindparam("ids", expanding=True)),
    # What was only heard stays so, though it may be answered together with what waits.
    inbox.c.state != "heard",
)


def _never(message: Message) -> float:
    return 0.0


def take(
    connection: Connection,
    clock: Clock,
    agent: str,
    message_id: str,
    revision: str,
    gather: Callable[[Message], float] = _never,
) -> Taken | None:
    """Begin a turn or go on with one; None when it is already closed.

    `gather` says for how many seconds a message's sender may have gone on with it: what they said meanwhile is
    answered in the same turn.

    Attempts count only while the journal does not grow: a turn that gets further each time is not to blame.
    """
    key = {"agent": agent, "message": message_id}
    filed = connection.execute(_filed, key).one_or_none()
    if filed is None or filed.state not in ("waiting", "taken"):
        return None
    first = to_message(connection.execute(_message, {"message": message_id}).one())
    turn = turn_id(agent, message_id)
    begun = connection.execute(_turn, {"turn": turn}).one_or_none()
    entries = journal_of(connection, turn) if begun else {}
    said = _said_in(connection, turn) if entries else ()
    if begun is None:
        attempts, message = 1, _with_the_rest(connection, agent, first, gather(first))
        row = {"id": turn, **key, "room": message.room, "state": "open", "attempts": 1, "progress": 0}
        rest = json.dumps([*message.gathered[1:], message.id] if message.gathered else [])
        connection.execute(_open, {**row, "gathered": rest, "revision": revision, "taken_at": clock.tick()})
    else:
        message = together([first, *those(connection, json.loads(begun.gathered))])
        progress = sum(1 + entry.ended for entry in entries.values())
        attempts = 1 if progress > begun.progress else begun.attempts + 1
        # A suspect has to wait until it is alone: what kills the process meanwhile is another.
        counted = attempts - (attempts >= SUSPECT)
        again = {"attempts": counted, "progress": progress, "revision": revision}
        connection.execute(_reopen, {"turn": turn, **again})
    _move(connection, agent, message, "taken")
    return Taken(turn, message, entries, attempts, said, _still_unsure(connection, agent, message, filed.unsure))


def _with_the_rest(connection: Connection, agent: str, first: Message, gather: float) -> Message:
    if not gather or first.kind != "chat":
        return first
    return together(said_in_a_row(connection, agent, first, gather))


def _still_unsure(connection: Connection, agent: str, message: Message, unsure: str) -> str:
    """What is unsure of a message; nothing, if the agent certainly answers a part of it."""
    if not unsure or not message.gathered:
        return unsure
    ids = [*message.gathered, message.id]
    return "" if connection.execute(_sure, {"agent": agent, "ids": ids}).first() else unsure


def journal_of(connection: Connection, turn: str) -> dict[str, Entry]:
    """What a turn or a job has written down so far, by name."""
    rows = connection.execute(_entries, {"turn": turn})
    return {row.name: Entry(row.name, row.kind, bool(row.ended_at), row.value) for row in rows}


def _said_in(connection: Connection, turn: str) -> tuple[str, ...]:
    return tuple(connection.execute(_texts, {"turn": turn}).scalars())


def _move(connection: Connection, agent: str, message: Message, state: str) -> None:
    ids = [*message.gathered, message.id]
    connection.execute(_set_inbox.values(state=state), {"for_agent": agent, "ids": ids})


def alone(connection: Connection, turn: str) -> None:
    """A suspect's attempt counts from here on."""
    connection.execute(_reopen.values(attempts=turns.c.attempts + 1), {"turn": turn})


def let_go(connection: Connection, taken: Taken) -> None:
    """A clean stop is not the turn's fault: this attempt does not count."""
    connection.execute(_reopen, {"turn": taken.id, "attempts": taken.attempts - 1})


# --- step -----------------------------------------------------------------------------------------------

_start = insert(journal)
_end = update(journal).where(journal.c.turn == bindparam("of_turn"), journal.c.name == bindparam("of_name"))
_reserve = insert(spending)
_settle = update(spending).where(spending.c.turn == bindparam("of_turn"), spending.c.step == bindparam("of_name"))


def start(connection: Connection, clock: Clock, turn: str, agent: str, name: str, kind: StepKind) -> None:
    """Write down that a step begins; a model's also reserves what it may spend."""
    at = clock.tick()
    connection.execute(_start, {"turn": turn, "name": name, "kind": kind, "started_at": at})
    if kind == "model":
        connection.execute(_reserve, {"turn": turn, "step": name, "agent": agent, "state": "reserved", "at": at})


def end(
    connection: Connection, clock: Clock, turn: str, name: str, value: str, spent: tuple[str, Usage] | None = None
) -> None:
    """Write down what a step came to, and what a model's took as (model, usage)."""
    step = {"of_turn": turn, "of_name": name}
    connection.execute(_end, {**step, "ended_at": clock.tick(), "value": value})
    if spent:
        model, usage = spent
        took = {"tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "cost": usage.cost}
        connection.execute(_settle, {**step, "state": "settled", "model": model, **took})


def note(connection: Connection, clock: Clock, turn: str, name: str, value: str, kind: StepKind = "value") -> None:
    """Write down a result that nothing had to begin for."""
    at = clock.tick()
    row = {"turn": turn, "name": name, "kind": kind, "started_at": at, "ended_at": at, "value": value}
    connection.execute(_start, row)


# --- say and close ----------------------------------------------------------------------------------------

_speak = insert(messages)
_overhear = insert(inbox).from_select(
    ["agent", "message", "room", "state", "at"],
    select(inbox.c.agent, bindparam("said"), inbox.c.room, literal("heard"), inbox.c.at).where(
        inbox.c.message == bindparam("answered"), inbox.c.agent != bindparam("speaker")
    ),
)
_send = insert(outbox)
_close = update(turns).where(turns.c.id == bindparam("turn"))
_report = insert(events)


def speak(connection: Connection, clock: Clock, taken: Taken, speech: Speech) -> None:
    """Put words into the room: stored where they answer, remembered, heard by all who heard what they answer, and
    queued to be sent."""
    answered = taken.message
    place = {
        "client": answered.client,
        "kind": answered.kind,
        "reply_to": answered.platform_id,
        "at": answered.at,
        "turn": taken.id,
    }
    _say(connection, clock, speech, place)
    connection.execute(_overhear, {"said": speech.id, "answered": answered.id, "speaker": speech.memory.agent})


def say_unasked(connection: Connection, clock: Clock, speech: Speech) -> None:
    """The same for words that answer nothing said in their room."""
    client = speech.memory.room.partition("/")[0]
    _say(connection, clock, speech, {"client": client, "kind": "chat", "reply_to": "", "at": clock.tick()})


def _say(connection: Connection, clock: Clock, speech: Speech, place: dict[str, Any]) -> None:
    memory = speech.memory
    row = {
        "id": speech.id,
        "platform_id": "",
        "room": memory.room,
        "sender": memory.entity,
        "sender_name": memory.name,
        "agent": memory.agent,
        "text": speech.text,
        "addressed": False,
        "direct": memory.private,
        "created_at": clock.tick(),
    }
    connection.execute(_speak, {**row, **place})
    if place["kind"] != "ask":
        log_memory(connection, clock, memory)
    for position, outgoing in enumerate(speech.outgoing):
        connection.execute(_send, _outbox_row(outgoing, speech.id, position, clock.tick()))


def send(connection: Connection, clock: Clock, outgoing: Outgoing) -> None:
    """Queue words for another room than the one a turn answers in."""
    connection.execute(_send, _outbox_row(outgoing, "", 0, clock.tick()))


_attach = update(messages).where(messages.c.id == bindparam("of_message"))


def attach(connection: Connection, message: Message, files: Sequence[Attachment]) -> None:
    """What came with a message, and with those that are answered together with it, is where these files say."""
    found = {file.url: file for file in files if file.url}
    for row in connection.execute(select(messages).where(messages.c.id.in_([*message.gathered, message.id]))).all():
        here = tuple(found.get(file.url, file) for file in to_message(row).attachments)
        connection.execute(_attach, {"of_message": row.id, "attachments": dump(tuple[Attachment, ...], here)})


def _outbox_row(outgoing: Outgoing, message_id: str, position: int, at: int) -> dict[str, Any]:
    return {
        "key": outgoing.key,
        "client": outgoing.client,
        "room": outgoing.room,
        "agent": outgoing.agent,
        "message": message_id,
        "text": outgoing.text,
        "reply_to": outgoing.reply_to,
        "attachments": dump(tuple[Attachment, ...], outgoing.attachments) if outgoing.attachments else "[]",
        "asks": outgoing.asks,
        "name": outgoing.name,
        "thread": outgoing.thread,
        "state": "waiting",
        "position": position,
        "at": at,
    }


def close(connection: Connection, clock: Clock, taken: Taken, agent: str, closing: Closing) -> bool:
    """End a turn: its answer, what is to be sent, remembered, reflected on and reported, in one transaction.

    Returns whether a reflection has come due by it.
    """
    at = clock.tick()
    connection.execute(_close, {"turn": taken.id, "state": "closed", "outcome": closing.outcome, "closed_at": at})
    _move(connection, agent, taken.message, "done")
    if closing.speech:
        speak(connection, clock, taken, closing.speech)
    connection.execute(_report, {"id": taken.id, "at": at, "body": closing.event})
    return plan_reflections(connection, clock, agent, taken.message.room, closing.reflections)


# --- asking afterwards --------------------------------------------------------------------------------------

_last_model = (
    select(spending.c.model).where(spending.c.turn == bindparam("turn")).order_by(spending.c.at.desc()).limit(1)
)


def answer(connection: Connection, turn: str) -> Ended | None:
    """How a turn ended; None while it is under way. Raises LookupError when there is none.

    Where its agent handed the message over, that is how the last turn for it ended, with all that was said and done.
    """
    row = connection.execute(select(turns).where(turns.c.id == turn)).one_or_none()
    if row is None:
        message, _, agent = turn.rpartition("@")
        if connection.execute(_filed, {"agent": agent, "message": message}).first():
            return None
        raise LookupError(turn)
    if row.state != "closed":
        return None
    results = tuple(
        load(ActionResult, it.value) for it in journal_of(connection, turn).values() if it.kind == "action" and it.ended
    )
    texts = _said_in(connection, turn)
    other = {"agent": handed_to(results), "message": row.message}
    if connection.execute(_filed, other).scalar() not in (None, "heard"):
        last = answer(connection, turn_id(other["agent"], row.message))
        return last and replace(last, texts=(*texts, *last.texts), results=(*results, *last.results))
    model = connection.execute(_last_model, {"turn": turn}).scalar() or ""
    return Ended(turn, row.agent, row.room, row.outcome, texts, results, model)


def handed_to(results: Sequence[ActionResult]) -> str:
    """The agent that the message at hand was given to; empty: to none."""
    given = [result.call.name for result in results if result.ok and result.call.name.startswith(HAND_TO)]
    return given[0].removeprefix(HAND_TO) if given else ""


def turns_of(connection: Connection, message: str) -> list[str]:
    """The turns that a message has or had, in the order in which it was given to their agents."""
    query = select(inbox.c.agent).where(inbox.c.message == message, inbox.c.state != "heard").order_by(inbox.c.at)
    return [turn_id(agent, message) for agent in connection.execute(query).scalars()]
