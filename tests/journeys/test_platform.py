"""A platform that is not always there, and a model that wants to be paid."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from carrier.testing.hosts import host_process, running_host
from carrier.testing.openai_server import Answer, openai_server
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
actions: [die]
---
kind: script
name: echo
rules: [{ say: "you said {{ text }}" }]
""",
    "actions/die.yaml": 'name: die\ntype: python\nentrypoint: "actions/die.py:die"\n',
    "actions/die.py": "import os\nimport signal\n\n\ndef die() -> None:\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    "templates/chat.j2": "You repeat what you hear.\n",
}

CLIENT = "kind: client\ntype: carrier.testing.platform:PlatformClient\nagent: echo\nport: {port}\n"

SECONDS = 15.0


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with local_platform() as platform:
        yield platform


@pytest.fixture
def echo(tmp_path: Path, platform: Platform) -> Project:
    return project(tmp_path / "echo", {**FILES, "agents.d/platform.yaml": CLIENT.format(port=platform.port)})


async def test_a_connection_that_breaks_in_the_middle_of_an_answer_costs_and_doubles_nothing(
    echo: Project, platform: Platform
) -> None:
    async with running_host(echo):
        platform.silent = True
        platform.say("1", "bar", "one")
        await platform.until(lambda: len(platform.sent) == 1, SECONDS)
        platform.silent = False
        platform.hang_up()
        platform.say("2", "bar", "two")
        await platform.until(lambda: len(platform.sent) == 2, SECONDS)

    assert [sent.text for sent in platform.sent] == ["you said one", "you said two"]


async def test_a_model_answer_that_was_paid_for_is_not_paid_for_again_after_a_kill(
    echo: Project, platform: Platform
) -> None:
    async with openai_server(Answer(calls=(("die", "{}"),)), Answer("I am not sure what happened.")) as server:
        vendor = f"{{ use: openai/tiny, base_url: {server.url}, api_key: none-needed }}"
        echo.edit("carrier.yaml", "large: scripted/echo", f"large: {vendor}")
        platform.say("1", "bar", "Die, please.")
        async with host_process(echo) as host:
            assert await host.ended() == -signal.SIGKILL
        async with host_process(echo):
            await platform.until(lambda: len(platform.sent) == 1, SECONDS)

        assert len(server.requests) == 2
        assert "interrupted" in server.requests[1]["messages"][-1]["content"]
        assert platform.sent[0].text == "I am not sure what happened."
