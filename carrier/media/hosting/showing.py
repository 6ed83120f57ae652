"""Sees what the world sees: a file's public address is fetched before a platform is asked to."""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from carrier.egress import Forbidden, Network, client
from carrier.errors import Passing, Refused

if TYPE_CHECKING:
    import httpx

SOON = (0.5, 1.0, 2.0)
"""A web server in front of a shelf may take a moment to show what has just been put there."""
SECONDS = 20.0
BEGINNING = 1024
"""Bytes that are held against the file's own."""


async def see(url: str, file: Path, size: int, media_type: str, pauses: Sequence[float] = SOON) -> None:
    """Fetch the beginning of what is shown at a URL; raises `Passing` or `Refused` unless it is this file."""
    if not url.isascii():
        raise Refused(f"{url} holds more than plain ASCII, which Instagram does not fetch; correct `public_url`")
    beginning = await asyncio.to_thread(_beginning, file)
    for pause in (*pauses, None):
        try:
            return await _look(url, beginning, size, media_type)
        except Passing:
            if pause is None:
                raise
        await asyncio.sleep(pause)


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(BEGINNING)


async def _look(url: str, beginning: bytes, size: int, media_type: str) -> None:
    httpx = await asyncio.to_thread(import_module, "httpx")
    try:
        web = await asyncio.to_thread(_client, url)
        async with web, web.stream("GET", url, timeout=SECONDS) as answer:
            _judge(url, answer, size, media_type)
            shown = await _read(answer, len(beginning))
    except (Forbidden, ValueError, httpx.InvalidURL) as error:
        raise Refused(f"{url} cannot be fetched: {error}; correct `public_url`") from error
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise Passing(f"{url} cannot be fetched: {why}; see that `public_url` is right") from error
    if shown != beginning:
        raise Refused(f"{url} shows something else than what was put there; see that `public_url` is of that folder")


def _client(url: str) -> "httpx.AsyncClient":
    return client(Network.of([urlsplit(url).netloc], url))


def _judge(url: str, answer: "httpx.Response", size: int, media_type: str) -> None:
    """Raises for an answer by whose head a platform would not take it."""
    if answer.is_redirect:
        raise Refused(
            f"{url} leads on to another address, which Instagram may not follow; name that one in `public_url`"
        )
    if answer.status_code == 404:
        raise Passing(f"{url} is not there (404), though the file was put; see that `public_url` is of that folder")
    if answer.status_code in (401, 403):
        raise Refused(f"{url} is not shown to everybody ({answer.status_code}); Instagram fetches it without a login")
    if answer.status_code != 200:
        raise Passing(f"{url} answers {answer.status_code}")
    shown = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if shown != media_type:
        raise Refused(
            f"{url} is shown as {shown or 'nothing'}, not {media_type}; set the web server's type for its ending"
        )
    length = answer.headers.get("content-length")
    if length is not None and "content-encoding" not in answer.headers and length != str(size):
        raise Passing(f"{url} has {length[:20]} bytes there, not {size}")


async def _read(answer: "httpx.Response", most: int) -> bytes:
    read = b""
    async for piece in answer.aiter_bytes(BEGINNING):
        read += piece
        if len(read) >= most:
            break
    return read[:most]
