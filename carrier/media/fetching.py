"""Fetches pictures and videos that stand on the web."""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from carrier.egress import BadAnswer, Forbidden, Network, client, fetch
from carrier.errors import Unfit
from carrier.media.limits import PICTURE_FILE

if TYPE_CHECKING:
    import httpx

SECONDS = 60.0


def is_address(name: str) -> bool:
    return name.startswith(("https://", "http://"))


async def fetched(url: str, named: bool) -> bytes:
    """What stands there. One that the operator has `named` may be on a private network; raises Unfit."""
    httpx = await asyncio.to_thread(import_module, "httpx")
    try:
        web = await asyncio.to_thread(_client, url, named)
        async with web, asyncio.timeout(SECONDS):
            answer = await fetch(web, web.build_request("GET", url), PICTURE_FILE)
    except (Forbidden, BadAnswer, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise Unfit(url, f"cannot be fetched: {why}", "name one that everybody can fetch") from error
    except TimeoutError as error:
        raise Unfit(url, f"takes longer than {SECONDS:g} s", "put it into the project's folder") from error
    if not answer.is_success:
        raise Unfit(url, f"answers {answer.status_code}", "see that it is there, for everybody")
    return answer.content


def _client(url: str, named: bool) -> "httpx.AsyncClient":
    return client(Network.of([urlsplit(url).netloc] if named else (), url))
