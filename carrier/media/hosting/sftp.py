"""A folder of an SSH server, over SFTP."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carrier.config.models.media_hosts import Sftp
from carrier.errors import CarrierError, Passing, Refused
from carrier.media.hosting.naming import PART, is_ours
from carrier.media.hosting.public_shelf import Left, PublicShelf

if TYPE_CHECKING:
    import asyncssh

SECONDS = 30.0
"""That a server may take to let somebody in."""


class SftpShelf:
    """A folder that is reached by SSH, with a connection for each thing that is done there."""

    def __init__(self, settings: Sftp):
        self._settings = settings

    async def write(self, file: Path, name: str, media_type: str) -> int:
        async with self._connected() as sftp:
            part = self._path(name + PART)
            await sftp.put(str(file), part)
            size = (await sftp.stat(part)).size or 0
            if size == (await asyncio.to_thread(file.stat)).st_size:
                await sftp.rename(part, self._path(name))
            return size

    async def delete(self, names: Sequence[str]) -> None:
        ssh = await _asyncssh()
        async with self._connected() as sftp:
            for name in names:
                with suppress(ssh.SFTPNoSuchFile):
                    await sftp.remove(self._path(name))

    async def listing(self) -> Sequence[Left]:
        async with self._connected() as sftp:
            found = await sftp.readdir(self._settings.folder or ".")
            return [Left(str(it.filename), float(it.attrs.mtime or 0)) for it in found if is_ours(str(it.filename))]

    def _path(self, name: str) -> str:
        folder = self._settings.folder.rstrip("/")
        return f"{folder}/{name}" if self._settings.folder else name

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["asyncssh.SFTPClient"]:
        ssh = await _asyncssh()
        settings = self._settings
        where = f"the SFTP server {settings.server}:{settings.port}"
        try:
            async with asyncio.timeout(SECONDS):
                connection = await ssh.connect(settings.server, settings.port, **self._login(ssh))
            async with connection, connection.start_sftp_client() as sftp:
                yield sftp
        except (ssh.PermissionDenied, ssh.KeyImportError) as error:
            raise Refused(f"{where}: {error}; see `username` and `password` or `private_key`") from error
        except ssh.HostKeyNotVerifiable as error:
            raise Refused(f"{where}: nobody knows its host key; name it in `host_key`") from error
        except (ssh.SFTPNoSuchFile, ssh.SFTPNoSuchPath, ssh.SFTPPermissionDenied) as error:
            hint = f"see that its folder {settings.folder or 'after the login'} is there and may be written to"
            raise Refused(f"{where}: {error.reason}; {hint}") from error
        except (ssh.Error, OSError) as error:
            raise Passing(f"{where}: {str(error) or type(error).__name__}") from error

    def _login(self, ssh: Any) -> dict[str, Any]:
        settings = self._settings
        login: dict[str, Any] = {"username": settings.username, "config": None, "agent_path": None}
        if settings.password:
            login["password"] = settings.password.get_secret_value()
        keys = settings.private_key
        login["client_keys"] = [ssh.import_private_key(keys.get_secret_value())] if keys else []
        if settings.host_key:
            login["known_hosts"] = ssh.import_known_hosts(f"* {settings.host_key}")
        return login


async def _asyncssh() -> Any:
    """The library, which is asked for by name; imported in a thread, for it takes its time."""
    try:
        return await asyncio.to_thread(import_module, "asyncssh")
    except ImportError as error:
        raise CarrierError('sftp needs a package more: pip install "carrier-host[sftp]"') from error


def sftp(settings: Sftp) -> PublicShelf:
    return PublicShelf(SftpShelf(settings), settings.public_url)
