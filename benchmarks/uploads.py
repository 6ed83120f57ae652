"""Measures how fast a media host takes a film, and how long the event loop stands still meanwhile.

The server is pyftpdlib in a process of its own, as is the web server that shows what was put there.
"""

import asyncio
import gc
import logging
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import SecretStr

from carrier.config.models.media_hosts import Ftp
from carrier.media.hosting.ftp import ftp
from carrier.testing.media_hosts import PASSWORD, USER, ftp_server, shown

BYTES = 50_000_000
TIMES = 3


def main() -> None:
    """Print what was measured."""
    for tls, name in (("none", "FTP"), ("explicit", "FTPS")):
        with tempfile.TemporaryDirectory() as folder:
            speed, first, later = asyncio.run(_measure(Path(folder), tls))
        stalls = f"longest stall {later * 1000:.1f} ms; in the first upload {first * 1000:.1f} ms"
        print(f"{f'upload of {BYTES / 1e6:.0f} MB, {name}':42}  {speed:.0f} MB/s, {stalls}")


async def _measure(folder: Path, tls: str) -> tuple[float, float, float]:
    """The best of a few, in MB a second with the look at its public address; and the longest stall in seconds, of the
    first of them, which imports what it needs where nothing else has yet, and of the others."""
    film = folder / "film.mp4"
    film.write_bytes(bytes(BYTES))
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, tls, there), daemon=True)
    process.start()
    port, certificate, url = await asyncio.to_thread(here.recv)
    login = {"username": USER, "password": SecretStr(PASSWORD), "tls": tls, "ca": certificate}
    settings = {"type": "ftp", "server": "127.0.0.1", "port": port, "public_url": url, **login}
    host, stalls, longest, seconds = ftp(Ftp.model_validate(settings)), [0.0], [], []
    # As a host does once it has started: what is there to stay is not looked through for garbage any more.
    gc.collect()
    gc.freeze()
    watching = asyncio.create_task(_watch(stalls))
    try:
        for _ in range(TIMES):
            begun = time.perf_counter()
            hosted = await host.put(film, "video/mp4")
            seconds.append(time.perf_counter() - begun)
            await host.remove(hosted.name)
            longest.append(max(stalls))
            stalls.clear()
    finally:
        watching.cancel()
        here.send("done")
        await asyncio.to_thread(process.join)
    return BYTES / 1e6 / min(seconds), longest[0], max(longest[1:])


async def _watch(stalls: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        stalls.append(time.perf_counter() - begun - 0.001)


def _serve(folder: Path, tls: str, told: Connection) -> None:
    logging.disable()
    asyncio.run(_both(folder, tls, told))


async def _both(folder: Path, tls: str, told: Connection) -> None:
    with ftp_server(folder, tls) as server:
        async with shown(server.folder) as url:
            told.send((server.port, server.certificate, url))
            await asyncio.to_thread(told.recv)


if __name__ == "__main__":
    main()
