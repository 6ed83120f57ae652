"""Reads the files of a project once, and keeps account: what was looked for, what is wrong, what stays unknown."""

import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from carrier.config import models
from carrier.config.definitions import Key
from carrier.config.diagnostics import Problem
from carrier.config.files import Contents, LeadsOut, Project, Withheld
from carrier.config.memo import Memo
from carrier.config.names import Told
from carrier.config.reading import Document, Unreadable, decoded, read
from carrier.config.validating import breaks
from carrier.types.parts import TemplateFile


class Reader:
    """The files of one reading, some as they last were."""

    def __init__(
        self,
        project: Project,
        memo: Memo,
        read: dict[Path, bytes],
        instead: Mapping[Path, bytes | None],
        broken: Set[Key],
    ):
        self.project = project
        self.memo = memo
        self.instead = instead
        """Older content, or None for what has none."""
        self.broken = set(broken)
        """What stands in files that have problems."""
        self.contents = Contents(project, read, instead)
        self.problems: list[Told] = []
        self.files: list[Path] = []
        """Every file that was read or looked for."""
        self.outside: set[Path] = set()
        """Files of variables, which are never kept."""
        self._read = read

    def documents(self, path: Path) -> tuple[Document, ...]:
        self.files.append(path)
        try:
            content = self.contents.get(path)
        except OSError as error:
            self.note(path, error)
            return ()
        shown = self.project.shown(path)
        reading = self.memo.of(("read", shown, self.contents.digests[path]), lambda: read(content, shown))
        self.tell(path, *reading.problems)
        if breaks(reading.problems):
            self.broken |= {*self.names_in_text(path)}
        return reading.documents

    def template(self, path: Path, name: str) -> TemplateFile | None:
        self.files.append(path)
        try:
            content = self.contents.get(path)
            text = decoded(content, self.project.shown(path))
        except (OSError, Unreadable) as error:
            self.note(path, error)
            return None
        return TemplateFile(name, text)

    def note(self, path: Path, error: OSError | Unreadable) -> None:
        if isinstance(error, Unreadable):
            self.tell(path, error.problem)
        elif isinstance(error, LeadsOut):
            self.tell(path, Problem(self.project.shown(path), 1, 1, "CAR029", str(error)))
        elif not isinstance(error, Withheld):
            reason = (error.strerror or str(error)).lower()
            message = f"this file cannot be read: {reason}"
            self.tell(path, Problem(self.project.shown(path), 1, 1, "CAR001", message))

    def tell(self, owner: Path, *problems: Problem) -> None:
        self.problems += (Told(owner, problem) for problem in problems)

    def names_in_text(self, file: Path) -> Iterator[Key]:
        """The names in a file that is not even YAML, under every kind they may be of."""
        text = self._read.get(file, b"").decode("utf-8", "replace")
        for name in _NAMED.findall(text)[:1000]:
            yield from ((kind, name) for kind in models.KINDS)

    def file_of(self, problem: Problem) -> Path:
        return self.project.root / problem.file


_NAMED = re.compile(r"^[ \t]*+(?:-[ \t]*+)?(?:\{[ \t]*+)?name:[ \t]*+[\"']?([a-z0-9][a-z0-9_-]{0,63})", re.MULTILINE)
