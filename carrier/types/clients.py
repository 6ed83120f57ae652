"""Clients, and who is answered where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from carrier.types.parts import PartFile
from carrier.types.talk import Respond


@dataclass(frozen=True, slots=True)
class Access:
    """Who is heard at a client; None: everybody, everywhere."""

    guilds: tuple[str, ...] | None = None
    rooms: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    """Who has one of these, beside `users`."""
    deny_users: tuple[str, ...] = ()
    dms: bool = True
    bots: Literal["none", "addressed", "all"] = "none"
    """Which bots are answered; all are heard."""


@dataclass(frozen=True, slots=True)
class RoomRules:
    """Who answers in a room, and how."""

    agents: tuple[str, ...] = ()
    """Of several the one that is meant answers; the first, where none is named."""
    respond: Respond | None = None
    """None: as each agent says."""
    actions: tuple[str, ...] | None = None
    """Patterns of what is offered there of the agent's actions; None: all."""
    prompt: str = ""
    """What the agent is told there beside its template."""


@dataclass(frozen=True, slots=True)
class Route:
    """What holds in `room:12`, `category:3` or `guild:4` of a client; what it does not say, a wider place may."""

    place: str
    rules: RoomRules


@dataclass(frozen=True, slots=True)
class ClientRules:
    """What the host does with what comes in at a client and what leaves there."""

    routes: tuple[Route, ...] = ()
    rooms: Mapping[str, str] = field(default_factory=dict)
    """The operator's names for rooms, to their ids."""
    access: Access = Access()
    gather: float = 0.0
    """Seconds that a person has to be silent before they are answered, at once for all they said; 0: no waiting."""
    max_age: float = 86400.0
    """Seconds after which a message is heard, not answered."""
    bot_turns: int = 6
    """Answers to one bot in a row, until a person speaks."""
    dry_run: bool = False
    """Nothing is sent."""


@dataclass(frozen=True, slots=True)
class ClientDefinition:
    """A client as its file describes it; `settings` is the block its own type reads.

    Who answers there is the host's business: clients that differ in nothing else are equal, and need no restart.
    """

    name: str
    type: str
    agent: str = field(default="", compare=False)
    settings: Mapping[str, object] = field(default_factory=dict)
    rules: ClientRules = field(default=ClientRules(), compare=False)
    revision: str = field(default="", compare=False)
    file: PartFile | None = None
    """Where the code is, if the type is a file of the project's, as in clients/irc.py:Irc."""


@dataclass(frozen=True, slots=True)
class StoreDefinition:
    """Where memories are kept, as carrier.yaml has it; `settings` is the block that its type reads."""

    type: str = "lancedb"
    settings: Mapping[str, object] = field(default_factory=dict)
    file: PartFile | None = None
    """Where the code is, if the type is a file of the project's."""
