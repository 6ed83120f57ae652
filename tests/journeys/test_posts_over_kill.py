"""A host that is killed while its posts go out: each is to be seen once at most, and none is called failed that is."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from carrier.testing.graph import EVERY_FAULT, Graph, local_graph
from carrier.testing.hosts import PROGRAM, HostProcess
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: pressed
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
server: { port: 0 }
""",
    "agents.d/tifa.yaml": """\
character: { bio: Posts a lot. }
context: []
clients:
  gram:
    type: instagram
    login: instagram
    account_id: "{account}"
    access_token: {token}
    endpoint: { graph: {graph} }
    media_host: { type: folder, folder: {shown}, public_url: {graph}/media }
---
kind: script
name: tifa
rules: [{ say: Hello. }]
""",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}
LOST = [name for name in EVERY_FAULT if name.startswith("commit") and "hang" not in name] + ["reset"]


async def test_no_post_is_seen_twice_however_often_the_host_is_killed(tmp_path: Path) -> None:
    await lives(tmp_path, Random(3), kills=3)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(5))
async def test_no_post_is_seen_twice_over_five_hundred_kills(seed: int, tmp_path: Path) -> None:
    await lives(tmp_path, Random(seed), kills=100)


NAIVE = """
from dataclasses import replace

from carrier.runtime import becoming


look = becoming.look_later


def again(post, reason, now):
    if post.state != "ordered":
        return look(post, reason, now)
    return replace(post, state="creating", parts=(), container="", ordered=0, wakes=0)


becoming.look_later = again

from carrier.cli import main

main()
"""
"""Makes a new post where it does not know what became of one, as most do."""


async def test_one_that_tries_again_is_seen_twice_and_this_test_notices(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="== \\[\\]"):
        await lives(tmp_path, Random(3), kills=20, program=("-c", NAIVE))


async def lives(folder: Path, random: Random, kills: int, program: tuple[str, ...] = PROGRAM) -> None:
    shown = folder / "shown"
    shown.mkdir()
    async with local_graph(media=shown) as graph:
        most = 1_000_000
        graph.rule(quota_total=most, containers_a_day=most, calls_a_day=most, image_seconds=0, repeat="duplicate")
        pressed = made(folder, graph, shown)
        for number in range(kills):
            await one_life(pressed, graph, random, number, program)
            check(pressed, graph)
        assert len(graph.feed()) >= kills / 4


async def one_life(pressed: Project, graph: Graph, random: Random, number: int, program: tuple[str, ...]) -> None:
    """Killed some steps, and a moment, after it was told of two posts; one's order may meet a fault."""
    if random.random() < 0.5:
        graph.script(EVERY_FAULT[random.choice(LOST)], "POST", "/media_publish$")
    host = await HostProcess.start(pressed, program)
    try:
        await host.ready()
        wanted = len(steps(pressed)) + random.randint(1, 14)
        async with host.call() as caller:
            for each in "ab":
                await caller.post("/posts", {"files": ["media/1.jpg"], "caption": f"{number}{each}"})
        async with asyncio.timeout(4):
            while len(steps(pressed)) < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        # Within a step as well as between two.
        await asyncio.sleep(random.uniform(0, 0.02))
    except TimeoutError:
        pass  # all that is there may be waiting to be looked for
    finally:
        await host.kill()


def check(pressed: Project, graph: Graph) -> None:
    seen = Counter(post.caption for post in graph.feed())
    assert [caption for caption, number in seen.items() if number > 1] == []
    for caption, state in captions(pressed):
        assert not (state in ("failed", "missed", "rejected") and seen[caption]), (caption, state)


def made(folder: Path, graph: Graph, shown: Path) -> Project:
    from PIL import Image

    facts = {"account": graph.account.id, "token": graph.account.token, "graph": graph.url, "shown": str(shown)}
    files = dict(FILES)
    for key, value in facts.items():
        files = {name: text.replace(f"{{{key}}}", value) for name, text in files.items()}
    found = project(folder / "pressed", files)
    (found.folder / "media").mkdir()
    Image.new("RGB", (400, 400), "seagreen").save(found.folder / "media" / "1.jpg")
    return found


def steps(pressed: Project) -> list[tuple[str, ...]]:
    return rows(pressed, "select post, state from post_steps")


def captions(pressed: Project) -> list[tuple[str, ...]]:
    return rows(pressed, "select json_extract(body, '$.content.caption'), state from posts")


def rows(pressed: Project, query: str) -> list[tuple[str, ...]]:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(pressed.data / "ledger.db")) as ledger:
        return ledger.execute(query).fetchall()
    return []
