"""The command: what it prints, for people and for scripts, and the code it ends with."""

import asyncio
import gc
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from carrier import __version__
from carrier.cli import main
from carrier.lock import locked
from carrier.testing.hosts import running_host
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: demo
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
server: { port: 0 }
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
---
kind: script
name: tifa
rules:
  - say: "you said: {{ text }}"
""",
    "agents.d/hello.yaml": "character: { bio: Greets everyone. }\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@dataclass(frozen=True)
class Outcome:
    code: object
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", FILES)


@pytest.fixture
def carrier(files: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command `carrier-host`, for this project."""
    interval = sys.getswitchinterval()

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["carrier-host", "--config", str(files.config), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Outcome(ended.value.code or 0, *capfd.readouterr())

    yield run
    # What a start sets for its process.
    gc.enable()
    sys.setswitchinterval(interval)
    logging.getLogger("carrier").setLevel(logging.NOTSET)


def test_the_version(carrier: Command) -> None:
    assert carrier("--version") == Outcome(0, f"{__version__}\n", "")


def test_a_command_that_is_none_is_refused_with_how_to_ask(carrier: Command) -> None:
    outcome = carrier("frobnicate")

    assert outcome.code == 2
    assert "No such command 'frobnicate'" in outcome.err


# --- check -----------------------------------------------------------------------------------------------------


def test_files_without_a_mistake_are_counted(carrier: Command) -> None:
    assert carrier("check") == Outcome(0, "2 agents, 0 clients: no errors\n", "")


def test_a_mistake_is_told_with_file_line_and_column_and_the_code_is_1(carrier: Command, files: Project) -> None:
    files.write("agents.d/hello.yaml", "character: { bio: Greets everyone. }\nmodle: large\n")

    outcome = carrier("check")

    assert outcome.code == 1
    assert outcome.out.startswith("agents.d/hello.yaml:2:1: ")
    assert "no errors" not in outcome.out


def test_a_project_without_a_carrier_yaml_is_told_where_it_should_be(carrier: Command, files: Project) -> None:
    files.remove("carrier.yaml")

    checked, started = carrier("check"), carrier()

    assert checked.code == started.code == 1
    assert checked.out.startswith("carrier.yaml:1:1: ")
    assert started.err.startswith("carrier.yaml:1:1: ")


# --- starting --------------------------------------------------------------------------------------------------


def test_a_second_host_in_one_folder_is_refused_with_the_pid_of_the_first(carrier: Command, files: Project) -> None:
    with locked(files.data):
        outcome = carrier()

    assert outcome.code == 2
    assert f"a host is already running here (pid {os.getpid()})" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_port_that_is_taken_is_told_with_what_helps(carrier: Command, files: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        files.edit("carrier.yaml", "port: 0", f"port: {port}")
        outcome = carrier()

    assert outcome.code == 2
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use)" in outcome.err
    assert "server: { port: … }" in outcome.err


# --- talking to one that runs ----------------------------------------------------------------------------------


def test_without_a_host_there_is_no_status(carrier: Command) -> None:
    outcome = carrier("status")

    assert outcome.code == 2
    assert "no host runs on" in outcome.err


async def test_a_host_s_status_for_people_and_for_scripts(carrier: Command, files: Project) -> None:
    async with running_host(files):
        text = await asyncio.to_thread(carrier, "status")
        for_scripts = await asyncio.to_thread(carrier, "status", "--json")

    now = json.loads(for_scripts.out)
    assert now.keys() == {
        *("name", "version", "agents", "clients", "parked", "broken", "absent"),
        *("problems", "reloaded_at", "memory", "stopping"),
    }
    assert [agent["name"] for agent in now["agents"]] == ["hello", "tifa"]
    assert text.out.startswith(f"demo: Carrier {__version__}, files read at ")
    assert "scripted/tifa" in text.out


async def test_the_address_of_a_host_that_was_killed_is_nobody_s(carrier: Command, files: Project) -> None:
    async with running_host(files) as opened:
        address = opened.address
    (files.data / "address").write_text(address)

    outcome = await asyncio.to_thread(carrier, "status")

    assert (outcome.code, outcome.err) == (2, f"carrier-host: no host runs on {files.data}\n")


async def test_the_prompt_of_the_host_that_runs(carrier: Command, files: Project) -> None:
    async with running_host(files):
        outcome = await asyncio.to_thread(carrier, "render", "tifa", "What now?", "--user", "anna")
        unknown = await asyncio.to_thread(carrier, "render", "cloud", "What now?")

    assert outcome == Outcome(0, "You are tifa.\n\n--- conversation ---\nuser: What now?\n", "")
    assert unknown.code == 2
    assert unknown.err == "carrier-host: no agent is called 'cloud'; there are hello, tifa\n"


def test_a_prompt_without_a_host_takes_one_that_lives_as_long(carrier: Command, files: Project) -> None:
    outcome = carrier("render", "tifa", "What now?")

    assert (outcome.code, outcome.out.splitlines()[0]) == (0, "You are tifa.")
    assert "no host runs here: one is started for as long as this takes" in outcome.err
    assert not (files.data / "address").exists()


# --- stats -----------------------------------------------------------------------------------------------------


def test_before_the_first_turn_there_is_nothing_to_count(carrier: Command) -> None:
    assert carrier("stats") == Outcome(0, "no turns yet\n", "")
    assert json.loads(carrier("stats", "--json").out) == {"days": [], "steps": [], "actions": []}


async def test_turns_are_counted_by_agent_and_day(carrier: Command, files: Project) -> None:
    async with running_host(files) as opened:
        headers = {"authorization": f"Bearer {opened.token}"}
        async with httpx.AsyncClient(base_url=opened.address, headers=headers, trust_env=False) as door:
            for agent in ("tifa", "tifa", "hello"):
                assert (await door.post(f"/{agent}/message", json={"text": "Hello"})).status_code == 200

    counted = json.loads((await asyncio.to_thread(carrier, "stats", "--json")).out)
    one = json.loads((await asyncio.to_thread(carrier, "stats", "--json", "--agent", "tifa")).out)
    text = (await asyncio.to_thread(carrier, "stats")).out

    assert [(day["agent"], day["messages"], day["answered"]) for day in counted["days"]] == [
        ("hello", 1, 1),
        ("tifa", 2, 2),
    ]
    assert [day["agent"] for day in one["days"]] == ["tifa"]
    assert {step["step"] for step in counted["steps"]} >= {"queue", "compose", "generate", "total"}
    assert text.splitlines()[0].split()[:3] == ["day", "agent", "messages"]
