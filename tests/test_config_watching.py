"""Real files, really watched."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from carrier.config.watching import changes


class Watch:
    """Changes as they are told, and the stop."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[None] = asyncio.Queue()
        self.stop = asyncio.Event()

    async def run(self, paths: list[Path]) -> None:
        async for _ in changes(lambda: paths, self.stop):
            self.told.put_nowait(None)

    async def change(self) -> None:
        async with asyncio.timeout(5):
            await self.told.get()

    async def quiet(self) -> None:
        """All that one change brings with it has been told."""
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(0.2):
                    await self.told.get()

    async def silence(self, seconds: float) -> None:
        """Nothing is told for so long."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.told.get()


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    (tmp_path / "agents.d").mkdir()
    (tmp_path / "carrier.yaml").write_text("name: demo")
    (tmp_path / "agents.d/tifa.yaml").write_text("a: 1")
    watch = Watch()
    paths = [tmp_path / name for name in ("carrier.yaml", ".env", "agents.d", "actions", "far/away/file")]
    task = asyncio.create_task(watch.run(paths))
    await watch.change()
    yield watch
    watch.stop.set()
    await task


def saved_at_once(folder: Path) -> None:
    (folder / "agents.d/.tifa.yaml.tmp").write_text("a: 2")
    os.replace(folder / "agents.d/.tifa.yaml.tmp", folder / "agents.d/tifa.yaml")


def written_over(folder: Path) -> None:
    with (folder / "agents.d/tifa.yaml").open("w") as file:
        file.write("a: 22")


def folder_made(folder: Path) -> None:
    (folder / "agents.d/bar").mkdir()
    (folder / "agents.d/bar/cloud.yaml").write_text("a: 1")


def folder_made_again(folder: Path) -> None:
    shutil.rmtree(folder / "agents.d")
    (folder / "agents.d").mkdir()
    (folder / "agents.d/cloud.yaml").write_text("a: 1")


def first_action(folder: Path) -> None:
    (folder / "actions").mkdir()
    (folder / "actions/dice.py").write_text("x = 1")


def far_file(folder: Path) -> None:
    (folder / "far/away").mkdir(parents=True)
    (folder / "far/away/file").write_text("x")


ACTS: Mapping[str, Callable[[Path], object]] = {
    "renamed over": saved_at_once,
    "written over": written_over,
    "new": lambda folder: (folder / "agents.d/hello.yaml").write_text("a: 1"),
    "renamed": lambda folder: (folder / "agents.d/hello.yaml").rename(folder / "agents.d/cloud.yaml"),
    "removed": lambda folder: (folder / "agents.d/cloud.yaml").unlink(),
    "the host": lambda folder: (folder / "carrier.yaml").write_text("name: other"),
    "the variables": lambda folder: (folder / ".env").write_text("A=1"),
    "a folder that was not there": first_action,
    "a file far away": far_file,
    "a new folder": folder_made,
    "a folder made again": folder_made_again,
}


async def test_a_change_is_told_within_a_second(watch: Watch, tmp_path: Path) -> None:
    for name, act in ACTS.items():
        began = asyncio.get_running_loop().time()
        act(tmp_path)
        await watch.change()
        assert asyncio.get_running_loop().time() - began < 1, name
        await watch.quiet()


async def test_what_came_later_is_watched_from_then_on(watch: Watch, tmp_path: Path) -> None:
    folder_made(tmp_path)
    await watch.change()

    (tmp_path / "agents.d/bar/cloud.yaml").write_text("a: 22")

    await watch.change()


async def test_what_does_not_count_is_not_told(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "agents.d/.tifa.yaml.swp").write_text("x")
    (tmp_path / "agents.d/__pycache__").mkdir()
    (tmp_path / "agents.d/__pycache__/dice.pyc").write_text("x")
    (tmp_path / "README.md").write_text("x")

    await watch.silence(0.7)


async def test_a_system_that_can_watch_no_more_is_looked_at_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*paths: Path, **settings: object) -> AsyncIterator[None]:
        raise OSError("OS file watch limit reached")
        yield

    monkeypatch.setattr("watchfiles.awatch", full)
    watch = Watch()
    task = asyncio.create_task(watch.run([tmp_path]))
    await watch.change()
    (tmp_path / "tifa.yaml").write_text("a: 1")
    await watch.change()
    watch.stop.set()
    await task

    assert "noticed twice a second: OS file watch limit reached" in caplog.text


async def test_rights_that_change_are_told(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "agents.d/tifa.yaml").chmod(0o400)

    await watch.change()


async def test_a_stop_ends_it_at_once(tmp_path: Path) -> None:
    watch = Watch()
    task = asyncio.create_task(watch.run([tmp_path]))
    await watch.change()

    watch.stop.set()

    async with asyncio.timeout(1):
        await task


async def test_being_cancelled_does_not_stop_the_host(tmp_path: Path) -> None:
    watch = Watch()
    task = asyncio.create_task(watch.run([tmp_path]))
    await watch.change()

    task.cancel()
    await asyncio.wait([task], timeout=2)

    assert task.cancelled()
    assert not watch.stop.is_set()
