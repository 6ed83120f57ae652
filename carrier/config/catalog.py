"""Files read into a Catalog: frozen values that hold all they rest on, and every problem there is."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from pathlib import Path

from carrier.config import definitions, models
from carrier.config.definitions import Definition, breaks, secrets_in
from carrier.config.diagnostics import Problem
from carrier.config.files import DOCUMENTS, TEMPLATES, Project
from carrier.config.library import Source
from carrier.config.reading import Document, Unreadable, decoded, read
from carrier.config.resolving import Resolved, Resolver, Surroundings
from carrier.config.revisions import revision
from carrier.config.values import Variables, variables_in
from carrier.config.zones import machine_zone
from carrier.types import ActionDefinition, Agent, ClientDefinition, Script, TemplateFile


@dataclass(frozen=True, slots=True)
class Folders:
    agents: tuple[Path, ...]
    actions: tuple[Path, ...]
    templates: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    host: str = "127.0.0.1"
    port: int = 8000


@dataclass(frozen=True, slots=True)
class HostLimits:
    turns_at_once: int = 64
    message_chars: int = 8000
    upload: int = 10_000_000
    """Bytes."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What carrier.yaml says of the host itself; every path is absolute."""

    name: str
    timezone: str
    data: Path
    env_file: Path
    folders: Folders
    server: ServerSettings
    limits: HostLimits
    embeddings: str
    """`builtin` or `none`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A version of a file that was fine to read, and could not be brought to life."""

    file: Path
    digest: str
    """Of its content, as `revisions.digest` gives it: another version is tried again."""
    reason: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything a host runs on, as the files say it, with the last good version of what they say wrongly."""

    path: Path
    """carrier.yaml itself."""
    root: Path
    host: HostSettings
    agents: Mapping[str, Agent]
    clients: Mapping[str, ClientDefinition]
    actions: Mapping[str, ActionDefinition]
    scripts: Mapping[str, Script]
    parked: Mapping[str, str]
    """Clients that wait for a variable to be set, and for which."""
    problems: tuple[Problem, ...]
    environment: Mapping[str, str] = field(repr=False, compare=False)
    """The process environment, over what the variables' file sets."""
    secrets: tuple[str, ...] = field(repr=False)
    """Values that nothing may carry out."""
    files: tuple[Path, ...]
    """Every file that was read or looked for."""
    revision: str
    accepted: Mapping[Path, tuple[Definition, ...]] = field(repr=False, compare=False)
    """What each file last said when nothing was wrong with it."""

    @property
    def watched(self) -> tuple[Path, ...]:
        """The files and folders whose changes can change anything here."""
        folders = self.host.folders
        return tuple(dict.fromkeys([*folders.agents, *folders.actions, *folders.templates, *self.files]))

    def text(self, file: str) -> str:
        """The text of a file that a problem names; raises OSError."""
        return (self.root / file).read_text("utf-8", "replace")


SECRET_LENGTH = 6
"""What is shorter is taken for no secret: it would be found within innocent words."""


def load(
    path: Path, environment: Mapping[str, str], last: Catalog | None = None, refused: Collection[Refused] = ()
) -> Catalog:
    """Read a project by its carrier.yaml, or its folder; whatever is wrong with it is among the problems."""
    path = path.absolute()
    return _Loading(path / "carrier.yaml" if path.is_dir() else path, environment, last).catalog()


