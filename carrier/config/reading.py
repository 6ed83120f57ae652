"""YAML with positions: documents as plain values, and where in the file each of them stands.

Scalars stay as they were written, for the field decides what they mean; `natural` gives those that no field
decides about the type YAML 1.2 says they have. Nothing that stands in a file can hang the reader.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from carrier.config.diagnostics import Problem

Trail = tuple[str | int, ...]
"""Where a value stands in its document: keys, and positions in lists."""

BYTES = 1024 * 1024
DEPTH = 32
NODES = 50_000
"""Values of one file, those that aliases repeat counted again."""
CHARACTERS = 2 * BYTES
"""And the characters in them."""

# Without libyaml the same events come slower, out of Python.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LOST = re.compile(r"[ \t]+#[^\s#]")
_QUOTING = "quote what starts with *, @ or #, and ${…} or {{…}} within {…} or […]"


class Plain(str):
    """A scalar without quotes, as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Place:
    file: str
    line: int
    column: int


def shown(path: Trail) -> str:
    """The path as a person writes it: `schedules.morning.cron`, `actions[2]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its values, and where each value and each key stands."""

    file: str
    data: Mapping[str, object]
    values: Mapping[Trail, Place]
    keys: Mapping[Trail, Place]
    filled: frozenset[Trail] = frozenset()
    """The values that came from a variable or a file."""

    def problem(self, path: Trail, code: str, message: str, hint: str = "") -> Problem:
        """A problem with the value there, or with what is left of the path in this document."""
        known = self._known(path)
        return self._problem(known, self.values[known], code, message, hint)

    def problem_with_key(self, path: Trail, code: str, message: str, hint: str = "") -> Problem:
        """A problem with the key itself."""
        key = (*self._known(path[:-1]), path[-1])
        return self._problem(key, self.keys.get(key) or self.values[self._known(path)], code, message, hint)

    def key(self, path: Trail) -> str:
        """The last key on the way there that stands in the document."""
        return next((part for part in reversed(self._known(path)) if isinstance(part, str)), "")

    def _problem(self, path: Trail, place: Place, code: str, message: str, hint: str) -> Problem:
        return Problem(place.file, place.line, place.column, code, message, hint, path=shown(path))

    def _known(self, path: Trail) -> Trail:
        # What a validator adds to a path, the branch of a union above all, has no place in the file.
        known: Trail = ()
        for part in path:
            if (*known, part) in self.values:
                known = (*known, part)
        return known


@dataclass(frozen=True, slots=True)
class Reading:
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]


class Unreadable(Exception):
    """What was read cannot be read on; `problem` says why."""

    def __init__(self, problem: Problem):
        self.problem = problem
        super().__init__(str(problem))


def read(content: bytes, file: str) -> Reading:
    """Every document of a file, and everything that is wrong with it as YAML."""
    reader = _Reader(file)
    try:
        documents = tuple(reader.documents(decoded(content, file)))
    except Unreadable as error:
        return Reading((), (error.problem,))
    return Reading(documents, tuple(reader.problems))


