"""The darkroom: finds the operator's pictures and videos, and makes of them what goes out."""

import asyncio
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from secrets import token_hex

from carrier.errors import Unfit
from carrier.media.checks import post_faults
from carrier.media.fetching import fetched, is_address
from carrier.media.formats import MOV, MP4
from carrier.media.mending import prepare
from carrier.media.opening import sort_of
from carrier.media.words import word_faults
from carrier.types.posts import Fault, Fit, PostContent, PostFile, PostKind, SourceFile

MADE = "posts"
"""The folder of what goes out, in the data folder."""
KEPT = "kept:"
"""Before the name of what came from elsewhere and is in that folder, under its digest."""
KEPT_SECONDS = 60 * 86400
"""After its last use; what a post waits with is kept until so long after it is due."""
_DIGEST = re.compile("[0-9a-f]{64}")
_VIDEOS = {MP4: (".mp4", "video/mp4"), MOV: (".mov", "video/quicktime")}


@dataclass(eq=False)
class Darkroom:
    """Files of a project's folder, as they are and as they go out."""

    root: Path
    data: Path
    _known: dict[tuple[str, float, int], str] = field(default_factory=dict)
    """Digests of files that were read, as long as they do not change."""

    async def found(self, patterns: Sequence[str]) -> list[tuple[SourceFile, ...]]:
        """What could be a post: each file that a pattern finds, or all of each folder, where it ends in `/`; what
        stands at an address; what was kept under a name. Raises Unfit."""
        return [group for pattern in patterns for group in await self._found(pattern)]

    async def told(self, name: str) -> SourceFile:
        """The file that somebody else named, by its path or its address; raises Unfit."""
        if is_address(name):
            return await self._fetched(name, named=False)
        try:
            return await asyncio.to_thread(self._inside, name)
        # Of what is no path at all, too.
        except (OSError, ValueError) as error:
            raise Unfit(
                name[:200], "is no file in the project's folder", "have its path told, or its address"
            ) from error

    async def keep(self, name: str, content: bytes) -> str:
        """What `found` finds it by from now on, until no post can want it any more."""
        digest = await asyncio.to_thread(self._keep, content)
        return f"{KEPT}{digest}/{Path(name).name}"

    async def develop(self, files: Sequence[SourceFile], kind: PostKind, fit: Fit | None) -> tuple[PostFile, ...]:
        """What goes out, in the data folder, mended where that is asked for; raises Unfit."""
        return await asyncio.to_thread(self._develop, files, kind, fit)

    async def keep_until(self, files: Sequence[PostFile], at: float) -> None:
        """What is developed is wanted at a time, in seconds since 1970."""
        for file in files:
            await asyncio.to_thread(_keep_until, self.data / file.path, at)

    def word_faults(self, caption: str) -> tuple[Fault, ...]:
        """What is wrong with a caption."""
        return word_faults(caption)

    async def faults(self, content: PostContent) -> tuple[Fault, ...]:
        """What is wrong with a post, by the names of the operator's own files."""
        return await asyncio.to_thread(self._faults, content)

    def _inside(self, name: str) -> SourceFile:
        """Raises ValueError for what is elsewhere, or nowhere."""
        path = self.root / (self.root / name).resolve().relative_to(self.root.resolve())
        if not _is_shown(path):
            raise ValueError(name)
        return self._source(path)

    async def _found(self, pattern: str) -> list[tuple[SourceFile, ...]]:
        if is_address(pattern):
            return [(await self._fetched(pattern, named=True),)]
        if pattern.startswith(KEPT):
            return await asyncio.to_thread(lambda: [*self._kept(pattern)])
        return await asyncio.to_thread(lambda: [*self._groups(pattern)])

    async def _fetched(self, url: str, named: bool) -> SourceFile:
        digest = await asyncio.to_thread(self._keep, await fetched(url, named))
        return SourceFile(url, digest, time.time())

    def _keep(self, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        kept = self.data / MADE / digest
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = _part(kept.parent)
        part.write_bytes(content)
        part.replace(kept)
        return digest

    def _kept(self, name: str) -> Iterator[tuple[SourceFile, ...]]:
        digest = name.removeprefix(KEPT).partition("/")[0]
        if _DIGEST.fullmatch(digest) and (self.data / MADE / digest).is_file():
            yield (SourceFile(name, digest, time.time()),)

    def _groups(self, pattern: str) -> Iterator[tuple[SourceFile, ...]]:
        folders = pattern.endswith("/")
        for path in sorted(self.root.glob(pattern.rstrip("/")), key=_natural):
            if not path.resolve().is_relative_to(self.root.resolve()):
                continue
            if folders and path.is_dir():
                files = sorted((each for each in path.iterdir() if _is_shown(each)), key=_natural)
                yield tuple(self._source(file) for file in files)
            elif not folders and _is_shown(path):
                yield (self._source(path),)

    def _source(self, path: Path) -> SourceFile:
        stat = path.stat()
        key = (str(path), stat.st_mtime, stat.st_size)
        if key not in self._known:
            self._known[key] = _digest(path)
        return SourceFile(path.relative_to(self.root).as_posix(), self._known[key], stat.st_mtime)

    def _develop(self, files: Sequence[SourceFile], kind: PostKind, fit: Fit | None) -> tuple[PostFile, ...]:
        made = self.data / MADE
        made.mkdir(parents=True, exist_ok=True)
        _sweep(made)
        return tuple(self._made(file, made, kind, fit) for file in files)

    def _made(self, file: SourceFile, made: Path, kind: PostKind, fit: Fit | None) -> PostFile:
        kept = is_address(file.path) or file.path.startswith(KEPT)
        source = made / file.digest if kept else self.root / file.path
        # The same one may be made ready for somebody else at this moment.
        part = _part(made)
        try:
            format = sort_of(source)
            prepare(source, part, kind, fit)
        except OSError as error:
            raise Unfit(file.path, f"cannot be read: {error.strerror}", "see that it is there") from error
        digest = _digest(part)
        ending, media_type = _VIDEOS.get(format, (".jpg", "image/jpeg"))
        _replace(part, made / f"{digest}{ending}")
        return PostFile(f"{MADE}/{digest}{ending}", digest, media_type, file.path, file.digest)

    def _faults(self, content: PostContent) -> tuple[Fault, ...]:
        names = {Path(file.path).name: file.source or file.path for file in content.files}
        found = post_faults(
            content.kind,
            [self.data / file.path for file in content.files],
            caption=content.caption,
            first_comment=content.first_comment,
            alt_text=content.alt_text,
            collaborators=content.collaborators,
            user_tags=[tag.username for tag in content.user_tags],
            cover=self.data / content.cover.path if content.cover else None,
        )
        return tuple(
            Fault(fault.what, fault.remedy, fault.severity, names.get(fault.where, fault.where)) for fault in found
        )


def _is_shown(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _natural(path: Path) -> list[tuple[int, str]]:
    """2.jpg before 10.jpg."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"([0-9]+)", str(path))]


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _part(folder: Path) -> Path:
    """A file that is not whole yet, and nobody else's."""
    return folder / f"{token_hex(8)}.part"


def _replace(part: Path, path: Path) -> None:
    wanted = path.stat().st_mtime if path.exists() else 0.0
    part.replace(path)
    _keep_until(path, wanted)


def _keep_until(path: Path, at: float) -> None:
    if at > path.stat().st_mtime:
        os.utime(path, (at, at))


def _sweep(made: Path) -> None:
    """What no post can be waiting for any more."""
    before = time.time() - KEPT_SECONDS
    for path in made.iterdir():
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