class _Loading:
    """One reading of a project."""

    def __init__(self, path: Path, environment: Mapping[str, str], last: Catalog | None):
        self._path = path
        self._environment = environment
        self._last = last
        self._project = Project(path.parent)
        self._variables = Variables(environment, path.parent)
        self._problems: list[Problem] = []
        self._files: list[Path] = []
        self._accepted: dict[Path, tuple[Definition, ...]] = {}
        self._drafts: list[Definition] = []
        self._broken: set[tuple[str, str]] = set()

    def catalog(self) -> Catalog:
        host = self._host()
        block = host.block if host and isinstance(host.block, models.Host) else models.Host()
        settings = _settings(block, self._path, self._environment)
        found = self._unique(
            each for path, kind in self._listed(block.folders) for each in self._folder_file(path, kind)
        )
        sources = dict(self._sources(block.folders))
        resolver = Resolver(self._surroundings(host, settings.timezone, sources), found)
        resolved = resolver.resolve()
        for draft in self._drafts:
            resolver.judge(draft)
        secrets = _worth_keeping({*self._variables.secrets, *resolver.secrets, *secrets_in(block)})
        problems = {*self._problems, *self._project.problems, *resolver.problems}
        return Catalog(
            path=self._path,
            root=self._project.root,
            host=settings,
            agents=resolved.agents,
            clients=resolved.clients,
            actions=resolved.actions,
            scripts=resolved.scripts,
            parked=resolved.parked,
            problems=tuple(_without(secrets, each) for each in sorted(problems)),
            environment=self._variables.environment,
            secrets=secrets,
            files=tuple(dict.fromkeys([*self._files, *sorted(self._variables.files | resolver.files)])),
            revision=_revision(block, resolved),
            accepted=self._accepted,
        )

    def _surroundings(self, host: Definition | None, timezone: str, sources: Mapping[str, Source]) -> Surroundings:
        broken = self._broken - {(each.kind, each.name) for each in chain(*self._accepted.values())}
        return Surroundings(self._project, host, timezone, sources, broken, _resolved(self._last))

    # --- carrier.yaml, and the variables that everything may name ---

    def _host(self) -> Definition | None:
        """What carrier.yaml says, or last said; None if it never said anything that can be read."""
        before = len(self._problems)
        documents = self._read(self._path)
        self._variables = self._all_variables(documents)
        found = [self._noting(definitions.host(document, self._variables)) for document in documents]
        if len(found) > 1:
            self._problems.append(documents[1].problem((), "CAR014", "only one document belongs here, the host"))
        accepted = self._accept(self._path, found, self._problems[before:])
        return accepted[0] if accepted else None

    def _all_variables(self, documents: Sequence[Document]) -> Variables:
        """The environment over what the variables' file sets."""
        path = self._project.root / self._env_file(documents)
        self._files.append(path)
        try:
            content = self._project.content(path) if path.exists() else b""
            text = decoded(content, self._project.shown(path))
        except (OSError, Unreadable) as error:
            self._note(path, error)
            text = ""
        found, problems = variables_in(text, self._project.shown(path))
        self._problems += problems
        return Variables({**found, **self._environment}, self._project.root)

    def _env_file(self, documents: Sequence[Document]) -> str:
        if not documents and self._last:
            return str(self._last.host.env_file)
        written = documents[0].data.get("env_file") if documents else None
        return written if isinstance(written, str) and models.is_inside(written) else ".env"

    # --- documents ---

    def _listed(self, folders: models.Folders) -> Iterator[tuple[Path, str]]:
        seen: set[Path] = set()
        for names, kind in ((folders.agents, "agent"), (folders.actions, "action")):
            for path in (path for name in names for path in self._project.listed(name, DOCUMENTS)):
                if path not in seen and path != self._path:
                    seen.add(path)
                    yield path, kind

    def _folder_file(self, path: Path, kind: str) -> tuple[Definition, ...]:
        """What the file says; if anything is wrong with it, what it last said."""
        before = len(self._problems)
        documents = list(zip(self._read(path), chain([path.stem], repeat("")), strict=False))
        found = [self._noting(definitions.define(each, kind, name, self._variables)) for each, name in documents]
        accepted = self._accept(path, found, self._problems[before:])
        if breaks(self._problems[before:]):
            self._drafts += [each for each in found if each]
            self._broken |= {(kind, path.stem), *(_called(each, kind, name) for each, name in documents)}
        return accepted

    def _read(self, path: Path) -> tuple[Document, ...]:
        self._files.append(path)
        try:
            reading = read(self._project.content(path), self._project.shown(path))
        except OSError as error:
            self._note(path, error)
            return ()
        self._problems += reading.problems
        return reading.documents

    def _noting(self, found: tuple[Definition | None, Sequence[Problem]]) -> Definition | None:
        self._problems += found[1]
        return found[0]

    def _accept(
        self, path: Path, found: Iterable[Definition | None], problems: Sequence[Problem]
    ) -> tuple[Definition, ...]:
        last = self._last.accepted.get(path, ()) if self._last else ()
        self._accepted[path] = last if breaks(problems) else tuple(each for each in found if each)
        return self._accepted[path]

    def _unique(self, found: Iterable[Definition]) -> list[Definition]:
        first: dict[tuple[str, str], Definition] = {}
        for each in found:
            other = first.setdefault((each.kind, each.name), each)
            if other is not each:
                message = f"another {each.kind} is called {each.name!r}, in {other.document.file}"
                self._problems.append(each.problem(("name",), "CAR016", message))
        return list(first.values())

    # --- templates ---

    def _sources(self, folders: models.Folders) -> Iterator[tuple[str, Source]]:
        """Every template by its name; of two with one name the first folder's counts."""
        for folder in reversed(folders.templates):
            for path in self._project.listed(folder, TEMPLATES):
                name = path.relative_to(self._project.root / folder).as_posix()
                yield name, Source(self._project.shown(path), self._template(path, name))

    def _template(self, path: Path, name: str) -> TemplateFile | None:
        self._files.append(path)
        try:
            return TemplateFile(name, decoded(self._project.content(path), self._project.shown(path)))
        except (OSError, Unreadable) as error:
            self._note(path, error)
            return None

    def _note(self, path: Path, error: OSError | Unreadable) -> None:
        if isinstance(error, Unreadable):
            self._problems.append(error.problem)
        else:
            reason = (error.strerror or str(error)).lower()
            self._problems.append(
                Problem(self._project.shown(path), 1, 1, "CAR001", f"this file cannot be read: {reason}")
            )


