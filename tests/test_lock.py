"""One host to a data folder, and a folder whose host was killed has none."""

import asyncio
from fcntl import LOCK_SH, LOCK_UN, flock
from functools import partial
from pathlib import Path
from threading import Timer

import pytest

from carrier.api.calling import NobodyThere, calling
from carrier.errors import AlreadyRunning
from carrier.lock import FILE, is_locked, locked


def test_a_folder_is_locked_as_long_as_its_host_lives(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)

    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(AlreadyRunning), locked(tmp_path):
            pass

    assert not is_locked(tmp_path)


def test_who_only_looks_misleads_nobody_and_keeps_no_host_from_starting(tmp_path: Path) -> None:
    with locked(tmp_path):
        pass
    with (tmp_path / FILE).open("r+") as looking:
        flock(looking, LOCK_SH)
        assert not is_locked(tmp_path)
        looked = Timer(0.05, partial(flock, looking, LOCK_UN))
        looked.start()
        with locked(tmp_path):
            assert is_locked(tmp_path)
        looked.join()


async def test_a_program_that_took_the_port_of_a_killed_host_gets_no_token(tmp_path: Path) -> None:
    with locked(tmp_path):
        pass
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as stranger:
        port = stranger.sockets[0].getsockname()[1]
        (tmp_path / "address").write_text(f"http://127.0.0.1:{port}")
        (tmp_path / "token").write_text("secret")

        with pytest.raises(NobodyThere):
            async with calling(tmp_path):
                pass

    assert heard == []
