"""Bursts of hosts that are killed: each message is answered once, in its order, alone or together with others."""

import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from carrier.testing.hosts import HostProcess, host_process, running_host
from carrier.testing.platform import Platform, local_platform
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
models: { large: scripted/echo, small: scripted/echo }
embeddings: { use: none }
memory: { type: carrier.testing.memories:in_a_list }
server: { port: 0 }
""",
    "agents.d/echo.yaml": """
character: { bio: Repeats what it hears. }
context: [recent_messages]
actions: [die]
---
kind: script
name: echo
rules:
  - { when: die, call: { die: {} } }
  - { say: "{{ text }}", delay: 10ms }
""",
    "actions/die.yaml": 'name: die\ntype: python\nentrypoint: "actions/die.py:die"\nrepeat: safe\n',
    "actions/die.py": '''
"""Kills its own process, the first time."""

import os
import signal
from pathlib import Path

DEAD = Path(__file__).parent.parent / "var/dead"


def die() -> str:
    if not DEAD.exists():
        DEAD.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"
''',
    "templates/chat.j2": "You repeat what you hear.\n",
}
CLIENT = "kind: client\ntype: carrier.testing.platform:PlatformClient\nagent: echo\nport: {port}\ngather: {gather}\n"
SECONDS = 20.0


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with local_platform() as platform:
        yield platform


def echo(folder: Path, platform: Platform, gather: str) -> Project:
    return project(folder, {**FILES, "agents.d/platform.yaml": CLIENT.format(port=platform.port, gather=gather)})


async def burst_and_death(files: Project, platform: Platform) -> list[str]:
    """What is said, by the ids that are replied to, where the host died in the middle of answering a burst."""
    for id, text in (("1", "one"), ("2", "die"), ("3", "three")):
        platform.say(id, "bar", text)
    async with host_process(files) as host:
        assert await host.ended() == -signal.SIGKILL
    platform.say("4", "bar", "four")
    async with running_host(files):
        await platform.until(lambda: any("four" in sent.text for sent in platform.sent), SECONDS)
    return [sent.reply_to for sent in platform.sent]


async def test_a_burst_that_was_being_answered_is_answered_once_as_it_was(tmp_path: Path, platform: Platform) -> None:
    replied = await burst_and_death(echo(tmp_path / "echo", platform, "1s"), platform)

    assert replied == ["3", "4"]


async def test_without_the_list_of_a_burst_it_is_answered_again_and_this_test_notices(
    tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carrier.ledger.turns.those", lambda connection, ids: [])

    replied = await burst_and_death(echo(tmp_path / "echo", platform, "1s"), platform)

    assert replied != ["3", "4"]


@pytest.mark.parametrize(
    "kills", [3, pytest.param(60, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])], ids=["short", "long"]
)
async def test_kills_at_random_points_lose_nothing_and_double_nothing(
    tmp_path: Path, platform: Platform, kills: int
) -> None:
    files, random = echo(tmp_path / "echo", platform, "60ms"), Random(3)
    said: dict[str, list[str]] = {room: [] for room in ("bar", "shop", "attic")}
    for _ in range(kills):
        host = await HostProcess.start(files)
        try:
            for number in range(12):
                room = random.choice(list(said))
                said[room].append(f"{room}-{len(said[room])}")
                platform.say(said[room][-1], room, said[room][-1])
                if number == 3:
                    await host.ready()
                with suppress(TimeoutError):
                    await host.ended(random.uniform(0, 0.05))
        finally:
            await host.kill()
    everything = sum(map(len, said.values()))
    async with running_host(files):
        await platform.until(lambda: _lines(platform) >= everything, SECONDS)

    rooms = platform.by_room().items()
    assert said == {room: [line for sent in answers for line in sent.text.split("\n")] for room, answers in rooms}
    assert len(platform.sent) < everything


def _lines(platform: Platform) -> int:
    return sum(sent.text.count("\n") + 1 for sent in platform.sent)
