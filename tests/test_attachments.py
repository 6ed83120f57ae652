"""What comes with a message reaches the model: pictures as pictures, text as text, and all else by name."""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carrier.models.images import MOST_BYTES
from carrier.runtime.state import MOST_PICTURES, State, compose_context
from carrier.testing.turns import AGENT, MESSAGE
from carrier.types.models import Image
from carrier.types.talk import Attachment
from tests.served import FILES, Served, served

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
UNSEEN = "[here is a picture ({}), which you cannot see]"


def seeing(sees: bool) -> dict[str, str]:
    """The project with a model that sees, or does not."""
    host = FILES["carrier.yaml"].replace('base_url: "URL" }', f'base_url: "URL", params: {{ images: {sees} }} }}', 1)
    return {"carrier.yaml": f"{host}limits: {{ upload: 12MB }}\n"}


async def send(host: Served, name: str, content: bytes, kind: str) -> Any:
    """What the model was told of a message with this file."""
    sent = await host.caller.client.post(
        "/tifa/message", data={"text": "Look at this."}, files={"file": (name, content, kind)}
    )
    assert sent.json()["outcome"] == "answered"
    return host.server.requests[-1]["messages"][-1]["content"]


async def test_a_picture_is_shown_to_a_model_that_sees(tmp_path: Path) -> None:
    async with served(tmp_path, seeing(True)) as host:
        told, shown = await send(host, "cat.png", PNG, "image/png")
        await host.ask("What was it?")

    assert told == {"type": "text", "text": "Look at this.\n\n[file cat.png]"}
    assert shown["image_url"]["url"] == f"data:image/png;base64,{b64encode(PNG).decode()}"
    assert host.server.requests[-1]["messages"][1]["content"] == "Look at this.\n\n[file cat.png]"


@pytest.mark.parametrize(
    ("sees", "kind", "size"),
    [(False, "image/png", 48), (True, "image/tiff", 48), (True, "image/png", MOST_BYTES + 1)],
    ids=["it does not see", "no kind it reads", "too large"],
)
async def test_a_picture_that_cannot_be_shown_is_told_of(tmp_path: Path, sees: bool, kind: str, size: int) -> None:
    async with served(tmp_path, seeing(sees)) as host:
        told = await send(host, "cat", PNG.ljust(size, b"\0"), kind)

    assert told == f"Look at this.\n\n[file cat]\n{UNSEEN.format(kind)}"


async def test_text_is_told_as_text_and_anything_else_by_its_name(tmp_path: Path) -> None:
    async with served(tmp_path, seeing(True)) as host:
        text = await send(host, "menu.txt", b"Soup, 3 gil", "text/plain")
        other = await send(host, "tune.mp3", b"\0\xff", "audio/mpeg")

    assert text == "Look at this.\n\n[file menu.txt]\n> Soup, 3 gil"
    assert other == "Look at this.\n\n[file tune.mp3]"


def test_of_many_pictures_the_first_are_shown() -> None:
    many = tuple(Attachment(f"{n}.png", "image/png", 1, f"uploads/{n}") for n in range(MOST_PICTURES + 1))
    message = replace(MESSAGE, attachments=(Attachment("lost.png", "image/png", 1), *many))

    asked = compose_context(AGENT, "", message, State({}), files=Path("/data")).conversation[-1]

    assert len(asked.images) == MOST_PICTURES
    assert asked.images[0] == Image("image/png", "/data/uploads/0")
    assert f"[file {MOST_PICTURES}.png]" in asked.text
