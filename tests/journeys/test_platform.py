"""A platform that is not always there, and a model that wants to be paid."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from carrier.testing.hosts import host_process, running_host
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
    "models/vendor.py": '''
"""A vendor that keeps what it was asked, and is paid for each answer."""

from pathlib import Path

from carrier.types.models import ActionCall, Completion

ASKED = Path(__file__).parent.parent / "var/asked"


class Vendor:
    def __init__(self, profile, environment):
        self.name = profile.use

    async def complete(self, request):
        with ASKED.open("a") as asked:
            asked.write(f"{request.prompt.conversation[-1].text!r}\\n")
        if request.prompt.conversation[-1].role == "user":
            return Completion("", (ActionCall("1", "die", {}),), model=self.name)
        return Completion("I am not sure what happened.", model=self.name)

    async def stream(self, request):
        yield await self.complete(request)
''',
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
    echo.edit("carrier.yaml", "large: scripted/echo", "large: models/vendor.py:Vendor")
    async with host_process(echo) as host:
        platform.say("1", "bar", "Die, please.")
        assert await host.ended() == -signal.SIGKILL
    async with running_host(echo):
        await platform.until(lambda: len(platform.sent) == 1, SECONDS)

    asked, again = (echo.data / "asked").read_text().splitlines()
    assert "Die, please." in asked
    assert "interrupted" in again
    assert platform.sent[0].text == "I am not sure what happened."
