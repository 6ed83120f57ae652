"""An object as it came out of all its layers, each value with the file and line it came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr

from carrier.config import models
from carrier.config.catalog import Catalog
from carrier.config.definitions import Definition
from carrier.config.reading import Document, Trail, natural, shown

BUILT_IN = "built-in"
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Shown:
    """A value, and where it was written: `agents.d/tifa.yaml:3`, or `built-in`."""

    path: str
    value: object
    origin: str


def show(catalog: Catalog, kind: str, name: str) -> tuple[Shown, ...]:
    """Every value of an object with the parts that are written in it; raises KeyError if there is none of that name."""
    definition = catalog.definitions[kind, "host" if kind == "host" else name]
    return tuple(_values(definition, (), catalog)) + tuple(
        value for path, part in _parts(catalog, definition) for value in _values(part, path, catalog)
    )


def names(catalog: Catalog, kind: str) -> tuple[str, ...]:
    """What can be shown of a kind."""
    return tuple(sorted(name for each, name in catalog.definitions if each == kind))


_PLACES = {"character": (), "client": ("clients",), "schedule": ("schedules",)}


def _parts(catalog: Catalog, owner: Definition) -> Iterator[tuple[Trail, Definition]]:
    for (kind, name), part in catalog.definitions.items():
        if owner.kind == "agent" and part.owner == owner.name and kind in _PLACES:
            yield (*_PLACES[kind], name.partition(".")[2]), part


def _values(definition: Definition, under: Trail, catalog: Catalog) -> Iterator[Shown]:
    document = definition.document
    if not under:
        yield Shown("name", definition.name, _origin(document, ("name",)))
    for path, value in _leaves(_plain(definition.block), ()):
        if path == ("name",) or value in (None, "", [], {}):
            continue
        written, found = _written(document, path)
        origin = _origin(document, path) if found else BUILT_IN
        yield Shown(shown((*under, *path)), _hidden(written if found else value, value, catalog.secrets), origin)


def _plain(value: object) -> object:
    match value:
        case models.Entry():
            return {value.name: _plain(value.settings)} if value.settings else value.name
        case BaseModel():
            fields = type(value).model_fields
            named = {field.alias or name: _plain(getattr(value, name)) for name, field in fields.items()}
            return {**named, **{key: _plain(item) for key, item in (value.model_extra or {}).items()}}
        case SecretStr():
            return HIDDEN
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return natural(value)


def _leaves(value: object, path: Trail) -> Iterator[tuple[Trail, object]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, value


def _written(document: Document, path: Trail) -> tuple[object, bool]:
    """What was written there, or the short form it came from, and whether anything was."""
    value: object = document.data
    for step in path:
        if not _has(value, step):
            return natural(value), not isinstance(value, Mapping | list)
        value = value[step]  # type: ignore[index]
    return natural(value), value is not None


def _has(value: object, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, Mapping) and step in value


def _origin(document: Document, path: Trail) -> str:
    while path not in document.values:
        path = path[:-1]
    place = document.values[path]
    return f"{place.file}:{place.line}"


def _hidden(written: object, value: object, secrets: Sequence[str]) -> object:
    """What a secret field holds is never shown, nor is a secret in any other."""
    tells = isinstance(written, str) and any(secret in written for secret in secrets)
    return HIDDEN if tells or value == HIDDEN else written
