"""What a schedule orders of a turn: how its slot ends, and what is shown of words that somebody has to approve."""

from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from carrier.ledger import approvals, posts, slots
from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.forms import storable
from carrier.ledger.slots import Slot, Work
from carrier.runtime import drafts
from carrier.runtime.notices import notice
from carrier.runtime.permitting import digest
from carrier.types.agents import Agent
from carrier.types.models import ActionCall
from carrier.types.posts import Post
from carrier.types.talk import Message, Outgoing, Response

_SECOND = 1_000_000
POSTS: tuple[Work, ...] = ("post", "caption")


async def slot_of(ledger: Ledger, message: Message) -> Slot | None:
    """The slot whose work a message orders."""
    return await ledger.read(partial(slots.of_message, message=message.id))


def is_draft(slot: Slot | None) -> bool:
    """What the turn makes is shown for approval, not said."""
    return slot is not None and slot.state == "preparing"


def end_slot(
    connection: Connection, clock: Clock, slot: Slot, agent: Agent, turn: str, room: str, response: Response, error: str
) -> Outgoing | None:
    """Write down what became of a slot, in the transaction that closes its turn; a draft waits for approval from now
    on, and what is returned asks those who may approve it."""
    if slot.work in POSTS:
        posts.give_back(connection, slot.id)
    asked = _asked(slot, agent, turn, room, response.text, clock) if _is_said_later(slot, response) else None
    number = slots.worked(connection, clock, slot, *_ending(slot, response, error), asked)
    if not number:
        return None
    text = _question(agent, number, slot, response.text, room)
    asks = notice(agent.approvals.room, f"{turn}/notice", text, agent.name)
    return replace(asks, asks=number) if asks else None


def _is_said_later(slot: Slot, response: Response) -> bool:
    return is_draft(slot) and slot.work not in POSTS and bool(response.text.strip())


def file_post(connection: Connection, clock: Clock, agent: Agent, turn: str, post: Post) -> Outgoing | None:
    """Write down the post that a slot has become, in the transaction that closes its turn; it goes out from here on,
    or waits for approval, and what is returned asks those who may approve it."""
    posts.add(connection, clock, post)
    if post.state != "draft":
        return None
    slots.posting(connection, clock, post.slot, draft=True)
    return drafts.ask(connection, clock, agent, turn, post)


def _asked(slot: Slot, agent: Agent, turn: str, room: str, text: str, clock: Any) -> approvals.Asked:
    """These words, of this slot, for as long as it may still begin."""
    call = ActionCall(slot.id, "say", {"slot": slot.id, "text": storable(text)})
    seconds = max(0, slot.until - clock.now()) / _SECOND
    return approvals.Asked(turn, agent.name, room, call, digest(agent, call), seconds, slot=slot.id)


def _question(agent: Agent, number: str, slot: Slot, text: str, room: str) -> str:
    return (
        f"#{number}: {agent.character.display_name} is going to say in {room}, for {slot.id}:\n{text}\n"
        f"Answer `approve {number}` or `refuse {number}`."
    )


def _ending(slot: Slot, response: Response, error: str) -> tuple[slots.Ending, str]:
    match response.outcome:
        case "failed" | "dead":
            return "failed", error
        case "held":
            return "failed", "an evaluator held it"
        case "silent" if slot.work in POSTS:
            return "skipped", error or f"{slot.agent} had nothing to say"
        case "silent" if slot.work != "task":
            return "skipped", f"{slot.agent} had nothing to say"
    return "done", ""
