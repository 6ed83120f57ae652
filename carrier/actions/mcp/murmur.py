"""Puts into the log what a server says beside its answers."""

import logging
import time

from carrier.actions.answers import Hide

log = logging.getLogger(__name__)


class Murmur:
    """A line each, no secret in it, and not more of them than somebody could read."""

    MOST = 50
    """Lines in SECONDS."""
    SECONDS = 10.0

    def __init__(self, name: str, hide: Hide):
        self._name, self._hide = name, hide
        self._since, self._lines, self._unsaid = float("-inf"), 0, 0

    def __call__(self, level: int, said: str, text: str) -> None:
        """`said` is how the log puts it, as in `says`."""
        if time.monotonic() - self._since > self.SECONDS:
            self._tell_how_many_more()
            self._since, self._lines = time.monotonic(), 0
        self._lines += 1
        if self._lines > self.MOST:
            self._unsaid += 1
        elif line := one_line(self._hide(text)):
            log.log(level, "%s %s: %s", self._name, said, line)

    def _tell_how_many_more(self) -> None:
        if self._unsaid:
            log.info("%s said %d lines more", self._name, self._unsaid)
        self._unsaid = 0


def one_line(text: str, most: int = 500) -> str:
    """The text as a line of a log: nothing in it moves the cursor, or starts a line of its own."""
    cut = text[:most].strip()
    return "".join(letter if letter.isprintable() else " " for letter in cut) + (" …" if len(text) > most else "")
