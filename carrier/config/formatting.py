"""A YAML file laid out the usual way: keys in the order of the models, two spaces a level, and not a word changed.

Whole lines are moved and indented anew. What stands in them, comments, quotes, anchors and braces with all between
them, stays as it was written.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from carrier.config import models
from carrier.config.models.later import Later
from carrier.config.reading import Reading, decoded, natural, read

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STEP = 2


class LeftAlone(Exception):
    """A file that is not laid out, and why."""


def formatted(content: bytes, file: str, kind: str) -> bytes:
    """The same file laid out; `kind` is that of a document that does not say its own. Raises LeftAlone."""
    before = read(content, file)
    if before.problems:
        raise LeftAlone(f"it has problems, {before.problems[0]}")
    text = decoded(content, file)
    lines = [line for each in _documents(text) for line in _laid_out(each, kind)]
    after = ("\n".join(lines) + "\n").encode()
    if _meaning(read(after, file)) != _meaning(before):
        raise LeftAlone("its layout cannot be changed without its meaning")
    return after.replace(b"\n", b"\r\n") if b"\r\n" in content else after


def _meaning(reading: Reading) -> object:
    return reading.problems, [(each.data, natural(each.data)) for each in reading.documents]


# --- what stands where ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Entry:
    """A key or a dash, with the lines that are its own."""

    line: int
    column: int
    last: int
    key: str = ""
    block: "_Block | None" = None
    """What stands below it, or behind its dash."""
    literal: int | None = None
    """The line with the `|` or `>` of its text, whose lines are as far in as they like."""
    lead: list[str] = field(default_factory=list)
    """Comments and empty lines above it."""
    trail: list[str] = field(default_factory=list)
    """Those below it, further in."""


@dataclass(eq=False)
class _Block:
    """A map or a list that is written in lines, not in braces."""

    column: int
    is_map: bool
    bare: bool = False
    """A list whose dashes stand no further in than its key."""
    entries: list[_Entry] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    """Comments below its last entry."""


@dataclass
class _Document:
    lines: Sequence[str]
    """Of the whole file: entries name them by number."""
    start: int
    end: int
    root: _Block | None = None
    is_fixed: bool = False
    """It holds anchors, which have to stand before what repeats them."""
    header: list[str] = field(default_factory=list)


def _documents(text: str) -> Iterator[_Document]:
    """The documents, and the lines between them as documents that hold nothing."""
    reader = _Reader(text.removesuffix("\n").split("\n"))
    for token in yaml.scan(text, Loader=_Loader):
        reader.take(token)
    return reader.documents()


class _Reader:
    """Follows the tokens of a file, and notes what begins where."""

    def __init__(self, lines: Sequence[str]):
        self._lines = lines
        self._found = [_Document(lines, 0, len(lines))]
        self._open: list[_Block] = []
        self._in_braces = 0
        self._expects_key = False

    def take(self, token: Any) -> None:
        match token:
            case yaml.DirectiveToken():
                raise LeftAlone(f"a file with a % directive stays as it is (line {token.start_mark.line + 1})")
            case yaml.DocumentStartToken() | yaml.DocumentEndToken():
                self._separator(token.start_mark.line)
            case yaml.FlowMappingStartToken() | yaml.FlowSequenceStartToken():
                self._in_braces += 1
            case yaml.FlowMappingEndToken() | yaml.FlowSequenceEndToken():
                self._in_braces -= 1
                self._own(token)
            case yaml.AnchorToken() | yaml.AliasToken():
                self._found[-1].is_fixed = True
                self._own(token)
            case _ if not self._in_braces:
                self._in_lines(token)

    def documents(self) -> Iterator[_Document]:
        for each in self._found:
            if each.root:
                _share_out_comments(each, each.root)
            if each.root and each.end == len(self._lines):
                _end(each.root.trail)
            yield each

    def _separator(self, line: int) -> None:
        self._found[-1].end = line
        self._found += [_Document(self._lines, line, line + 1), _Document(self._lines, line + 1, len(self._lines))]

    def _in_lines(self, token: Any) -> None:
        match token:
            case yaml.BlockMappingStartToken() | yaml.BlockSequenceStartToken():
                is_map = isinstance(token, yaml.BlockMappingStartToken)
                self._begin(_Block(token.start_mark.column, is_map))
            case yaml.BlockEndToken():
                self._end_bare()
                self._open.pop()
            case yaml.KeyToken():
                self._end_bare()
                self._entry(token)
                self._expects_key = True
            case yaml.BlockEntryToken():
                if self._open[-1].is_map:
                    self._begin(_Block(token.start_mark.column, is_map=False, bare=True))
                self._entry(token)
            case yaml.ScalarToken():
                self._scalar(token)

    def _begin(self, block: _Block) -> None:
        if self._open:
            self._open[-1].entries[-1].block = block
        else:
            self._found[-1].root = block
        self._open.append(block)

    def _end_bare(self) -> None:
        if self._open[-1].bare:
            self._open.pop()

    def _entry(self, token: Any) -> None:
        mark = token.start_mark
        if self._lines[mark.line][mark.column] == "?":
            raise LeftAlone(f"a file with `? ` before a key stays as it is (line {mark.line + 1})")
        self._open[-1].entries.append(_Entry(mark.line, mark.column, mark.line))

    def _scalar(self, token: Any) -> None:
        entry = self._open[-1].entries[-1] if self._open else None
        if entry and self._expects_key:
            entry.key, self._expects_key = token.value, False
        elif entry and _is_block(token) and not re.match(r"[|>][+-]?\d", self._head(token)):
            entry.literal = token.start_mark.line
        self._own(token)

    def _own(self, token: Any) -> None:
        """The token belongs to what was begun last."""
        if self._open:
            entry = self._open[-1].entries[-1]
            entry.last = max(entry.last, self._last_line(token))

    def _last_line(self, token: Any) -> int:
        line: int = token.end_mark.line
        if not _is_block(token):
            return line
        line = min(line, len(self._lines)) - (token.end_mark.column == 0)
        return line if re.match(r"[|>]\d?\+", self._head(token)) else self._last_with_text(line)

    def _last_with_text(self, line: int) -> int:
        return next(number for number in range(line, -1, -1) if self._lines[number].strip())

    def _head(self, token: Any) -> str:
        line, column = token.start_mark.line, token.start_mark.column
        head: str = self._lines[line][column:]
        return head


def _is_block(token: Any) -> bool:
    """Whether it is a text below a `|` or `>`."""
    return isinstance(token, yaml.ScalarToken) and token.style in ("|", ">")


def _end(lines: list[str]) -> None:
    """No empty lines at the end of a file."""
    while lines and not lines[-1].strip():
        lines.pop()


def _share_out_comments(document: _Document, root: _Block) -> None:
    """Give each comment, and each empty line, to what it stands with."""
    lines, (first, *others) = document.lines, list(_entries_in(root, ()))
    _above_the_first(document, first[0])
    for (entry, around), (following, goes_on) in zip([first, *others], others, strict=False):
        ends = [block for block in around if block not in goes_on]
        _between(lines[entry.last + 1 : following.line], entry, ends, following)
    entry, around = [first, *others][-1]
    _between(lines[entry.last + 1 : document.end], entry, list(around), None)


def _entries_in(block: _Block, around: tuple[_Block, ...]) -> Iterator[tuple[_Entry, tuple[_Block, ...]]]:
    """Every entry as the file has them, and the blocks around each, the innermost first."""
    for entry in block.entries:
        yield entry, (block, *around)
        if entry.block:
            yield from _entries_in(entry.block, (block, *around))


def _above_the_first(document: _Document, first: _Entry) -> None:
    """What stands at the top stays there; below its last empty line it belongs to the first key."""
    above = document.lines[document.start : first.line]
    last_empty = max((number for number, line in enumerate(above, 1) if not line.strip()), default=len(above))
    document.header = list(above[:last_empty])
    first.lead = list(above[last_empty:])


def _between(gap: Sequence[str], entry: _Entry, ends: Sequence[_Block], following: _Entry | None) -> None:
    """Comments that stand further in than what follows belong to what ends here."""
    column = following.column if following else -1
    further_in = [number for number, line in enumerate(gap, 1) if line.strip() and _indent(line) > column]
    own = max(further_in, default=0)
    empty: list[str] = []
    for line in gap[:own]:
        if line.strip():
            # Never further in again: what stands below stays below.
            ends = [block for block in ends if block.column <= _indent(line)] or ends[-1:]
            owner = ends[0] if ends else entry
            owner.trail += [*empty, line]
            empty = []
        else:
            empty.append(line)
    if following:
        following.lead = list(gap[own:])
    else:
        ends[-1].trail += gap[own:]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


# --- laying out -------------------------------------------------------------------------------------------------------


def _laid_out(document: _Document, kind: str) -> Iterator[str]:
    if document.root is None:
        yield from document.lines[document.start : document.end]
        return
    yield from (line.rstrip() for line in document.header)
    yield from _Layout(document).block(document.root, 0, _model_of(document, document.root, kind))


def _model_of(document: _Document, root: _Block, kind: str) -> object:
    kind = _said("kind", document, root) or kind
    return models.Host if kind == "host" else models.model_for(kind, _said("type", document, root))


def _said(key: str, document: _Document, root: _Block) -> str:
    line = next((document.lines[each.line] for each in root.entries if each.key == key), "")
    found = re.search(r":\s*[\"']?([\w.:]+)", line)
    return found[1] if found else ""


class _Layout:
    """One document being laid out."""

    def __init__(self, document: _Document):
        self._lines = document.lines
        self._is_fixed = document.is_fixed

    def block(self, block: _Block, indent: int, form: object) -> list[str]:
        """Its lines, as far in as said; `form` is the type that the models give it, if any."""
        laid_out = [line for entry in self._ordered(block, form) for line in self._entry(entry, block, indent, form)]
        return [*laid_out, *_moved(block.trail, indent - block.column)]

    def _ordered(self, block: _Block, form: object) -> list[_Entry]:
        if self._is_fixed or not block.is_map:
            return block.entries
        order = _order(form, [entry.key for entry in block.entries])
        ordered = sorted(block.entries, key=lambda entry: order.get(entry.key, len(order)))
        _keep_empty_lines_between(block.entries[0], ordered[0])
        return ordered

    def _entry(self, entry: _Entry, around: _Block, indent: int, form: object) -> Iterator[str]:
        yield from _moved(entry.lead, indent - entry.column)
        form = _form_of_key(form, entry.key, around) if around.is_map else _form_of_item(form)
        if entry.block and entry.block.entries[0].line == entry.line:
            yield from self._behind_dash(entry.block, indent, form)
        else:
            yield from self._own_lines(entry, indent)
            if entry.block:
                yield from self.block(entry.block, indent + STEP, form)
        # Further in, it would be taken for a line of the text above it.
        trail = entry.trail if entry.literal is None else [" " * entry.column + line.strip() for line in entry.trail]
        yield from _moved(trail, indent - entry.column)

    def _behind_dash(self, block: _Block, indent: int, form: object) -> Iterator[str]:
        lines = self.block(block, indent + STEP, form)
        first = next(number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#"))
        yield from _moved(lines[:first], -STEP)
        yield f"{' ' * indent}- {lines[first].lstrip()}"
        yield from lines[first + 1 :]

    def _own_lines(self, entry: _Entry, indent: int) -> Iterator[str]:
        first = re.sub(r"^- +(?=[^\s#])", "- ", self._lines[entry.line][entry.column :])
        further = self._lines[entry.line + 1 : entry.last + 1]
        if not further:
            yield " " * indent + first.rstrip()
            return
        yield " " * indent + first
        if entry.literal is None:
            yield from _moved(further, indent - entry.column)
            return
        before = entry.literal - entry.line
        yield from _moved(further[:before], indent - entry.column)
        yield from _literal(further[before:], indent + STEP)


def _keep_empty_lines_between(old: _Entry, new: _Entry) -> None:
    """An entry that becomes the first leaves the empty lines above it to the one that was."""
    while new is not old and new.lead and not new.lead[0].strip():
        old.lead.insert(0, new.lead.pop(0))


def _moved(lines: Iterable[str], by: int) -> Iterator[str]:
    return (" " * max(0, _indent(line) + by) + line.strip() if line.strip() else "" for line in lines)


def _literal(lines: Sequence[str], indent: int) -> Iterator[str]:
    """The lines of a `|` or `>`, in which each space counts that stands further in than the first."""
    width = min((_indent(line) for line in lines if line.strip()), default=0)
    return (" " * indent + line[width:] if line[width:] else "" for line in lines)


# --- the order of keys ------------------------------------------------------------------------------------------------

FIRST = ("version", "kind", "name", "type")


def _order(form: object, keys: Sequence[str]) -> Mapping[str, int]:
    """The place of each key; none where keys are names, whose order is the operator's."""
    fields = _fields(_best(form, keys))
    ordered = [*(key for key in FIRST if key in fields), *(key for key in fields if key not in FIRST)]
    return {key: number for number, key in enumerate(ordered)}


