"""What turns the running into the wanted: pure comparisons, by name and by content."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

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
