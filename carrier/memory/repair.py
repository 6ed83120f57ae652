"""Opens the table of memories as it is on disk; what a power cut made unreadable is put aside, kept and reported."""

import asyncio
import logging
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import lancedb
import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable, Session

from carrier.memory.disk import sync

log = logging.getLogger(__name__)

NAME = "memories"
INDEX_CACHE = 48_000_000
METADATA_CACHE = 16_000_000


def incomplete(folder: Path) -> Path:
    """A mark that stays until what may be missing is in the log again, so that a crash meanwhile changes nothing."""
    return folder / "incomplete"


async def readable_table(folder: Path, schema: pa.Schema) -> AsyncTable:
    """The table as it is, or mended, or new; unless it is as it was, it is marked as incomplete.

    Raises what LanceDB raises if the fault is not the table's: a full disk, a folder that may not be read.
    """
    files = folder / f"{NAME}.lance"
    if not files.exists():
        return await _created(folder, schema)
    if table := await _readable(folder):
        return table
    await _try_out(folder, schema)
    return await _mended(folder, files) or await _created(folder, schema)


async def _try_out(folder: Path, schema: pa.Schema) -> None:
    """Make a table and read it."""
    with TemporaryDirectory(dir=folder) as trial:
        await _read_through(await (await _connected(Path(trial))).create_table(NAME, schema=schema))


async def _mended(folder: Path, files: Path) -> AsyncTable | None:
    """Go back version by version until one can be read; if none can, put the whole table aside."""
    await asyncio.to_thread(_mark, folder)
    aside = folder / "quarantine" / time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside.mkdir(parents=True, exist_ok=True)
    log.error("memory: the table cannot be read; what is broken of it is moved to %s", aside)
    for manifest in _versions(files):
        shutil.move(manifest, aside / manifest.name)
        if table := await _readable(folder):
            return table
    shutil.move(files, aside / files.name)
    return None


async def _created(folder: Path, schema: pa.Schema) -> AsyncTable:
    await asyncio.to_thread(_mark, folder)
    return await (await _connected(folder)).create_table(NAME, schema=schema)


def _mark(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    incomplete(folder).touch()
    sync(folder)


async def _connected(folder: Path) -> AsyncConnection:
    """A connection that remembers nothing of earlier ones, and holds no more of the table in memory than it may."""
    return await lancedb.connect_async(folder, session=Session(INDEX_CACHE, METADATA_CACHE))


async def _readable(folder: Path) -> AsyncTable | None:
    """The newest version, if it opens and each of its files can be read."""
    try:
        table = await (await _connected(folder)).open_table(NAME)
        await _read_through(table)
    # LanceDB says "unreadable" as RuntimeError, ValueError and OSError; they have nothing else in common.
    except Exception as error:
        log.info("memory: %s/%s.lance: a version that cannot be read: %s", folder, NAME, error)
        return None
    return table


async def _read_through(table: AsyncTable) -> None:
    """Touch all files of data: `id` is in those of a row's first version, `space` in those of its vector."""
    async for _ in await table.query().select(["id", "space"]).to_batches():
        pass


def _versions(files: Path) -> list[Path]:
    """The manifests, newest first: their names count down."""
    return sorted((files / "_versions").glob("*.manifest"))
