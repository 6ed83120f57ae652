"""How a host with many bots comes up, and how soon people on Discord are answered: `python -m benchmarks.discord`.

The Discord is the local one, in a process of its own, with the rate limits of the real one. The model answers at once;
the times are the server's, from what somebody says to what the bot answers to it.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.hosts import host
from benchmarks.load import percentile, sentence
from benchmarks.printing import row

ROOT = Path(__file__).parent.parent
BOTS, CHANNELS, A_MINUTE = 50, 100, 1000
SECONDS = float(os.environ.get("CARRIER_BENCH_DISCORD_SECONDS", "60"))
LOOK = 0.01
LATEST = 60.0
"""Seconds that the last answer may take."""

HOST = "version: 1\nname: bench\nserver: { port: 0 }\nmodels: { large: scripted/bench, small: scripted/bench }\n"
AGENT = """
name: bench
evaluators: [no_secrets]
character: { bio: Answers at once. }
---
kind: script
name: bench
rules: [{ say: That is well said. }]
"""
CLIENT = """
kind: client
name: {name}
type: discord
agent: bench
token: '{token}'
gather: 0
endpoint: {{ api: '{api}', gateway: '{gateway}' }}
"""


@dataclass(frozen=True)
class Place:
    """A local Discord in a process of its own."""

    web: aiohttp.ClientSession
    where: dict[str, str]

    async def do(self, deed: str, **arguments: Any) -> Any:
        async with self.web.post(f"{self.where['control']}/{deed}", json=arguments) as answer:
            done = await answer.json()
            if answer.status != 200:
                raise RuntimeError(done["error"])
            return done

    async def until_connected(self, bots: int) -> None:
        async with asyncio.timeout(120):
            while sum(bot["connected"] for bot in (await self.do("world"))["bots"]) < bots:  # noqa: ASYNC110
                await asyncio.sleep(LOOK)


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    server = await asyncio.create_subprocess_exec(sys.executable, "-m", "carrier.testing.discord", stdout=PIPE)
    try:
        assert server.stdout
        where = json.loads(await server.stdout.readline())
        async with aiohttp.ClientSession() as web:
            yield Place(web, where)
    finally:
        server.terminate()
        await server.wait()


async def make(there: Place, folder: Path, bots: int) -> Sequence[str]:
    """A guild for each bot, and a project with all of them; returns the channels of the first."""
    shutil.copytree(ROOT / "templates", folder / "templates")
    (folder / "agents.d").mkdir()
    (folder / "carrier.yaml").write_text(HOST)
    (folder / "agents.d" / "bench.yaml").write_text(AGENT)
    guilds = [await there.do("guild", name=f"guild-{number}") for number in range(bots)]
    await there.do("user", name="anna", guilds=guilds)
    for number, guild in enumerate(guilds):
        bot = await there.do("bot", name=f"bot-{number}", guilds=[guild])
        client = CLIENT.format(name=f"bot-{number}", token=bot["token"], **there.where)
        (folder / "agents.d" / f"bot-{number}.yaml").write_text(client)
    return [await there.do("text", guild=guilds[0], name=f"room-{number}") for number in range(CHANNELS)]


async def come_up(folder: Path, bots: int) -> None:
    """From the start of the process until all are connected."""
    async with place() as there:
        channels = await make(there, folder, bots)
        async with host(folder) as running:
            await there.until_connected(bots)
            row(f"{bots} bots connected after the start", f"{time.perf_counter() - running.began:.2f} s")
            row(f"resident memory, {bots} bots", f"{running.megabytes()} MB")
            if bots == BOTS:
                await converse(there, channels)
                row(f"resident memory, {bots} bots, afterwards", f"{running.megabytes()} MB")


async def converse(there: Place, channels: Sequence[str]) -> None:
    """People talk in all channels at an even pace; each word has one answer."""
    count, begun = round(A_MINUTE * SECONDS / 60), time.perf_counter()
    for number in range(count):
        await asyncio.sleep(begun + number * 60 / A_MINUTE - time.perf_counter())
        text = sentence(number)
        await there.do("say", user="anna", channel=channels[number % CHANNELS], text=text, mentions=["bot-0"])
    times = await answered(there, channels, count)
    spread = ", ".join(f"p{round(share * 100)} {percentile(times, share):.0f} ms" for share in (0.5, 0.95, 0.99))
    row(f"{A_MINUTE} messages a minute, {CHANNELS} channels", f"{spread}, max {max(times):.0f} ms")
    row("answered", f"{len(times)} of {count}")
    row("breaches of rate limits", str(len(await there.do("breaches"))), "aim: 0")


async def answered(there: Place, channels: Sequence[str], count: int) -> list[float]:
    """Milliseconds of each answer, once there are so many; raises RuntimeError for a second one to the same."""
    async with asyncio.timeout(LATEST):
        while len(times := [one for channel in channels for one in await _times(there, channel)]) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    return times


async def _times(there: Place, channel: str) -> list[float]:
    feed = await there.do("feed", channel=channel)
    said = {message["id"]: message for message in feed}
    answers = [message for message in feed if message.get("message_reference")]
    asked = [answer["message_reference"]["message_id"] for answer in answers]
    if len(set(asked)) < len(asked):
        raise RuntimeError(f"somebody was answered twice in {channel}")
    return [(_at(answer) - _at(said[id])) * 1000 for id, answer in zip(asked, answers, strict=True)]


def _at(message: dict[str, Any]) -> float:
    return datetime.fromisoformat(message["timestamp"]).timestamp()


def main() -> None:
    for bots in (1, BOTS):
        with tempfile.TemporaryDirectory(prefix="carrier-bench-") as folder:
            asyncio.run(come_up(Path(folder), bots))


if __name__ == "__main__":
    main()