def decoded(content: bytes, file: str) -> str:
    """The text of a file of ours; raises Unreadable for what is none, or too long."""
    if len(content) > BYTES:
        raise Unreadable(Problem(file, 1, 1, "CAR003", f"more than {BYTES:,} bytes"))
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(Problem(file, line, 1, "CAR002", "this is not UTF-8 text")) from error
    if found := _NO_TEXT.search(text):
        message = f"U+{ord(found[0]):04X} is no character of a text"
        raise Unreadable(Problem(file, *_position(text, found.start()), "CAR002", message))
    return text


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def natural(value: object) -> object:
    """The value with each scalar as what YAML 1.2 takes it for."""
    if isinstance(value, Plain):
        return _scalar(value)
    if isinstance(value, Mapping):
        return {key: natural(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [natural(item) for item in value]
    return value


_NULL = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]{1,400}")
_BASED = re.compile(r"0(?:o[0-7]{1,400}|x[0-9a-fA-F]{1,400})")
_FLOAT = re.compile(r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _scalar(written: str) -> object:
    if written in _BOOLEANS:
        return _BOOLEANS[written]
    if _WHOLE.fullmatch(written):
        return int(written)
    if _BASED.fullmatch(written):
        return int(written, 0)
    if _FLOAT.fullmatch(written):
        return float(written)
    if _SPECIAL.fullmatch(written):
        return float(written.replace(".", ""))
    return str(written)


class _Reader:
    """Builds the documents of one file out of libyaml's events."""

    def __init__(self, file: str):
        self.file = file
        self.problems: list[Problem] = []
        self._events: Iterator[Any] = iter(())
        self._lost: Mapping[int, list[int]] = {}
        self._values: dict[Trail, Place] = {}
        self._keys: dict[Trail, Place] = {}
        self._anchors: dict[str, _Anchored | None] = {}
        self._nodes = 0
        self._characters = 0
        self._deepest = 0

    def documents(self, text: str) -> Iterator[Document]:
        """The documents; after a mistake in the YAML itself no more of them follow."""
        self._lost = _lost_comments(text)
        self._events = iter(yaml.parse(text, Loader=_Loader))
        empty = True
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent) and (document := self._document()):
                    empty = False
                    yield document
        except Unreadable as error:
            self.problems.append(error.problem)
            return
        except yaml.MarkedYAMLError as error:
            self._note_syntax(error, text)
            return
        if empty and not self.problems:
            self._note(1, 1, "CAR005", "the file is empty")

    def _document(self) -> Document | None:
        self._values, self._keys, self._anchors = {}, {}, {}
        data = self._value(next(self._events), ())
        if data is None:
            return None
        place = self._values[()]
        if not isinstance(data, dict):
            self._stop(place.line, place.column, "CAR013", "a document is a map of keys to values")
        return Document(self.file, data, self._values, self._keys)

    def _value(self, event: Any, path: Trail) -> object:
        place = self._place(event)
        self._values[path] = place
        self._descend(len(path), place)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), path, place)
        self._refuse_tag(event, place)
        if event.anchor is None:
            return self._node(event, path)
        return self._anchored(event, path)

    def _node(self, event: Any, path: Trail) -> object:
        self._count(1, len(event.value) if isinstance(event, yaml.ScalarEvent) else 0, self._values[path])
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._map(path)

    def _scalar(self, event: Any) -> str | None:
        if not event.implicit[0]:
            return str(event.value)
        self._notice_lost(event)
        return None if event.value in _NULL else Plain(event.value)

    def _list(self, path: Trail) -> list[object]:
        items: list[object] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(event, (*path, len(items))))
        return items

    def _map(self, path: Trail) -> dict[str, object]:
        items: dict[str, object] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, path, items)
            items[key] = self._value(next(self._events), (*path, key))
        return items

    def _key(self, event: Any, path: Trail, items: Mapping[str, object]) -> str:
        place = self._place(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(place.line, place.column, "CAR004", "a key has to be a single word or text", _QUOTING)
        self._refuse_tag(event, place)
        self._count(1, len(event.value), place)
        key = str(event.value)
        if key == "<<":
            hint = "repeat the keys, or give a whole value by its alias"
            self._stop(place.line, place.column, "CAR007", "merge keys (<<) are not followed", hint)
        if key in items:
            first = self._keys[(*path, key)]
            self._note(place.line, place.column, "CAR006", f"{key!r} stands here twice", f"first in line {first.line}")
        self._keys[(*path, key)] = place
        return key

    def _anchored(self, event: Any, path: Trail) -> object:
        nodes, characters, deepest = self._nodes, self._characters, self._deepest
        self._anchors[event.anchor] = None
        self._deepest = len(path)
        value = self._node(event, path)
        levels = self._deepest - len(path)
        self._anchors[event.anchor] = _Anchored(value, self._nodes - nodes, self._characters - characters, levels)
        self._deepest = max(self._deepest, deepest)
        return value

    def _alias(self, name: str, path: Trail, place: Place) -> object:
        if name not in self._anchors:
            self._stop(place.line, place.column, "CAR007", f"nothing is called &{name} before this alias", _QUOTING)
        anchored = self._anchors[name]
        if anchored is None:
            self._stop(place.line, place.column, "CAR007", f"&{name} would hold itself")
        self._descend(len(path) + anchored.levels, place)
        self._count(anchored.nodes, anchored.characters, place)
        return anchored.value

    def _descend(self, level: int, place: Place) -> None:
        self._deepest = max(self._deepest, level)
        if level > DEPTH:
            self._stop(place.line, place.column, "CAR008", f"more than {DEPTH} levels deep")

    def _count(self, nodes: int, characters: int, place: Place) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > NODES or self._characters > CHARACTERS:
            message = f"the file grows past {NODES:,} values or {CHARACTERS:,} characters here"
            self._stop(place.line, place.column, "CAR008", message)

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._stop(place.line, place.column, "CAR007", f"tags ({tag}) are not followed", "the key decides the type")

    def _notice_lost(self, event: Any) -> None:
        end = event.end_mark
        if end.column in self._lost.get(end.line, ()):
            hint = "quote the value, or put a space after the # of a comment"
            self._note(end.line + 1, end.column + 1, "CAR009", "what follows the # would be lost", hint)

    def _note_syntax(self, error: yaml.MarkedYAMLError, text: str) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        lines = text.split("\n")
        written = lines[line] if line < len(lines) else ""
        self._note(line + 1, column + 1, "CAR004", str(error.problem or error.context), _syntax_hint(written))

    def _place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _note(self, line: int, column: int, code: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(self.file, line, column, code, message, hint))

    def _stop(self, line: int, column: int, code: str, message: str, hint: str = "") -> NoReturn:
        raise Unreadable(Problem(self.file, line, column, code, message, hint))


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias repeats, and how much that is."""

    value: object
    nodes: int
    characters: int
    levels: int


def _lost_comments(text: str) -> dict[int, list[int]]:
    """Lines, and the columns in them, from which a ` #word` would be dropped, counted from 0."""
    found: dict[int, list[int]] = {}
    if not _LOST.search(text):
        return found
    for number, line in enumerate(text.split("\n")):
        if columns := [match.start() for match in _LOST.finditer(line)]:
            found[number] = columns
    return found


def _syntax_hint(line: str) -> str:
    if "\t" in line:
        return "indent with spaces, not with tabs"
    if re.search(r"[{\[].*(\$\{|\{\{)|:\s*[*@`%]|-\s+[*@`%]|\{\{", line):
        return _QUOTING
    if re.search(r":\s+\S.*:\s", line):
        return "quote a value that holds a colon and a space"
    return ""
