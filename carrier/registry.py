"""Names to parts: what an operator writes in a file, and where the code for it stands.

A name that is not listed may be that of an installed package's part, or an import string itself, `package.module:Name`.
A package says what it brings in entry points, in a group for each kind of part: `carrier.actions` and the like.

A part is a class that is made with `Part(settings, given)`; `Settings`, a frozen pydantic model on the class, is the
block it reads from the file. What makes a part of a type is called with the definition in place of settings.
"""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module

log = logging.getLogger(__name__)


class Parts(Mapping[str, str]):
    """Import strings by the names of parts: Carrier's own, and those of installed packages that are not called so.

    The packages are looked through when somebody first names what is not Carrier's own, or wants to know all.
    """

    def __init__(self, own: Mapping[str, str], group: str):
        self._own, self._group = own, group

    def __getitem__(self, name: str) -> str:
        return self._own[name] if name in self._own else self._installed[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._own, **self._installed})

    def __len__(self) -> int:
        return len({**self._own, **self._installed})

    def beside(self, names: Iterable[str]) -> "Parts":
        """The same, to look names up in, with some that stand for something else."""
        return Parts({**self._own, **dict.fromkeys(names, "")}, self._group)

    @property
    def _installed(self) -> Mapping[str, str]:
        return _installed(tuple(sys.path)).get(self._group, {})


PROVIDERS = Parts(
    {
        "character": "carrier.providers.character:Character",
        "recent_messages": "carrier.providers.recent_messages:RecentMessages",
        "memories": "carrier.providers.memories:RecalledMemories",
        "time": "carrier.providers.time:Time",
        "facts": "carrier.providers.facts:Facts",
        "summary": "carrier.providers.summary:Summary",
        "knowledge": "carrier.providers.knowledge:Knowledge",
        "goals": "carrier.providers.goals:Goals",
        "recent_actions": "carrier.providers.recent_actions:RecentActions",
        "room": "carrier.providers.room:Room",
    },
    "carrier.providers",
)

EVALUATORS = Parts(
    {
        "no_secrets": "carrier.evaluators.no_secrets:NoSecrets",
        "length": "carrier.evaluators.length:Length",
        "forbidden": "carrier.evaluators.forbidden:Forbidden",
        "links": "carrier.evaluators.links:Links",
        "mentions": "carrier.evaluators.mentions:Mentions",
        "personal_data": "carrier.evaluators.personal_data:PersonalData",
        "facts": "carrier.evaluators.facts:Facts",
        "relationships": "carrier.evaluators.relationships:Relationships",
        "summary": "carrier.evaluators.summary:RunningSummary",
        "goals": "carrier.evaluators.goals:Goals",
    },
    "carrier.evaluators",
)

ACTIONS = Parts(
    {
        "reply": "carrier.actions.reply:Reply",
        "ignore": "carrier.actions.ignore:Ignore",
        "remember": "carrier.actions.remember:Remember",
        "recall": "carrier.actions.recall:Recall",
        "send_message": "carrier.actions.send_message:SendMessage",
        "schedule_message": "carrier.actions.schedule_message:ScheduleMessage",
        "set_goal": "carrier.actions.set_goal:SetGoal",
        "discord/react": "carrier.actions.discord:React",
        "discord/pin": "carrier.actions.discord:Pin",
        "discord/start_thread": "carrier.actions.discord:StartThread",
        "discord/add_role": "carrier.actions.discord:AddRole",
        "instagram/hide": "carrier.actions.instagram:Hide",
        "instagram/delete": "carrier.actions.instagram:Delete",
    },
    "carrier.actions",
)

COLLEAGUES = {
    "ask": "carrier.actions.ask:Ask",
    "hand_to": "carrier.actions.hand_to:HandTo",
}
"""Actions that an agent has of each colleague it names, called ask/NAME and hand_to/NAME."""

ACTION_TYPES = {
    "python": "carrier.actions.python:PythonAction",
    "http": "carrier.actions.http:HttpAction",
}

TOOLBOX_TYPES = {
    "mcp": "carrier.actions.mcp.toolbox:McpToolbox",
    "openapi": "carrier.actions.openapi:OpenApiToolbox",
}
"""Types of actions that are several: each is called NAME/TOOL."""

PROVIDER_TYPES = {
    "python": "carrier.providers.python:PythonProvider",
}

EVALUATOR_TYPES = {
    "judge": "carrier.evaluators.judge:judge",
    "python": "carrier.evaluators.python:python",
}

CLIENTS = Parts(
    {
        "console": "carrier.clients.console:Console",
        "discord": "carrier.clients.discord.client:Discord",
        "instagram": "carrier.clients.instagram.client:Instagram",
    },
    "carrier.clients",
)

MEDIA_HOSTS = Parts(
    {
        "ftp": "carrier.media.hosting.ftp:ftp",
        "sftp": "carrier.media.hosting.sftp:sftp",
        "s3": "carrier.media.hosting.s3:s3",
        "folder": "carrier.media.hosting.folder:folder",
    },
    "carrier.media_hosts",
)
"""By type: made with the block that a file holds."""

MODELS = Parts({}, "carrier.models")
"""By the provider that stands before the `/` of a model: made with `Name(profile, environment)`."""


MEMORIES = Parts(
    {
        "lancedb": "carrier.memory.memories:lancedb",
    },
    "carrier.memories",
)


class UnknownPart(LookupError):
    """No part of that name, or its code cannot be imported."""


def find(kind: Mapping[str, str], name: str) -> object:
    """The part itself, imported now; raises UnknownPart with the reason."""
    where = kind.get(name, name)
    module, _, attribute = where.partition(":")
    if not attribute and name in kind:
        raise UnknownPart(f"the package that brings it says {where!r}, which is no package.module:Name")
    if not attribute:
        raise UnknownPart(f"there is no {name!r}; there are {', '.join(sorted(kind))}, or package.module:Name")
    try:
        found = import_module(module)
    except ImportError as error:
        raise UnknownPart(f"{where} cannot be imported: {error}") from error
    # A package of a stranger's may do whatever it likes while it is imported.
    except (Exception, SystemExit) as error:
        raise UnknownPart(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(found, attribute):
        raise UnknownPart(f"{module} has no {attribute!r}")
    part: object = getattr(found, attribute)
    return part


@cache
def _installed(path: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
    """What the packages on this path bring, by group and name; of two with one name the first on the path counts."""
    from importlib.metadata import distributions

    found: dict[str, dict[str, str]] = {}
    for package in distributions(path=list(path)):
        try:
            brought = [(entry.group, entry.name, entry.value) for entry in package.entry_points]
        # One that is damaged must not hide what the others bring.
        except Exception as error:
            log.warning("what a package brings cannot be read, in %s: %s", package.locate_file(""), error)
            continue
        for group, name, value in brought:
            found.setdefault(group, {}).setdefault(name, value.partition("[")[0].strip())
    return found
