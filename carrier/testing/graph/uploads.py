"""Videos that are sent in pieces: the door of rupload.facebook.com."""

from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from carrier.testing.graph.errors import GraphError, Refusal
from carrier.testing.graph.fetching import MOST, Fetched, fetch
from carrier.testing.graph.objects import Account, Container, Upload
from carrier.testing.graph.publishing import fill_with_video
from carrier.testing.graph.world import World

DONE = {"success": True, "message": "Upload successful."}


@dataclass(frozen=True, slots=True)
class UploadRefusal(Refusal):
    """Said in a form of its own."""

    def body(self, trace: str) -> dict[str, Any]:
        return {"debug_info": {"retriable": False, "type": self.type, "message": self.message}}


class Cut(Exception):
    """So much of it has arrived, and no more will."""


async def take(
    world: World, session: aiohttp.ClientSession, request: web.Request, id: str, account: Account, most: int | None
) -> dict[str, Any]:
    """A piece of a video, or where it is to be fetched; raises Cut after the most that may arrive."""
    container = world.nodes.get(id)
    if not isinstance(container, Container) or container.account is not account or container.upload is None:
        raise _refused("NotAuthorizedError", "The upload session is not known")
    if url := request.headers.get("file_url"):
        _complete(world, container, await _fetched(world, session, url))
    else:
        await _received(request, container.upload, most)
        if container.upload.complete:
            _complete(world, container, Fetched("", bytes(container.upload.received), "video/mp4"))
    return DONE


async def _received(request: web.Request, upload: Upload, most: int | None) -> None:
    offset, size = request.headers.get("offset", ""), request.headers.get("file_size", "")
    if not offset.isdecimal() or not size.isdecimal() or not 0 < int(size) <= MOST:
        raise _refused("ParameterError", "The headers offset and file_size are needed")
    if int(offset) != len(upload.received) or upload.size not in (0, int(size)):
        raise _refused("OffsetInvalidError", f"The upload goes on at {len(upload.received)}")
    upload.size = int(size)
    # What arrived before a connection broke stays.
    async for piece in request.content.iter_any():
        upload.received += piece
        if most is not None and len(upload.received) >= int(offset) + most:
            del upload.received[int(offset) + most :]
            raise Cut
        if len(upload.received) > upload.size:
            upload.received.clear()
            raise _refused("FileSizeError", "More came than file_size says")
    if not upload.complete:
        raise _refused("PartialRequestError", f"Only {len(upload.received)} of {upload.size} bytes came")


async def _fetched(world: World, session: aiohttp.ClientSession, url: str) -> Fetched:
    fetched = await fetch(session, url, world.rules.fetch_seconds)
    if fetched.trouble:
        raise _refused("ProcessingFailedError", f"The video could not be fetched: {fetched.trouble}")
    return fetched


def _complete(world: World, container: Container, fetched: Fetched) -> None:
    container.upload = Upload(len(fetched.body), bytearray(fetched.body))
    container.ready = world.now + world.rules.video_seconds
    fill_with_video(container, fetched)


def _refused(kind: str, message: str) -> GraphError:
    return GraphError(UploadRefusal(0, message, type=kind))
