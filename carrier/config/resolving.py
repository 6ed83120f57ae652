"""Definitions resolved into the values the host runs on: each holds all it rests on, and a hash of it."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from carrier import registry
from carrier.config import models, scripting
from carrier.config.definitions import Definition, breaks, secrets_in, validated
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.entrypoints import NoCode, code
from carrier.config.files import Project
from carrier.config.library import Library, Source
from carrier.config.reading import Trail, natural
from carrier.config.revisions import revision
from carrier.types import (
    ActionDefinition,
    Agent,
    AgentLimits,
    Character,
    ClientDefinition,
    Example,
    MemorySettings,
    ModelProfile,
    PartUse,
    Script,
    TemplateFile,
    Words,
)

B = TypeVar("B", bound=models.Described)
T = TypeVar("T")

GIVEN = {"chat": ("agent", "message", "actions"), "facts": ("agent", "lines")}
"""What each template is given; `chat` has what the agent's providers say beside it."""


_UNKNOWN = {
    "character": "CAR020",
    "action": "CAR021",
    "model": "CAR022",
    "evaluator": "CAR023",
    "provider": "CAR024",
    "agent": "CAR025",
    "template": "CAR026",
    "script": "CAR027",
    "type of client": "CAR028",
}
"""The code of what is named and is not there."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything that could be resolved, by name."""

    agents: Mapping[str, Agent] = field(default_factory=dict)
    clients: Mapping[str, ClientDefinition] = field(default_factory=dict)
    actions: Mapping[str, ActionDefinition] = field(default_factory=dict)
    scripts: Mapping[str, Script] = field(default_factory=dict)
    parked: Mapping[str, str] = field(default_factory=dict)
    """Clients that wait for a variable, and for which."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What definitions are resolved in."""

    project: Project
    host: Definition | None
    """None: carrier.yaml is broken, and was so from the beginning."""
    timezone: str
    sources: Mapping[str, Source]
    broken: Set[tuple[str, str]]
    """Kinds and names of what stands in files that have problems: it may be named without being there."""
    last: Resolved


