"""The boxes that MP4 and QuickTime files are made of."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

MOST_BOXES = 10_000
MOST_TRACKS = 64


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    start: int
    body: int
    end: int
    """Where it says that it ends; that may be behind the end of the file."""


class TooManyBoxes(ValueError):
    """No camera makes so many."""


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Those that follow each other from here to there; a box that cannot be one ends them."""
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        box = _box(file, start, end)
        if box is None:
            return
        yield box
        start = box.end
    raise TooManyBoxes


def _box(file: BinaryIO, start: int, end: int) -> Box | None:
    file.seek(start)
    head = file.read(16)
    # What a box says of its end may lie behind the end of the file.
    if len(head) < 8:
        return None
    size, kind = struct.unpack_from(">I4s", head)
    body = start + 8
    if size == 1 and len(head) == 16:
        (size,) = struct.unpack_from(">Q", head, 8)
        body = start + 16
    elif size == 0:
        size = end - start
    return Box(kind, start, body, start + size) if size >= body - start else None


def inside(file: BinaryIO, box: Box, *path: bytes) -> Iterator[Box]:
    """The boxes down a path of kinds."""
    if not path:
        yield box
        return
    for inner in boxes(file, box.body, box.end):
        if inner.kind == path[0]:
            yield from inside(file, inner, *path[1:])


def tracks(file: BinaryIO, moov: Box) -> Sequence[Box]:
    found = [box for _, box in zip(range(MOST_TRACKS + 1), inside(file, moov, b"trak"), strict=False)]
    if len(found) > MOST_TRACKS:
        raise TooManyBoxes
    return found


def read(file: BinaryIO, box: Box, most: int = 4096) -> bytes:
    """The beginning of what is in it."""
    file.seek(box.body)
    return file.read(min(most, box.end - box.body))
