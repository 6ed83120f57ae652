"""Media hosts on loopback: FTP servers by two makers, SFTP, and a web server that shows what is put there."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from carrier.testing.certificates import write_certificate
from carrier.testing.openai_server import serving

USER, PASSWORD = "anna", "one-two-three"

Fault = Literal["", "hangs", "is full", "drops half-way", "refuses TLS", "loses bytes"]


@dataclass(frozen=True)
class FtpServer:
    """Where it listens, and the folder that files are put into: `inside` what one stands in after the login."""

    port: int
    folder: Path
    certificate: str = ""
    inside: str = ""
    host: str = "127.0.0.1"


@contextmanager
def ftp_server(folder: Path, tls: str = "none", fault: Fault = "") -> Iterator[FtpServer]:
    """pyftpdlib, in a thread: `tls` is none, explicit or implicit."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

    home = folder / "ftp"
    home.mkdir(exist_ok=True)
    people = DummyAuthorizer()
    people.add_user(USER, PASSWORD, str(home), perm="elradfmwMT")
    handler: Any = type("Handler", (_handler(tls, fault),), {"authorizer": people})
    certificate = str(write_certificate(folder)) if tls != "none" else ""
    if certificate:
        handler.certfile = certificate
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)
    ends = [False]
    thread = Thread(target=_serve, args=(server, ends), name="ftp server", daemon=True)
    thread.start()
    try:
        yield FtpServer(server.address[1], home, certificate)
    finally:
        ends[0] = True
        thread.join(10)


def _serve(server: Any, ends: list[bool]) -> None:
    while not ends[0]:
        server.ioloop.loop(timeout=0.05, blocking=False)
    server.close_all()


def _handler(tls: str, fault: Fault) -> Any:
    from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler

    plain: Any = FTPHandler if tls == "none" and fault != "refuses TLS" else TLS_FTPHandler
    base: Any = _implicit(plain) if tls == "implicit" else plain

    class Data(DTPHandler if plain is FTPHandler else TLS_DTPHandler):  # type: ignore[misc]
        def handle_read_event(self) -> None:
            if fault == "hangs":
                self.del_channel()
                return
            super().handle_read_event()
            if fault == "drops half-way" and self.tot_bytes_received:
                self.cmd_channel.close()

        def close(self) -> None:
            if fault == "loses bytes" and self.file_obj and not self.file_obj.closed and self.receive:
                self.file_obj.truncate(10)
                self.file_obj.seek(0, 2)
            super().close()

    class Handler(base):  # type: ignore[misc]
        dtp_handler = Data
        use_sendfile = False
        auth_failed_timeout = 0.1

        def ftp_AUTH(self, line: str) -> None:
            if fault == "refuses TLS":
                self.respond("502 Command not implemented.")
            else:
                super().ftp_AUTH(line)

        def ftp_STOR(self, file: str, mode: str = "w") -> Any:
            if fault == "is full":
                self.respond("552 Disk full.")
                return None
            return super().ftp_STOR(file, mode)

    return Handler


def _implicit(base: Any) -> Any:
    class Implicit(base):  # type: ignore[misc]
        def handle(self) -> None:
            self.secure_connection(self.get_ssl_context())

        def handle_ssl_established(self) -> None:
            base.handle(self)

    return Implicit


def vsftpd_program() -> str | None:
    """Where vsftpd is installed."""
    return shutil.which("vsftpd") or shutil.which("vsftpd", path="/usr/sbin")


@asynccontextmanager
async def vsftpd(folder: Path, tls: bool) -> AsyncIterator[FtpServer]:
    """A vsftpd with its defaults, but for whom it lets in and where it listens; root has to start it."""
    program, port = vsftpd_program(), _free_port()
    assert program, "vsftpd is not installed"
    root, empty, home = folder / "root", folder / "empty", folder / "root" / "pictures"
    for each in (root, empty, home):
        each.mkdir()
    home.chmod(0o777)
    certificate = write_certificate(folder)
    lines = {
        "listen": "YES",
        "listen_port": port,
        "listen_address": "127.0.0.1",
        "background": "NO",
        "anonymous_enable": "YES",
        "ftp_username": "daemon",
        "anon_root": root,
        "anon_upload_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_umask": "022",
        "write_enable": "YES",
        "allow_anon_ssl": "YES",
        "secure_chroot_dir": empty,
        "allow_writeable_chroot": "YES",
        "seccomp_sandbox": "NO",
        "ssl_enable": "YES" if tls else "NO",
        "rsa_cert_file": certificate,
        "rsa_private_key_file": certificate,
    }
    settings = folder / "vsftpd.conf"
    settings.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    process = await asyncio.create_subprocess_exec(program, str(settings))
    try:
        await _listening(port)
        yield FtpServer(port, home, str(certificate), home.name)
    finally:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def _listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            return await writer.wait_closed()


@dataclass(frozen=True)
class SftpServer:
    port: int
    folder: Path
    host_key: str


@asynccontextmanager
async def sftp_server(folder: Path) -> AsyncIterator[SftpServer]:
    """asyncssh's own server, of one folder."""
    import asyncssh

    home = folder / "sftp"
    home.mkdir(exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519")

    class Door(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    def files(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(home).encode())

    server = await asyncssh.create_server(
        Door, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=files, reuse_port=False
    )
    async with server:
        public = key.export_public_key().decode().strip()
        yield SftpServer(server.sockets[0].getsockname()[1], home, public)


@asynccontextmanager
async def shown(folder: Path) -> AsyncIterator[str]:
    """A web server that shows a folder; its URL."""
    async with serving([Mount("/", StaticFiles(directory=folder))]) as address:
        yield f"http://{address}"