class Resolver:
    """Resolves definitions; what has a problem keeps its last good version."""

    def __init__(self, surroundings: Surroundings, definitions: Sequence[Definition]):
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        self.files: set[Path] = set()
        self._around = surroundings
        self._library = Library(surroundings.sources)
        self._models = _models(surroundings.host)
        self._definitions = [each for each in definitions if _enabled(each)]
        self._disabled = {(each.kind, each.name) for each in definitions if not _enabled(each)}
        self._characters = self._of(models.Character)
        self._agents = frozenset(self._of(models.Agent))
        self._known_actions = frozenset({*self._of(models.Action), *registry.ACTIONS})
        self._scripts: Mapping[str, Script] = {}
        self._actions: Mapping[str, ActionDefinition] = {}

    def resolve(self) -> Resolved:
        self._scripts = self._each(models.Script, self._script, self._around.last.scripts)
        self._actions = self._each(models.Action, self._action, self._around.last.actions)
        agents = self._each(models.Agent, self._agent, self._around.last.agents)
        clients = self._each(models.Client, self._client, self._around.last.clients)
        parked = {each.name: _waits_for(each) for each in self._definitions if each.missing}
        running = {name: client for name, client in clients.items() if name not in parked}
        return Resolved(agents, running, self._actions, self._scripts, parked)

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

    def _each(
        self, model: type[B], resolve: Callable[[Definition, B], T | None], last: Mapping[str, T]
    ) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, (definition, block) in self._of(model).items():
            before = len(self.problems)
            value = resolve(definition, block)
            if value is None or breaks(self.problems[before:]):
                value = last.get(name)
            if value is not None:
                found[name] = value
        return found

    def _of(self, model: type[B]) -> dict[str, tuple[Definition, B]]:
        return {each.name: (each, each.block) for each in self._definitions if isinstance(each.block, model)}

    # --- scripts, actions, clients ---

    def _script(self, definition: Definition, block: models.Script) -> Script:
        self.problems += scripting.problems(definition, block, self._known_actions)
        return scripting.compiled(definition, block)

    def _action(self, definition: Definition, block: models.Action) -> ActionDefinition | None:
        try:
            found = code(block.entrypoint, self._around.project)
        except NoCode as error:
            self.problems.append(self._about_code(error, definition))
            return None
        self.files.add(found.path)
        return ActionDefinition(
            name=definition.name,
            type=block.type,
            description=block.description,
            entrypoint=block.entrypoint,
            folder=self._around.project.root,
            timeout=block.timeout,
            repeat=block.repeat,
            digest=found.digest,
        )

    def _about_code(self, error: NoCode, definition: Definition) -> Problem:
        if error.path:
            self.files.add(error.path)
            return Problem(self._around.project.shown(error.path), error.line, 1, "CAR032", error.message, error.hint)
        return definition.problem(("entrypoint",), "CAR032", error.message, error.hint)

    def _client(self, definition: Definition, block: models.Client) -> ClientDefinition | None:
        part = self._part(registry.CLIENTS, "type of client", block.type, definition, ("type",))
        if block.agent:
            self._unknown("agent", block.agent, self._agents, definition, ("agent",))
        if part is None:
            return None
        settings = self._settings(part, block.model_extra or {}, definition, (), list(models.Client.model_fields))
        client = ClientDefinition(definition.name, block.type, block.agent, settings)
        return replace(client, revision=revision(client))

    # --- agents ---

    def _agent(self, definition: Definition, block: models.Agent) -> Agent | None:
        character = self._character(definition, block)
        model = self._profile(definition, block.model, ("model",))
        small = self._profile(definition, "small", ("model",))
        context = self._uses(block.context, registry.PROVIDERS, "provider", definition, "context")
        evaluators = self._uses(block.evaluators, registry.EVALUATORS, "evaluator", definition, "evaluators")
        chosen = self._chosen(definition, block) if len(context) == len(block.context) else {}
        actions = [self._named_action(name, definition, at) for at, name in enumerate(block.actions)]
        if character is None or model is None or small is None or None in actions:
            return None
        agent = Agent(
            name=definition.name,
            character=character,
            model=model,
            small=small,
            templates={purpose: name for purpose, (name, _) in chosen.items()},
            sources={name: source for _, sources in chosen.values() for name, source in sources.items()},
            description=block.description,
            respond=block.respond,
            context=context,
            actions=tuple(action for action in actions if action),
            evaluators=evaluators,
            memory=MemorySettings(block.memory.recent, block.memory.recall, block.memory.scope),
            limits=AgentLimits(block.limits.steps, block.limits.turn),
            words=Words(block.words.failed or "", block.words.held or ""),
            timezone=self._around.timezone,
        )
        return replace(agent, revision=revision(agent))

    def _character(self, definition: Definition, block: models.Agent) -> Character | None:
        written = block.character
        if isinstance(written, models.Character):
            return _character(written, definition.name, block.display_name)
        name = written or definition.name
        if name in self._characters:
            return _character(self._characters[name][1], name, block.display_name)
        if written:
            self._unknown("character", name, self._characters, definition, ("character",))
        elif not definition.draft and ("character", name) not in self._around.broken:
            hint = f"write `character: {{…}}`, or a document of kind character that is called {name!r}"
            self.problems.append(definition.problem((), "CAR020", f"the agent {name!r} has no character", hint))
        return None

    def _profile(self, definition: Definition, name: str, path: Trail) -> ModelProfile | None:
        if name not in self._models:
            # Without a host that can be read nobody knows which models there are.
            if self._around.host:
                self._unknown("model", name, self._models, definition, path)
            return None
        model = self._models[name]
        scripts = self._scripts_for(model.use, definition.name, name)
        if scripts is None:
            return None
        return ModelProfile(
            name=name,
            use=model.use,
            timeout=model.timeout,
            base_url=model.base_url,
            api_key=model.api_key or None,
            params={key: natural(value) for key, value in model.params.items()},
            scripts=scripts,
        )

    def _scripts_for(self, use: str, agent: str, profile: str) -> dict[str, Script] | None:
        provider, _, name = use.partition("/")
        if provider == "scripted" and name != "default" and name not in self._scripts:
            if self._around.host:
                path = ("models", profile if ("models", profile) in self._around.host.document.values else "large")
                self._unknown("script", name, self._scripts, self._around.host, path)
            return None
        names = (agent, "default") if use == "auto" else (name,) if provider == "scripted" else ()
        return {each: self._scripts[each] for each in names if each in self._scripts}

    def _named_action(self, name: str, definition: Definition, at: int) -> ActionDefinition | None:
        if name in self._actions:
            return self._actions[name]
        if name in registry.ACTIONS:
            return ActionDefinition(name, "built-in", entrypoint=registry.ACTIONS[name])
        self._unknown("action", name, self._known_actions, definition, ("actions", at))
        return None

    # --- templates ---

    def _chosen(self, definition: Definition, block: models.Agent) -> dict[str, tuple[str, Mapping[str, TemplateFile]]]:
        providers = [entry.name for entry in block.context]
        chosen: dict[str, tuple[str, Mapping[str, TemplateFile]]] = {}
        for purpose in () if definition.draft else _purposes(block):
            name = getattr(block.templates, purpose)
            if name not in self._library.sources:
                self._unknown("template", name, self._library.sources, definition, ("templates", purpose))
                continue
            given = (*GIVEN[purpose], *providers) if purpose == "chat" else GIVEN[purpose]
            checked = self._library.checked(name, frozenset(given))
            self.problems += checked.problems
            chosen[purpose] = (name, checked.sources)
        return chosen

    # --- parts and their settings ---

    def _uses(
        self, entries: Iterable[models.Entry], kind: Mapping[str, str], noun: str, definition: Definition, key: str
    ) -> tuple[PartUse, ...]:
        uses = []
        for number, entry in enumerate(entries):
            part = self._part(kind, noun, entry.name, definition, (key, number))
            if part is not None:
                settings = self._settings(part, entry.settings, definition, (key, number, entry.name))
                uses.append(PartUse(entry.name, settings))
        return tuple(uses)

    def _part(
        self, kind: Mapping[str, str], noun: str, name: str, definition: Definition, path: Trail
    ) -> object | None:
        if name not in kind and ":" not in name:
            self._unknown(noun, name, kind, definition, path)
            return None
        try:
            return registry.find(kind, name)
        # The module of a stranger may raise whatever it likes while it is imported.
        except Exception as error:
            self.problems.append(definition.problem(path, _UNKNOWN[noun], f"{noun} {name!r}: {error}"))
            return None

    def _settings(
        self, part: object, written: Mapping[str, object], definition: Definition, at: Trail, also: Sequence[str] = ()
    ) -> dict[str, object]:
        """The settings as the part's own model takes them, typed, and without what nobody wrote."""
        block, problems = validated(
            _settings_of(part), _kept(written), definition.document, definition.missing, at, also
        )
        self.problems += problems
        if block is None:
            return {}
        self.secrets.update(secrets_in(block))
        dumped = block.model_dump(exclude_unset=True, by_alias=True)
        return {key: natural(value) for key, value in dumped.items()}

    def _unknown(self, noun: str, name: str, known: Collection[str], definition: Definition, path: Trail) -> None:
        """Say that nothing is called so; what is known has, at most, a problem of its own."""
        if (noun, name) in self._around.broken or name in known:
            return
        if (noun, name) in self._disabled:
            message, hint = f"the {noun} {name!r} is not enabled", ""
        else:
            message, hint = f"unknown {noun} {name!r}", suggestion(name, sorted(known))
        self.problems.append(definition.problem(path, _UNKNOWN[noun], message, hint))


