"""Files that change while the host runs: what is saved counts from the next answer on, and only where it concerns."""

from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from carrier.api.calling import Caller, calling
from carrier.api.serving import listening
from carrier.api.tokens import ADDRESS
from carrier.host import Host
from carrier.testing.hosts import host_process, running_host, until
from carrier.testing.projects import Project

SECONDS = 5.0
"""More than a busy machine takes; an idle one takes a fifth of one."""


@dataclass(frozen=True)
class Bar:
    """The shipped project, its host, and somebody who asks."""

    project: Project
    host: Host
    caller: Caller

    async def ask(self, agent: str, text: str) -> str:
        return str((await self.caller.post(f"/{agent}/message", {"text": text}))["text"])

    async def problems(self) -> list[str]:
        found: list[str] = (await self.caller.get("/status"))["problems"]
        return found

    def living(self) -> dict[str, Any]:
        return {name: living.runtime for name, living in self.host.agents.items()}


@pytest.fixture
async def bar(shipped: Project) -> AsyncIterator[Bar]:
    async with running_host(shipped) as opened, calling(shipped.data) as caller:
        yield Bar(shipped, opened.host, caller)


async def test_an_agent_whose_file_is_dropped_in_answers_and_the_others_notice_nothing(bar: Bar) -> None:
    before = bar.living()

    bar.project.write("agents.d/hello.yaml", "character: { bio: Greets everyone and keeps it short. }\n")
    await until(lambda: "hello" in bar.host.agents, SECONDS)

    assert "Hello" in await bar.ask("hello", "Hello!")
    assert before.items() <= bar.living().items()


async def test_an_edit_to_a_template_shows_in_the_next_answer(bar: Bar) -> None:
    assert "the evening is young" in await bar.ask("tifa", "How are you?")
    before = bar.living()

    bar.project.edit("templates/chat.j2", "calm, the evening is young", "restless, the rain keeps people away")
    await until(lambda: bar.living()["tifa"] is not before["tifa"], SECONDS)

    assert "the rain keeps people away" in await bar.ask("tifa", "How are you?")


async def test_an_edit_to_an_agent_leaves_the_others_as_they_are(bar: Bar) -> None:
    before = bar.living()

    bar.project.edit("agents.d/tifa.yaml", "Mind the step on your way out.", "Mind the cat on your way out.")
    await until(lambda: bar.living()["tifa"] is not before["tifa"], SECONDS)

    assert "Mind the cat" in await bar.ask("tifa", "Bye!")
    assert bar.living()["assistantbot"] is before["assistantbot"]


async def test_a_typo_is_told_with_its_place_and_the_agent_goes_on_as_it_was(bar: Bar) -> None:
    before = bar.living()
    line = (bar.project.folder / "agents.d/tifa.yaml").read_text().splitlines().index("name: tifa") + 2

    bar.project.edit("agents.d/tifa.yaml", "description: Keeps", "descriptoin: Keeps")
    await until(lambda: bool(bar.host.catalog.problems), SECONDS)

    [problem] = await bar.problems()
    assert problem.startswith(f"agents.d/tifa.yaml:{line}:1: ")
    assert "descriptoin" in problem
    assert "Evening" in await bar.ask("tifa", "Hello!")
    assert bar.living() == before


async def test_a_typo_that_is_mended_is_told_no_more(bar: Bar) -> None:
    before = bar.living()
    bar.project.edit("templates/chat.j2", "{{ character.display_name }}", "{{ charakter.display_name }}")
    await until(lambda: bool(bar.host.catalog.problems), SECONDS)
    assert any(problem.startswith("templates/chat.j2:") for problem in await bar.problems())

    bar.project.edit("templates/chat.j2", "{{ charakter.display_name }}", "{{ character.display_name }}")
    await until(lambda: not bar.host.catalog.problems, SECONDS)

    assert await bar.problems() == []
    assert bar.living() == before


async def test_an_agent_whose_file_is_removed_is_not_found_and_those_that_are_there_are_named(bar: Bar) -> None:
    before = bar.living()

    bar.project.remove("agents.d/tifa.yaml")
    await until(lambda: "tifa" not in bar.host.agents, SECONDS)

    answer = await bar.caller.client.post("/tifa/message", json={"text": "Hello!"})
    assert answer.status_code == 404
    assert answer.json()["agents"] == ["assistantbot"]
    assert bar.living() == {"assistantbot": before["assistantbot"]}


async def test_a_host_that_is_told_to_reload_moves_to_where_its_file_says(shipped: Project) -> None:
    shipped.edit("carrier.yaml", "port: 0", f"port: {free_port()}")
    async with host_process(shipped) as host:
        shipped.edit("carrier.yaml", "host: 127.0.0.1", "host: 0.0.0.0")
        host.hang_up()
        await until(lambda: "//0.0.0.0:" in (shipped.data / ADDRESS).read_text(), SECONDS)

        async with host.call() as caller:
            assert "Evening" in (await caller.post("/tifa/message", {"text": "Hello!"}))["text"]
        assert await host.stop() == 0


def free_port() -> int:
    with closing(listening("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
