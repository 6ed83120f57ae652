"""The HTTP door moves with carrier.yaml, and nobody who came in is sent away."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from carrier.api.calling import calling
from carrier.api.serving import Opened, listening, open_door
from carrier.api.tokens import ADDRESS
from carrier.config.catalog import load
from carrier.errors import CarrierError
from carrier.testing.hosts import until
from carrier.testing.projects import Project, project

HOST = """\
name: demo
embeddings: {{ use: none }}
models: {{ large: scripted/tifa, small: scripted/tifa }}
server: {{ host: {}, port: {} }}
"""
FILES = {
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
---
kind: script
name: tifa
rules:
  - when: slow
    say: at last
    delay: 300ms
  - say: "you said: {{ text }}"
""",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}
HERE, ALSO_HERE = "127.0.0.1", "127.0.0.2"
"""Two names for this machine."""


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", {**FILES, "carrier.yaml": HOST.format(HERE, 0)})


@pytest.fixture
async def opened(files: Project) -> AsyncIterator[Opened]:
    async with open_door(load(files.config, os.environ)) as opened:
        yield opened


def free_port() -> int:
    with closing(listening(HERE, 0)) as sock:
        return int(sock.getsockname()[1])


async def move(opened: Opened, files: Project, host: str, port: int) -> None:
    files.write("carrier.yaml", HOST.format(host, port))
    await opened.host.reload()


async def answers(opened: Opened, address: str, text: str = "Hello") -> str:
    headers = {"authorization": f"Bearer {opened.token}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as door:
        return str((await door.post("/tifa/message", json={"text": text})).json()["text"])


async def is_closed(address: str) -> None:
    """Wait until nobody listens there."""
    host, port = address.removeprefix("http://").split(":")

    def refuses() -> bool:
        with closing(socket.socket()) as sock:
            return sock.connect_ex((host, int(port))) != 0

    await until(refuses)


async def test_another_port_is_answered_at_and_the_address_file_follows(opened: Opened, files: Project) -> None:
    before, port = opened.address, free_port()

    await move(opened, files, HERE, port)

    assert opened.host.last_reload.ok
    assert opened.address == f"http://{HERE}:{port}"
    assert (files.data / ADDRESS).read_text() == opened.address
    assert await answers(opened, opened.address) == "you said: Hello"
    await is_closed(before)


async def test_who_came_in_by_the_old_port_gets_the_answer(opened: Opened, files: Project) -> None:
    asking = asyncio.create_task(answers(opened, opened.address, "slow"))
    await until(lambda: opened.host.inbox.lanes.running == 1)

    await move(opened, files, HERE, free_port())

    assert await asking == "at last"


async def test_who_asks_for_the_reload_itself_is_answered_by_the_old_door(opened: Opened, files: Project) -> None:
    files.write("carrier.yaml", HOST.format(HERE, free_port()))

    async with calling(files.data) as caller:
        done = await caller.post("/config/reload", {})

    assert done["applied"] is True


async def test_a_port_that_is_taken_leaves_the_door_where_it_is_and_is_told(opened: Opened, files: Project) -> None:
    before = opened.address
    with closing(listening(HERE, 0)) as taken:
        await move(opened, files, HERE, taken.getsockname()[1])

        assert opened.address == before
        assert await answers(opened, before) == "you said: Hello"
        assert "cannot be listened on" in opened.host.last_reload.reason
        assert opened.host.last_reload.problems[0].file == "carrier.yaml"
        assert opened.host.settings.server.port == 0

    await move(opened, files, HERE, free_port())
    assert opened.host.last_reload.ok


async def test_another_host_on_the_same_port_takes_over(opened: Opened, files: Project) -> None:
    await move(opened, files, HERE, free_port())
    port = opened.host.settings.server.port

    await move(opened, files, "0.0.0.0", port)

    assert opened.host.last_reload.ok, opened.host.last_reload.reason
    assert await answers(opened, f"http://{ALSO_HERE}:{port}") == "you said: Hello"


async def test_another_host_that_cannot_be_had_leaves_the_old_one_answering(opened: Opened, files: Project) -> None:
    await move(opened, files, HERE, free_port())
    before, port = opened.address, opened.host.settings.server.port
    asking = asyncio.create_task(answers(opened, before, "slow"))
    await until(lambda: opened.host.inbox.lanes.running == 1)

    with closing(listening(ALSO_HERE, port)):
        await move(opened, files, "0.0.0.0", port)

        assert opened.host.last_reload.ok is False
        assert opened.address == before
        assert await answers(opened, before) == "you said: Hello"
        assert await asking == "at last"


async def test_a_port_given_at_the_start_stays(files: Project) -> None:
    async with open_door(load(files.config, os.environ), port=0) as opened:
        before = opened.address

        await move(opened, files, HERE, free_port())

        assert opened.host.last_reload.ok
        assert opened.address == before


async def test_at_the_start_a_port_that_is_taken_ends_it(files: Project) -> None:
    with closing(listening(HERE, 0)) as taken:
        files.write("carrier.yaml", HOST.format(HERE, taken.getsockname()[1]))

        with pytest.raises(CarrierError, match="cannot be listened on"):
            async with open_door(load(files.config, os.environ)):
                pass
