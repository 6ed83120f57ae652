"""How far memories are trusted, and where they may come up."""

from carrier.types.memory import Memory

CLAIMED = 0.5
"""What of its strength a memory has that nobody says of themselves."""


def weight(memory: Memory) -> float:
    return CLAIMED if memory.trust == "claimed" else 1.0


def may_come_up(memory: Memory, *rooms: str) -> bool:
    """What was said in a direct message comes up only there."""
    return not memory.private or memory.room in rooms
