"""The Graph API over HTTP: one call, one answer or one error with its remedy; nothing is repeated here."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from carrier.clients.instagram.policy import remedy
from carrier.egress import tls
from carrier.errors import PostError, PostRemedy

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 10.0, 120.0
PIECE = 1 << 20
"""Bytes of a video that are read at once."""
BUSY = 90
"""Per cent of what may be called: from here on calls wait."""


@dataclass(eq=False)
class Graph:
    """A Graph API at a URL, spoken to with an account's token, which stands in the header only."""

    site: str
    """As in https://graph.facebook.com"""
    version: str
    token: Callable[[], str]
    read_seconds: float = READ_SECONDS
    paused_until: float = 0.0
    """By the loop's clock: the platform has asked for a pause."""
    served: str = ""
    """The version that the last answer was of, as it said itself."""
    _client: "httpx.AsyncClient | None" = field(default=None, repr=False)
    _keeps: bool = True
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def get(self, path: str, **query: object) -> Mapping[str, Any]:
        """A path that begins with a `/` has no version."""
        return await self._call("GET", path, query, publishing=False)

    async def post(self, path: str, form: Mapping[str, object], publishing: bool = False) -> Mapping[str, Any]:
        """`publishing` says that something becomes visible by it: then an error leaves it open whether it did."""
        return await self._call("POST", path, form, publishing)

    async def delete(self, path: str) -> Mapping[str, Any]:
        return await self._call("DELETE", path, {}, publishing=False)

    async def upload(self, url: str, file: Path, offset: int) -> None:
        """A video from so many bytes on."""
        self._obey_pause()
        size = (await asyncio.to_thread(file.stat)).st_size
        told = {"offset": str(offset), "file_size": str(size), "content-length": str(size - offset)}
        headers = {"authorization": f"OAuth {self.token()}", **told}
        with _in_words("POST ig-api-upload", publishing=False):
            async with self._connected() as client:
                answer = await client.post(url, headers=headers, content=_pieces(file, offset))
        self._note_usage(answer)
        with self._told():
            _judge_upload(answer)

    def open(self) -> None:
        """Keep connections from now on, until it is closed."""
        self._keeps = True

    async def close(self) -> None:
        """Keep none from now on: who asks it again has one for each call."""
        async with self._opening:
            client, self._client, self._keeps = self._client, None, False
        if client:
            await client.aclose()

    async def _call(self, method: str, path: str, values: Mapping[str, object], publishing: bool) -> Mapping[str, Any]:
        self._obey_pause()
        told = {key: _written(value) for key, value in values.items() if value is not None}
        url = f"{self.site}{path}" if path.startswith("/") else f"{self.site}/{self.version}/{path}"
        place: dict[str, Any] = {"data": told} if method == "POST" else {"params": told}
        headers = {"authorization": f"Bearer {self.token()}"}
        with _in_words(f"{method} {path}", publishing):
            async with self._connected() as client:
                answer = await client.request(method, url, headers=headers, **place)
        self._note_usage(answer)
        if not path.startswith("/"):
            self.served = answer.headers.get("facebook-api-version", "")
        with self._told():
            return _judge(f"{method} {path}", answer, publishing)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["httpx.AsyncClient"]:
        if client := await self._kept():
            yield client
            return
        async with await asyncio.to_thread(_new_client, self.read_seconds) as client:
            yield client

    async def _kept(self) -> "httpx.AsyncClient | None":
        async with self._opening:
            if self._keeps and not self._client:
                self._client = await asyncio.to_thread(_new_client, self.read_seconds)
            return self._client

    def _obey_pause(self) -> None:
        left = self.paused_until - asyncio.get_running_loop().time()
        if left > 0:
            raise PostError(f"the Graph API has asked for a pause; {left:.0f} s are left", "wait", left)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What an answer says of an error: without the token, which Meta repeats where it is malformed, and with the
        pause that the same answer asks for."""
        try:
            yield
        except PostError as error:
            left = max(0.0, self.paused_until - asyncio.get_running_loop().time())
            wait, token = left if error.remedy == "wait" else error.wait, self.token()
            words = str(error).replace(token, "…") if token else str(error)
            raise PostError(words, error.remedy, wait, error.code) from None

    def _note_usage(self, answer: "httpx.Response") -> None:
        """What is used up is told in each answer: a share of a hundred, and minutes until there is more."""
        shares, minutes = usage(answer.headers)
        if minutes or shares >= BUSY:
            pause = minutes * 60.0 or 3600.0
            log.warning("the Graph API: %d %% of the calls are used; no more for %.0f s", shares, pause)
            self.paused_until = asyncio.get_running_loop().time() + pause


def usage(headers: Mapping[str, str]) -> tuple[int, int]:
    """The highest share that is used, in per cent, and the minutes until there is more; what makes no sense is 0."""
    business = (_load(headers.get("x-business-use-case-usage")) or {}).values()
    counted = [_load(headers.get("x-app-usage")), *(row for rows in business if isinstance(rows, list) for row in rows)]
    rows = [row for row in counted if isinstance(row, dict)]
    shares = [_number(row.get(key)) for row in rows for key in ("call_count", "total_cputime", "total_time")]
    minutes = [_number(row.get("estimated_time_to_regain_access")) for row in rows]
    return max(shares, default=0), max(minutes, default=0)


def _load(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _written(value: object) -> str:
    """As a form has it: lists and maps as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


