"""What the names of one reading mean, and what is told of those that mean nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pydantic import BaseModel

from carrier import registry
from carrier.config import models
from carrier.config.definitions import Definition, Key
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.entrypoints import Code, NoCode, code
from carrier.config.files import Contents, Project, Withheld
from carrier.config.library import Library
from carrier.config.reading import Trail, natural
from carrier.config.validating import secrets_in, validated
from carrier.functions import find
from carrier.types.agents import ActionDefinition, Agent
from carrier.types.clients import ClientDefinition, StoreDefinition
from carrier.types.models import Script
from carrier.types.parts import PartFile
from carrier.types.schedules import Schedule

if TYPE_CHECKING:
    from carrier.config.models.budgets import Budget

B = TypeVar("B", bound=models.Described)

UNKNOWN = {
    "character": "CAR020",
    "action": "CAR021",
    "model": "CAR022",
    "evaluator": "CAR023",
    "provider": "CAR024",
    "agent": "CAR025",
    "template": "CAR026",
    "script": "CAR027",
    "type of client": "CAR028",
    "client": "CAR037",
    "budget": "CAR039",
    "media host": "CAR040",
    "type of memory": "CAR028",
    "group of hashtags": "CAR049",
}
"""The code of what is named and is not there."""


class Told(NamedTuple):
    """A problem, and the file that is to blame for it where the problem's own is not."""

    owner: Path
    problem: Problem


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything that could be resolved, by name."""

    agents: Mapping[str, Agent] = field(default_factory=dict)
    clients: Mapping[str, ClientDefinition] = field(default_factory=dict)
    actions: Mapping[str, ActionDefinition] = field(default_factory=dict)
    scripts: Mapping[str, Script] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    tests: Mapping[str, models.Test] = field(default_factory=dict)
    parked: Mapping[str, str] = field(default_factory=dict)
    """Clients and actions that wait for a variable, and for which."""
    memory: StoreDefinition = field(default_factory=StoreDefinition)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What definitions are resolved in."""

    project: Project
    contents: Contents
    environment: Mapping[str, str]
    host: Definition | None
    """None: carrier.yaml is broken, and was so from the beginning."""
    timezone: str
    library: Library
    broken: Set[Key]
    """What stands in files that have problems: it may be named without being there."""
    last: Resolved
    before: "Before | None" = None


@dataclass(frozen=True, slots=True)
class Before:
    """How the last reading went: what rests on nothing that changed since needs no second look."""

    definitions: Mapping[Key, Definition]
    rests: Mapping[Key, tuple[Path, ...]]
    digests: Mapping[Path, str]
    clean: Set[Key]
    """What had no problem."""
    names: object
    """What names meant, as `Names.meaning` gives it."""


