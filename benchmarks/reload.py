"""How soon an edit counts: all files read, and from save to live while other agents converse.

`make bench` runs it after the host's own figures; alone it is `python -m benchmarks.reload`.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.hosts import Running, host
from benchmarks.load import Talker, answer, percentile, question
from benchmarks.printing import row
from carrier.config.catalog import load

ROOT = Path(__file__).parent.parent
SIZES = (100, 1000)
ROOMS, PAUSE = 16, 0.2
"""Who converses meanwhile, and the seconds each is silent after an answer."""
AGENT_EDITS, TEMPLATE_EDITS = 30, 10
LOOK = 0.005
"""Seconds between two looks at whether an edit is live."""
QUIET = 0.3
"""Seconds between an edit that is live and the next."""

HOST = """\
version: 1
name: bench
server: { port: 0 }
models: { large: scripted/bench, small: scripted/bench }
"""
SCRIPT = 'kind: script\nname: bench\nrules: [{ say: "That is well said." }]\n'
AGENT = """\
description: Number {number} of many.
character: {{ bio: "Has been so since edit {edit}.", topics: [bars, rain, fish] }}
context: [{context}]
evaluators: [no_secrets]
actions: [ignore]
"""
OWN = "templates: { chat: own.j2 }\n"
TEMPLATE = "These are the words of version {edit}.\n{{{{ character }}}}\n"
EDITED = "a0"
"""The agent that is edited; it alone uses the template that is."""


@dataclass(frozen=True)
class Bench:
    """A project of many agents."""

    folder: Path
    agents: int

    def make(self) -> None:
        shutil.copytree(ROOT / "templates", self.folder / "templates")
        (self.folder / "agents.d").mkdir()
        (self.folder / "carrier.yaml").write_text(HOST)
        (self.folder / "agents.d/script.yaml").write_text(SCRIPT)
        self.edit_template(0)
        for number in range(self.agents):
            self.edit_agent(0, number)

    def edit_agent(self, edit: int, number: int = 0) -> str:
        """Save it; returns what stands in its prompts from then on."""
        context = "character, recent_messages, memories, time" if number else "character"
        text = AGENT.format(number=number, edit=edit, context=context) + ("" if number else OWN)
        (self.folder / f"agents.d/a{number}.yaml").write_text(text)
        return f"since edit {edit}."

    def edit_template(self, edit: int) -> str:
        (self.folder / "templates/own.j2").write_text(TEMPLATE.format(edit=edit))
        return f"words of version {edit}."


def reading(folder: Path) -> None:
    """All files of a thousand agents, in a new process and again in one that has read them."""
    bench = Bench(folder, 1000)
    bench.make()
    check = [sys.executable, "-m", "carrier", "--config", str(folder / "carrier.yaml"), "check"]
    times = [_seconds(lambda: subprocess.run(check, check=True, stdout=subprocess.DEVNULL)) for _ in range(3)]
    row("check, 1,000 agents, a new process", f"{min(times):.2f} s")
    catalog = load(folder, os.environ)
    row("load, the same files again", f"{_seconds(lambda: load(folder, os.environ, catalog)):.2f} s")
    bench.edit_agent(1)
    row("load, one agent edited", f"{_seconds(lambda: load(folder, os.environ, catalog)):.2f} s")


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


async def save_to_live(folder: Path, agents: int) -> None:
    """One agent and its template are edited again and again, while other agents answer."""
    bench = Bench(folder, agents)
    bench.make()
    async with host(folder) as running:
        row(f"listening after the start, {agents} agents", f"{running.listening:.2f} s")
        talkers = [Talker(running.address, running.token, f"a{n + 1}", f"r{n}", PAUSE) for n in range(ROOMS)]
        talking = asyncio.gather(*(talker.say_all(range(n * 10**6, 10**9)) for n, talker in enumerate(talkers)))
        await asyncio.sleep(3)
        begun = len(_rebuilt(running))
        for what, edit, times in (
            ("agent", bench.edit_agent, AGENT_EDITS),
            ("template", bench.edit_template, TEMPLATE_EDITS),
        ):
            row(f"{what} saved to live, {agents} agents", await _edits(running, edit, times))
        said = [one for talker in talkers for one in talker.times]
        assert not talking.done(), talking.exception()
        talking.cancel()
        with suppress(asyncio.CancelledError):
            await talking
        row(
            "meanwhile, 16 rooms",
            f"{len(said)} answers, p50 {percentile(said, 0.5):.0f} ms, p99 {percentile(said, 0.99):.0f} ms",
        )
        rebuilt = _rebuilt(running)[begun:]
        row("rebuilt", f"{len(rebuilt)} times: {', '.join(sorted(set(rebuilt)))}")


async def _edits(running: Running, edit: Callable[[int], str], times: int) -> str:
    found = [await _until_live(running, edit, number) for number in range(1, times + 1)]
    return f"p50 {percentile(found, 0.5):.0f} ms, p95 {percentile(found, 0.95):.0f} ms"


async def _until_live(running: Running, edit: Callable[[int], str], number: int) -> float:
    where = urlsplit(running.address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    asked = question(running.token, f"/{EDITED}/render", "Hello", "look")
    begun = time.perf_counter()
    told = edit(number)
    while True:
        writer.write(asked)
        if told in (await answer(reader))["prompt"]:
            break
        await asyncio.sleep(LOOK)
    took = time.perf_counter() - begun
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(QUIET)
    return took * 1000


def _rebuilt(running: Running) -> list[str]:
    """The agents that were made, in order, as the host's log has it."""
    return re.findall(r"(a\d+): live", running.log.read_text())


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="carrier-bench-") as name:
        reading(Path(name) / "reading")
        for agents in SIZES:
            asyncio.run(save_to_live(Path(name) / str(agents), agents))


if __name__ == "__main__":
    main()
