"""What models answered while a host recorded is answered again without them."""

from pathlib import Path

from carrier.api.calling import calling
from carrier.api.serving import open_door
from carrier.config.catalog import load
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": "models: { large: scripted/tifa, small: scripted/tifa }\nembeddings: { use: none }\n",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
context: [character]
---
kind: script
name: tifa
rules: [{ say: "You said: {{ text }}" }]
""",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


async def said(made: Project, room: str, record: str = "") -> str:
    async with open_door(load(made.config, {}), port=0, environment={}, record=record), calling(made.data) as caller:
        answer = await caller.post("/tifa/message", {"text": "Hei!", "roomId": room})
    return str(answer["text"])


async def test_a_cassette_answers_what_was_recorded_and_nothing_else(tmp_path: Path) -> None:
    made = project(tmp_path / "demo", FILES)
    recorded = await said(made, "one", record="evening")
    made.edit("carrier.yaml", "large: scripted/tifa", "large: replay/evening")
    made.edit("agents.d/tifa.yaml", "You said", "Something else")

    replayed = await said(made, "two")
    made.edit("templates/chat.j2", "You are", "Be")
    missing = await said(made, "three")

    assert recorded == replayed == "You said: Hei!"
    assert missing == "I lost my thread; please say that again."
