"""What turns the running into the wanted: pure comparisons, by name and by content."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import SecretStr

from carrier.config.catalog import Catalog
from carrier.config.diagnostics import Problem
from carrier.config.revisions import digest
from carrier.config.timing import next_times
from carrier.types.parts import TemplateFile
from carrier.types.schedules import Schedule

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference(Generic[T]):
    new: tuple[T, ...] = ()
    changed: tuple[T, ...] = ()
    gone: tuple[str, ...] = ()


def difference(running: Mapping[str, T], wanted: Mapping[str, T]) -> Difference[T]:
    """First start, reload, removal and shutdown are all this. Equal things are left alone."""
    return Difference(
        new=tuple(thing for name, thing in wanted.items() if name not in running),
        changed=tuple(thing for name, thing in wanted.items() if name in running and running[name] != thing),
        gone=tuple(name for name in running if name not in wanted),
    )


# --- told to a person -----------------------------------------------------------------------------------------------

HIDDEN = "***"
BEFORE_A_RESTART = frozenset({"data", "embeddings", "limits", "memory"})
"""What a running host cannot change about itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None where it is not there."""

    path: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Step:
    """What would become of one object, and why."""

    what: Literal["create", "update", "restart", "remove"]
    kind: str
    name: str
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    next_times: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen if the files were applied now; revisions are empty where nothing runs."""

    running: str
    wanted: str
    steps: tuple[Step, ...]
    schedules: Mapping[str, tuple[str, ...]]
    """The next times of each schedule there would be."""
    problems: tuple[Problem, ...]


def plan(running: Catalog | None, wanted: Catalog, now: datetime) -> Plan:
    """What turns the running into the wanted, field by field. Values are plain, and secrets are hidden."""
    times = {name: _told_times(schedule, now) for name, schedule in wanted.schedules.items()}
    steps = [*_host_steps(running, wanted), *_object_steps(running, wanted, times)]
    return Plan(running.revision if running else "", wanted.revision, tuple(steps), times, wanted.problems)


def _told_times(schedule: Schedule, now: datetime) -> tuple[str, ...]:
    return tuple(time.isoformat(timespec="minutes") for time in next_times(schedule, now))


def _host_steps(running: Catalog | None, wanted: Catalog) -> Iterator[Step]:
    if running is None:
        yield Step("create", "host", wanted.host.name)
    elif changes := _changes(running.host, wanted.host):
        late = sorted({change.path.split(".")[0] for change in changes} & BEFORE_A_RESTART)
        reasons = [f"{', '.join(late)}: with the next start of the host"] if late else []
        what: Literal["restart", "update"] = "restart" if late else "update"
        yield Step(what, "host", wanted.host.name, changes, (*reasons, *_why(running, wanted, ("host", "host"))))


def _object_steps(running: Catalog | None, wanted: Catalog, times: Mapping[str, tuple[str, ...]]) -> Iterator[Step]:
    before, after = _objects(running), _objects(wanted)
    for kind, name in dict.fromkeys([*after, *before]):
        key = (kind, name)
        there, here = after.get(key), before.get(key)
        upcoming = times.get(name, ()) if kind == "schedule" else ()
        if there is None and running:
            yield Step("remove", kind, name, reasons=(_why_gone(running, wanted, key),))
        elif here is None or running is None:
            yield Step("create", kind, name, reasons=_files(wanted, key), next_times=upcoming)
        elif (changes := _changes(here, there)) or here != there:
            what: Literal["restart", "update"] = "restart" if kind == "client" and here != there else "update"
            yield Step(what, kind, name, changes, _why(running, wanted, key), upcoming)


def _objects(catalog: Catalog | None) -> dict[tuple[str, str], object]:
    if catalog is None:
        return {}
    maps: Mapping[str, Mapping[str, object]] = {
        "agent": catalog.agents,
        "client": catalog.clients,
        "action": catalog.actions,
        "schedule": catalog.schedules,
        "script": catalog.scripts,
    }
    return {(kind, name): each for kind, found in maps.items() for name, each in found.items()}


def _why(running: Catalog, wanted: Catalog, key: tuple[str, str]) -> tuple[str, ...]:
    """The files that make the difference."""
    files = dict.fromkeys([*wanted.rests.get(key, ()), *running.rests.get(key, ())])
    return tuple(
        f"{_shown(file, wanted)} {_how(running.digests.get(file), wanted.digests.get(file))}"
        for file in files
        if running.digests.get(file) != wanted.digests.get(file)
    )


def _how(before: str | None, after: str | None) -> str:
    return "is new" if before is None else "is gone" if after is None else "changed"


def _why_gone(running: Catalog, wanted: Catalog, key: tuple[str, str]) -> str:
    if key[1] in wanted.parked and key[0] in ("client", "action"):
        return wanted.parked[key[1]]
    return next(iter(_why(running, wanted, key)), "nothing defines it any more")


def _files(catalog: Catalog, key: tuple[str, str]) -> tuple[str, ...]:
    return tuple(_shown(file, catalog) for file in catalog.rests.get(key, ())[:1])


def _shown(file: Path, catalog: Catalog) -> str:
    return file.relative_to(catalog.root).as_posix() if file.is_relative_to(catalog.root) else str(file)


# --- field by field ---------------------------------------------------------------------------------------------------


def _changes(old: object, new: object) -> tuple[Change, ...]:
    before, after = dict(_leaves(old, "")), dict(_leaves(new, ""))
    return tuple(
        Change(path, _plain(before.get(path)), _plain_new(before.get(path), after.get(path)))
        for path in dict.fromkeys([*before, *after])
        if before.get(path) != after.get(path)
    )


_LEFT_OUT = frozenset({"revision", "folder", "code", "wording"})
"""What follows from other fields, and what would say nothing to a reader."""


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every value within, by its path; things in a list go by their names, where they have some."""
    if isinstance(value, TemplateFile):
        yield path, f"{digest(value.source.encode())}"
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            if each.name not in _LEFT_OUT:
                yield from _leaves(getattr(value, each.name), _under(path, each.name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, _under(path, str(name)))
    elif isinstance(value, list | tuple) and value and all(hasattr(item, "name") for item in value):
        for item in value:
            yield from _leaves(item, _under(path, item.name))
    else:
        yield path, value


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return HIDDEN
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _plain_new(old: object, new: object) -> object:
    return f"{HIDDEN} (another)" if isinstance(old, SecretStr) and isinstance(new, SecretStr) else _plain(new)
