"""Reading a request to the Graph API in whatever form it comes: query, form or JSON, its token anywhere."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from carrier.testing.graph.journal import Place

NEWEST, OLDEST = (26, 0), (21, 0)
_VERSION = re.compile(r"^/v(\d+)\.(\d+)(?=/|$)")
_UPLOAD = re.compile(r"ig-api-upload/v\d+\.\d+/(\w+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    """Without the version."""
    version: tuple[int, int]
    parameters: Mapping[str, Any]
    token: str
    token_in: Place

    @property
    def upload(self) -> str:
        """The container that pieces of a video are for; empty: it is another request."""
        found = _UPLOAD.fullmatch(self.path)
        return found[1] if found else ""


async def read(request: web.Request) -> Asked:
    version, path = _VERSION.match(request.path), _VERSION.sub("", request.path).strip("/")
    body = {} if _UPLOAD.fullmatch(path) else await _body(request)
    token, token_in = _token(request, body)
    numbers = (int(version[1]), int(version[2])) if version else NEWEST
    return Asked(request.method, path, numbers, {**request.query, **body}, token, token_in)


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        try:
            found = json.loads(await request.read() or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    return {name: str(value) for name, value in (await request.post()).items()}


def _token(request: web.Request, body: Mapping[str, Any]) -> tuple[str, Place]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme in ("Bearer", "OAuth") and token:
        return token, "header"
    if "access_token" in request.query:
        return request.query["access_token"], "query"
    return str(body.get("access_token", "")), "body" if "access_token" in body else ""
