"""What an agent is made of: files resolved into values that hold all they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from carrier.types.characters import Character
from carrier.types.memory import Goal
from carrier.types.models import ModelProfile
from carrier.types.parts import PartUse, TemplateFile
from carrier.types.talk import Respond


@dataclass(frozen=True, slots=True)
class Callers:
    """Who has to have caused a call: one of these people or roles, and in a direct message where it says so.

    Without people and roles it is anybody.
    """

    users: tuple[str, ...] = ()
    """The platform's ids, or `platform:id`."""
    roles: tuple[str, ...] = ()
    direct: bool = False


@dataclass(frozen=True, slots=True)
class ActionRule:
    """What holds for an action whatever is permitted: who may cause it, how often, and in whose words."""

    action: str
    """A name, or a pattern; also of the tools of what it names."""
    by: Callers | None = None
    others: Literal["ask", "deny"] = "deny"
    """What becomes of a call that somebody else has caused."""
    calls: int = 0
    """At most so many within `per`; 0: no limit."""
    per: float = 0.0
    """Seconds."""
    shared: bool = False
    """The limit is one of all agents together."""
    consequential: bool | tuple[str, ...] | None = None
    """Its arguments, or only these, have to be words of who caused the call; None: it is not said."""


@dataclass(frozen=True, slots=True)
class CallExample:
    """With which arguments an action is called when somebody says something."""

    user: str
    call: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ActionDefinition:
    """An action as its file describes it; `digest` covers the code it runs."""

    name: str
    type: str
    description: str = ""
    entrypoint: str = ""
    folder: Path = Path()
    """The project's folder, which entry points in files start from."""
    timeout: float = 30.0
    repeat: Literal["never", "keyed", "safe"] = "never"
    digest: str = ""
    code: str = field(default="", repr=False)
    """The text of the file that the entry point names, as it was when the catalog was made."""
    settings: object = None
    """The block of its type, as `carrier.config.models` has it; nothing for a Python function."""
    rule: ActionRule | None = None
    examples: tuple[CallExample, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What an agent can recall without having been told: files of the project, as patterns of paths, and texts."""

    folder: Path = Path()
    """The project's, which the patterns start from."""
    files: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemorySettings:
    recent: int = 32
    recall: int = 8
    scope: Literal["room", "user", "agent"] = "room"


@dataclass(frozen=True, slots=True)
class AgentLimits:
    steps: int = 6
    """Times the model is asked in one turn."""
    turn: float = 300.0
    """Seconds."""
    messages: int = 0
    """Of one person that are answered within `per`; 0: all."""
    per: float = 60.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said when the model cannot speak or may not; empty: silence."""

    failed: str = ""
    held: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What models may take within a time; all who name it share it."""

    name: str
    agents: tuple[str, ...]
    """Who takes from it."""
    cost: float = 0.0
    """US dollars; 0: no limit."""
    tokens: int = 0
    """0: no limit."""
    calls: int = 0
    """Questions; 0: no limit."""
    per: float = 0.0
    """Seconds; 0: within one turn."""
    instead: "ModelProfile | None" = None
    """The model that goes on when it is spent; None: nothing does."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """Actions by the pattern of their names, and with which arguments."""

    action: str
    where: Mapping[str, str] = field(default_factory=dict)
    """Patterns that these arguments look like."""
    by: Callers | None = None
    """Only where these have caused the call."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What an agent may do on its model's wish: deny over ask over allow over otherwise."""

    otherwise: Literal["allow", "ask", "deny"] = "allow"
    allow: tuple[Permitted, ...] = ()
    ask: tuple[Permitted, ...] = ()
    deny: tuple[Permitted, ...] = ()


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who is asked, where, and for how long."""

    room: str = ""
    """As `client/room`; empty: nobody is told, and the API and the command line answer."""
    users: tuple[str, ...] = ()
    """The platform's ids of those who may answer there."""
    roles: tuple[str, ...] = ()
    expire: float = 86400.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Agent:
    """The resolved definition of an agent: equal agents need no restart."""

    name: str
    character: Character
    model: ModelProfile
    small: ModelProfile
    templates: Mapping[str, str]
    """Which template serves what: `chat` to a template's name."""
    sources: Mapping[str, TemplateFile]
    """Those templates with all they include, by name."""
    description: str = ""
    respond: Respond = "addressed"
    context: tuple[PartUse, ...] = ()
    actions: tuple[ActionDefinition, ...] = ()
    tools: tuple[str, ...] = ()
    """Patterns of the tools it may use of those of its actions that are several, as in `github/get_*`."""
    evaluators: tuple[PartUse, ...] = ()
    memory: MemorySettings = MemorySettings()
    knowledge: Knowledge = Knowledge()
    goals: tuple[Goal, ...] = ()
    limits: AgentLimits = AgentLimits()
    when_down: Literal["say", "wait"] = "say"
    """While none of its models answers: say the words for it, or wait until one does."""
    words: Words = Words()
    budgets: tuple[Budget, ...] = ()
    permissions: Permissions = Permissions()
    rules: tuple[ActionRule, ...] = ()
    """The stronger first: what the agent says of an action, then what the action says of itself."""
    approvals: Approvals = Approvals()
    notify: str = ""
    """The room that is told when a call is in doubt or a turn is given up, as `client/room`; empty: none."""
    timezone: str = "UTC"
    revision: str = field(default="", compare=False)
    """A hash of all the above: turns, memories and events record it. Equal agents have the same."""
