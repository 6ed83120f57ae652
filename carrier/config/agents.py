"""Agents resolved: each with its character, models, templates, actions and parts, and a hash of it all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from carrier import registry
from carrier.config import models, parts, uses
from carrier.config.characters import character, files_of
from carrier.config.definitions import Definition
from carrier.config.diagnostics import suggestion
from carrier.config.files import Withheld
from carrier.config.models.rates import SECONDS, Rate
from carrier.config.names import Names
from carrier.config.reading import Trail, Unreadable, decoded, natural
from carrier.config.revisions import revision
from carrier.config.validating import secrets_in
from carrier.functions import is_in_a_file
from carrier.templates import MAY_BE_LEFT_OUT
from carrier.types.agents import (
    ActionDefinition,
    Agent,
    AgentLimits,
    Approvals,
    Budget,
    Knowledge,
    MemorySettings,
    Permissions,
    Permitted,
    Words,
)
from carrier.types.characters import Character
from carrier.types.memory import Goal
from carrier.types.models import ModelLimits, ModelProfile, Script
from carrier.types.parts import TemplateFile

if TYPE_CHECKING:
    from carrier.config.models.budgets import Budget as BudgetBlock

GIVEN = {
    "chat": ("agent", "message", "actions", *MAY_BE_LEFT_OUT),
    "facts": ("agent", "lines", "known"),
    "relationships": ("agent", "lines", "known", "people"),
    "summary": ("agent", "summary", "max_chars"),
    "decide": ("agent", "message", "lines"),
    "goals": ("agent", "goals", "lines"),
    "judge": ("agent", "question"),
    "post": ("agent", "message", "actions", *MAY_BE_LEFT_OUT),
}
"""What each template is given; `chat` and `post` have what the agent's providers say beside it."""

NAMED_ALONE = ("send_message",)
"""Actions that no pattern means: where they may reach has to be said."""


