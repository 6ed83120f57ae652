"""A host inside the test whose model is a server on loopback, with a project to make things fail in."""

import json
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carrier.api.calling import Caller, calling
from carrier.api.serving import Opened
from carrier.testing import mcp_server
from carrier.testing.hosts import running_host
from carrier.testing.openai_server import Answer, OpenAIServer, openai_server
from carrier.testing.projects import Project, project

SECRET = "hunter2-hunter2"

FILES = {
    "carrier.yaml": """
name: demo
models:
  large: { use: openai/tiny, base_url: "URL" }
  small: scripted/spare
  safe: { use: openai/tiny, base_url: "URL", fallback: [scripted/spare] }
embeddings: { use: none }
""",
    "agents.d/tifa.yaml": """
character: { bio: Keeps the bar. }
context: [recent_messages]
actions: [boom, hang, hang_in_a_thread, tell_secret, huge, odd, faulty/*]
evaluators: [no_secrets]
words: { failed: I lost my thread., held: I would rather not. }
""",
    "agents.d/cloud.yaml": "character: { bio: Has another model. }\nmodel: safe\ncontext: [recent_messages]\n",
    "agents.d/spare.yaml": "kind: script\nname: spare\nrules:\n  - say: 'spare: {{ text }}'\n",
    "agents.d/chat.yaml": "kind: client\nname: chat\ntype: carrier.testing.clients:MadeClient\nagent: tifa\n",
    "actions/all.yaml": """
name: boom
type: python
entrypoint: "actions/all.py:boom"
---
kind: action
name: hang
type: python
entrypoint: "actions/all.py:hang"
timeout: 50ms
---
kind: action
name: hang_in_a_thread
type: python
entrypoint: "actions/all.py:hang_in_a_thread"
timeout: 50ms
---
kind: action
name: tell_secret
type: python
entrypoint: "actions/all.py:tell_secret"
---
kind: action
name: huge
type: python
entrypoint: "actions/all.py:huge"
---
kind: action
name: odd
type: python
entrypoint: "actions/all.py:odd"
---
kind: action
name: faulty
type: mcp
command: COMMAND
""",
    "actions/all.py": """
import asyncio
import time


def boom() -> str:
    raise RuntimeError("it went off")


async def hang() -> str:
    await asyncio.Event().wait()


def hang_in_a_thread() -> str:
    time.sleep(2)


def tell_secret() -> str:
    return "the key is SECRET"


def huge() -> str:
    return "x" * 2**30


def odd() -> object:
    return [object, {1, 2}, float("nan"), b"bytes"]
""",
    ".env": f"UNUSED_KEY={SECRET}\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@dataclass
class Served:
    """The host, its model's server, and what was said and done."""

    opened: Opened
    server: OpenAIServer
    files: Project
    caller: Caller

    def answers(self, *answers: Answer) -> None:
        """What the model's server does next."""
        self.server.answers.extend(answers)

    async def ask(self, text: str = "Hello", agent: str = "tifa") -> dict[str, Any]:
        return await self.caller.post(f"/{agent}/message", {"text": text})

    async def stream(self, text: str = "Hello", agent: str = "tifa") -> dict[str, Any]:
        """The end of an answer that was read as it grew."""
        *_, (name, end) = [item async for item in self.caller.stream(f"/{agent}/message", {"text": text})]
        assert name == "final"
        return end

    async def status(self) -> dict[str, Any]:
        return await self.caller.get("/status")

    async def event(self, turn: str) -> dict[str, Any]:
        """What the event log says of a turn."""
        await self.opened.host.exporter.export()
        logs = (self.files.data / "events").iterdir()
        events = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
        # The host may be writing the same at this moment: twice in the log counts as once.
        found: dict[str, Any] = next(event for event in events if event["id"] == turn)
        return found


def result(said: str) -> str:
    """What came of an action, out of an answer of a server that repeats it; it has to stand between its marks."""
    marked = re.fullmatch(r"you said: <outside (\w+)>\nWhat follows.*?\n\n(.*)\n</outside \1>", said, re.DOTALL)
    assert marked, said
    return marked[2]


@asynccontextmanager
async def served(folder: Path, more: Mapping[str, str] | None = None) -> AsyncIterator[Served]:
    """A host that answers; `more` are files of the project, over those it has."""
    async with openai_server() as server:
        command = json.dumps([sys.executable, mcp_server.__file__])
        filled = {
            name: text.replace("URL", server.url).replace("SECRET", SECRET).replace("COMMAND", command)
            for name, text in {**FILES, **(more or {})}.items()
        }
        files = project(folder / "demo", filled)
        async with running_host(files) as opened, calling(files.data) as caller:
            yield Served(opened, server, files, caller)
