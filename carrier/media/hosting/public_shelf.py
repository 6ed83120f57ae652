"""A media host: puts a file on its shelf, sees that the world can fetch it, and takes it away again."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from carrier.errors import ClientError, Passing
from carrier.media.hosting.naming import PART, is_ours, new_name
from carrier.media.hosting.showing import SOON, see
from carrier.types.posts import Hosted

SLOWEST = 100_000
"""Bytes a second: an upload that is slower than this for its size is given up."""
MOMENT = 30.0
"""Seconds that all but the bytes may take."""


@dataclass(frozen=True, slots=True)
class Left:
    """A file on a shelf, and when it was put there: seconds since 1970."""

    name: str
    at: float


class Shelf(Protocol):
    """A folder somewhere else. Errors are `Passing` or `Refused`, and say which server and what helps."""

    async def write(self, file: Path, name: str, media_type: str) -> int:
        """Put the file there under the name, whole or not at all, and return the size it has there."""

    async def delete(self, names: Sequence[str]) -> None:
        """Take these away; one that is not there is no error."""

    async def listing(self) -> Sequence[Left]:
        """What stands there, as far as Carrier has put it."""


class PublicShelf:
    """A shelf that is shown at a URL."""

    def __init__(self, shelf: Shelf, public_url: str, pauses: Sequence[float] = SOON):
        """`pauses` are the seconds between two looks at what should be shown already."""
        self._shelf, self._url, self._pauses = shelf, public_url.rstrip("/"), pauses

    async def put(self, file: Path, media_type: str) -> Hosted:
        """The file where everybody can fetch it, under a name that nobody guesses.

        Raises `Passing` or `Refused`, and leaves nothing there then.
        """
        size = (await asyncio.to_thread(file.stat)).st_size
        name = new_name(media_type)
        try:
            async with asyncio.timeout(MOMENT + size / SLOWEST):
                await self._whole(file, name, media_type, size)
            await see(f"{self._url}/{name}", file, size, media_type, self._pauses)
        except BaseException as error:
            with suppress(ClientError, TimeoutError):
                await asyncio.wait_for(self._shelf.delete([name, name + PART]), MOMENT)
            if isinstance(error, TimeoutError):
                raise _too_slow(size) from error
            raise
        return Hosted(name, f"{self._url}/{name}", size, media_type)

    async def remove(self, name: str) -> None:
        """Take away what `put` has put there; what is gone already is no error."""
        if not is_ours(name):
            raise ValueError(f"{name!r} was not put there by Carrier")
        async with _in_time():
            await self._shelf.delete([name])

    async def sweep(self, older: float) -> list[str]:
        """Take away what Carrier left there more than so many seconds ago, and return the names."""
        before = time.time() - older
        async with _in_time():
            names = [left.name for left in await self._shelf.listing() if is_ours(left.name) and left.at < before]
            if names:
                await self._shelf.delete(names)
        return names

    async def _whole(self, file: Path, name: str, media_type: str, size: int) -> None:
        there = await self._shelf.write(file, name, media_type)
        if there != size:
            raise _cut_short(there, size)


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Nobody waits for what only takes something away."""
    try:
        async with asyncio.timeout(MOMENT):
            yield
    except TimeoutError as error:
        raise Passing(f"nothing could be taken away in {MOMENT:g} s: the server hangs or is slow") from error


def _too_slow(size: int) -> Passing:
    return Passing(
        f"{size} bytes could not be put there in {MOMENT + size / SLOWEST:.0f} s: the server hangs or is slow"
    )


def _cut_short(there: int, size: int) -> Passing:
    return Passing(f"only {there} of {size} bytes arrived; its disk may be full")
