"""Definitions resolved into the values the host runs on: each holds all it rests on, and a hash of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from carrier import registry
from carrier.config import examples, models, scripting, uses
from carrier.config.agents import Agents
from carrier.config.checking import Check
from carrier.config.definitions import Definition, Key
from carrier.config.doors import client_rules
from carrier.config.names import UNKNOWN, Names, Resolved, settings_of
from carrier.config.reading import Trail, Unreadable, decoded
from carrier.config.revisions import digest, revision
from carrier.config.schedules import Schedules
from carrier.config.validating import breaks, secrets_in
from carrier.functions import is_in_a_file
from carrier.types.agents import ActionDefinition, Agent
from carrier.types.clients import ClientDefinition, StoreDefinition
from carrier.types.models import Script
from carrier.types.parts import PartFile
from carrier.types.schedules import Schedule

B = TypeVar("B", bound=models.Described)
T = TypeVar("T")


DOCUMENT_BYTES = 1024 * 1024
"""What a document of an API may have at most."""


class Resolver:
    """Resolves what has names; what has a problem keeps its last good version."""

    def __init__(self, names: Names):
        self.names = names
        self.clean: set[Key] = set()
        """What has no problem."""
        self._agents = Agents(names, {}, {})
        self._schedules = Schedules(names)

    def resolve(self) -> Resolved:
        last = self.names.around.last
        waiting = {each.key: _waits_for(each) for each in self.names.usable if each.missing}
        scripts = self._each(models.Script, self._script, last.scripts)
        actions = _but("action", self._each(models.Action, self._action, last.actions), waiting)
        self._agents = Agents(self.names, scripts, actions)
        agents = self._each(models.Agent, self._agent, last.agents)
        clients = _but("client", self._each(models.Client, self._client, last.clients), waiting)
        schedules = self._each(models.Schedule, self._schedule, last.schedules)
        tests = self._each(models.Test, self._test, last.tests)
        Check(self.names).run()
        memory = self._memory()
        parked = {name: reason for (_, name), reason in waiting.items()}
        return Resolved(agents, clients, actions, scripts, schedules, tests, parked, memory)

    def judge(self, draft: Definition) -> None:
        """Find what else is wrong with a definition that will not be used."""
        match draft.block:
            case models.Agent() as block:
                self._agent(draft, block)
            case models.Client() as block:
                self._client(draft, block)
            case models.Action() as block:
                self._action(draft, block)
            case models.Script() as block:
                self._script(draft, block)
            case models.Schedule() as block:
                self._schedule(draft, block)
            case models.Test() as block:
                self._test(draft, block)

    def _each(
        self, model: type[B], resolve: Callable[[Definition, B], T | None], last: Mapping[str, T]
    ) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, (definition, block) in self.names.of(model).items():
            before = len(self.names.problems)
            value = resolve(definition, block)
            if len(self.names.problems) == before:
                self.clean.add(definition.key)
            if value is None or breaks([told.problem for told in self.names.problems[before:]]):
                value = last.get(name) if value is None else self._but_with_less(value, before) or last.get(name)
            if value is not None:
                found[name] = value
        kind = next(kind for kind, each in models.KINDS.items() if each is model)
        return {**found, **{name: last[name] for each, name in self.names.failed if each == kind and name in last}}

    def _but_with_less(self, value: T, before: int) -> T | None:
        """The value, if all that is wrong with it is that it names an action which is no more."""
        lost = all(told.problem.code == UNKNOWN["action"] for told in self.names.problems[before:])
        return value if lost else None

    # --- each by itself ---

    def _script(self, definition: Definition, block: models.Script) -> Script:
        self.names.rest(definition)
        self.names.tell(
            definition, *scripting.problems(definition, block, {*self.names.actions, *self.names.colleagues})
        )
        return scripting.compiled(definition, block)

    def _action(self, definition: Definition, block: models.Action) -> ActionDefinition | None:
        if isinstance(block, models.PythonAction):
            return self._python(definition, block)
        document = self._document(definition, block)
        if document is None or block.type not in (*registry.ACTION_TYPES, *registry.TOOLBOX_TYPES):
            return None
        self.names.secrets.update(secrets_in(block))
        self.names.tell(definition, *examples.wrong(definition))
        return ActionDefinition(
            name=definition.name,
            type=block.type,
            description=block.description,
            folder=self.names.around.project.root,
            timeout=block.timeout,
            repeat=block.repeat,
            digest=digest(document.encode()),
            code=document,
            settings=block,
            rule=uses.rule(definition.name, block, shared=True),
            examples=examples.of(block),
        )

    def _document(self, definition: Definition, block: models.Action) -> str | None:
        """The text that the action's `document` leads to, where it has one; None if it cannot be read."""
        self.names.rest(definition)
        name = getattr(block, "document", "")
        if not name:
            return ""
        path = self.names.around.project.root / name
        self.names.files.add(path)
        try:
            text = decoded(self.names.around.contents.get(path, DOCUMENT_BYTES), name)
        except (OSError, Unreadable):
            # That it is not there is told where it is looked up.
            return None
        self.names.rest(definition, path)
        return text

    def _python(self, definition: Definition, block: models.PythonAction) -> ActionDefinition | None:
        found = self.names.code(definition, block.entrypoint)
        if found is None:
            return None
        self.names.rest(definition, found.path)
        return ActionDefinition(
            name=definition.name,
            type="python",
            description=block.description,
            entrypoint=block.entrypoint,
            folder=self.names.around.project.root,
            timeout=block.timeout,
            repeat=block.repeat,
            digest=found.digest,
            code=found.text,
            rule=uses.rule(definition.name, block, shared=True),
            examples=examples.of(block),
        )

    def _client(self, definition: Definition, block: models.Client) -> ClientDefinition | None:
        agent = block.agent or definition.owner
        if block.agent:
            self.names.unknown("agent", block.agent, self.names.of_kind["agent"], definition, ("agent",))
        if block.type in models.types_of("client") and block.type not in registry.CLIENTS:
            return None
        self.names.rest(definition)
        part, file = self._part_or_file(registry.CLIENTS, "type of client", block.type, definition, ("type",))
        if part is None:
            return None
        settings = self._client_settings(definition, block, part)
        client = ClientDefinition(definition.name, block.type, agent, settings, client_rules(block), file=file)
        return replace(client, revision=revision(client))

    def _part_or_file(
        self, kind: Mapping[str, str], noun: str, name: str, definition: Definition, path: Trail
    ) -> tuple[object | None, PartFile | None]:
        """The part, and the file it stands in where that is named instead."""
        if not is_in_a_file(name):
            return self.names.part(kind, noun, name, definition, path), None
        file = self.names.file(definition, name, path, None if definition.kind == "host" else definition)
        return (self.names.part(kind, noun, name, definition, path, file), file) if file else (None, None)

    def _memory(self) -> StoreDefinition:
        """Where memories are kept; where that cannot be told, it stays as it was."""
        host, last = self.names.around.host, self.names.around.last.memory
        if host is None or not isinstance(host.block, models.Host):
            return last
        written = host.block.memory
        part, file = self._part_or_file(registry.MEMORIES, "type of memory", written.type, host, ("memory", "type"))
        if part is None:
            return last
        settings = self.names.settings(part, written.model_extra or {}, host, ("memory",), ["type"])
        return StoreDefinition(written.type, settings, file)

    def _client_settings(self, definition: Definition, block: models.Client, part: object) -> Mapping[str, object]:
        """What is the client's own: the further keys of a type of somebody else's, or what Carrier's own type reads."""
        if block.model_extra is not None:
            return self.names.settings(part, block.model_extra, definition, (), list(models.Client.model_fields))
        self.names.secrets.update(secrets_in(block))
        own = set(settings_of(part).model_fields)
        settings = block.model_dump(include=own, exclude_unset=True, by_alias=True)
        return {key: self._media_host(value) if key == "media_host" else value for key, value in settings.items()}

    def _media_host(self, written: object) -> object:
        """The place itself, where it is only named: what rests on it changes with it."""
        host = self.names.around.host.block if self.names.around.host else None
        if isinstance(written, str) and isinstance(host, models.Host) and written in host.media_hosts:
            return host.media_hosts[written].model_dump(exclude_unset=True, by_alias=True)
        return written

    def _schedule(self, definition: Definition, block: models.Schedule) -> Schedule | None:
        return self._schedules.resolve(definition, block)

    def _test(self, definition: Definition, block: models.Test) -> models.Test:
        agent = block.agent or definition.name
        path: Trail = ("agent",) if block.agent else ("name",)
        self.names.unknown("agent", agent, self.names.of_kind["agent"], definition, path)
        self.names.rest(definition)
        return block.model_copy(update={"name": definition.name, "agent": agent})

    def _agent(self, definition: Definition, block: models.Agent) -> Agent | None:
        return self._agents.resolve(definition, block)


def _but(kind: str, found: Mapping[str, T], keys: Collection[Key]) -> dict[str, T]:
    return {name: value for name, value in found.items() if (kind, name) not in keys}


def _waits_for(definition: Definition) -> str:
    return ", ".join(dict.fromkeys(each.reason for each in definition.missing))
