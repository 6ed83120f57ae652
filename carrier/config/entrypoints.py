"""Entry points looked at without running them: the file or module is there, and defines the name."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from carrier.config.diagnostics import suggestion
from carrier.config.files import Contents, Project, Withheld
from carrier.config.revisions import digest


@dataclass(frozen=True, slots=True)
class Code:
    """Where an entry point leads, and what stands there."""

    path: Path
    digest: str
    text: str = ""
    """Of a file of the project; an installed module is imported by its name."""


class NoCode(Exception):
    """An entry point leads nowhere; `line` is set if it is the code's own mistake."""

    def __init__(self, message: str, hint: str = "", path: Path | None = None, line: int = 0):
        self.message, self.hint, self.path, self.line = message, hint, path, line
        super().__init__(message)


def code(entrypoint: str, project: Project, contents: Contents) -> Code:
    """The code of `actions/dice.py:roll` or `package.module:function`; raises NoCode, or Withheld."""
    where, _, name = entrypoint.rpartition(":")
    if not where or not name.isidentifier():
        raise NoCode(f"{entrypoint!r} is no entry point", "write actions/dice.py:roll, or package.module:function")
    own = where.endswith(".py")
    path = _file(where, project) if own else _module(where)
    content = _content(path, where, contents) if own else path.read_bytes()
    if path.suffix == ".py":
        _check(name, content, path)
    return Code(path, digest(content), content.decode("utf-8", "replace") if own else "")


def _file(where: str, project: Project) -> Path:
    path = project.root / where
    if not project.inside(path):
        raise NoCode(f"{where} leads out of the project's folder")
    return path


def _module(name: str) -> Path:
    spec, search = None, sys.path
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = _spec(".".join(parts[:end]), search)
        search = list(spec.submodule_search_locations or [])
    if spec is None or not spec.origin:
        raise NoCode(f"{name} holds no code")
    return Path(spec.origin)


def _spec(name: str, search: list[str]) -> ModuleSpec:
    # Unlike importlib.util.find_spec this runs no package's code on the way.
    spec = PathFinder.find_spec(name, search)
    if spec is None:
        raise NoCode(f"there is no module {name}", "install it, or write the file's path: actions/dice.py:roll")
    return spec


def _content(path: Path, where: str, contents: Contents) -> bytes:
    try:
        return contents.get(path)
    except Withheld:
        raise
    except FileNotFoundError:
        # It is looked for until it comes.
        raise NoCode(f"there is no file {where}", "a path starts at the project's folder", path) from None
    except OSError as error:
        raise NoCode(f"{path.name} cannot be read: {error.strerror}", path=path) from error


def _check(name: str, content: bytes, path: Path) -> None:
    try:
        tree = ast.parse(content)
    except SyntaxError as error:
        raise NoCode(f"this is not Python: {error.msg}", path=path, line=error.lineno or 1) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NoCode(f"this is not Python: {error}", path=path, line=1) from error
    names = set(_names(tree))
    if name not in names:
        raise NoCode(f"{path.name} defines no {name!r}", suggestion(name, sorted(names)))


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
