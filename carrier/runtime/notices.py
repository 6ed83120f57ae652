"""What an operator is told in the room that was named for it: trouble that nobody in the conversation can mend."""

from carrier.runtime.speaking import DOORS
from carrier.types.agents import Agent
from carrier.types.talk import Outgoing


def notice(room: str, key: str, text: str, agent: str = "") -> Outgoing | None:
    """To be sent; None where there is no room, or none that something can be sent to."""
    client = room.partition("/")[0]
    return None if not room or client in DOORS else Outgoing(key, client, room, text, agent)


def trouble(agent: Agent, key: str, text: str) -> Outgoing | None:
    """What an agent's operator is told."""
    return notice(agent.notify, key, f"{agent.character.display_name}: {text}", agent.name)