class Agents:
    """Resolves agents out of names, and of the scripts and actions that they may use."""

    def __init__(self, names: Names, scripts: Mapping[str, Script], actions: Mapping[str, ActionDefinition]):
        self.names = names
        self._scripts = scripts
        self._actions = actions

    def resolve(self, definition: Definition, block: models.Agent) -> Agent | None:
        as_before = None if _rests_on_others(block) else self._as_before(definition)
        return as_before or self._new_agent(definition, block)

    def _as_before(self, definition: Definition) -> Agent | None:
        """The agent as the last reading found it, if nothing that it rests on has changed."""
        key, before = definition.key, self.names.around.before
        if before is None or key not in before.clean or before.definitions.get(key) is not definition:
            return None
        files = before.rests[key]
        if self.names.meaning != before.names or any(self._digest(file) != before.digests.get(file) for file in files):
            return None
        agent = self.names.around.last.agents.get(definition.name)
        if agent:
            self.names.rests[key] = files
            self.names.secrets.update(secrets_in([use.settings for use in (*agent.context, *agent.evaluators)]))
        return agent

    def _digest(self, file: Path) -> str | None:
        return self.names.around.contents.digests.get(file)

    def _new_agent(self, definition: Definition, block: models.Agent) -> Agent | None:
        self.names.rest(definition)
        who = self._character(definition, block)
        model = self._model(definition, block)
        small = self._profile(definition, "small", ("model",))
        context = parts.uses(self.names, block.context, registry.PROVIDERS, "provider", definition, "context")
        evaluators = parts.uses(
            self.names, block.evaluators, registry.EVALUATORS, "evaluator", definition, "evaluators"
        )
        chosen = self._chosen(definition, block) if context is not None else None
        budgets, actions = self._budgets(definition, block), self._actions_of(definition, block)
        if who is None or model is None or small is None or context is None or evaluators is None:
            return None
        if chosen is None or budgets is None:
            return None
        agent = Agent(
            name=definition.name,
            character=who,
            model=model,
            small=small,
            templates={purpose: name for purpose, (name, _) in chosen.items()},
            sources={name: source for _, sources in chosen.values() for name, source in sources.items()},
            description=block.description,
            respond=block.respond,
            context=context,
            actions=tuple({action.name: action for action in actions}.values()),
            tools=tuple(_tools(block, actions)),
            evaluators=evaluators,
            knowledge=self._knowledge(definition, block),
            goals=tuple(Goal(name, goal.description, goal.steps) for name, goal in block.goals.items()),
            memory=MemorySettings(block.memory.recent, block.memory.recall, block.memory.scope),
            limits=_agent_limits(block),
            when_down=block.when_down,
            words=Words(block.words.failed or "", block.words.held or ""),
            budgets=budgets,
            permissions=_permissions(block),
            rules=tuple(uses.rules(self.names, block.actions, actions, definition)),
            approvals=self._approvals(definition, block),
            notify=self.names.notify((definition, block)),
            timezone=self.names.around.timezone,
        )
        last = self.names.around.last.agents.get(definition.name)
        return last if agent == last else replace(agent, revision=revision(agent))

    def _actions_of(self, definition: Definition, block: models.Agent) -> list[ActionDefinition]:
        named = [
            action
            for at, entry in enumerate(block.actions)
            for action in self._named_actions(entry.name, definition, at, entry.settings)
        ]
        return [*named, *self._colleagues(definition, block)]

    def _budgets(self, definition: Definition, block: models.Agent) -> tuple[Budget, ...] | None:
        """What all has to hold; None where nobody knows one of them: an agent does not go on without it."""
        found: list[Budget] = []
        for at, written in enumerate(block.budgets):
            path: Trail = ("budgets", at)
            if not isinstance(written, str):
                name = f"{definition.name}'s own {at + 1}"
                found += self._purses(name, written, (definition.name,), definition, path)
            elif known := self.names.budgets.get(written):
                everybody = self.names.of(models.Agent)
                users = tuple(name for name, (_, each) in everybody.items() if written in each.budgets)
                found += self._purses(written, known, users, definition, path)
            else:
                return None
        return tuple(found)

    def _purses(
        self, name: str, written: "BudgetBlock", agents: tuple[str, ...], definition: Definition, path: Trail
    ) -> Iterator[Budget]:
        """One for what it may cost, for its tokens and for its calls: they may count by different times."""
        other = written.when_spent
        instead = None if other == "stop" else self._fallback(definition, other, definition, path, ())
        if cost := written.cost:
            yield Budget(name, agents, cost=cost.amount, per=_seconds(cost.per), instead=instead)
        if tokens := written.tokens:
            yield Budget(name, agents, tokens=tokens.amount, per=_seconds(tokens.per), instead=instead)
        if calls := written.calls:
            yield Budget(name, agents, calls=calls.amount, per=_seconds(calls.per), instead=instead)

    def _approvals(self, definition: Definition, block: models.Agent) -> Approvals:
        if block.approvals is None:
            return Approvals()
        by, room = block.approvals.by, self.names.room(block.approvals.room, definition)
        return Approvals(room, by.users, by.roles, block.approvals.expire)

    def _character(self, definition: Definition, block: models.Agent) -> Character | None:
        name = str(block.character or definition.name)
        if self.names.knows_own("character", definition.name, "character"):
            return self._resolved_character(f"{definition.name}.character", definition.name, definition, block)
        if name in self.names.of_kind["character"]:
            return self._resolved_character(name, name, definition, block)
        if block.character:
            self.names.unknown("character", name, self.names.of_kind["character"], definition, ("character",))
        elif not definition.draft and ("character", name) not in self.names.around.broken:
            hint = f"write `character: {{…}}`, or a document of kind character that is called {name!r}"
            self.names.tell(definition, definition.problem((), "CAR020", f"the agent {name!r} has no character", hint))
        return None

    def _resolved_character(self, key: str, name: str, definition: Definition, block: models.Agent) -> Character | None:
        if key not in self.names.characters:
            return None
        of, written = self.names.characters[key]
        self.names.rest_on_files(definition, (of.file, *of.under))
        texts = self._texts(of, written, definition)
        return None if texts is None else character(written, name, block.display_name, None, texts)

    def _texts(self, of: Definition, block: models.Character, agent: Definition) -> dict[str, str] | None:
        """The texts that stand in files of their own; None if one of them is not there."""
        texts: dict[str, str] = {}
        found = list(files_of(block))
        for path, name in found:
            file = self.names.around.project.root / name
            self.names.files.add(file)
            try:
                texts[name] = self._text(file, name)
                self.names.rest_on_files(agent, (file,))
            except Withheld:
                pass
            except Unreadable as error:
                self.names.tell(of, error.problem)
            except OSError as error:
                reason = error.strerror or str(error)
                self.names.tell(of, of.problem((*path, "file"), "CAR038", f"{name} cannot be read: {reason.lower()}"))
        return texts if len(texts) == len({name for _, name in found}) else None

    def _text(self, file: Path, name: str) -> str:
        if not self.names.around.project.inside(file):
            raise OSError("it leads out of the project's folder")
        return decoded(self.names.around.contents.get(file), name)

    def _knowledge(self, definition: Definition, block: models.Agent) -> Knowledge:
        """The character's and the agent's own."""
        own, named = f"{definition.name}.character", str(block.character or definition.name)
        key = own if self.names.knows_own("character", definition.name, "character") else named
        of_character = self.names.characters[key][1].knowledge if key in self.names.characters else ()
        files = tuple(dict.fromkeys([*(each for each in of_character if isinstance(each, str)), *block.knowledge]))
        texts = tuple(each.text for each in of_character if not isinstance(each, str))
        return Knowledge(self.names.around.project.root, files, texts) if files or texts else Knowledge()

    def _model(self, definition: Definition, block: models.Agent) -> ModelProfile | None:
        if isinstance(block.model, models.Model):
            return self._opened(definition, f"{definition.name}.model", block.model, definition, ("model",))
        return self._profile(definition, block.model, ("model",))

    def _profile(self, definition: Definition, name: str, path: Trail) -> ModelProfile | None:
        host = self.names.around.host
        if name not in self.names.models:
            # Without a host that can be read nobody knows which models there are.
            if host:
                self.names.unknown("model", name, self.names.models, definition, path)
            return None
        if host is None:
            return self._opened(definition, name, self.names.models[name], definition, path)
        at = ("models", name if ("models", name) in host.document.values else "large")
        return self._opened(definition, name, self.names.models[name], host, at)

    def _opened(
        self,
        agent: Definition,
        name: str,
        model: models.Model,
        writer: Definition,
        path: Trail,
        after: tuple[str, ...] = (),
    ) -> ModelProfile | None:
        """The profile with the scripts it needs, and those that it falls back on, `after` others.

        What is missing is told of where the model is written.
        """
        provider, _, script = model.use.partition("/")
        scripts = self._scripts
        if provider == "scripted" and script != "default" and script not in scripts:
            if self.names.around.host:
                self.names.unknown("script", script, self.names.of_kind["script"], writer, path)
            return None
        file = self.names.file(writer, model.use, path, agent) if is_in_a_file(model.use) else None
        if file is None and is_in_a_file(model.use):
            return None
        names = (agent.name, "default") if model.use == "auto" else (script,) if provider == "scripted" else ()
        for each in names:
            self.names.rest_on_files(agent, self.names.rests.get(("script", each), ()))
        others = [
            self._fallback(agent, other, writer, (*path, "fallback", at), (*after, name))
            for at, other in enumerate(model.fallback)
        ]
        return ModelProfile(
            name=name,
            use=model.use,
            timeout=model.timeout,
            base_url=model.base_url,
            api_key=model.api_key or None,
            params={key: natural(value) for key, value in model.params.items()},
            window=_window(natural(model.params.get("max_input_tokens"))),
            scripts={each: scripts[each] for each in names if each in scripts},
            fallback=tuple(other for other in others if other),
            limits=_limits(model),
            file=file,
        )

    def _fallback(
        self, agent: Definition, name: str, writer: Definition, path: Trail, after: tuple[str, ...]
    ) -> ModelProfile | None:
        """A model that is asked when others did not answer: one of the host's, or just a provider/model."""
        if name in after:
            self.names.tell(writer, writer.problem(path, "CAR046", f"the model {name!r} would fall back on itself"))
            return None
        if not models.is_name(name):
            return self._opened(agent, name, models.Model(use=name), writer, path, after)
        # That it is there at all is looked up where it is written.
        known = self.names.models.get(name)
        return self._opened(agent, name, known, writer, path, after) if known else None

    def _colleagues(self, definition: Definition, block: models.Agent) -> Iterator[ActionDefinition]:
        """What it may do with the agents it names; who is not there is told of where names are looked up."""
        for kind, names in (("ask", block.delegates), ("hand_to", block.handoffs)):
            for name in dict.fromkeys(names):
                if name != definition.name and self.names.knows("agent", name):
                    yield ActionDefinition(f"{kind}/{name}", "built-in", entrypoint=registry.COLLEAGUES[kind])

    def _named_actions(
        self, name: str, definition: Definition, at: int, settings: Mapping[str, object] | None = None
    ) -> list[ActionDefinition]:
        """What an entry comes down to: an action, or all that a pattern is true of."""
        own, _, tool = name.partition("/")
        if any(sign in own for sign in "*?["):
            return self._matching(name, definition, at)
        for known in (f"{definition.name}.{own}", own):
            if known in self._actions and (not tool or self._actions[known].type in registry.TOOLBOX_TYPES):
                self.names.rest_on_files(definition, self.names.rests.get(("action", known), ()))
                return [replace(self._actions[known], name=own)]
        if name in registry.ACTIONS:
            return self._built_in(name, definition, at, settings)
        # Those that belong to a platform are called PLATFORM/ACTION, as the tools of a server are.
        if built_in := [each for each in registry.ACTIONS if "/" in each and fnmatchcase(each, name)]:
            return [action for each in built_in for action in self._named_actions(each, definition, at)]
        if not self.names.knows_own("action", definition.name, own):
            if any(sign in tool for sign in "*?[") and own not in self.names.actions:
                return self._nothing_matches(name, definition, at)
            self.names.unknown("action", own if tool else name, self.names.actions, definition, ("actions", at))
        return []

    def _matching(self, pattern: str, definition: Definition, at: int) -> list[ActionDefinition]:
        own, _, tool = pattern.partition("/")
        found = [name for name in sorted(self.names.actions) if fnmatchcase(name, own) and "." not in name]
        if not found:
            return self._nothing_matches(pattern, definition, at)
        names = [f"{name}/{tool}" if tool else name for name in found if name not in NAMED_ALONE]
        return [action for name in names for action in self._named_actions(name, definition, at)]

    def _built_in(
        self, name: str, definition: Definition, at: int, written: Mapping[str, object] | None
    ) -> list[ActionDefinition]:
        part = self.names.part(registry.ACTIONS, "action", name, definition, ("actions", at))
        if part is None:
            return []
        own = {key: value for key, value in (written or {}).items() if key not in uses.WORDS}
        settings = self.names.settings(part, own, definition, ("actions", at, name), uses.WORDS)
        rooms = settings.get("rooms")
        if isinstance(rooms, list | tuple):
            settings["rooms"] = {str(room): self.names.room(str(room), definition) for room in rooms}
        return [ActionDefinition(name, "built-in", entrypoint=registry.ACTIONS[name], settings=settings or None)]

    def _nothing_matches(self, pattern: str, definition: Definition, at: int) -> list[ActionDefinition]:
        if ("action", pattern.partition("/")[0]) not in self.names.around.broken:
            hint = suggestion(pattern, sorted(self.names.actions))
            message = f"no action matches {pattern!r}"
            self.names.tell(definition, definition.warning(("actions", at), "CAR044", message, hint))
        return []

    def _chosen(
        self, definition: Definition, block: models.Agent
    ) -> dict[str, tuple[str, Mapping[str, TemplateFile]]] | None:
        """Each purpose's template with all it includes; None if one of them is not whole."""
        library = self.names.around.library
        providers = [entry.name for entry in block.context]
        chosen: dict[str, tuple[str, Mapping[str, TemplateFile]]] = {}
        whole = True
        for purpose in () if definition.draft else self._purposes(definition, block):
            name = getattr(block.templates, purpose)
            if name not in library.sources:
                self.names.unknown("template", name, library.sources, definition, ("templates", purpose))
                whole = False
                continue
            given = (*GIVEN[purpose], *providers) if purpose in ("chat", "post") else GIVEN[purpose]
            checked = library.checked(name, frozenset(given))
            self.names.tell(definition, *checked.problems)
            self.names.rest_on_files(definition, checked.files)
            whole = whole and checked.whole
            chosen[purpose] = (name, checked.sources)
        return chosen if whole else None

    def _purposes(self, definition: Definition, block: models.Agent) -> Iterator[str]:
        """What it needs a template for, and what it names one for."""
        yield "chat"
        chosen = block.templates.model_fields_set
        for name in ("facts", "relationships", "summary", "goals"):
            if name in chosen or any(entry.name == name for entry in block.evaluators):
                yield name
        if "decide" in chosen or block.respond == "decide" or definition.name in self.names.deciding:
            yield "decide"
        yield from (name for name in ("judge", "post") if name in chosen)


