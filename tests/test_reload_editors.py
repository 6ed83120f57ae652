"""However files are saved, copied or switched: what is on disk runs in the end, and nothing good goes away before."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from carrier.config.catalog import load
from carrier.host import Host, running
from carrier.testing.hosts import until
from carrier.testing.projects import Project, project
from carrier.types.agents import Agent

HOST = "name: demo\nembeddings: { use: none }\nmodels: { large: scripted/default, small: scripted/default }\n"
OLD, NEW = (f"description: Keeps the {what}.\ncharacter: {{ bio: Keeps it. }}\n" for what in ("bar", "den"))
HELLO = "character: { bio: Greets everyone. }\n"
FILES = {
    "carrier.yaml": HOST,
    "agents.d/tifa.yaml": OLD,
    "agents.d/hello.yaml": HELLO,
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}
TIFA = "agents.d/tifa.yaml"
MOMENT = 0.05
"""Shorter than what is gone for good, and longer than changes are gathered for."""


@dataclass
class Watched:
    """A host that watches, and who was away from it at any moment."""

    host: Host
    files: Project
    away: set[str] = field(default_factory=set)

    def agents(self) -> dict[str, Agent]:
        return {name: living.agent for name, living in self.host.agents.items()}

    async def runs(self, wanted: Mapping[str, Agent]) -> None:
        await until(lambda: self.agents() == wanted, 10)

    async def runs_what_is_on_disk(self) -> None:
        await self.runs(load(self.files.config, os.environ).agents)

    async def look(self, names: set[str]) -> None:
        while True:
            self.away |= names - self.host.agents.keys()
            await asyncio.sleep(0.001)


@asynccontextmanager
async def watching(files: Project) -> AsyncIterator[Watched]:
    async with running(load(files.config, os.environ)) as host:
        # It is watched from when it was read again for the first time.
        begun = host.last_reload
        await until(lambda: host.last_reload is not begun)
        watched = Watched(host, files)
        looking = asyncio.create_task(watched.look(set(host.agents)))
        yield watched
        looking.cancel()
        await asyncio.wait([looking])


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with watching(project(tmp_path / "demo", FILES)) as watched:
        yield watched


# --- saved -----------------------------------------------------------------------------------------------------


async def renamed_over(folder: Path) -> None:
    (folder / "agents.d/.tifa.yaml.7f3a").write_text(NEW)
    os.replace(folder / "agents.d/.tifa.yaml.7f3a", folder / TIFA)


async def as_vim_does(folder: Path) -> None:
    (folder / "agents.d/.tifa.yaml.swp").write_bytes(b"b0VIM 9.0")
    (folder / "agents.d/4913").touch()
    (folder / "agents.d/4913").unlink()
    (folder / TIFA).rename(folder / "agents.d/tifa.yaml~")
    await asyncio.sleep(MOMENT)
    (folder / TIFA).write_text(NEW)
    (folder / "agents.d/tifa.yaml~").unlink()
    (folder / "agents.d/.tifa.yaml.swp").unlink()


async def as_emacs_does(folder: Path) -> None:
    (folder / "agents.d/.#tifa.yaml").symlink_to("anna@example.4711:1763700000")
    (folder / "agents.d/#tifa.yaml#").write_text(NEW[:30])
    shutil.copy(folder / TIFA, folder / "agents.d/tifa.yaml~")
    await truncated_and_written(folder)
    (folder / "agents.d/#tifa.yaml#").unlink()
    (folder / "agents.d/.#tifa.yaml").unlink()


async def truncated_and_written(folder: Path) -> None:
    with (folder / TIFA).open("w") as file:
        await asyncio.sleep(MOMENT)
        file.write(NEW)


async def written_in_parts(folder: Path) -> None:
    with (folder / TIFA).open("w") as file:
        for line in NEW.splitlines(keepends=True):
            file.write(line[:10])
            file.flush()
            await asyncio.sleep(MOMENT)
            file.write(line[10:])
            file.flush()
            await asyncio.sleep(MOMENT)


async def removed_and_written(folder: Path) -> None:
    (folder / TIFA).unlink()
    await asyncio.sleep(MOMENT)
    (folder / TIFA).write_text(NEW)


async def saved_again_and_again(folder: Path) -> None:
    for number in range(30):
        (folder / TIFA).write_text(NEW.replace("den", f"den {number}"))
        await asyncio.sleep(0.01)
    (folder / TIFA).write_text(NEW)


async def with_a_clock_set_back(folder: Path) -> None:
    (folder / TIFA).write_text(NEW)
    os.utime(folder / TIFA, (1_000_000_000, 1_000_000_000))


async def with_the_times_of_the_old(folder: Path) -> None:
    status = (folder / TIFA).stat()
    with (folder / TIFA).open("r+") as file:
        file.write(NEW)
    os.utime(folder / TIFA, ns=(status.st_atime_ns, status.st_mtime_ns))


async def removed_with_its_folder(folder: Path) -> None:
    shutil.move(folder / "agents.d", folder / "away")
    await asyncio.sleep(MOMENT)
    (folder / "away/tifa.yaml").write_text(NEW)
    shutil.move(folder / "away", folder / "agents.d")


SAVES: tuple[Callable[[Path], Awaitable[None]], ...] = (
    renamed_over,
    as_vim_does,
    as_emacs_does,
    truncated_and_written,
    written_in_parts,
    removed_and_written,
    saved_again_and_again,
    with_a_clock_set_back,
    with_the_times_of_the_old,
    removed_with_its_folder,
)


async def test_a_file_is_live_however_it_is_saved(watched: Watched) -> None:
    hello = watched.host.agents["hello"]

    for save in SAVES:
        await save(watched.files.folder)
        await watched.runs_what_is_on_disk()

        assert watched.agents()["tifa"].description == "Keeps the den.", save.__name__
        assert watched.host.agents["hello"] is hello, save.__name__
        assert watched.away == set(), save.__name__
        watched.files.write(TIFA, OLD)
        await watched.runs_what_is_on_disk()


# --- gone ------------------------------------------------------------------------------------------------------


async def test_what_is_removed_goes_and_comes_back_with_its_file(watched: Watched) -> None:
    watched.files.remove(TIFA)
    await until(lambda: list(watched.host.agents) == ["hello"], 5)

    watched.files.write(TIFA, OLD)
    await watched.runs_what_is_on_disk()


async def test_a_folder_that_is_gone_takes_its_agents_along_until_it_is_back(watched: Watched) -> None:
    folder = watched.files.folder / "agents.d"
    shutil.rmtree(folder)
    await until(lambda: not watched.host.agents, 5)

    folder.mkdir()
    watched.files.write(TIFA, NEW)
    await watched.runs_what_is_on_disk()


# --- broken ----------------------------------------------------------------------------------------------------


def too_large(file: Path) -> None:
    file.write_text("# " + "x" * 3_000_000)


def a_link_to_nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere.yaml")


def a_link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def unreadable(file: Path) -> None:
    file.chmod(0)


DAMAGES = (too_large, a_link_to_nowhere, a_link_to_itself, *([] if os.geteuid() == 0 else [unreadable]))
"""Root may read everything."""


async def test_a_file_that_cannot_be_read_is_told_and_its_agent_goes_on(watched: Watched) -> None:
    before, tifa = watched.agents(), watched.files.folder / TIFA
    for damage in DAMAGES:
        damage(tifa)
        await until(lambda: any(problem.file == TIFA for problem in watched.host.catalog.problems), 5)
        assert watched.agents() == before, damage.__name__

        watched.files.write(TIFA, OLD)
        await until(lambda: not watched.host.catalog.problems, 5)
    assert watched.away == set()


# --- links -----------------------------------------------------------------------------------------------------


async def test_a_config_map_flips_as_a_whole(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", {name: text for name, text in FILES.items() if "agents.d" not in name})
    mounted = files.folder / "agents.d"
    for version, tifa in (("..2026_11_21", OLD), ("..2026_11_22", NEW)):
        (mounted / version).mkdir(parents=True)
        (mounted / version / "tifa.yaml").write_text(tifa)
        (mounted / version / "hello.yaml").write_text(HELLO)
    (mounted / "..data").symlink_to("..2026_11_21")
    for name in ("tifa.yaml", "hello.yaml"):
        (mounted / name).symlink_to(f"..data/{name}")
    async with watching(files) as watched:
        (mounted / "..data_tmp").symlink_to("..2026_11_22")
        os.replace(mounted / "..data_tmp", mounted / "..data")
        shutil.rmtree(mounted / "..2026_11_21")
        await until(lambda: watched.agents()["tifa"].description == "Keeps the den.", 5)

        assert watched.away == set()


async def test_a_folder_that_is_a_link_may_be_linked_elsewhere(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", {name: text for name, text in FILES.items() if "agents.d" not in name})
    for release, tifa in (("1", OLD), ("2", NEW)):
        files.write(f"releases/{release}/tifa.yaml", tifa)
    (files.folder / "agents.d").symlink_to("releases/1")
    async with watching(files) as watched:
        (files.folder / "next").symlink_to("releases/2")
        os.replace(files.folder / "next", files.folder / "agents.d")
        await until(lambda: watched.agents()["tifa"].description == "Keeps the den.", 5)

        files.write("releases/2/tifa.yaml", OLD)
        await until(lambda: watched.agents()["tifa"].description == "Keeps the bar.", 5)
        assert watched.away == set()


# --- many ------------------------------------------------------------------------------------------------------


async def test_a_slow_copy_of_500_files_ends_with_all_of_them(watched: Watched) -> None:
    names = [f"a{number}" for number in range(500)]
    for name in names:
        (watched.files.folder / f"agents.d/{name}.yaml").write_text(HELLO)
        await asyncio.sleep(0.001)

    await until(lambda: watched.host.agents.keys() >= set(names), 20)
    await watched.runs_what_is_on_disk()
    assert watched.away == set()


async def test_a_checkout_of_another_branch_is_taken_as_it_is_and_git_is_left_alone(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", {**FILES, ".gitignore": "var/\n", **_branch("one", range(150))})
    _git(files, "init", "-q", "-b", "one")
    _commit(files)
    _git(files, "checkout", "-q", "-b", "two")
    for number in range(50):
        files.remove(f"agents.d/many/a{number}.yaml")
    for name, text in _branch("two", range(50, 200)).items():
        files.write(name, text)
    files.write(TIFA, NEW)
    _commit(files)
    async with watching(files) as watched:
        kept = {f"a{number}" for number in range(50, 150)} | {"hello", "tifa"}
        for branch in ("one", "two"):
            await asyncio.to_thread(_git, files, "checkout", "-q", branch)
            await watched.runs_what_is_on_disk()
            assert watched.host.catalog.problems == ()

        assert watched.away.isdisjoint(kept)
    assert _git(files, "status", "--porcelain") == ""
    _git(files, "fsck", "--strict")


def _branch(name: str, numbers: range) -> dict[str, str]:
    text = f"description: Stands on branch {name}.\n{HELLO}"
    return {f"agents.d/many/a{number}.yaml": text for number in numbers}


def _commit(files: Project) -> None:
    _git(files, "add", "-A")
    _git(files, "-c", "user.name=Anna", "-c", "user.email=anna@example.org", "commit", "-q", "-m", "All of it")


def _git(files: Project, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=files.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
