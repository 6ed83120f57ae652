"""One reading of a project: every document as a definition, and every definition resolved."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from carrier.config import definitions, layers, models
from carrier.config.definitions import Definition, Key, Written
from carrier.config.diagnostics import Problem
from carrier.config.families import Grounds, WrongCard, apart, family, layered
from carrier.config.files import CARD_BYTES, DOCUMENTS, TEMPLATES, Project, Withheld
from carrier.config.hosting import read_host
from carrier.config.library import Library, Source
from carrier.config.memo import Memo
from carrier.config.names import Before, Names, Resolved, Surroundings
from carrier.config.reader import Reader
from carrier.config.reading import NODES, Document, Place
from carrier.config.resolving import Resolver
from carrier.config.validating import breaks
from carrier.config.values import Literal
from carrier.config.zones import machine_zone


@dataclass(frozen=True, slots=True)
class Inputs:
    """What all readings of one load start from."""

    path: Path
    environment: Mapping[str, str]
    project: Project
    memo: Memo
    read: dict[Path, bytes]
    """What stands on the disk, read once."""
    last: Resolved
    before: Before | None
    env_file: Path | None


class Reading:
    """One reading of a project, with some files as they last were."""

    def __init__(
        self,
        inputs: Inputs,
        accepted: Callable[[Path], Mapping[Path, bytes]],
        instead: Mapping[Path, bytes | None],
        broken: Set[Key],
    ):
        """`accepted` gives what files last held when nothing was wrong with them, by the folder of the data."""
        self._inputs = inputs
        self.reader = Reader(inputs.project, inputs.memo, inputs.read, instead, broken)
        self._kinds: dict[Path, str] = {}
        self._templates: dict[Path, str] = {}
        self._inherited: dict[Path, int] = {}
        """How many values the documents of a file inherit."""
        self.host = read_host(self.reader, inputs.path, inputs.environment, inputs.env_file)
        self.accepted = accepted(inputs.project.root / self.host.block.data)
        self.timezone = self.host.block.timezone or machine_zone(inputs.environment)
        self._written = self._read_documents(self.host.block.folders)
        self.definitions = self._define(self._written)
        self.resolver = self._resolving()
        self.resolved = self.resolver.resolve()
        for each in self.definitions.values():
            if each and each.draft:
                self.resolver.judge(each)
        self.reader.problems += self.resolver.names.problems

    def is_new(self, file: Path) -> bool:
        """Whether a file holds something else than when nothing was wrong with it."""
        if file in self.reader.outside or file not in self.reader.contents.asked:
            return False
        return self._inputs.read.get(file) != self.accepted.get(file)

    def names_in(self, files: Set[Path]) -> set[Key]:
        """What these files define, as far as that can be told."""
        found = {each.key for each in self._written if each.file in files}
        for file in files:
            if file in self._kinds:
                found |= {(self._kinds[file], file.stem), *self.reader.names_in_text(file)}
            if file in self._templates:
                found.add(("template", self._templates[file]))
        return found

    # --- documents ---

    def _read_documents(self, folders: models.Folders) -> list[Written]:
        found: list[Written] = []
        for names, kind in ((folders.agents, "agent"), (folders.actions, "action")):
            for path in (path for name in names for path in self._listed(name, DOCUMENTS)):
                if path not in self._kinds and path != self._inputs.path:
                    self._kinds[path] = kind
                    found += self._documents_of(path, kind)
        return self._unique(found)

    def _listed(self, folder: str, endings: Sequence[str]) -> Iterator[Path]:
        """The folder's files; those that were there, too, where a part of it cannot be read."""
        project = self.reader.project
        yield from project.listed(folder, endings)
        for path in self.accepted if project.closed else ():
            closed = any(path.is_relative_to(each) for each in project.closed)
            if closed and path.is_relative_to(project.root / folder) and path.name.endswith(tuple(endings)):
                yield path

    def _documents_of(self, path: Path, kind: str) -> list[Written]:
        documents = self.reader.documents(path)
        found, problems = definitions.written(documents, path, kind)
        self.reader.tell(path, *problems)
        if problems or not documents:
            self.reader.broken.add((kind, path.stem))
        return found

    def _unique(self, found: Sequence[Written]) -> list[Written]:
        """Of two with one name the one that was there before is right."""
        first: dict[Key, Written] = {}
        for each in sorted(found, key=lambda each: self.is_new(each.file)):
            other = first.setdefault(each.key, each)
            if other is not each:
                message = f"another {each.kind} is called {each.name!r}, in {other.document.file}"
                self.reader.tell(each.file, each.document.problem(("name",), "CAR016", message))
        return [each for each in found if first[each.key] is each]

    # --- what they define ---

    def _define(self, found: Sequence[Written]) -> dict[Key, Definition | None]:
        """Each document, and each part within one, as a definition; None where not even a draft can be made."""
        grounds = self._grounds(found)
        defined: dict[Key, Definition | None] = {}
        for each in found:
            for part, definition, problems in self.reader.memo.of(
                self._made_from(each, grounds), partial(self._defined, each, grounds)
            ):
                defined[part.key] = definition
                self.reader.tell(part.file, *problems)
                if breaks(problems):
                    self.reader.broken.add(part.key)
        return defined

    def _made_from(self, each: Written, grounds: Grounds) -> Hashable:
        """All that a definition depends on."""
        files = [member.file for member in family(each, grounds)[0]]
        digests = tuple(self.reader.contents.digests.get(file) for file in (*self.host.files, *files))
        content = self._inputs.read.get(each.file, b"")
        # What stands in further files is read again each time.
        again = object() if b"card" in content or b"${file:" in content else None
        return "define", each.key, each.document.values[()], digests, self.host.variables.fingerprint, again

    def _defined(self, each: Written, grounds: Grounds) -> list[tuple[Written, Definition | None, list[Problem]]]:
        if self._inherits_too_much(each, grounds):
            message = f"the documents of this file inherit more than {NODES:,} values"
            return [(each, None, [each.document.problem(("extends",), "CAR008", message)])]
        document, under, problems = layered(each, grounds)
        document, parts = apart(each, document)
        definition, wrong = definitions.define(each, document, under, self.host.variables)
        more = [found for part in parts for found in self._defined(part, grounds)]
        return [(each, definition, [*problems, *wrong]), *more]

    def _inherits_too_much(self, each: Written, grounds: Grounds) -> bool:
        """Whether a file would grow past all bounds by what its documents extend."""
        below = family(each, grounds)[0][:-1]
        self._inherited[each.file] = self._inherited.get(each.file, 0) + sum(len(it.document.values) for it in below)
        return self._inherited[each.file] > NODES

    def _grounds(self, found: Sequence[Written]) -> Grounds:
        document = self.host.definition.document if self.host.definition else None
        kinds = [str(kind) for kind in self.host.block.defaults] if document else []
        defaults = {kind: layers.within(document, ("defaults", kind)) for kind in kinds} if document else {}
        return Grounds(defaults, self._inputs.path, {each.key: each for each in found}, self._card)

    def _card(self, document: Document) -> tuple[Document, Path] | None:
        """What the card says that a character names."""
        name = str(document.data["card"])
        path = self.reader.project.root / name
        if not models.is_inside(name) or not self.reader.project.inside(path):
            raise WrongCard(f"{name} leads out of the project's folder")
        self.reader.files.append(path)
        try:
            content = self.reader.contents.get(path, CARD_BYTES)
            fields = self.reader.memo.of(("card", self.reader.contents.digests[path]), lambda: _card_fields(content))
        except Withheld:
            return None
        except OSError as error:
            raise WrongCard(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from error
        return told(fields, self.reader.project.shown(path)), path

    def _resolving(self) -> Resolver:
        around = Surroundings(
            project=self._inputs.project,
            contents=self.reader.contents,
            environment=self.host.variables.environment,
            host=self.host.definition,
            timezone=self.timezone,
            library=self._library(self.host.block.folders),
            broken=self.reader.broken,
            last=self._inputs.last,
            before=self._inputs.before,
        )
        whole = [each for each in self.definitions.values() if each]
        return Resolver(Names(around, whole, [key for key, each in self.definitions.items() if each is None]))

    # --- templates ---

    def _library(self, folders: models.Folders) -> Library:
        sources = dict(self._sources(folders))
        key = tuple(
            (name, source.file, self.reader.contents.digests.get(source.path)) for name, source in sources.items()
        )
        return self.reader.memo.of(("library", key), lambda: Library(sources))

    def _sources(self, folders: models.Folders) -> Iterator[tuple[str, Source]]:
        """Every template by its name; of two with one name the first folder's counts."""
        for folder in reversed(folders.templates):
            for path in self._listed(folder, TEMPLATES):
                name = path.relative_to(self.reader.project.root / folder).as_posix()
                self._templates[path] = name
                yield name, Source(path, self.reader.project.shown(path), self.reader.template(path, name))


def _card_fields(content: bytes) -> Mapping[str, object]:
    from carrier.config import cards

    try:
        return cards.read(content).fields
    except cards.CardError as error:
        raise WrongCard(str(error)) from error


def told(fields: Mapping[str, object], file: str) -> Document:
    """The fields of a card as a document, in which nothing is filled in."""
    place = Place(file, 1, 1)
    data = {key: _literal(value) for key, value in fields.items()}
    return Document(file, data, {(): place}, {})


def _literal(value: object) -> object:
    if isinstance(value, str):
        return Literal(value)
    if isinstance(value, Mapping):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_literal(item) for item in value]
    return value
