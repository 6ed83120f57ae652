"""Templates that a caller brings: rendered as the agent's own would be, by a process that cannot hurt the host."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
import pytest_asyncio
from jinja2 import ChainableUndefined

from carrier import apart
from carrier.apart import heard, render, told
from carrier.errors import TemplateError
from carrier.providers.time import Moment
from carrier.templates import Templates, reason
from carrier.testing.hosts import running_host
from carrier.testing.projects import project
from carrier.types.characters import Character, Example
from carrier.types.parts import TemplateFile
from carrier.types.talk import Attachment, Message

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
MESSAGE = Message("api", "7", "api/den", "api:anna", "Hi", "Anna", attachments=(Attachment("a.txt", "text/plain", 3),))
STYLE = MappingProxyType({"all": ("short",)})
VALUES = {
    "message": MESSAGE,
    "character": Character(
        "tifa", "Tifa", bio=("Keeps the bar",), style=STYLE, message_examples=((Example("a", "b"),),)
    ),
    "time": Moment(NOW, "Saturday"),
    "nothing": ChainableUndefined(name="nothing"),
    "numbers": {1: 2.5, "x": None, "y": [True, "ß", "\N{GRINNING FACE}"]},
}
BUSY = "{% for a in range(99999) %}" + "{% if a %}{% endif %}" * 2000 + "{% endfor %}"


def sources(**others: str) -> dict[str, TemplateFile]:
    return {f"{name}.j2": TemplateFile(f"{name}.j2", source) for name, source in others.items()}


TEMPLATE = """
{{ message.text }} {{ message.id }} {{ message.attachments[0].name }} {{ message.sender_name|upper }}
{% for line in character.bio %}{{ loop.index }} {{ line }}{% endfor %}{{ character.style.get('all') | join }}
{% for it in character.message_examples[0] %}{{ it.user }}{{ it.agent }}{% endfor %}
It is {{ time }}, {{ time.at.hour }} or {{ time.at.strftime('%H:%M') }}.
{{ nothing }}{{ nothing.more.and_more }}{% for it in nothing %}{% endfor %}
{{ numbers[1] }} {{ numbers.x is none }} {{ numbers.y }}
{% include 'part.j2' %}
"""


async def test_a_template_says_the_same_apart_as_it_would_within_the_host() -> None:
    others = sources(part="{{ message.text }}!")
    within = Templates({"chat.j2": TemplateFile("chat.j2", TEMPLATE), **others}).render("chat.j2", VALUES)

    assert await render(TEMPLATE, others, VALUES) == within


def test_what_holds_itself_is_told_to_a_depth() -> None:
    circle: dict[str, object] = {}
    circle["again"] = circle

    assert str(heard(told(circle))).count("again") > 10


@pytest.mark.parametrize(
    ("template", "place", "said"),
    [
        ("\n{{ nope }}", ("template", 2), "'nope' is undefined; there are character, message"),
        ("\n{% if %}", ("template", 2), "Expected an expression"),
        ("{% include 'broken.j2' %}", ("broken.j2", 3), "division by zero"),
        ("{% include 'template' %}", ("template", 1), "comes back to itself"),
        ("\n{{ 'a' * 10**9 }}", ("template", 2), "too large"),
        (BUSY, ("template", 1), "longer than 1 s"),
        ("x" * 1_000_000, ("template", 1), "more than 100,000 characters"),
    ],
    ids=["name", "syntax", "include", "circle", "size", "time", "source"],
)
async def test_what_is_wrong_with_it_is_told_with_its_place(template: str, place: tuple[str, int], said: str) -> None:
    with pytest.raises(TemplateError) as raised:
        await render(template, sources(broken="\n\n{{ 1 / 0 }}"), VALUES)

    assert (raised.value.template, raised.value.line) == place
    assert said in reason(raised.value)


async def test_a_process_that_fills_its_memory_is_a_template_that_takes_too_much() -> None:
    with pytest.raises(TemplateError, match="template:1: this takes more time or memory"):
        await render("{{ text }}", {}, {"text": "\N{GRINNING FACE}" * 20_000_000})


async def test_a_process_that_does_not_answer_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SECONDS", 0.01)

    with pytest.raises(TemplateError, match="template:1: this takes longer than"):
        await render("Hello", {}, {})

    assert children() == []


async def test_the_process_has_no_environment_no_file_and_little_time_and_memory(tmp_path: Path) -> None:
    ours = os.open(tmp_path / "ours", os.O_CREAT)
    os.set_inheritable(ours, True)
    busy = asyncio.create_task(render(BUSY, {}, {}))
    process = await child_with_limits()
    environment = (process / "environ").read_bytes()
    files = [os.readlink(file) for file in (process / "fd").iterdir()]
    limits = (process / "limits").read_text()
    busy.cancel()
    await asyncio.wait([busy])
    os.close(ours)

    assert environment == b""
    assert len(files) == 3
    assert not [file for file in files if not file.startswith(("/dev/null", "pipe:", "socket:"))]
    assert re.search(r"Max cpu time +2 ", limits)
    assert re.search(r"Max address space +268435456 ", limits)
    assert children() == []


async def child_with_limits() -> Path:
    """The process, as soon as it has set its limits."""
    while True:
        for process in children():
            if re.search(r"Max file size +0 ", (process / "limits").read_text()):
                return process
        await asyncio.sleep(0.005)


def children() -> list[Path]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        # A thread may end between the look and the reading.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += (task / "children").read_text().split()
    return [Path("/proc") / child for child in found]


# --- through the door ----------------------------------------------------------------------------------------------

FILES = {
    "carrier.yaml": "models: { large: scripted/tifa, small: scripted/tifa }\nembeddings: { use: none }\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\n---\nkind: script\nname: tifa\nrules: [{ say: hi }]\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
    "templates/parts/unused.j2": "at {{ message.room }}",
}


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with running_host(project(tmp_path / "demo", FILES)) as opened:
        headers = {"authorization": f"Bearer {opened.token}"}
        async with httpx.AsyncClient(base_url=opened.address, headers=headers, trust_env=False, timeout=30) as client:
            yield client


async def test_a_caller_may_try_a_template_with_the_projects_others(door: httpx.AsyncClient) -> None:
    template = "{{ character.bio[0] }} Sits {% include 'parts/unused.j2' %}."

    answer = await door.post("/tifa/render", json={"text": "Hello", "userId": "anna", "template": template})

    assert answer.json() == {
        "prompt": "Keeps the bar. Sits at api/@anna.\n\n--- conversation ---\nuser: Hello",
    }


async def test_what_a_callers_template_does_wrong_is_the_callers_mistake(door: httpx.AsyncClient) -> None:
    for template, said in (
        ("\n{{ nope }}", "template:2: 'nope'"),
        ("{% for a in range(10**6) %}", "template:1: "),
        (BUSY, "1 s"),
    ):
        answer = await door.post("/tifa/render", json={"text": "Hello", "template": template})

        assert answer.status_code == 422
        assert answer.json()["field"] == "template"
        assert said in answer.json()["error"]


async def test_half_a_character_is_none(door: httpx.AsyncClient) -> None:
    content = rb'{"text": "Hello", "template": "\ud83d"}'
    sent = await door.post("/tifa/render", content=content, headers={"content-type": "application/json"})
    made = await door.post("/tifa/render", json={"text": "Hello", "template": r"{{ '\ud83d' }}"})

    assert (sent.status_code, sent.json()["field"]) == (422, "template")
    assert made.json()["prompt"].startswith("\N{REPLACEMENT CHARACTER}")


async def test_only_a_rendering_takes_a_template(door: httpx.AsyncClient) -> None:
    answer = await door.post("/tifa/message", json={"text": "Hello", "template": "Hi"})

    assert (answer.status_code, answer.json()["field"]) == (422, "template")