def _form_of_key(form: object, key: str, block: _Block) -> object:
    fields = _fields(_best(form, [entry.key for entry in block.entries]))
    if key in fields:
        return fields[key]
    return next((get_args(each)[1] for each in _kinds(form) if get_origin(each) in (dict, Mapping)), None)


def _form_of_item(form: object) -> object:
    return next((get_args(each)[0] for each in _kinds(form) if get_origin(each) in (tuple, list, Sequence)), None)


def _best(form: object, keys: Sequence[str]) -> type[BaseModel] | None:
    """Of the models that may stand there the one that knows most of the keys."""
    found = [each for each in _kinds(form) if isinstance(each, type) and issubclass(each, BaseModel)]
    return max(found, key=lambda model: len(_fields(model).keys() & set(keys)), default=None)


def _fields(model: type[BaseModel] | None) -> Mapping[str, object]:
    found = model.model_fields.items() if model else ()
    return {each.alias or name: (each.annotation, *each.metadata) for name, each in found}


def _kinds(form: object) -> Iterator[Any]:
    """The types that a form may be."""
    if isinstance(form, Later):
        yield from form.models()
    elif isinstance(form, tuple) or get_origin(form) in (Union, UnionType, Annotated):
        for each in form if isinstance(form, tuple) else get_args(form):
            yield from _kinds(each)
    else:
        yield form
