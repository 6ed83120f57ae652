"""Words of an agent's on their way: what is stored and remembered of them, and what has to be sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from carrier.ledger.engine import Clock
from carrier.ledger.forms import storable
from carrier.ledger.turns import Speech
from carrier.types.agents import Agent
from carrier.types.memory import Memory
from carrier.types.talk import Outgoing

DOORS = frozenset({"api", "ask", "schedule"})
"""Clients that are asked, and tasks: closing a turn is the delivery, and nothing can be sent."""

Split = Callable[[Outgoing], Sequence[Outgoing]]
"""What a client sends as several messages."""
Send = Callable[[Connection, Clock, Outgoing], None]
"""Queues words for a client, in the transaction that is under way."""


def speech(
    agent: Agent,
    id: str,
    room: str,
    text: str,
    at: int,
    split: Split,
    client: str = "",
    reply_to: str = "",
    private: bool = False,
) -> Speech:
    """Words of an agent's in a room, with what is kept of them and what has to be sent; `client` is the room's own."""
    text, client = storable(text), client or room.partition("/")[0]
    memory = Memory(
        id=id,
        agent=agent.name,
        room=room,
        entity=f"agent:{agent.name}",
        kind="reply",
        text=text,
        at=at,
        name=agent.character.display_name,
        revision=agent.revision,
        private=private,
    )
    if client in DOORS:
        return Speech(id, text, memory)
    outgoing = Outgoing(id, client, room, text, agent.name, reply_to)
    return Speech(id, text, memory, tuple(split(named(agent, outgoing))))


def named(agent: Agent, outgoing: Outgoing) -> Outgoing:
    """With the name that people know the agent by."""
    return replace(outgoing, name=agent.character.display_name)
