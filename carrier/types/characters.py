"""Who an agent is."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Example:
    user: str
    agent: str


@dataclass(frozen=True, slots=True)
class LoreEntry:
    """Something that is told when one of its keys comes up in the conversation."""

    content: str
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    """Where set, one of these has to come up as well."""
    constant: bool = False
    """Always told."""
    case_sensitive: bool = False
    regex: bool = False
    """The keys are regular expressions."""
    order: int = 100
    """Lower is told first."""
    after: bool = False
    """Told after the character rather than before."""


@dataclass(frozen=True, slots=True)
class Lorebook:
    entries: tuple[LoreEntry, ...] = ()
    depth: int = 4
    """How many of the last lines are searched for keys."""
    characters: int = 8000
    """How much of it may be told at once."""


@dataclass(frozen=True, slots=True)
class Character:
    """Who it is; its words are told as they stand, with only {{char}} and {{user}} filled in."""

    name: str
    display_name: str
    system: str = ""
    bio: tuple[str, ...] = ()
    lore: tuple[str, ...] = ()
    personality: str = ""
    scenario: str = ""
    topics: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    style: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists under `all`, `chat`, `post`."""
    greetings: tuple[str, ...] = ()
    message_examples: tuple[tuple[Example, ...], ...] = ()
    post_examples: tuple[str, ...] = ()
    username: str = ""
    lorebook: Lorebook = Lorebook()
