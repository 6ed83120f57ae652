"""A small S3 on loopback: the few requests that a media host makes, whose signatures are not looked at."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carrier.testing.openai_server import serving


@asynccontextmanager
async def s3_server(folder: Path) -> AsyncIterator[str]:
    """Its URL; all buckets are the folder `s3` in this one."""
    bucket = Bucket(folder / "s3")
    bucket.home.mkdir(exist_ok=True)
    routes = [
        Route("/{bucket}", bucket.clear, methods=["POST"]),
        Route("/{bucket}", bucket.list, methods=["GET"]),
        Route("/{bucket}/{key:path}", bucket.put, methods=["PUT"]),
        Route("/{bucket}/{key:path}", bucket.delete, methods=["DELETE"]),
        Route("/{bucket}/{key:path}", bucket.get, methods=["GET", "HEAD"]),
    ]
    async with serving(routes) as address:
        yield f"http://{address}"


@dataclass(frozen=True)
class Bucket:
    """Objects as files of one folder."""

    home: Path

    async def put(self, request: Request) -> Response:
        file = self._file(request)
        file.write_bytes(await request.body())
        return Response(headers={"etag": _etag(file)})

    async def get(self, request: Request) -> Response:
        file = self._file(request)
        if not file.exists():
            return Response(status_code=404)
        changed = _changed(file).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Response(file.read_bytes(), headers={"etag": _etag(file), "last-modified": changed})

    async def delete(self, request: Request) -> Response:
        self._file(request).unlink(missing_ok=True)
        return Response(status_code=204)

    async def clear(self, request: Request) -> Response:
        keys = re.findall("<Key>(.*?)</Key>", (await request.body()).decode())
        for key in keys:
            self._named(key).unlink(missing_ok=True)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return Response(f"<DeleteResult>{deleted}</DeleteResult>", media_type="application/xml")

    async def list(self, request: Request) -> Response:
        prefix = request.query_params.get("prefix", "")
        found = [(file.name.replace("~", "/"), file) for file in sorted(self.home.iterdir())]
        contents = "".join(_listed(key, file) for key, file in found if key.startswith(prefix))
        told = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        return Response(told, media_type="application/xml")

    def _file(self, request: Request) -> Path:
        return self._named(unquote(request.path_params["key"]))

    def _named(self, key: str) -> Path:
        return self.home / key.replace("/", "~")


def _listed(key: str, file: Path) -> str:
    return (
        f"<Contents><Key>{key}</Key><Size>{file.stat().st_size}</Size><ETag>{_etag(file)}</ETag>"
        f"<LastModified>{_changed(file):%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
    )


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _etag(file: Path) -> str:
    return f'"{md5(file.read_bytes(), usedforsecurity=False).hexdigest()}"'
