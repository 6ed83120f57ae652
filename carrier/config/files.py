"""Which files of a project count: the documents and templates of its folders, and what looks like one but is none."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from carrier.config.diagnostics import Problem
from carrier.config.reading import BYTES
from carrier.config.revisions import digest

CARD_BYTES = 32 * 1024 * 1024
"""Of a card; its picture may be large."""
DOCUMENTS = (".yaml", ".yml")
TEMPLATES = (".j2",)
_BACKUP = re.compile(r"\..*|.*~|#.*#|.*\.sw[a-p]|4913|__pycache__|.*\.(?:tmp|part)")
_NEAR_MISS = re.compile(r"\.(?:ya?ml|j2)(?:\W|$)", re.IGNORECASE)


def counts(name: str) -> bool:
    """Whether a file or folder of this name is one of the operator's, not an editor's or a hidden one."""
    return not _BACKUP.fullmatch(name)


class Project:
    """The files below one folder; paths that leave it are refused."""

    def __init__(self, root: Path):
        self.root = root
        self.problems: list[Problem] = []
        self.closed: set[Path] = set()
        """Folders that cannot be read: what was in them is not known to be gone."""
        self._resolved = root.resolve()

    def listed(self, folder: str, endings: Sequence[str]) -> Iterator[Path]:
        """The folder's files with these endings, in the order of their names, subfolders included."""
        start = self.root / folder
        if not self._holds(start):
            return
        for path in self._files(start):
            if path.name.endswith(tuple(endings)):
                yield path
            elif _NEAR_MISS.search(path.name):
                self._near_miss(path, endings)

    def _files(self, folder: Path) -> Iterator[Path]:
        for current, folders, names in os.walk(folder, onerror=self._note_closed):
            folders[:] = sorted(name for name in folders if counts(name))
            yield from (Path(current, name) for name in sorted(names) if counts(name))

    def _note_closed(self, error: OSError) -> None:
        folder = Path(error.filename)
        if folder.exists():
            self.closed.add(folder)
            message = f"this folder cannot be read: {(error.strerror or '').lower()}"
            self.problems.append(Problem(self.shown(folder), 1, 1, "CAR001", message))

    def shown(self, path: Path) -> str:
        """The path as problems name it."""
        inside = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        return inside.as_posix().encode("utf-8", "replace").decode()

    def inside(self, path: Path) -> bool:
        """Whether a path stays in the project, whatever links it follows."""
        try:
            return path.resolve().is_relative_to(self._resolved)
        except RuntimeError:  # a link to itself leads nowhere, and reading it says so
            return True

    def _holds(self, path: Path) -> bool:
        if self.inside(path):
            return True
        self.problems.append(Problem(self.shown(path), 1, 1, "CAR029", "this leads out of the project's folder"))
        return False

    def _near_miss(self, path: Path, endings: Sequence[str]) -> None:
        hint = f"a name ends in {' or '.join(endings)}"
        self.problems.append(Problem(self.shown(path), 1, 1, "CAR018", "this file is not read", hint, "warning"))


class LeadsOut(OSError):
    """A link that leads out of the project's folder."""


class Withheld(OSError):
    """A file whose content is broken, and never was anything else: it is as if it were not there, and no news."""


class Contents:
    """What the files of a project hold, each read once; some are taken as they last were.

    `instead` has the older content of those, or None for a file without one.
    """

    def __init__(self, project: Project, read: dict[Path, bytes], instead: Mapping[Path, bytes | None]):
        self._project = project
        self._read = read
        self._instead = instead
        self.asked: set[Path] = set()
        self.digests: dict[Path, str] = {}
        """Of each file that has content."""

    def get(self, path: Path, most: int = BYTES) -> bytes:
        """The file's bytes, one more than may be at most; raises OSError."""
        self.asked.add(path)
        content = self._instead[path] if path in self._instead else self._on_disk(path, most)
        if content is None:
            raise Withheld(f"{path.name} is broken")
        self.digests[path] = digest(content)
        return content

    def _on_disk(self, path: Path, most: int) -> bytes:
        if path not in self._read:
            if path.is_symlink() and not self._project.inside(path):
                raise LeadsOut("this leads out of the project's folder")
            if not path.is_file():
                raise FileNotFoundError(f"{path.name} is no file")
            with path.open("rb") as opened:
                self._read[path] = opened.read(most + 1)
        return self._read[path]
