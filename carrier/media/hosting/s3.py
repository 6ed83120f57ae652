"""A bucket of Amazon's S3, or of whatever speaks as it does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from carrier.config.models.media_hosts import S3
from carrier.errors import CarrierError, Passing, Refused
from carrier.media.hosting.naming import is_ours
from carrier.media.hosting.public_shelf import Left, PublicShelf


class S3Shelf:
    """Objects below a prefix; one is there whole or not at all, as S3 promises."""

    def __init__(self, settings: S3):
        self._settings = settings
        self._prefix = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""

    async def write(self, file: Path, name: str, media_type: str) -> int:
        async with self._bucket() as (obstore, bucket):
            await obstore.put_async(bucket, self._prefix + name, file, attributes={"Content-Type": media_type})
            return int((await obstore.head_async(bucket, self._prefix + name))["size"])

    async def delete(self, names: Sequence[str]) -> None:
        async with self._bucket() as (obstore, bucket):
            with suppress(FileNotFoundError):
                await obstore.delete_async(bucket, [self._prefix + name for name in names])

    async def listing(self) -> Sequence[Left]:
        async with self._bucket() as (obstore, bucket):
            found = [each async for several in obstore.list(bucket, self._prefix or None) for each in several]
            names = [(each["path"].removeprefix(self._prefix), each["last_modified"].timestamp()) for each in found]
            return [Left(name, at) for name, at in names if is_ours(name)]

    @asynccontextmanager
    async def _bucket(self) -> AsyncIterator[tuple[Any, Any]]:
        obstore, stores, errors = await asyncio.to_thread(_obstore)
        where = f"the bucket {self._settings.bucket}"
        try:
            yield obstore, stores.S3Store(self._settings.bucket, **self._login())
        except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
            raise Refused(f"{where}: it does not let us in; see `access_key_id` and what its policy allows") from error
        except FileNotFoundError as error:
            raise Refused(f"{where}: there is none; see `bucket`, `region` and `endpoint`") from error
        except (errors.BaseError, OSError) as error:
            raise Passing(f"{where}: {_first_line(error)}") from error

    def _login(self) -> dict[str, Any]:
        settings = self._settings
        login: dict[str, Any] = {"client_options": {"allow_http": settings.endpoint.startswith("http://")}}
        if settings.region:
            login["region"] = settings.region
        if settings.endpoint:
            login["endpoint"] = settings.endpoint
        if settings.secret_access_key:
            login["access_key_id"] = settings.access_key_id
            login["secret_access_key"] = settings.secret_access_key.get_secret_value()
        return login


def _first_line(error: Exception) -> str:
    """What obstore says after a debug form of the whole error would hold the request."""
    return str(error).partition("\n")[0][:300] or type(error).__name__


def _obstore() -> tuple[Any, Any, Any]:
    """The library, which is asked for by name."""
    try:
        return import_module("obstore"), import_module("obstore.store"), import_module("obstore.exceptions")
    except ImportError as error:
        raise CarrierError('s3 needs a package more: pip install "carrier-host[s3]"') from error


def s3(settings: S3) -> PublicShelf:
    return PublicShelf(S3Shelf(settings), settings.public_url)
