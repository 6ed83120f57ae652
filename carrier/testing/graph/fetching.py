"""Fetching pictures and videos from where they are said to be, as Instagram does, and looking at their bytes."""

import asyncio
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
from yarl import URL

from carrier.testing.graph.errors import NO_JPEG, TOO_BIG, WRONG_RATIO, GraphError
from carrier.testing.graph.objects import File

AGENT = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"
MOST = 300 * 2**20
MOST_OF_A_STORY = 100 * 2**20
MOST_OF_A_PICTURE = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Fetched:
    url: str
    body: bytes = b""
    media_type: str = ""
    trouble: str = ""
    """Why there is nothing."""


async def fetch(session: aiohttp.ClientSession, url: str, seconds: float) -> Fetched:
    if trouble := _objection(url):
        return Fetched(url, trouble=trouble)
    try:
        async with asyncio.timeout(seconds), session.get(URL(url, encoded=True), allow_redirects=False) as answer:
            body = await answer.content.read(MOST + 1) if answer.status == 200 else b""
            while len(body) <= MOST and (more := await answer.content.read(2**20)):
                body += more
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        return Fetched(url, trouble=f"{type(error).__name__}: {error}")
    if answer.status != 200:
        return Fetched(url, trouble=f"HTTP status {answer.status}")
    return Fetched(url, body, answer.content_type)


def _objection(url: str) -> str:
    if not url.isascii():
        return "The address is not in US-ASCII"
    return "" if url.startswith(("http://", "https://")) else "It is no address on the web"


def picture(fetched: Fetched, any_ratio: bool = False) -> File:
    """Raises GraphError for what Instagram does not take as a picture."""
    if len(fetched.body) > MOST_OF_A_PICTURE:
        raise GraphError(TOO_BIG)
    size = _jpeg_size(fetched.body)
    if size is None:
        raise GraphError(NO_JPEG)
    width, height = size
    if not any_ratio and not (5 * width >= 4 * height and 100 * width <= 191 * height):
        raise GraphError(WRONG_RATIO)
    return File(fetched.url, fetched.body, "image/jpeg", width, height)


def _jpeg_size(body: bytes) -> tuple[int, int] | None:
    """Of a whole picture in grey or in colour; None: it is none, or several in one."""
    if not body.startswith(b"\xff\xd8") or b"\xff\xd9" not in body[-32:]:
        return None
    size = None
    for marker, segment in _segments(body):
        if marker == 0xE2 and segment.startswith(b"MPF\0"):
            return None
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(segment) > 5:
            height, width, components = struct.unpack(">xHHB", segment[:6])
            size = (width, height) if components in (1, 3) and width and height else None
    return size


def _segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Those before the picture itself."""
    place = 2
    while place + 4 <= len(body) and body[place] == 0xFF and (marker := body[place + 1]) != 0xDA:
        length = int.from_bytes(body[place + 2 : place + 4])
        yield marker, body[place + 4 : place + 2 + length]
        place += 2 + max(length, 2)


@dataclass(frozen=True, slots=True)
class Movie:
    seconds: float
    trouble: str = ""


def movie(body: bytes, story: bool) -> Movie:
    """What Instagram finds when it works on a video."""
    if len(body) > (MOST_OF_A_STORY if story else MOST):
        return Movie(0, "the video is too large")
    try:
        boxes = dict(_boxes(body))
    except struct.error:
        boxes = {}
    if b"ftyp" not in boxes or b"moov" not in boxes or b"mdat" not in boxes:
        return Movie(0, "the format is not supported")
    if list(boxes).index(b"moov") > list(boxes).index(b"mdat"):
        return Movie(0, "the moov atom is not at the front of the file")
    seconds = _seconds(boxes[b"moov"])
    if not 3 <= seconds <= (60 if story else 15 * 60):
        return Movie(seconds, f"the duration of {seconds:.1f} s is out of range")
    return Movie(seconds)


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each with what is in it; a box that ends behind the end is left out."""
    place = 0
    while place + 8 <= len(body):
        size, kind = struct.unpack_from(">I4s", body, place)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", body, place + 8), 16
        end = place + size if size else len(body)
        if end > len(body) or end < place + head:
            return
        yield kind, body[place + head : end]
        place = end


def _seconds(moov: bytes) -> float:
    told = dict(_boxes(moov)).get(b"mvhd", b"")
    if len(told) < 32:
        return 0.0
    scale, duration = struct.unpack_from(">IQ" if told[0] == 1 else ">II", told, 20 if told[0] == 1 else 12)
    return float(duration / scale) if scale else 0.0
