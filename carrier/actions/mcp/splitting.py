"""Cuts what a server writes into lines, and keeps no more than the ends of one that is too long."""

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 4 * 2**20
"""Bytes of a message."""
ENDLESS = 64 * LONGEST
EDGE = 200


class Line(NamedTuple):
    text: bytes
    """Empty for a line that is too long."""
    size: int
    head: bytes = b""
    tail: bytes = b""


class Endless(Exception):
    """A line that is read no further."""


class Splitter:
    """Takes pieces in, gives whole lines out."""

    def __init__(self, longest: int = LONGEST, endless: int = ENDLESS) -> None:
        self._longest, self._endless = longest, endless
        self._begin()

    def _begin(self) -> None:
        self._kept, self._size = bytearray(), 0
        self._head = self._tail = b""

    def feed(self, piece: bytes) -> Iterator[Line]:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._add(piece[start:end])
            yield Line(bytes(self._kept), self._size, self._head, self._tail)
            self._begin()
            start = end + 1
        self._add(piece[start:])

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._endless:
            raise Endless
        self._kept += piece
        if self._size > self._longest:
            self._head = self._head or bytes(self._kept[:EDGE])
            self._tail = (self._tail + self._kept[-EDGE:])[-EDGE:]
            self._kept.clear()


_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,')
_LAST = re.compile(rb'"id"\s*:\s*(\d{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z')


def answers(line: Line) -> int | None:
    """The request that a line which is too long answers, where its first or last words say so."""
    found = _FIRST.match(line.head) or _LAST.search(line.tail)
    return int(found[1]) if found else None
