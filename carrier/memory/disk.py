"""Makes sure that what was written to a folder outlives a power cut."""

import ctypes
import os
import sys
from pathlib import Path


def sync(folder: Path) -> None:
    """Return when all that is in the folder is on the disk; raises OSError if that cannot be had."""
    if not _sync_file_system(folder):
        _sync_each(folder)


def _sync_file_system(folder: Path) -> bool:
    """One call for everything, where the system has it: tenths of a millisecond."""
    if _syncfs is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _syncfs(descriptor) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(folder))
    finally:
        os.close(descriptor)
    return True


def _sync_each(folder: Path) -> None:
    for root, _, files in os.walk(folder, onerror=_fail):
        for name in files:
            _sync_one(Path(root, name), os.O_RDWR)
        # Windows cannot open a folder, and needs no syncing of it.
        if os.name != "nt":
            _sync_one(Path(root), os.O_RDONLY)


def _fail(error: OSError) -> None:
    raise error


def _sync_one(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if sys.platform == "linux" else None
