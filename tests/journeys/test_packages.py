"""A package that brings a part of each kind, built out of the docs: its parts work in a host as Carrier's own do."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import pytest

from carrier.api.calling import Caller
from carrier.testing.hosts import host_process, running_host, until
from carrier.testing.projects import Project, project, write
from tests.test_docs import PAGES, blocks, named

CODE = {name: text for page in PAGES for name, text in named(page.read_text()).items() if name.startswith("shop/")}
"""The parts that the pages on writing them show, by the package's files."""
PACKAGES = Path(__file__).parents[2] / "docs/packages.md"
PYPROJECT = next(block.text for block in blocks("packages.md", PACKAGES.read_text()) if block.language == "toml")

KEEPER = """\
character: { bio: Sells. }
context: [character, recent_messages, memories, { stock: { limes: 5 } }]
evaluators: [polite]
actions: [order]
---
kind: client
name: line
type: line
agent: keeper
port: PORT
"""
HOST = """\
name: demo
server: { port: 0 }
models: { large: parrot/grey }
memory: { type: notebook, file: bar.jsonl }
embeddings: { use: none }
"""
CHAT = "We have {{ stock }}.{% for it in memories %}\nRemember: {{ it.text }}{% endfor %}\n"


def build(folder: Path, pyproject: str, code: dict[str, str]) -> Path:
    """A package as its authors release it, installed into a folder of its own."""
    write(folder / "source", {"pyproject.toml": pyproject, "shop/__init__.py": "", **code})
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=folder / "source", check=True, capture_output=True)
    with ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shop"), PYPROJECT, CODE)


@pytest.fixture
def bar(tmp_path: Path) -> Project:
    keeper = KEEPER.replace("PORT", str(free_port()))
    return project(tmp_path / "bar", {"carrier.yaml": HOST, "agents.d/keeper.yaml": keeper, "templates/chat.j2": CHAT})


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def port_of(bar: Project) -> int:
    found = re.search(r"port: (\d+)", (bar.folder / "agents.d/keeper.yaml").read_text())
    assert found
    return int(found[1])


async def said(port: int, line: str) -> str:
    """What somebody at the package's client is answered; it may listen only in a moment."""
    async with asyncio.timeout(20):
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
    writer.write(f"{line}\n".encode())
    answer = (await reader.readline()).decode().strip()
    writer.close()
    await writer.wait_closed()
    return answer


async def asked(caller: Caller, text: str) -> str:
    answer = await caller.post("/keeper/message", {"text": text, "userId": "anna"})
    return str(answer["text"])


def remembered(bar: Project) -> list[str]:
    file = bar.data / "memory/bar.jsonl"
    return [json.loads(line)["text"] for line in file.read_text().splitlines()] if file.exists() else []


def test_the_pages_show_a_part_of_each_kind() -> None:
    groups = re.findall(r'entry-points."carrier\.(\w+)"', PYPROJECT)

    assert groups == ["actions", "providers", "evaluators", "clients", "models", "memories"]
    assert sorted(CODE) == [f"shop/{name}.py" for name in sorted([*groups[:-1], "memory"])]


async def test_a_host_runs_on_the_parts_of_an_installed_package(
    bar: Project, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(shop), prepend=os.pathsep)

    async with host_process(bar) as host, host.call() as caller:
        assert re.fullmatch("rum is on its way up, .* Thank you!", await said(port_of(bar), "order rum"))
        assert await asked(caller, "my name is Anna") == "my name is Anna Thank you!"
        await until(lambda: "my name is Anna" in remembered(bar))
        prompt = (await caller.post("/keeper/render", {"text": "hello", "userId": "anna"}))["prompt"]
        status = await caller.get("/status")
        await host.stop()

    assert "We have 5 limes." in prompt
    assert status["memory"]["stored"] >= 2
    async with host_process(bar) as host, host.call() as caller:
        await until_it_is_ready(caller)
        assert (await caller.get("/status"))["memory"]["stored"] >= 4


async def until_it_is_ready(caller: Caller) -> None:
    async with asyncio.timeout(20):
        while not (await caller.get("/status"))["memory"]["ready"]:
            pass


def in_files(bar: Project) -> None:
    """The client, the model and the memory store, as files of the project instead."""
    for name in ("clients", "models", "memory"):
        bar.write(f"shop/{name}.py", CODE[f"shop/{name}.py"])
    bar.edit("carrier.yaml", "parrot/grey", '{ use: "shop/models.py:Parrot" }')
    bar.edit("carrier.yaml", "type: notebook", 'type: "shop/memory.py:Notebook"')
    bar.edit("agents.d/keeper.yaml", "type: line", 'type: "shop/clients.py:Line"')
    bar.edit("agents.d/keeper.yaml", "actions: [order]", "")
    bar.edit("agents.d/keeper.yaml", "evaluators: [polite]", "")
    bar.edit("agents.d/keeper.yaml", ", { stock: { limes: 5 } }", "")
    bar.edit("templates/chat.j2", "We have {{ stock }}.", "")


async def test_a_client_a_model_and_a_memory_store_may_be_files_of_the_project(bar: Project) -> None:
    in_files(bar)

    async with running_host(bar) as opened:
        assert opened.host.catalog.problems == ()
        assert await said(port_of(bar), "hello") == "hello"
        await until(lambda: "hello" in remembered(bar))

        bar.edit("shop/models.py", "text = said.text.upper() if self._loud else said.text", "text = said.text[::-1]")
        await opened.host.reload()
        assert await said(port_of(bar), "hello") == "olleh"

        bar.edit("shop/clients.py", "{outgoing.text}", "> {outgoing.text}")
        await until_answers(port_of(bar), "> olleh")

        bar.edit("shop/models.py", "class Parrot:", "class Parrot")
        await opened.host.reload()
        assert "this is not Python" in opened.host.last_reload.reason
        assert await said(port_of(bar), "hello") == "> olleh"

        bar.edit("shop/memory.py", "Memories as lines", "All memories as lines")
        await opened.host.reload()
        assert opened.host.here.waits_for_restart == ("memory",)


async def until_answers(port: int, expected: str) -> None:
    async with asyncio.timeout(20):
        while await said(port, "hello") != expected:
            pass
