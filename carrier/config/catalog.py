"""Files read into a Catalog: frozen values that hold all they rest on, and every problem there is."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from carrier.config import models
from carrier.config.definitions import Definition, Key
from carrier.config.diagnostics import Problem, few
from carrier.config.files import Project
from carrier.config.hosting import HostReading
from carrier.config.keeping import kept
from carrier.config.memo import Memo
from carrier.config.names import Before, Names, Resolved, Told
from carrier.config.projects import Inputs, Reading
from carrier.config.revisions import revision
from carrier.config.validating import secrets_in
from carrier.types.agents import ActionDefinition, Agent
from carrier.types.clients import ClientDefinition, StoreDefinition
from carrier.types.models import Script
from carrier.types.schedules import Schedule


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
    notify: str = ""
    """The room that is told when files cannot be applied, as `client/room`; empty: none."""
    memory: StoreDefinition = field(default_factory=StoreDefinition)


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
    schedules: Mapping[str, Schedule]
    tests: Mapping[str, models.Test] = field(compare=False)
    """Each names its agent. No host runs on them: they count in no revision."""
    parked: Mapping[str, str]
    """Clients and actions that wait for a variable to be set, and for which."""
    problems: tuple[Problem, ...]
    environment: Mapping[str, str] = field(repr=False, compare=False)
    """The process environment, over what the variables' files set."""
    secrets: tuple[str, ...] = field(repr=False)
    """Values that nothing may carry out."""
    files: tuple[Path, ...]
    """Every file that was read or looked for."""
    revision: str
    degraded: frozenset[Path]
    """Files that are taken as they last were, for what they say now is broken."""
    digests: Mapping[Path, str] = field(repr=False)
    """What each file was read as, degraded ones as they last were."""
    rests: Mapping[Key, tuple[Path, ...]] = field(repr=False, compare=False)
    """Every file that an object rests on, by the object's kind and name."""
    definitions: Mapping[Key, Definition] = field(repr=False, compare=False)
    """What each object is made from, the host included."""
    accepted: Mapping[Path, bytes] = field(repr=False, compare=False)
    """What each file last held when nothing was wrong with it."""
    before: Before = field(repr=False, compare=False)
    memo: Memo = field(repr=False, compare=False)

    @property
    def watched(self) -> tuple[Path, ...]:
        """The files and folders whose changes can change anything here."""
        folders = self.host.folders
        return tuple(dict.fromkeys([*folders.agents, *folders.actions, *folders.templates, *self.files]))

    def text(self, file: str) -> str:
        """The text of a file that a problem names; raises OSError."""
        return (self.root / file).read_text("utf-8", "replace")

    def stale(self, kind: str, name: str) -> bool:
        """Whether an object runs on an older version than its files say."""
        return not self.degraded.isdisjoint(self.rests.get((kind, name), ()))


SECRET_LENGTH = 6
"""What is shorter is taken for no secret: it would be found within innocent words."""


def load(
    path: Path, environment: Mapping[str, str], last: Catalog | None = None, refused: Collection[Refused] = ()
) -> Catalog:
    """Read a project by its carrier.yaml, or its folder; whatever is wrong with it is among the problems.

    A file that is broken, or was `refused`, counts as it last was: in `last`, or else in the data folder.
    """
    path = path.absolute()
    return _Loading(path / "carrier.yaml" if path.is_dir() else path, environment, last, refused).catalog()


