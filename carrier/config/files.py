"""Which files of a project count: the documents and templates of its folders, and what looks like one but is none."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from carrier.config.diagnostics import Problem
from carrier.config.reading import BYTES

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
        self._resolved = root.resolve()

    def listed(self, folder: str, endings: Sequence[str]) -> Iterator[Path]:
        """The folder's files with these endings, in the order of their names, subfolders included."""
        start = self.root / folder
        if not self._holds(start):
            return
        for path in _files(start):
            if path.name.endswith(tuple(endings)):
                if not path.is_symlink() or self._holds(path):
                    yield path
            elif _NEAR_MISS.search(path.name):
                self._near_miss(path, endings)

    def content(self, path: Path) -> bytes:
        """The file's bytes, one more than may be at most; raises OSError."""
        if not path.is_file():
            raise FileNotFoundError(f"{path.name} is no file")
        with path.open("rb") as opened:
            return opened.read(BYTES + 1)

    def shown(self, path: Path) -> str:
        """The path as problems name it."""
        inside = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        return inside.as_posix().encode("utf-8", "replace").decode()

    def inside(self, path: Path) -> bool:
        """Whether a path stays in the project, whatever links it follows."""
        return path.resolve().is_relative_to(self._resolved)

    def _holds(self, path: Path) -> bool:
        if self.inside(path):
            return True
        self.problems.append(Problem(self.shown(path), 1, 1, "CAR029", "this leads out of the project's folder"))
        return False

    def _near_miss(self, path: Path, endings: Sequence[str]) -> None:
        hint = f"a name ends in {' or '.join(endings)}"
        self.problems.append(Problem(self.shown(path), 1, 1, "CAR018", "this file is not read", hint, "warning"))


def _files(folder: Path) -> Iterator[Path]:
    for current, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if counts(name))
        yield from (Path(current, name) for name in sorted(names) if counts(name))