@contextmanager
def _in_words(call: str, publishing: bool) -> Iterator[None]:
    """What happens on the way. Before a connection stood, nothing was ordered; after that nobody knows."""
    import httpx

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise PostError(f"{call}: not reached: {str(error) or type(error).__name__}", "retry") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        left_open: Literal["look", "retry"] = "look" if publishing else "retry"
        raise PostError(f"{call}: no answer: {str(error) or type(error).__name__}", left_open) from error


def _judge(call: str, answer: "httpx.Response", publishing: bool) -> Mapping[str, Any]:
    found = _load(answer.text)
    if found is None:
        raise PostError(
            f"{call}: an answer that is no JSON (HTTP {answer.status_code})", "look" if publishing else "retry"
        )
    if isinstance(told := found.get("error"), dict):
        raise _error(call, told, publishing)
    if answer.is_error:
        raise PostError(f"{call}: HTTP {answer.status_code}", "look" if publishing else "retry")
    return found


async def _pieces(file: Path, offset: int) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as opened:
        await asyncio.to_thread(opened.seek, offset)
        while piece := await asyncio.to_thread(opened.read, PIECE):
            yield piece


def _judge_upload(answer: "httpx.Response") -> None:
    """Answered in a form of its own."""
    found = _load(answer.text) or {}
    if answer.is_success and found.get("success"):
        return
    told = found.get("debug_info") or {}
    what: PostRemedy = "renew" if told.get("retriable") is False else "retry"
    words = told.get("message") or f"HTTP {answer.status_code}"
    raise PostError(f"POST ig-api-upload: {str(words)[:300]}", what)


def _error(call: str, told: Mapping[str, Any], publishing: bool) -> PostError:
    code, subcode = _number(told.get("code")), _number(told.get("error_subcode"))
    words = told.get("error_user_msg") or told.get("message") or "no reason given"
    what = remedy(code, subcode, told.get("is_transient") is True, publishing)
    named = f"{code}/{subcode}" if subcode else str(code)
    return PostError(f"{call}: {str(words)[:300]} ({named})", what, code=named)


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _new_client(read_seconds: float) -> "httpx.AsyncClient":
    import httpx

    # It writes whole addresses down.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    timeout = httpx.Timeout(read_seconds, connect=CONNECT_SECONDS)
    return httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False, verify=tls("httpx"))
