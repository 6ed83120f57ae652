"""A host that is killed around its slots: what it says by the clock is said once, and every slot has its record."""

import sqlite3
from collections import Counter
from contextlib import closing, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from carrier.testing.hosts import SECONDS, HostProcess
from carrier.testing.platform import Platform, local_platform
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: clockwork
models: { large: scripted/worker, small: scripted/worker }
embeddings: { use: none }
memory: { type: carrier.testing.memories:in_a_list }
server: { port: 0 }
""",
    "agents.d/worker.yaml": """
character: { bio: Tells the time. }
context: [recent_messages]
schedules:
  tick:
    every: 1s
    say: { room: platform/garden, text: "{{ slot.isoformat() }}" }
    catch_up: all
    grace: 1h
    overlap: wait
---
kind: script
name: worker
rules: [{ say: Hello. }]
""",
    "templates/chat.j2": "You tell the time.\n",
    "templates/facts.j2": "\n",
}
CLIENT = "kind: client\ntype: carrier.testing.platform:PlatformClient\nagent: worker\nport: {port}\n"


async def test_what_is_said_by_the_clock_is_said_once_however_often_the_host_is_killed(tmp_path: Path) -> None:
    await lives(tmp_path, Random(1), kills=3)


@pytest.mark.torture
@pytest.mark.timeout(3600)
async def test_what_is_said_by_the_clock_is_said_once_over_a_hundred_kills(tmp_path: Path) -> None:
    await lives(tmp_path, Random(2), kills=100)


async def lives(folder: Path, random: Random, kills: int) -> None:
    async with local_platform() as platform:
        clockwork = project(
            folder / "clockwork", {**FILES, "agents.d/platform.yaml": CLIENT.format(port=platform.port)}
        )
        for _ in range(kills):
            host = await HostProcess.start(clockwork)
            await said_more(host, platform)
            with suppress(TimeoutError):
                await host.ended(random.uniform(0, 1))
            await host.kill()
        host = await HostProcess.start(clockwork)
        await said_more(host, platform)
        assert await host.stop() == 0, host.printed

        assert wrong(clockwork, platform) == []


async def said_more(host: HostProcess, platform: Platform) -> None:
    before = len(platform.sent)
    try:
        await platform.until(lambda: len(platform.sent) > before, SECONDS)
    except TimeoutError as error:
        raise AssertionError(f"the host says nothing:\n{host.printed}") from error


def wrong(clockwork: Project, platform: Platform) -> list[str]:
    """What was said twice, is not recorded as it was, or has no record."""
    said = Counter(sent.text for sent in platform.sent)
    with closing(sqlite3.connect(clockwork.data / "ledger.db")) as ledger:
        rows = ledger.execute("SELECT id, state, covers FROM slots ORDER BY due_at").fetchall()
        unsent = {text for (text,) in ledger.execute("SELECT text FROM outbox WHERE state != 'sent'")}
    times = [datetime.fromisoformat(id.rpartition("@")[2]) for id, _, _ in rows]
    done = {at.isoformat() for at, (_, state, _) in zip(times, rows, strict=True) if state == "done"}
    spans = [covers for _, _, covers in rows[:-1]]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return [
        *(f"{text} was said {number} times" for text, number in said.items() if number > 1),
        *(f"{text} was said and is not recorded as done, or the other way round" for text in done ^ {*said, *unsent}),
        *(f"after {at} slots have no record" for at, gap, covers in zip(times, gaps, spans, strict=False)
          if gap != timedelta(seconds=covers)),
    ]  # fmt: skip
