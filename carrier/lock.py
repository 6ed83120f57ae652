"""One host, one data folder: a lock that goes with the process that holds it, however that ends."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carrier.errors import AlreadyRunning

FILE = "carrier.lock"
TRIES, PAUSE = 25, 0.02
"""Whoever looks whether a host is here has the lock for a moment: a host that starts waits for that, in seconds."""


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the folder's lock while the block runs; raises AlreadyRunning with the process that has it."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / FILE).open("a+") as file:
        if not _lock_soon(file.fileno()):
            file.seek(0)
            raise AlreadyRunning(data, file.read().strip() or "unknown")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_locked(data: Path) -> bool:
    """Whether a host runs on this folder; where there are no such locks, one may."""
    try:
        with (data / FILE).open("r+") as file:
            return sys.platform == "win32" or not _lock(file.fileno(), shared=True)
    except FileNotFoundError:
        return False


def _lock_soon(descriptor: int) -> bool:
    for _ in range(TRIES):
        if _lock(descriptor):
            return True
        time.sleep(PAUSE)
    return False


def _lock(descriptor: int, shared: bool = False) -> bool:
    """`shared` with all who only look."""
    if sys.platform == "win32":  # no flock there: the ledger's keys still hold
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
