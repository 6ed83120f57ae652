"""Says when files change: at once where the system tells of it, and by looking twice a second in any case."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

from carrier.config.files import counts

log = logging.getLogger(__name__)

DEBOUNCE = 100
"""Milliseconds that changes are gathered for at most."""
STEP = 25
"""Milliseconds of quiet after which they are told."""
LOOK = 500
"""Milliseconds after which the files are looked at though nothing was told."""

Stamp = tuple[str, int, int, int, int]
"""A file's path, the times its content and its rights changed, its size and inode: clocks may be set back."""
State = frozenset[Stamp]
Folders = frozenset[tuple[Path, int]]
"""The folders to watch, each with its inode: one that was made anew is another."""


async def changes(paths: Callable[[], Iterable[Path]], stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield when one of these files, or one below these folders, has come, gone or changed; and once at the start.

    The first time is for what changed after the files were read and before watching began. `paths` is asked again
    and again, so what is watched may change, and it may name what does not exist yet.
    """
    seen: State | None = None
    while not stop.is_set():
        folders = await asyncio.to_thread(_folders, paths())
        async with aclosing(_wakes(folders, stop)) as wakes:
            async for _ in wakes:
                state = await asyncio.to_thread(_state, paths())
                if state != seen:
                    seen = state
                    yield
                if folders != await asyncio.to_thread(_folders, paths()):
                    break


async def _wakes(folders: Folders, stop: asyncio.Event) -> AsyncGenerator[None]:
    """Wake whenever something happens in these folders, and when nothing did for a while."""
    from watchfiles import awatch

    watched = awatch(
        *(path for path, _ in folders),
        watch_filter=None,
        debounce=DEBOUNCE,
        step=STEP,
        stop_event=_Over(stop),
        rust_timeout=LOOK,
        yield_on_timeout=True,
        recursive=False,
    )
    try:
        async with aclosing(watched):
            async for _ in watched:
                yield
    except FileNotFoundError:
        pass  # a folder went away meanwhile: whoever asks looks again at which there are
    except (OSError, RuntimeError) as error:
        log.warning("changed files are only noticed twice a second: %s", error)
        while not stop.is_set():
            await asyncio.sleep(LOOK / 1000)
            yield


class _Over:
    """The end of one watch: the host's stop, or its own, for watchfiles sets it when it is cancelled."""

    def __init__(self, stop: asyncio.Event):
        self._stop = stop
        self._own = False

    def is_set(self) -> bool:
        return self._own or self._stop.is_set()

    def set(self) -> None:
        self._own = True


def _folders(paths: Iterable[Path]) -> Folders:
    """Each folder with those below it; of anything else the nearest folder above it that exists."""
    walked: set[Path] = set()
    above: set[Path] = set()
    for path in paths:
        # Most paths are files of folders that are walked through anyway.
        if path.parent in walked:
            continue
        if path.is_dir():
            walked.update(Path(current) for current, _, _ in _walk(path))
        else:
            above.add(next(parent for parent in path.parents if parent.is_dir()))
    return frozenset(each for folder in walked | above for each in _inode(folder))


def _inode(folder: Path) -> Iterator[tuple[Path, int]]:
    """Nothing of one that is gone again."""
    with suppress(OSError):
        yield folder, folder.stat().st_ino


def _state(paths: Iterable[Path]) -> State:
    files = {file for path in paths for file in _files(path)}
    return frozenset(stamp for file in files for stamp in _stamp(file))


def _files(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from (os.path.join(current, name) for current, _, names in _walk(path) for name in names if counts(name))
    else:
        yield str(path)


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for current, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if counts(name)]
        yield current, folders, names


def _stamp(file: str) -> Iterator[Stamp]:
    with suppress(OSError):
        status = os.stat(file)
        yield file, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
