"""The files that come with messages: fetched as far as they are wanted, pictures onto the disk, text as text."""

import asyncio
import logging
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import aiohttp

from carrier.config.models.discord import Files
from carrier.types.talk import Attachment, Message

log = logging.getLogger(__name__)

SECONDS = 20.0
TEXT_CHARS = 50_000
"""What is read of a text."""
FOLDER = "files"

Renew = Callable[[Attachment], Awaitable[str]]
"""The address under which Discord has a file now; empty where it has it no more."""


async def fetch(message: Message, wanted: Files, data: Path, renew: Renew) -> list[Attachment]:
    """Each attachment with a `path` or its `text`; one that is not wanted, or cannot be had, as it is."""
    folder = f"{FOLDER}/{message.client}/{message.platform_id}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as web:
        return [
            await _fetched(web, file, wanted, data, f"{folder}-{number}", renew)
            for number, file in enumerate(message.attachments)
        ]


async def _fetched(
    web: aiohttp.ClientSession, file: Attachment, wanted: Files, data: Path, name: str, renew: Renew
) -> Attachment:
    if not file.url or file.path or file.text or not _is_wanted(file, wanted):
        return file
    try:
        content = await _content(web, file.url, wanted.size)
        # An address is good for a day; a message may wait longer.
        if content is None and (url := await renew(file)):
            content = await _content(web, url, wanted.size)
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("%s could not be fetched: %s", file.name, error or "it took too long")
        return file
    return file if content is None else await asyncio.to_thread(_kept, file, content, name, data)


def _is_wanted(file: Attachment, wanted: Files) -> bool:
    return file.size <= wanted.size and any(fnmatchcase(file.media_type, pattern) for pattern in wanted.types)


async def _content(web: aiohttp.ClientSession, url: str, most: int) -> bytes | None:
    """What stands at an address, and None where it has expired; raises ClientError, also for more than was said."""
    async with web.get(url) as response:
        if response.status in (403, 404, 410):
            return None
        response.raise_for_status()
        content = bytearray()
        async for piece in response.content.iter_chunked(1 << 16):
            content += piece
            if len(content) > most:
                raise aiohttp.ClientPayloadError("it is larger than it was said to be")
        return bytes(content)


def _kept(file: Attachment, content: bytes, name: str, data: Path) -> Attachment:
    if not file.media_type.startswith("image/"):
        text = content.decode(errors="replace")
        return replace(file, text=text if len(text) <= TEXT_CHARS else f"{text[:TEXT_CHARS]} … (cut off)")
    path = f"{name}{mimetypes.guess_extension(file.media_type) or ''}"
    (data / path).parent.mkdir(parents=True, exist_ok=True)
    (data / path).write_bytes(content)
    return replace(file, path=path)
