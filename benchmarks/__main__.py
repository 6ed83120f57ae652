"""`make bench`: how fast a host starts and answers on this machine, with its real stores and embeddings.

The model is scripted and answers at once, so what is measured is Carrier itself: HTTP, ledger, memory, templates.
The load comes from this process, on the same cores.
"""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import discord, loop, reload, uploads
from benchmarks.hosts import Running, host
from benchmarks.load import Talker, percentile, sentence
from benchmarks.printing import row

ROOT = Path(__file__).parent.parent
ELIZA = {
    "listening": "ElizaOS 1.7.2: 2.2 s",
    "one": "ElizaOS 1.7.2: 17.5/s, 55 / 91 ms",
    "sixteen": "ElizaOS 1.7.2: 23.5/s",
    "memory": "ElizaOS 1.7.2: 458 growing to 643 MB in 300 messages",
}
"""With its own store, measured on such a machine."""

SUSTAINED = int(os.environ.get("CARRIER_BENCH_MESSAGES", "10000"))

AGENT = """
name: bench
context: [character, recent_messages, memories, time]
evaluators: [no_secrets]
actions: [ignore]
character: {{ bio: Answers at once. }}
---
kind: script
name: bench
rules:
  - say: {answers}
"""


def make_project(folder: Path) -> None:
    shutil.copytree(ROOT / "templates", folder / "templates")
    (folder / "agents.d").mkdir()
    answers = json.dumps([sentence(-number) for number in range(1, 9)])
    (folder / "agents.d" / "bench.yaml").write_text(AGENT.format(answers=answers))
    (folder / "carrier.yaml").write_text("version: 1\nname: bench\nserver: { port: 0 }\n")


async def until(running: Running, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """How memory stands once this holds of it; another process can only be asked again and again."""
    async with asyncio.timeout(120):
        while True:
            now = await asyncio.to_thread(running.memory)
            if holds(now):
                return now
            await asyncio.sleep(0.02)


async def until_ready(running: Running) -> float:
    await until(running, lambda now: now["ready"])
    return time.perf_counter() - running.began


async def until_embedded(running: Running, messages: int) -> None:
    """Every message and every answer is stored with its vector, or the figures above are worth nothing."""
    wanted = 2 * messages
    now = await until(running, lambda now: now["stored"] >= wanted and not now["without_vector"])
    assert now["stored"] == wanted, f"{now['stored']} memories are stored, not {wanted}"
    assert not now["problem"], now["problem"]


async def talk(running: Running, rooms: int, each: int, first: int, name: str) -> tuple[float, list[float]]:
    """Messages a second, and the time of each answer."""
    talkers = [Talker(running.address, running.token, "bench", f"{name}-{room}") for room in range(rooms)]
    begun = time.perf_counter()
    await asyncio.gather(
        *(talker.say_all(range(first + room * each, first + (room + 1) * each)) for room, talker in enumerate(talkers))
    )
    seconds = time.perf_counter() - begun
    times = [one for talker in talkers for one in talker.times]
    return len(times) / seconds, times


def speed(rate: float, times: list[float]) -> str:
    return f"{rate:.0f}/s, p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms"


async def measure(folder: Path) -> None:
    make_project(folder)
    async with host(folder) as running:
        row("listening after the start", f"{running.listening:.2f} s", ELIZA["listening"])
        _, times = await talk(running, 1, 1, 0, "first")
        row("first answer, memory still loading", f"{times[0]:.0f} ms")
        row("memory ready after the start", f"{await until_ready(running):.2f} s")
        row("resident memory, 0 messages", f"{running.megabytes()} MB")
        rate, times = await talk(running, 1, 999, 10_000, "one")
        row("one room, 999 messages", speed(rate, times), ELIZA["one"])
        await until_embedded(running, 1000)
        row("resident memory, 1,000 messages", f"{running.megabytes()} MB", ELIZA["memory"])
        rate, times = await talk(running, 16, 16, 20_000, "sixteen")
        row("16 rooms, 16 messages each", speed(rate, times), ELIZA["sixteen"])
        await until_embedded(running, 1256)
        each = SUSTAINED // 16
        rate, times = await talk(running, 16, each, 100_000, "long")
        waiting = running.memory()["waiting"]
        row(f"sustained, {16 * each} messages, 16 rooms", speed(rate, times))
        row("memories that waited at the end", str(waiting))
        await until_embedded(running, 1256 + 16 * each)
        row(f"resident memory, {1256 + 16 * each} messages", f"{running.megabytes()} MB")
    print("every message and answer was stored and embedded")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="carrier-bench-") as folder:
        asyncio.run(measure(Path(folder)))
    loop.main()
    discord.main()
    reload.main()
    uploads.main()


main()