def _enabled(definition: Definition) -> bool:
    return definition.block.enabled


def _waits_for(definition: Definition) -> str:
    return ", ".join(dict.fromkeys(each.reason for each in definition.missing))


def _models(host: Definition | None) -> dict[str, models.Model]:
    written = host.block.models if host and isinstance(host.block, models.Host) else {}
    large = written.get("large", models.Model())
    return {"large": large, "small": large, **written}


def _purposes(block: models.Agent) -> Iterator[str]:
    yield "chat"
    if any(entry.name == "facts" for entry in block.evaluators) or "facts" in block.templates.model_fields_set:
        yield "facts"


class _NoSettings(models.Block):
    """What a part takes that says nothing of settings."""


def _settings_of(part: object) -> type[BaseModel]:
    settings = getattr(part, "Settings", None)
    return settings if isinstance(settings, type) and issubclass(settings, BaseModel) else _NoSettings


def _kept(written: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in written.items() if value is not None and not key.startswith("x-")}


def _character(block: models.Character, name: str, display_name: str) -> Character:
    styles = {"all": block.style.all, "chat": block.style.chat, "post": block.style.post}
    return Character(
        name=name,
        display_name=display_name or block.display_name or _titled(name),
        system=block.system,
        bio=block.bio,
        lore=block.lore,
        personality=block.personality,
        scenario=block.scenario,
        topics=block.topics,
        adjectives=block.adjectives,
        style={key: lines for key, lines in styles.items() if lines},
        greetings=block.greetings,
        message_examples=tuple(
            tuple(Example(each.user, each.agent) for each in conversation) for conversation in block.message_examples
        ),
        post_examples=block.post_examples,
    )


def _titled(name: str) -> str:
    return " ".join(word.capitalize() for word in re.split("[-_]", name) if word)
