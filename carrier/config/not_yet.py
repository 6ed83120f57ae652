"""What the language has words for, and what does not run yet: read, checked, and said to be so."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from carrier.config.models import Described, Entry, types_of
from carrier.config.reading import Trail

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class _Word:
    """A key of a kind of document: `*` stands for each of a map or a list, an empty path for the document itself."""

    kind: str
    path: str
    severity: Severity
    """An error, where to run without it would do what its writer does not want; a warning, where it is only missing."""
    counts: Callable[[object], bool] = bool


def _other_than(*runs: str) -> Callable[[object], bool]:
    return lambda value: value not in runs


def _of_ours(value: object) -> bool:
    return value not in ("console", "discord", "instagram") and value in types_of("client")


_WORDS = (
    _Word("host", "embeddings.use", "error", _other_than("builtin", "none")),
    _Word("host", "retention", "warning"),
    _Word("host", "tokens", "warning"),
    _Word("agent", "formerly", "error"),
    _Word("client", "formerly", "error"),
    _Word("client", "type", "error", _of_ours),
)


def not_yet(kind: str, block: Described) -> Iterator[tuple[Trail, str, Severity]]:
    """Where a document, and what stands in place in it, says something that does not run yet."""
    if block.enabled:
        # Of what does not run at all nothing else is worth saying.
        yield from [*_said(kind, block, _WHOLE)] or [*_said(kind, block, _KEYS)]
        for trail, part_kind, part in _in_place(kind, block):
            yield from ((trail + inner, message, severity) for inner, message, severity in not_yet(part_kind, part))


_WHOLE = [word for word in _WORDS if word.path in ("", "type")]
_KEYS = [word for word in _WORDS if word.path not in ("", "type")]


def _said(kind: str, block: Described, words: Iterable[_Word]) -> Iterator[tuple[Trail, str, Severity]]:
    for word in words:
        for trail, value in _written(block, tuple(word.path.split("."))) if word.kind == kind else ():
            if word.counts(value):
                yield trail, f"{_called(kind, trail, value)} is read and checked, and does not run yet", word.severity


def _written(value: object, path: tuple[str, ...]) -> Iterator[tuple[Trail, object]]:
    """What is written there; a key that was left out, or belongs to another type, is not."""
    if path in ((), ("",)):
        yield (), value
        return
    for key, item in _items(value) if path[0] == "*" else _key(value, path[0]):
        yield from (((key, *trail), found) for trail, found in _written(item, path[1:]))


def _items(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _key(value: object, key: str) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, BaseModel) and key in value.model_fields_set and key in type(value).model_fields:
        yield key, getattr(value, key)


def _called(kind: str, trail: Trail, value: object) -> str:
    if not trail:
        return f"this {kind}"
    return f"`{trail[-1]}: {value}`" if isinstance(value, str) else f"`{trail[-1]}`"


_PARTS = (
    ("agent", "character", "character"),
    ("agent", "clients.*", "client"),
    ("agent", "schedules.*", "schedule"),
    ("agent", "actions.*", "action"),
    ("agent", "context.*", "provider"),
    ("agent", "evaluators.*", "evaluator"),
)
"""Where a document holds what could be one of its own, and of which kind."""


def _in_place(kind: str, block: Described) -> Iterator[tuple[Trail, str, Described]]:
    for owner, path, part_kind in _PARTS:
        for trail, value in _written(block, tuple(path.split("."))) if owner == kind else ():
            if isinstance(value, Described):
                yield trail, part_kind, value
            elif isinstance(value, Entry) and value.definition:
                yield (*trail, value.name), part_kind, value.definition
