"""Agents that call an HTTP service, the operations of an API and the tools of an MCP server, all from YAML."""

import json
import sys
from pathlib import Path

from carrier.testing import mcp_server
from carrier.testing.hosts import running_host, until
from carrier.testing.http_server import http_server
from carrier.testing.projects import project

SCRIPT = """\
kind: script
name: tifa
rules:
  - { after: weather, say: "{{ result }}" }
  - { after: pets/getPet, say: "{{ result }}" }
  - { after: box/echo, say: "{{ result }}" }
  - { when: weather, call: { weather: { city: "Bergen/x?y" } } }
  - { when: pet, call: { pets/getPet: { id: 7 } } }
  - { when: box, call: { box/echo: { text: hei } } }
  - { when: forbidden, call: { box/env: {} } }
  - say: "{{ result or 'Well?' }}"
"""


def files(url: str) -> dict[str, str]:
    pets = {
        "openapi": "3.0.0",
        "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": url}],
        "paths": {
            "/pets/{id}": {
                "get": {
                    "operationId": "getPet",
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                }
            }
        },
    }
    host = url.removeprefix("http://")
    return {
        "carrier.yaml": "models: { large: scripted/tifa, small: scripted/tifa }\nembeddings: { use: none }\n",
        "agents.d/tifa.yaml": f"character: {{ bio: x }}\nactions: [weather, pets/*, box/echo]\n---\n{SCRIPT}",
        "actions/weather.yaml": f"""\
name: weather
type: http
description: The weather of a city
parameters: {{ city: {{ minLength: 1 }} }}
request: {{ url: "{url}/weather/{{{{ city }}}}", headers: {{ Authorization: "Bearer ${{WEATHER_TOKEN}}" }} }}
network: ["{host}"]
""",
        "actions/pets.yaml": f'name: pets\ntype: openapi\ndocument: pets.json\nnetwork: ["{host}"]\n',
        "pets.json": json.dumps(pets),
        "actions/box.yaml": f"name: box\ntype: mcp\ncommand: [{sys.executable}, {mcp_server.__file__}]\n",
        ".env": "WEATHER_TOKEN=0123456789\n",
        "templates/chat.j2": "You are {{ agent.name }}.\n",
        "templates/facts.j2": "\n",
    }


async def test_an_agent_uses_services_that_are_only_configured(tmp_path: Path) -> None:
    async with http_server() as server:
        made = project(tmp_path / "demo", files(server.url))
        async with running_host(made) as opened:
            host = opened.host
            assert [str(each) for each in host.catalog.problems] == []
            answers = {word: await _answer(host, word) for word in ("weather", "pet", "box", "forbidden")}

    assert [asked.target for asked in server.asked] == ["/weather/Bergen%2Fx%3Fy", "/pets/7"]
    assert server.asked[0].headers["authorization"] == "Bearer 0123456789"
    assert "0123456789" not in answers["weather"]
    assert "hei" in answers["box"]
    # What it may not use its model is not even shown.
    assert answers["forbidden"] == "I lost my thread; please say that again."


async def test_tools_follow_their_files_and_are_let_go_with_their_agent(tmp_path: Path) -> None:
    async with http_server() as server:
        made = project(tmp_path / "demo", files(server.url))
        async with running_host(made) as opened:
            host = opened.host
            assert "hei" in await _answer(host, "box")
            made.edit("agents.d/tifa.yaml", "box/echo", "box/*")
            await host.reload()
            assert "PATH" in await _answer(host, "forbidden")
            made.remove("agents.d/tifa.yaml")
            await host.reload()
            await until(lambda: not host.living.retiring)


async def _answer(host: object, text: str) -> str:
    from carrier.api.asking import ask
    from carrier.host import Host
    from carrier.types.talk import Ended, Message

    assert isinstance(host, Host)
    message = Message("api", f"m-{text}-{host.catalog.revision}", f"api/{text}", "api:anna", text, to="tifa")
    ended = await ask(host, message, 20.0)
    assert isinstance(ended, Ended)
    return " ".join(ended.texts)
