"""What one reading worked out, for the next: unchanged files are not read into values again."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """Results by what they were made from; those that a reading did not ask for are forgotten with it."""

    def __init__(self, last: "Memo | None" = None):
        self._last: dict[Hashable, Any] = last._now if last else {}
        self._now: dict[Hashable, Any] = {}

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for this key, or is made now."""
        if key not in self._now:
            self._now[key] = self._last[key] if key in self._last else make()
        found: T = self._now[key]
        return found

    def close(self) -> None:
        """Forget what the last reading made and this one did not ask for."""
        self._last = {}