class _Loading:
    """Readings of one project, until it is known which files are broken; the last one goes without them."""

    def __init__(self, path: Path, environment: Mapping[str, str], last: Catalog | None, refused: Collection[Refused]):
        self._last = last
        self._refused = refused
        self._project = Project(path.parent)
        self._inputs = Inputs(
            path=path,
            environment=environment,
            project=self._project,
            memo=Memo(last.memo if last else None),
            read={},
            last=_resolved(last),
            before=last.before if last else None,
            env_file=last.host.env_file if last else None,
        )
        self._kept: Mapping[Path, bytes] | None = last.accepted if last else None

    def catalog(self) -> Catalog:
        instead: dict[Path, bytes | None] = {}
        broken: set[Key] = set()
        told: list[Problem] = []
        while True:
            reading = Reading(self._inputs, self._accepted, instead, broken)
            blamed = self._blamed(reading)
            if not blamed:
                break
            told += (each for owner, each in reading.reader.problems if {owner, reading.reader.file_of(each)} & blamed)
            told += self._refusals(reading)
            broken |= reading.names_in(blamed)
            instead |= {file: reading.accepted.get(file) for file in blamed}
        self._inputs.memo.close()
        return self._made(reading, told)

    def _accepted(self, data: Path) -> Mapping[Path, bytes]:
        if self._kept is None:
            self._kept = kept(data, self._project.root)
        return self._kept

    # --- who is to blame ---

    def _blamed(self, reading: Reading) -> set[Path]:
        """The files whose new content is wrong, or was refused."""
        told = [each for each in reading.reader.problems if each.problem.severity == "error"]
        blamed = {self._to_blame(reading, each) for each in told} | set(self._refused_in(reading))
        return {file for file in blamed if file and file not in reading.reader.instead}

    def _to_blame(self, reading: Reading, told: Told) -> Path | None:
        return next((file for file in (reading.reader.file_of(told.problem), told.owner) if reading.is_new(file)), None)

    def _refused_in(self, reading: Reading) -> Iterator[Path]:
        digests = reading.reader.contents.digests
        yield from (each.file for each in self._refused if digests.get(each.file) == each.digest)

    def _refusals(self, reading: Reading) -> Iterator[Problem]:
        files = set(self._refused_in(reading))
        for each in self._refused:
            if each.file in files:
                yield Problem(self._project.shown(each.file), 1, 1, "CAR033", each.reason)

    # --- the whole ---

    def _made(self, reading: Reading, told: Sequence[Problem]) -> Catalog:
        """With what was told of the files that are not taken as they are."""
        host, names, contents = reading.host, reading.resolver.names, reading.reader.contents
        resolved, path = reading.resolved, self._inputs.path
        secrets = _worth_keeping({*host.variables.secrets, *names.secrets, *secrets_in(host.block)})
        problems = {*told, *self._project.problems, *_on_disk(reading)}
        found = _all_definitions(reading)
        rests = {("host", "host"): host.files, **names.rests}
        return Catalog(
            path=path,
            root=self._project.root,
            host=_settings(host.block, path, reading.timezone, _notify(host, names), resolved.memory),
            agents=resolved.agents,
            clients=resolved.clients,
            actions=resolved.actions,
            scripts=resolved.scripts,
            schedules=resolved.schedules,
            tests=resolved.tests,
            parked=resolved.parked,
            problems=few(_without(secrets, each) for each in sorted(problems)),
            environment=host.variables.environment,
            secrets=secrets,
            files=tuple(dict.fromkeys([*reading.reader.files, *sorted(host.variables.files | names.files)])),
            revision=_revision(host.block, resolved),
            degraded=frozenset(reading.reader.instead),
            digests=contents.digests,
            rests=rests,
            definitions=found,
            accepted=self._newly_accepted(reading),
            before=Before(found, names.rests, contents.digests, reading.resolver.clean, names.meaning),
            memo=self._inputs.memo,
        )

    def _newly_accepted(self, reading: Reading) -> dict[Path, bytes]:
        reader, read = reading.reader, self._inputs.read
        own = {file for file in reader.contents.digests if file not in reader.outside}
        fresh = {file: read[file] for file in own if file not in reader.instead}
        return {**fresh, **{file: content for file, content in reader.instead.items() if content is not None}}


def _on_disk(reading: Reading) -> Iterator[Problem]:
    """What is wrong with what stands on the disk; where it is in older content, with whom it concerns."""
    instead, project = reading.reader.instead, reading.reader.project
    for owner, problem in reading.reader.problems:
        if owner in instead:
            continue
        if reading.reader.file_of(problem) in instead:
            problem = replace(problem, file=project.shown(owner), line=1, column=1)
        yield problem


def _all_definitions(reading: Reading) -> dict[Key, Definition]:
    found = {key: each for key, each in reading.definitions.items() if each}
    return {("host", "host"): reading.host.definition, **found} if reading.host.definition else found


def _settings(block: models.Host, path: Path, timezone: str, notify: str, memory: StoreDefinition) -> HostSettings:
    root = path.parent
    return HostSettings(
        name=block.name or root.name,
        timezone=timezone,
        data=root / block.data,
        env_file=root / block.env_file,
        folders=Folders(*(tuple(root / name for name in names) for names in _folders(block.folders))),
        server=ServerSettings(block.server.host, block.server.port),
        limits=HostLimits(block.limits.turns_at_once, block.limits.message_chars, block.limits.upload),
        embeddings=block.embeddings.use,
        notify=notify,
        memory=memory,
    )


def _notify(host: HostReading, names: Names) -> str:
    return names.room(host.block.notify, host.definition) if host.definition else ""


def _folders(folders: models.Folders) -> tuple[tuple[str, ...], ...]:
    return folders.agents, folders.actions, folders.templates


def _resolved(last: Catalog | None) -> Resolved:
    if last is None:
        return Resolved()
    kept = (last.agents, last.clients, last.actions, last.scripts, last.schedules, last.tests)
    return Resolved(*kept, memory=last.host.memory)


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
    schedules = {name: schedule.revision for name, schedule in resolved.schedules.items()}
    actions = {name: [action, action.digest] for name, action in resolved.actions.items()}
    return revision([block, agents, clients, actions, resolved.scripts, schedules, resolved.parked, resolved.memory])
