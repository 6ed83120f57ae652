"""The HTTP door from its other side: how commands reach the host that runs, wherever it listens."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carrier.api.tokens import ADDRESS, TOKEN
from carrier.errors import CarrierError
from carrier.lock import is_locked


class Refusal(CarrierError):
    """The host's own words for why it did not do what was asked."""


class NobodyThere(CarrierError):
    """No host runs on this data folder."""


@dataclass(frozen=True)
class Caller:
    """A connection to a running host."""

    client: Any  # httpx.AsyncClient: imported with the first command that calls, not with the host

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return _checked(await self.client.get(path, params=query or None))

    async def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return _checked(await self.client.post(path, json=body))

    async def send(self, path: str, file: Path) -> dict[str, Any]:
        """With the file as the body, and its name beside it."""
        content = await asyncio.to_thread(file.read_bytes)
        return _checked(await self.client.post(path, content=content, params={"name": file.name}))

    async def stream(self, path: str, body: Mapping[str, object]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Server-sent events as (name, data)."""
        headers = {"accept": "text/event-stream"}
        async with self.client.stream("POST", path, json=body, headers=headers) as response:
            if response.is_error:
                await response.aread()
                _checked(response)
            name = ""
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))


def _checked(response: Any) -> dict[str, Any]:
    """The body of an answer; raises Refusal with what the host said."""
    body: dict[str, Any] = response.json()
    if response.is_error and "error" in body:
        raise Refusal(body["error"])
    return body


@asynccontextmanager
async def calling(data: Path) -> AsyncIterator[Caller]:
    """Raises NobodyThere when no host answers for this data folder."""
    import httpx

    # The file of a host that was killed is still there, and another program may have its port: it gets no token.
    if not is_locked(data):
        raise NobodyThere(f"no host runs on {data}")
    try:
        address, token = (data / ADDRESS).read_text().strip(), (data / TOKEN).read_text().strip()
    except FileNotFoundError as error:
        raise NobodyThere(f"no host runs on {data}") from error
    headers = {"authorization": f"Bearer {token}"}
    # A host speaks no TLS, and to read whom one may trust in it takes 20 ms.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(
        base_url=address, headers=headers, timeout=90, trust_env=False, verify=nobody
    ) as client:
        try:
            await client.get("/health")
        except httpx.TransportError as error:
            raise NobodyThere(f"no host answers at {address}") from error
        yield Caller(client)