def _called(document: Document, kind: str, name: str) -> tuple[str, str]:
    """What a document calls itself, valid or not."""
    return str(document.data.get("kind") or kind), str(document.data.get("name") or name)


def _settings(block: models.Host, path: Path, environment: Mapping[str, str]) -> HostSettings:
    root = path.parent
    return HostSettings(
        name=block.name or root.name,
        timezone=block.timezone or machine_zone(environment),
        data=root / block.data,
        env_file=root / block.env_file,
        folders=Folders(*(tuple(root / name for name in names) for names in _folders(block.folders))),
        server=ServerSettings(block.server.host, block.server.port),
        limits=HostLimits(block.limits.turns_at_once, block.limits.message_chars, block.limits.upload),
        embeddings=block.embeddings.use,
    )


def _folders(folders: models.Folders) -> tuple[tuple[str, ...], ...]:
    return folders.agents, folders.actions, folders.templates


def _resolved(last: Catalog | None) -> Resolved:
    return Resolved(last.agents, last.clients, last.actions, last.scripts) if last else Resolved()


def _worth_keeping(secrets: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({secret for secret in secrets if len(secret) >= SECRET_LENGTH}))


def _without(secrets: Sequence[str], problem: Problem) -> Problem:
    message, hint = problem.message, problem.hint
    for secret in secrets:
        message, hint = message.replace(secret, "***"), hint.replace(secret, "***")
    return (
        problem if (message, hint) == (problem.message, problem.hint) else replace(problem, message=message, hint=hint)
    )


def _revision(block: models.Host, resolved: Resolved) -> str:
    agents = {name: agent.revision for name, agent in resolved.agents.items()}
    clients = {name: client.revision for name, client in resolved.clients.items()}
    return revision([block.model_dump(), agents, clients, resolved.actions, resolved.scripts, resolved.parked])
