"""A host that is told to stop under load: it ends soon and well, and the next one goes on where it was."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from carrier.api.calling import Caller, calling
from carrier.testing.hosts import host_process, running_host
from carrier.testing.platform import Platform, local_platform
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
models: { large: scripted/slow, small: scripted/slow }
embeddings: { use: none }
memory: { type: carrier.testing.memories:in_a_list }
server: { port: 0 }
""",
    "agents.d/slow.yaml": """
character: { bio: Takes its time. }
---
kind: script
name: slow
rules: [{ say: "you said {{ text }}", delay: 200ms }]
""",
    "templates/chat.j2": "You take your time.\n",
}

CLIENT = "kind: client\ntype: carrier.testing.platform:PlatformClient\nagent: slow\nport: {port}\n"

SOON = 5.0
ROOMS = [f"r{number}" for number in range(5)]


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with local_platform() as platform:
        yield platform


@pytest.fixture
def slow(tmp_path: Path, platform: Platform) -> Project:
    return project(tmp_path / "slow", {**FILES, "agents.d/platform.yaml": CLIENT.format(port=platform.port)})


async def test_a_stop_under_load_finishes_what_is_under_way_and_the_next_start_does_the_rest(
    slow: Project, platform: Platform
) -> None:
    said = {room: [f"{room}-{number}" for number in range(6)] for room in ROOMS}
    for room, messages in said.items():
        for message in messages:
            platform.say(message, room, message)

    async with host_process(slow) as host:
        await platform.until(lambda: len(platform.sent) >= 5, SOON)
        begun = time.monotonic()
        assert await host.stop() == 0, host.printed
        assert time.monotonic() - begun < SOON
    assert len(platform.sent) < 30
    async with running_host(slow):
        await platform.until(lambda: len(platform.sent) >= 30, 2 * SOON)

    assert {room: [sent.reply_to for sent in answers] for room, answers in platform.by_room().items()} == said
    assert {sent.text for sent in platform.sent} == {f"you said {sent.reply_to}" for sent in platform.sent}


async def test_who_still_waits_when_the_host_stops_is_told_so_and_gets_the_answer_from_the_next(slow: Project) -> None:
    async with host_process(slow) as host, host.call() as caller:
        asking = [asyncio.create_task(_ask(caller, number)) for number in range(5)]
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        begun = time.monotonic()
        assert await host.stop() == 0, host.printed
        assert time.monotonic() - begun < SOON
        before = [task.result() for task in asking]
    async with running_host(slow), calling(slow.data) as caller:
        after = await asyncio.gather(*(_ask(caller, number) for number in range(5)))

    assert {answer.status_code for answer in before} == {200, 202}
    assert [answer.json()["text"] for answer in after] == [f"you said {number}" for number in range(5)]
    assert [answer.json()["turn"] for answer in after] == [answer.json()["turn"] for answer in before]


async def _ask(caller: Caller, number: int) -> Any:
    body = {"text": f"{number}", "roomId": "bar"}
    return await caller.client.post("/slow/message", json=body, headers={"idempotency-key": f"key-{number}"})


async def test_an_answer_is_found_again_by_its_key_after_a_kill(slow: Project) -> None:
    keyed = {"idempotency-key": "order-1"}
    async with host_process(slow) as host, host.call() as caller:
        first = await caller.client.post("/slow/message", json={"text": "one beer"}, headers=keyed)
        await host.kill()
    async with running_host(slow), calling(slow.data) as caller:
        again = await caller.client.post("/slow/message", json={"text": "one beer"}, headers=keyed)
        other = await caller.client.post("/slow/message", json={"text": "two beers"}, headers=keyed)
        history = await caller.get("/slow/history")

    assert again.json() == first.json()
    assert other.status_code == 422
    assert other.json()["field"] == "Idempotency-Key"
    assert [line["text"] for line in history["lines"]] == ["one beer", "you said one beer"]


async def test_the_same_key_twice_at_once_is_one_turn(slow: Project) -> None:
    keyed = {"idempotency-key": "order-1"}
    async with running_host(slow), calling(slow.data) as caller:
        ask = [caller.client.post("/slow/message", json={"text": "one beer"}, headers=keyed) for _ in range(3)]
        answers = [answer.json() for answer in await asyncio.gather(*ask)]
        history = await caller.get("/slow/history")

    assert answers[0]["text"] == "you said one beer"
    assert answers == [answers[0]] * 3
    assert len(history["lines"]) == 2
