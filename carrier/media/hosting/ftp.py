"""An FTP server, in the open or within TLS: written to by ftplib in a thread, for it keeps to RFC 4217's order."""

import asyncio
import ftplib
import socket
import ssl
from calendar import timegm
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from time import strptime
from typing import Any, TypeVar

from carrier.config.models.media_hosts import Ftp
from carrier.errors import ClientError, Passing, Refused
from carrier.media.hosting.naming import PART, is_ours
from carrier.media.hosting.public_shelf import Left, PublicShelf
from carrier.threads import Pool

T = TypeVar("T")

SECONDS = 30.0
"""That a server may be silent."""
BLOCK = 64 * 1024
AT_ONCE = 4
"""Connections to all FTP servers together."""

_pool = Pool(AT_ONCE)


class Ftps(ftplib.FTP_TLS):
    """FTP within TLS whose data connections go on with the session of the first one: servers insist on it.

    ftplib itself opens a session for each (python/cpython#63699), which vsftpd refuses with its defaults.
    """

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:  # type: ignore[attr-defined]
            control: ssl.SSLSocket = self.sock  # type: ignore[assignment]
            connection = self.context.wrap_socket(connection, server_hostname=self.host, session=control.session)
        return connection, size


class ImplicitFtps(Ftps):
    """The same where the server speaks TLS from the first byte."""

    def connect(self, host: str = "", port: int = 0, timeout: float = SECONDS, source_address: Any = None) -> str:
        self.host, self.port, self.timeout = host, port, timeout
        plain = socket.create_connection((host, port), timeout)
        self.sock = self.context.wrap_socket(plain, server_hostname=host)
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome


class FtpShelf:
    """A folder of an FTP server, with a connection for each thing that is done there."""

    def __init__(self, settings: Ftp):
        self._settings = settings

    async def write(self, file: Path, name: str, media_type: str) -> int:
        return await self._do(lambda ftp: _write(ftp, file, name))

    async def delete(self, names: Sequence[str]) -> None:
        await self._do(lambda ftp: _delete(ftp, names))

    async def listing(self) -> Sequence[Left]:
        return await self._do(_listing)

    async def _do(self, work: Callable[[ftplib.FTP], T]) -> T:
        """Do it in a thread; whoever stops waiting cuts the connection, so that the thread is free again."""
        ftp = await asyncio.to_thread(self._new)
        done = asyncio.wrap_future(_pool.submit(lambda: self._connected(ftp, work)))
        try:
            found: T = await done  # type: ignore[assignment]
        except asyncio.CancelledError:
            _cut(ftp)
            raise
        return found

    def _new(self) -> ftplib.FTP:
        """Not connected yet; reads the machine's certificates."""
        if self._settings.tls == "none":
            return ftplib.FTP(timeout=SECONDS)
        return (Ftps if self._settings.tls == "explicit" else ImplicitFtps)(context=self._trust, timeout=SECONDS)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """The machine's certificates and the one that is named."""
        context = ssl.create_default_context()
        if self._settings.ca:
            context.load_verify_locations(self._settings.ca)
        return context

    def _connected(self, ftp: ftplib.FTP, work: Callable[[ftplib.FTP], T]) -> T:
        with self._plainly():
            try:
                self._connect(ftp)
                return work(ftp)
            finally:
                _leave(ftp)

    def _connect(self, ftp: ftplib.FTP) -> None:
        settings = self._settings
        ftp.connect(settings.server, settings.port, SECONDS)
        with _hint("see that the server offers TLS, or write `tls: none`", "500", "502", "504", "530", "534"):
            if isinstance(ftp, Ftps) and settings.tls == "explicit":
                ftp.auth()
        with _hint("see `username` and `password`", "530"):
            ftp.login(settings.username, settings.password.get_secret_value())
        if isinstance(ftp, Ftps):
            ftp.prot_p()
        if settings.folder:
            with _hint(f"see that its folder {settings.folder} is there", "550", "553"):
                ftp.cwd(settings.folder)
        ftp.voidcmd("TYPE I")

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Errors in words: a server's 4xx and what happens on the way pass, its 5xx do not."""
        where = f"the FTP server {self._settings.server}:{self._settings.port}"
        try:
            yield
        except ClientError as error:
            raise type(error)(f"{where}: {error}") from error
        except ssl.SSLCertVerificationError as error:
            hint = "if it has made its certificate itself, name it in `ca`"
            raise Refused(f"{where}: its certificate is not accepted: {error.verify_message}; {hint}") from error
        except (ftplib.error_perm, ValueError) as error:
            raise _refused(where, str(error)) from error
        except (ftplib.Error, OSError, EOFError) as error:
            raise Passing(f"{where}: {str(error) or type(error).__name__}") from error


def _write(ftp: ftplib.FTP, file: Path, name: str) -> int:
    part = name + PART
    with file.open("rb") as opened:
        ftp.storbinary(f"STOR {part}", opened, BLOCK)
    size = _size(ftp, part)
    if size == file.stat().st_size:
        ftp.rename(part, name)
    return size


def _size(ftp: ftplib.FTP, name: str) -> int:
    size = ftp.size(name)
    if size is None:
        raise Refused("it does not say how long a file is (SIZE)")
    return size


def _delete(ftp: ftplib.FTP, names: Sequence[str]) -> None:
    for name in names:
        try:
            ftp.delete(name)
        except ftplib.error_perm as error:
            if not str(error).startswith("550"):
                raise


def _listing(ftp: ftplib.FTP) -> list[Left]:
    # Not MLSD: vsftpd does not have it.
    try:
        names = ftp.nlst()
    except ftplib.error_perm as error:
        if str(error).startswith("550"):
            return []  # how some servers say that a folder is empty
        raise
    ours = [name for each in names if is_ours(name := each.rpartition("/")[2])]
    return [Left(name, at) for name in ours if (at := _modified(ftp, name))]


def _modified(ftp: ftplib.FTP, name: str) -> float:
    """When it was put there; 0 if it is gone meanwhile, or the server does not say."""
    try:
        answer = ftp.voidcmd(f"MDTM {name}")
        return float(timegm(strptime(answer.split()[1][:14], "%Y%m%d%H%M%S")))
    except (ftplib.error_perm, ValueError, IndexError):
        return 0.0


@contextmanager
def _hint(help: str, *codes: str) -> Iterator[None]:
    try:
        yield
    except ftplib.error_perm as error:
        if str(error).startswith(codes):
            raise Refused(f"{error}; {help}") from error
        raise


def _refused(where: str, answer: str) -> ClientError:
    # Both say that there is no room, which somebody may make.
    if answer.startswith(("552", "452")):
        return Passing(f"{where}: it is full: {answer}", retry_after=300.0)
    return Refused(f"{where}: {answer}")


def _leave(ftp: ftplib.FTP) -> None:
    with suppress(ftplib.Error, OSError, EOFError, AttributeError):
        ftp.quit()
    ftp.close()


def _cut(ftp: ftplib.FTP) -> None:
    if ftp.sock:
        with suppress(OSError):
            ftp.sock.shutdown(socket.SHUT_RDWR)


def ftp(settings: Ftp) -> PublicShelf:
    return PublicShelf(FtpShelf(settings), settings.public_url)
