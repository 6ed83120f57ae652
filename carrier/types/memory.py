"""What stays: memories, what is known of people, and what agents are after."""

from dataclasses import dataclass
from typing import Literal

Trust = Literal["given", "said", "claimed"]
"""How far a memory can be trusted: `given` by the operator to read; `said` by whom it is of; `claimed` by somebody of
another, or by a model that has made it of what it read."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A thing kept, with where it came from: recall never crosses its agent, nor its room unless the scope says so."""

    id: str
    agent: str
    room: str
    entity: str
    """Whom it is about or who said it."""
    kind: Literal["message", "reply", "fact", "relationship", "document"]
    text: str
    at: int
    name: str = ""
    """The speaker's name, for telling it again."""
    source_ids: tuple[str, ...] = ()
    revision: str = ""
    trust: Trust = "said"
    private: bool = False
    """Said in a direct message: it is recalled nowhere else."""
    confidence: float = 1.0
    """What part of its words stands in the words it was made of, 0 to 1; what is kept word for word has 1."""
    other: str = ""
    """Whom else it is about: of a claim, who it is made of; of a relationship, who it is with."""
    instead_of: str = ""
    """The id of the memory whose place it takes."""
    until: int = 0
    """When it stopped holding; 0: it holds. Only the ledger knows: a memory store need not keep it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said in a room in a few words, from one place of the room's order through another."""

    text: str
    since: int
    through: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that came up, and how strongly (0 to about 1)."""

    memory: Memory
    score: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: always one agent; one room or one person within it where set."""

    agent: str
    room: str = ""
    entity: str = ""


Whose = Literal["agent", "room", "person"]
"""Whom a goal is for."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What an agent is after, and how far it has got."""

    name: str
    description: str
    steps: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    """Those of the steps that are."""
    note: str = ""
    """How it stands, as it was last noted."""
    whose: Whose = "agent"
    subject: str = ""
    """The room or the entity it is for; empty for the agent's own."""


@dataclass(frozen=True, slots=True)
class GoalChange:
    """Something that becomes of a goal; its own identity is whose it is, the subject and the name."""

    name: str
    change: Literal["set", "progress", "done", "dropped"]
    whose: Whose = "agent"
    subject: str = ""
    description: str = ""
    steps: tuple[str, ...] = ()
    step: str = ""
    """One of the steps, which is done by it."""
    note: str = ""