class Names:
    """Everything that can be named, and what comes of naming it: problems, and the files that objects rest on."""

    def __init__(self, around: Surroundings, definitions: Sequence[Definition], failed: Collection[Key] = ()):
        """`failed` is what could not be defined."""
        self.around = around
        self.problems: list[Told] = []
        self.secrets: set[str] = set()
        self.files: set[Path] = set()
        self.rests: dict[Key, tuple[Path, ...]] = {}
        """Every file that an object rests on."""
        self.models = _models(around.host)
        self.enabled = [each for each in definitions if each.block.enabled]
        self.usable = [each for each in self.enabled if not each.draft]
        self.failed = {*failed, *(each.key for each in self.enabled if each.draft)}
        self.characters = self.of(models.Character)
        clients = ((each.name, each.block) for each in self.enabled if isinstance(each.block, models.Client))
        self._rooms = {name: client.rooms for name, client in clients if client.rooms}
        self.parts: dict[str, Mapping[str, tuple[Definition, models.Provider | models.Evaluator]]]
        self.parts = {"provider": self.of(models.Provider), "evaluator": self.of(models.Evaluator)}
        self.of_kind = {kind: self._all_of(kind) for kind in models.KINDS}
        self.actions: Collection[str] = registry.ACTIONS.beside(self.of_kind["action"])
        self.deciding = frozenset(name for each in self.enabled for name in _deciding(each))
        """Agents that some client asks whether they answer."""
        self._disabled = {each.key for each in definitions if not each.block.enabled}

    @cached_property
    def colleagues(self) -> frozenset[str]:
        """The actions that agents have of those they name: ask/NAME and hand_to/NAME."""
        agents = [block for _, block in self.of(models.Agent).values()]
        asked = {f"ask/{name}" for block in agents for name in block.delegates}
        return frozenset(asked | {f"hand_to/{name}" for block in agents for name in block.handoffs})

    @property
    def budgets(self) -> Mapping[str, "Budget"]:
        """Those that the host has for all."""
        host = self.around.host.block if self.around.host else None
        return host.budgets if isinstance(host, models.Host) else {}

    @property
    def hashtags(self) -> Mapping[str, Sequence[str]]:
        """Groups of the host's, by name."""
        host = self.around.host.block if self.around.host else None
        return host.hashtags if isinstance(host, models.Host) else {}

    def of(self, model: type[B]) -> dict[str, tuple[Definition, B]]:
        """What can be used of a kind, by name."""
        return {each.name: (each, each.block) for each in self.usable if isinstance(each.block, model)}

    def _all_of(self, kind: str) -> frozenset[str]:
        return frozenset(name for each, name in (*(it.key for it in self.usable), *self.failed) if each == kind)

    def room(self, name: str, by: Definition) -> str:
        """A room by its client's whole name and its id: `own/garden` of the agent tifa is `tifa.own/118…`."""
        if not name:
            return ""
        client, _, room = name.partition("/")
        client = self.client(client, by)
        return f"{client}/{self.rooms_of(client).get(room, room)}"

    def client(self, name: str, by: Definition) -> str:
        """A client's whole name: `own` of the agent tifa is `tifa.own`."""
        owner = by.owner or by.name
        return f"{owner}.{name}" if self.knows_own("client", owner, name) else name

    def notify(self, *said: tuple[Definition | None, object]) -> str:
        """The room of the first of these that says whom to `notify`; else the host's."""
        host = self.around.host
        for by, block in (*said, (host, host and host.block)):
            if by and isinstance(block, models.Schedule | models.Agent | models.Host) and block.notify:
                return self.room(block.notify, by)
        return ""

    def rooms_of(self, client: str) -> Mapping[str, str]:
        """The names that a client has for ids of rooms."""
        return self._rooms.get(client, {})

    def knows_own(self, kind: str, owner: str, name: str) -> bool:
        """Whether a part in place of this owner is called so, whole or broken."""
        return self.knows(kind, f"{owner}.{name}")

    def knows(self, kind: str, name: str) -> bool:
        """Whether something is called so, whole or broken."""
        return name in self.of_kind.get(kind, ()) or (kind, name) in self.around.broken

    @cached_property
    def meaning(self) -> object:
        """What a name that somebody writes may come down to, files aside."""
        around = self.around
        kinds = ("action", "evaluator", "provider", "script")
        templates = frozenset((name, source.path) for name, source in around.library.sources.items())
        named = (templates, self._rooms, self.deciding)
        return id(around.host), around.timezone, *named, *(self.of_kind[kind] for kind in kinds)

    def tell(self, definition: Definition, *problems: Problem) -> None:
        self.problems += (Told(definition.file, problem) for problem in problems)

    def rest(self, definition: Definition, *more: Path) -> None:
        self.rests[definition.key] = tuple(dict.fromkeys([definition.file, *definition.under, *more]))

    def rest_on_files(self, definition: Definition, files: Iterable[Path]) -> None:
        self.rests[definition.key] = tuple(dict.fromkeys([*self.rests[definition.key], *files]))

    def unknown(self, noun: str, name: str, known: Collection[str], definition: Definition, path: Trail) -> None:
        """Say that nothing is called so; what is known has, at most, a problem of its own."""
        if (noun, name) in self.around.broken or name in known:
            return
        if (noun, name) in self._disabled:
            message, hint = f"the {noun} {name!r} is not enabled", ""
        else:
            message, hint = f"unknown {noun} {name!r}", suggestion(name, sorted(known))
        self.tell(definition, definition.problem(path, UNKNOWN[noun], message, hint))

    def code(self, definition: Definition, entrypoint: str, path: Trail = ("entrypoint",)) -> Code | None:
        try:
            found = code(entrypoint, self.around.project, self.around.contents)
        except NoCode as error:
            self.tell(definition, self._about_code(error, definition, path))
            return None
        except Withheld:
            return None
        self.files.add(found.path)
        return found

    def file(self, definition: Definition, entrypoint: str, path: Trail, user: Definition | None) -> PartFile | None:
        """The file that holds the code of a part, named in a definition; its user rests on it from now on."""
        found = self.code(definition, entrypoint, path)
        if found and user:
            self.rest_on_files(user, (found.path,))
        return PartFile(self.around.project.root, found.text, found.digest) if found else None

    def _about_code(self, error: NoCode, definition: Definition, path: Trail) -> Problem:
        if error.path:
            self.files.add(error.path)
        if error.path and error.line:
            return Problem(self.around.project.shown(error.path), error.line, 1, "CAR032", error.message, error.hint)
        return definition.problem(path, "CAR032", error.message, error.hint)

    def part(
        self,
        kind: Mapping[str, str],
        noun: str,
        name: str,
        definition: Definition,
        path: Trail,
        file: PartFile | None = None,
    ) -> object | None:
        if name not in kind and ":" not in name:
            if not self.knows_own(noun, definition.name, name):
                self.unknown(noun, name, {*kind, *self.of_kind.get(noun, ())}, definition, path)
            return None
        try:
            part: object = find(kind, name, file)
        # The module of a stranger may raise whatever it likes while it is imported.
        except Exception as error:
            self.tell(definition, definition.problem(path, UNKNOWN[noun], f"{noun} {name!r}: {error}"))
            return None
        return part

    def settings(
        self, part: object, written: Mapping[str, object], definition: Definition, at: Trail, also: Sequence[str] = ()
    ) -> dict[str, object]:
        """The settings as the part's own model takes them, typed, and without what nobody wrote."""
        try:
            block, problems = validated(
                settings_of(part), _kept(written), definition.document, definition.missing, at, also
            )
        # The settings of a stranger's part may be wrong in themselves.
        except Exception as error:
            message = f"its settings cannot be read: {type(error).__name__}: {error}"
            self.tell(definition, definition.problem(at or ("type",), "CAR028", message))
            return {}
        self.tell(definition, *problems)
        if block is None:
            return {}
        self.secrets.update(secrets_in(block))
        dumped = block.model_dump(exclude_unset=True, by_alias=True)
        return {key: natural(value) for key, value in dumped.items()}


def _deciding(client: Definition) -> Iterator[str]:
    """The agents that a client asks somewhere whether they answer."""
    block = client.block
    if isinstance(block, models.Client):
        for route in block.routes:
            yield from (route.answering or (block.agent or client.owner,)) if route.respond == "decide" else ()


def _models(host: Definition | None) -> dict[str, models.Model]:
    written = host.block.models if host and isinstance(host.block, models.Host) else {}
    large = written.get("large", models.Model())
    return {"large": large, "small": large, **written}


class _NoSettings(models.Block):
    """What a part takes that says nothing of settings."""


def settings_of(part: object) -> type[BaseModel]:
    """The model of the block that a part reads."""
    settings = getattr(part, "Settings", None)
    return settings if isinstance(settings, type) and issubclass(settings, BaseModel) else _NoSettings


def _kept(written: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in written.items() if value is not None and not key.startswith("x-")}
