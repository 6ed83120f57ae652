"""Many at once: every message gets its own answer, in the order of its room."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from carrier.api.calling import Caller, calling
from carrier.testing.hosts import running_host
from carrier.testing.projects import project

FILES = {
    "carrier.yaml": "models: { large: scripted/echo, small: scripted/echo }\n",
    "agents.d/echo.yaml": """
character: { bio: Repeats what it hears. }
---
kind: script
name: echo
rules: [{ say: "you said {{ text }}" }]
""",
    "templates/chat.j2": "You repeat what you hear.\n",
}


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    echo = project(tmp_path / "echo", FILES)
    async with running_host(echo), calling(echo.data) as caller:
        yield caller


async def test_twenty_at_once_in_one_room_get_twenty_answers_in_order(caller: Caller) -> None:
    texts = [f"number {number}" for number in range(20)]

    answers = await asyncio.gather(
        *(caller.post("/echo/message", {"text": text, "userId": text, "roomId": "bar"}) for text in texts)
    )

    assert [answer["text"] for answer in answers] == [f"you said {text}" for text in texts]
    lines = (await caller.get("/echo/history", roomId="bar", limit="100"))["lines"]
    heard = [line["text"] for line in lines if not line["own"]]
    assert sorted(heard) == sorted(texts)
    assert [line["text"] for line in lines] == [said for text in heard for said in (text, f"you said {text}")]


async def test_two_hundred_rooms_at_once_are_all_answered(caller: Caller) -> None:
    rooms = [f"room {number}" for number in range(200)]

    answers = await asyncio.gather(*(caller.post("/echo/message", {"text": room, "roomId": room}) for room in rooms))

    assert [answer["text"] for answer in answers] == [f"you said {room}" for room in rooms]