def _rests_on_others(block: models.Agent) -> bool:
    """Whether other files say who else takes from its budgets, who is there to be asked, what a room's id is."""
    rooms = block.approvals or any("rooms" in entry.settings for entry in block.actions)
    return bool(block.budgets or block.delegates or block.handoffs or rooms)


def _limits(model: models.Model) -> ModelLimits:
    written = model.limits
    if written is None:
        return ModelLimits()
    return ModelLimits(_a_minute(written.requests), _a_minute(written.tokens), written.at_once or 0)


def _a_minute(rate: Rate | None) -> float:
    return rate.amount * 60 / SECONDS[rate.per] if rate else 0.0


def _seconds(window: str) -> float:
    return SECONDS.get(window, 0.0)


def _agent_limits(block: models.Agent) -> AgentLimits:
    limits, rate = block.limits, block.limits.messages
    if rate is None:
        return AgentLimits(limits.steps, limits.turn)
    return AgentLimits(limits.steps, limits.turn, rate.amount, SECONDS[rate.per])


def _permissions(block: models.Agent) -> Permissions:
    if block.permissions is None:
        return Permissions()
    lists = (block.permissions.allow, block.permissions.ask, block.permissions.deny)
    return Permissions(
        block.permissions.otherwise,
        *(tuple(Permitted(each.action, each.where, uses.callers(each.by)) for each in listed) for listed in lists),
    )


def _tools(block: models.Agent, actions: Sequence[ActionDefinition]) -> Iterator[str]:
    """Which tools are meant: all of a toolbox that is named as a whole."""
    boxes = {action.name for action in actions if action.type in registry.TOOLBOX_TYPES}
    for entry in block.actions if boxes else ():
        box, slash, _ = entry.name.partition("/")
        yield entry.name if slash else f"{box}/*"


def _window(written: object) -> int:
    return written if isinstance(written, int) and written > 0 else 0
