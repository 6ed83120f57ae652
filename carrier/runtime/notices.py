"""What an operator is told in the room that was named for it: trouble that nobody in the conversation can mend."""

from carrier.types import Agent, Outgoing

DOORS = frozenset({"api", "schedule"})
"""Clients that are asked, and tasks: closing a turn is the delivery, and nothing can be sent."""


def notice(room: str, key: str, text: str, agent: str = "") -> Outgoing | None:
    """To be sent; None where there is no room, or none that something can be sent to."""
    client = room.partition("/")[0]
    return None if not room or client in DOORS else Outgoing(key, client, room, text, agent)


def trouble(agent: Agent, key: str, text: str) -> Outgoing | None:
    """What an agent's operator is told."""
    return notice(agent.notify, key, f"{agent.character.display_name}: {text}", agent.name)
