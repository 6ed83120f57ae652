"""What lies under a document, and what stands in place within it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from carrier.config import layers, models
from carrier.config.definitions import Key, Written
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.reading import Document, Plain, Trail

FAMILY = 16
"""Documents that may extend one another in a row."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What documents may lie on: the host's defaults by kind, whatever can be extended, and cards."""

    defaults: Mapping[str, Document]
    defaults_file: Path
    by_key: Mapping[Key, Written]
    card: Callable[[Document], tuple[Document, Path] | None]
    """The card that a character names, as a document; raises WrongCard."""


class WrongCard(Exception):
    """A card that cannot be read."""


WIDEST = 2_000
"""Values that one document may pass on: each heir has a copy of them."""


def layered(each: Written, grounds: Grounds) -> tuple[Document, tuple[Path, ...], list[Problem]]:
    """The host's defaults, under what the document extends, under a card, under the document itself.

    With it the files of what lies under it, and what is wrong there.
    """
    members, problems = family(each, grounds)
    lying: list[tuple[Document, Path]] = []
    if each.kind in grounds.defaults:
        lying.append((grounds.defaults[each.kind], grounds.defaults_file))
    for member in members:
        own = _card(member, grounds, problems)
        lying += [*own, (member.document, member.file)]
    # Its own card names it; what it inherits does not.
    inherited = lying[: -1 - len(own)]
    if wide := [document for document, _ in inherited if len(document.values) > WIDEST]:
        message = f"what lies under it has {len(wide[0].values):,} values; {WIDEST:,} are enough"
        return each.document, (), [*problems, each.document.problem(("extends",), "CAR008", message)]
    bare = [layers.without(document, layers.NEVER_INHERITED) for document, _ in inherited]
    below = [*bare, *(document for document, _ in own)]
    under = tuple(dict.fromkeys(file for _, file in lying[:-1]))
    return layers.settled(layers.laid([*_built_in(each, lying), *below, each.document])), under, problems


def _built_in(each: Written, lying: Sequence[tuple[Document, Path]]) -> list[Document]:
    """The lists of names that are there when nobody says anything, as far as somebody wants to keep them."""
    fields = models.KINDS[each.kind].model_fields
    kept = {
        key: [Plain(entry.name) for entry in fields[key].default]
        for document, _ in lying
        for key, value in document.data.items()
        if key in ("actions", "context", "evaluators") and key in fields and isinstance(value, list)
        if any(layers.is_inherited(entry) for entry in value)
    }
    return [Document(each.document.file, kept, {(): each.document.values[()]}, {})] if kept else []


def family(each: Written, grounds: Grounds) -> tuple[list[Written], list[Problem]]:
    """The document and all it extends, the eldest first."""
    members = [each]
    while isinstance(name := members[0].document.data.get("extends"), str) and name:
        path: Trail = ("extends",)
        base = grounds.by_key.get((each.kind, name))
        if base is None:
            names = [known for kind, known in grounds.by_key if kind == each.kind and known != each.name]
            message, hint = f"no {each.kind} to extend is called {name!r}", suggestion(name, names)
            return members, [members[0].document.problem(path, "CAR034", message, hint)]
        if base in members:
            return members, [each.document.problem(path, "CAR035", f"{each.name!r} would extend itself")]
        if len(members) == FAMILY:
            message = f"more than {FAMILY} documents extend one another here"
            return members, [members[0].document.problem(path, "CAR008", message)]
        members.insert(0, base)
    return members, []


def _card(member: Written, grounds: Grounds, problems: list[Problem]) -> list[tuple[Document, Path]]:
    name = member.document.data.get("card")
    # What is no path of the project is told of when the document is held against its model.
    if member.kind != "character" or not isinstance(name, str) or not name or not models.is_inside(name):
        return []
    try:
        found = grounds.card(member.document)
    except WrongCard as error:
        problems.append(member.document.problem(("card",), "CAR036", str(error)))
        return []
    return [found] if found else []


# --- what stands in place -------------------------------------------------------------------------------------------

_MAPS = {"clients": "client", "schedules": "schedule"}


_LISTS = {"actions": "action", "evaluators": "evaluator", "context": "provider"}


def apart(each: Written, document: Document) -> tuple[Document, list[Written]]:
    """An agent's document with no more than the names of what it has in place, and those parts."""
    if each.kind != "agent":
        return document, []
    found = [*_character(each, document), *_in_maps(each, document), *_in_lists(each, document)]
    return _with_names(document, [path for path, _ in found]), [part for _, part in found]


def _character(each: Written, document: Document) -> Iterator[tuple[Trail, Written]]:
    if isinstance(document.data.get("character"), Mapping):
        yield _part(each, document, "character", ("character",))


def _in_maps(each: Written, document: Document) -> Iterator[tuple[Trail, Written]]:
    for key, kind in _MAPS.items():
        entries = document.data.get(key)
        for name, value in entries.items() if isinstance(entries, Mapping) else ():
            if isinstance(value, Mapping):
                yield _part(each, document, kind, (key, name))


def _in_lists(each: Written, document: Document) -> Iterator[tuple[Trail, Written]]:
    for key, kind in _LISTS.items():
        entries = document.data.get(key)
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            name, settings = _only(entry)
            if isinstance(settings, Mapping) and "type" in settings:
                yield _part(each, document, kind, (key, number, name))


def _only(entry: object) -> tuple[str, object]:
    return next(iter(entry.items())) if isinstance(entry, Mapping) and len(entry) == 1 else ("", None)


def _part(each: Written, document: Document, kind: str, path: Trail) -> tuple[Trail, Written]:
    """A part is called after its owner and its key."""
    return path, Written(kind, f"{each.name}.{path[-1]}", layers.within(document, path), each.file, each.name)


def _with_names(document: Document, taken: Iterable[Trail]) -> Document:
    data = dict(document.data)
    for path in taken:
        match path:
            case (str(key),):
                del data[key]
            case (str(key), str(name)):
                data[key] = {other: value for other, value in _map(data[key]).items() if other != name}
            case (str(key), int(number), str(name)):
                data[key] = [name if at == number else entry for at, entry in enumerate(_list(data[key]))]
    return replace(document, data=data)


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
