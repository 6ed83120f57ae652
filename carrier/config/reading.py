"""YAML with positions: documents as plain values, and where in the file each of them stands.

Scalars stay as they were written, for the field decides what they mean; `natural` gives those that no field
decides about the type YAML 1.2 says they have. Nothing that stands in a file can hang the reader.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from carrier.config.diagnostics import Problem, few

Trail = tuple[str | int, ...]
"""Where a value stands in its document: keys, and positions in lists."""

BYTES = 1024 * 1024
DEPTH = 32
DOCUMENTS = 1000
"""In one file."""
NODES = 50_000
"""Values of one file, those that aliases repeat counted again."""
CHARACTERS = 2 * BYTES
"""And the characters in them."""
LINE = 500
"""Characters of a line that are looked at for what is wrong with it."""

# Without libyaml the same events come slower, out of Python.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The last line breaks are some for a reader and none for the next.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029]")
# Begins where the blanks begin, lest a line of nothing but blanks be looked at from each of them.
_LOST = re.compile(r"(?<![ \t])[ \t]+#[^\s#]")
_PREFIX = re.compile(r"^%TAG[ \t]", re.MULTILINE)
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
        known = self.known(path)
        return self._problem(known, self.values[known], code, message, hint)

    def problem_with_key(self, path: Trail, code: str, message: str, hint: str = "") -> Problem:
        """A problem with the key itself."""
        key = (*self.known(path[:-1]), path[-1])
        return self._problem(key, self.keys.get(key) or self.values[self.known(path)], code, message, hint)

    def key(self, path: Trail) -> str:
        """The last key on the way there that stands in the document."""
        return next((part for part in reversed(self.known(path)) if isinstance(part, str)), "")

    def _problem(self, path: Trail, place: Place, code: str, message: str, hint: str) -> Problem:
        return Problem(place.file, place.line, place.column, code, message, hint, path=shown(path))

    def known(self, path: Trail) -> Trail:
        """What is left of the path in this document."""
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
    return Reading(documents, few(reader.problems))


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
        raise Unreadable(Problem(file, *_position(text, found.start()), "CAR002", _no_text(found[0])))
    return text


def _no_text(character: str) -> str:
    return f"U+{ord(character):04X} is no character of a text"


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
        self._lost: Mapping[int, set[int]] = {}
        self._values: dict[Trail, Place] = {}
        self._keys: dict[Trail, Place] = {}
        self._anchors: dict[str, _Anchored | None] = {}
        self._nodes = 0
        self._characters = 0
        self._deepest = 0

    def documents(self, text: str) -> Iterator[Document]:
        """The documents; after a mistake in the YAML itself no more of them follow."""
        if prefix := _PREFIX.search(text):
            self._refuse_prefix(*_position(text, prefix.start()))
            return
        self._lost = _lost_comments(text)
        self._events = iter(yaml.parse(text, Loader=_Loader))
        found = 0
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent) and (document := self._document()):
                    found += 1
                    self._refuse_more(found, event)
                    yield document
        except Unreadable as error:
            self.problems.append(error.problem)
            return
        except yaml.MarkedYAMLError as error:
            self._note_syntax(error, text)
            return
        if not found and not self.problems:
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
        self._refuse_no_text(event)
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
        self._refuse_no_text(event)
        key = str(event.value)
        if key == "<<":
            hint = "repeat the keys, or give a whole value by its alias"
            self._stop(place.line, place.column, "CAR007", "merge keys (<<) are not followed", hint)
        if key in items:
            first = self._keys[(*path, key)]
            message = f"{_short(key)!r} stands here twice"
            self._note(place.line, place.column, "CAR006", message, f"first in line {first.line}")
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
            message = f"nothing is called &{_short(name)} before this alias"
            self._stop(place.line, place.column, "CAR007", message, _QUOTING)
        anchored = self._anchors[name]
        if anchored is None:
            self._stop(place.line, place.column, "CAR007", f"&{_short(name)} would hold itself")
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
            tag = _short(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._stop(place.line, place.column, "CAR007", f"tags ({tag}) are not followed", "the key decides the type")

    def _refuse_more(self, documents: int, event: Any) -> None:
        if documents > DOCUMENTS:
            place = self._place(event)
            self._stop(place.line, place.column, "CAR008", f"more than {DOCUMENTS:,} documents in one file")

    def _refuse_prefix(self, line: int, column: int) -> None:
        # Ten thousand of these cost libyaml more time than a file of ten times the size.
        self._note(line, column, "CAR007", "tags (%TAG) are not followed", "the key decides the type")

    def _refuse_no_text(self, event: Any) -> None:
        # Only an escape can bring one in; the text of the file has none.
        if event.style == '"' and (found := _NO_TEXT.search(event.value)):
            place = self._place(event)
            self._stop(place.line, place.column, "CAR002", _no_text(found[0]))

    def _notice_lost(self, event: Any) -> None:
        end = event.end_mark
        if end.column in self._lost.get(end.line, ()):
            hint = "quote the value, or put a space after the # of a comment"
            self._note(end.line + 1, end.column + 1, "CAR009", "what follows the # would be lost", hint)

    def _note_syntax(self, error: yaml.MarkedYAMLError, text: str) -> None:
        said, mark, lines = str(error.problem or error.context), error.problem_mark, text.split("\n")
        if mark is None or said in _BEGAN_BEFORE or (said in _OPEN and not "".join(lines[mark.line :]).strip()):
            mark, said = error.context_mark or mark, _OPEN.get(said, said)
        line, column = (mark.line, mark.column) if mark else (0, 0)
        message, hint = _SAID.get(said, (said, ""))
        written = lines[line][:LINE] if line < len(lines) else ""
        self._note(line + 1, column + 1, "CAR004", message, _syntax_hint(written, hint))

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


def _short(written: str) -> str:
    return written if len(written) <= 60 else f"{written[:60]}…"


def _lost_comments(text: str) -> dict[int, set[int]]:
    """Lines, and the columns in them, from which a ` #word` would be dropped, counted from 0."""
    found: dict[int, set[int]] = {}
    if not _LOST.search(text):
        return found
    for number, line in enumerate(text.split("\n")):
        if columns := {match.start() for match in _LOST.finditer(line)}:
            found[number] = columns
    return found


_OPEN = dict.fromkeys(("did not find expected ',' or ']'", "did not find expected ',' or '}'"), "open to the end")
_BEGAN_BEFORE = frozenset(
    {
        "could not find expected ':'",
        "did not find expected alphabetic or numeric character",
        "found unexpected end of stream",
        "found unexpected document indicator",
    }
)
"""What is wrong where the word or quote begins, and not where libyaml noticed it."""
_COMMA = ("a comma is missing here, or a bracket before this is not closed", "")
_QUOTE = ("this quote is not closed", "close it where its text ends")
_SAID = {
    "block sequence entries are not allowed in this context": ("a list cannot begin here", "begin it in the next line"),
    "could not find expected ':'": ("this is no key", "write a colon and a space behind a key"),
    "did not find expected ',' or ']'": _COMMA,
    "did not find expected ',' or '}'": _COMMA,
    "did not find expected '-' indicator": ("this is no entry of the list before it", "indent all its entries alike"),
    "did not find expected <document start>": ("the document has ended before this", "write --- between two documents"),
    "did not find expected alphabetic or numeric character": ("no name follows the * or &", _QUOTING),
    "did not find expected key": ("this belongs to no key", "indent keys alike, and quote a value as a whole"),
    "did not find expected node content": ("a value is missing here", ""),
    "found character that cannot start any token": ("no value can begin with this character", _QUOTING),
    "found unexpected document indicator": _QUOTE,
    "found unexpected end of stream": _QUOTE,
    "found unknown escape character": ("\\ cannot stand before this", "write \\\\ for a \\, or quote with ' instead"),
    "mapping values are not allowed in this context": (
        "no key can stand here",
        "indent keys alike, and quote a value that holds a colon",
    ),
    "open to the end": ("this bracket is not closed", "close it where its list or map ends"),
}
"""What libyaml says, in the words of who writes a file, and what helps."""


def _syntax_hint(line: str, hint: str) -> str:
    if "\t" in line:
        return "indent with spaces, not with tabs"
    if not hint and re.search(r"[{\[].*(\$\{|\{\{)|:\s*[*@`%]|-\s+[*@`%]|\{\{", line):
        return _QUOTING
    return hint
