"""A folder of this machine, which a web server of the operator's shows."""

import asyncio
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from carrier.config.models.media_hosts import Folder
from carrier.errors import Refused
from carrier.media.hosting.naming import PART, is_ours
from carrier.media.hosting.public_shelf import Left, PublicShelf


class FolderShelf:
    """Files of a folder, each there whole or not at all."""

    def __init__(self, folder: Path):
        self._folder = folder

    async def write(self, file: Path, name: str, media_type: str) -> int:
        return await asyncio.to_thread(self._write, file, name)

    async def delete(self, names: Sequence[str]) -> None:
        await asyncio.to_thread(self._delete, names)

    async def listing(self) -> Sequence[Left]:
        return await asyncio.to_thread(self._listing)

    def _write(self, file: Path, name: str) -> int:
        part = self._folder / (name + PART)
        with self._plainly():
            shutil.copyfile(file, part)
            part.chmod(0o644)
            os.replace(part, self._folder / name)
            return (self._folder / name).stat().st_size

    def _delete(self, names: Sequence[str]) -> None:
        with self._plainly():
            for name in names:
                (self._folder / name).unlink(missing_ok=True)

    def _listing(self) -> list[Left]:
        with self._plainly(), os.scandir(self._folder) as found:
            return [Left(entry.name, entry.stat().st_mtime) for entry in found if is_ours(entry.name)]

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or type(error).__name__
            hint = "see that it is there and may be written to"
            raise Refused(f"the media folder {self._folder}: {why}; {hint}") from error


def folder(settings: Folder) -> PublicShelf:
    return PublicShelf(FolderShelf(Path(settings.folder)), settings.public_url)
