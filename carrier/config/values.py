"""Values from outside: `${NAME}` out of the environment, `${file:/path}` out of a file, and the reading of `.env`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from carrier.config.diagnostics import Problem
from carrier.config.reading import Document, Plain, Trail

_PLACE = re.compile(r"\$\$\{|\$\{([^{}]*)(\})?")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)(.*))?", re.DOTALL)
_SECRET_NAME = re.compile(r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS|KEY|APIKEY)$", re.IGNORECASE)
_FILE_BYTES = 64 * 1024


class Literal(str):
    """A text in which nothing is filled in: it comes from a card."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A value that cannot be filled in, and why."""

    path: Trail
    reason: str


@dataclass(frozen=True, slots=True)
class Filled:
    document: Document
    missing: tuple[Missing, ...]
    problems: tuple[Problem, ...]


class Variables:
    """What `${…}` stands for; it remembers which files it opened and which secrets it saw."""

    def __init__(self, environment: Mapping[str, str], root: Path):
        self.environment = environment
        self._root = root
        self.files: set[Path] = set()
        self.fingerprint = hash(frozenset(environment.items()))
        """The same for the same environment, within one process."""
        self.secrets = {value for name, value in environment.items() if _SECRET_NAME.search(name)}

    def fill(self, document: Document) -> Filled:
        """The document with its variables filled in; a value that is missing is left empty."""
        filling = _Filling(self, document)
        data = {key: filling.value(value, (key,)) for key, value in document.data.items()}
        filled = replace(document, data=data, filled=frozenset(filling.filled))
        return Filled(filled, tuple(filling.missing), tuple(filling.problems))

    def get(self, name: str) -> str:
        return self.environment.get(name, "")

    def read(self, path: str) -> str:
        """A file's text without its last newline; raises OSError."""
        file = self._root / path
        self.files.add(file)
        if not file.is_file():
            raise OSError("there is no such file")
        with file.open("rb") as opened:
            text = opened.read(_FILE_BYTES).decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        self.secrets.add(text)
        return text


class _Filling:
    """One document being filled in."""

    def __init__(self, variables: Variables, document: Document):
        self._variables = variables
        self._document = document
        self.filled: set[Trail] = set()
        self.missing: list[Missing] = []
        self.problems: list[Problem] = []

    def value(self, value: object, path: Trail) -> object:
        if isinstance(value, str):
            return value if isinstance(value, Literal) or "${" not in value else self._text(value, path)
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, number)) for number, item in enumerate(value)]
        return value

    def _text(self, text: str, path: Trail) -> str:
        filled = _PLACE.sub(lambda found: self._filled(found, path), text)
        return filled if path in self.filled or not isinstance(text, Plain) else Plain(filled)

    def _filled(self, found: re.Match[str], path: Trail) -> str:
        if found[0] == "$${":
            return "${"
        self.filled.add(path)
        if found[2] and found[1].startswith("file:"):
            return self._file(found[1].removeprefix("file:"), path)
        if found[2] and (variable := _VARIABLE.fullmatch(found[1])):
            return self._variable(variable, path)
        hint = "write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:/path}; $${ is a plain ${"
        self.problems.append(self._document.problem(path, "CAR015", f"{found[0]!r} is no variable", hint))
        return ""

    def _variable(self, variable: re.Match[str], path: Trail) -> str:
        name, operator, rest = variable.groups()
        value = self._variables.get(name)
        if not value and operator == ":-":
            return str(rest)
        if not value:
            said = f": {rest}" if operator == ":?" and rest else ""
            self.missing.append(Missing(path, f"{name} is not set{said}"))
        return value

    def _file(self, name: str, path: Trail) -> str:
        try:
            return self._variables.read(name)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self.missing.append(Missing(path, f"{name} cannot be read: {reason}"))
            return ""


_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_QUOTED = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?""")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def variables_in(text: str, file: str) -> tuple[dict[str, str], list[Problem]]:
    """What a file of `NAME=value` lines sets; values may be quoted, lines may start with `export`."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in _lines(text):
        parts = _LINE.fullmatch(line)
        value = _unquoted(parts[2]) if parts else None
        if parts and value is not None:
            found[parts[1]] = value
        else:
            problems.append(Problem(file, number, 1, "CAR019", "this line is not NAME=value"))
    return found, problems


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield number, stripped


def _unquoted(value: str) -> str | None:
    """The value itself; None for quotes that do not close."""
    if not value.startswith(('"', "'")):
        return re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
    quoted = _QUOTED.fullmatch(value)
    if not quoted:
        return None
    if quoted[1] is None:
        return quoted[2]
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted[1])
