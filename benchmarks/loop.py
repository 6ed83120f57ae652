"""What the loop itself takes for a turn, and how soon a model's words arrive: `python -m benchmarks.loop`.

A turn is measured from the moment it is taken in to the moment it has ended, without HTTP, and with its files in memory
where the machine has a folder there. The other model is a server in another process, asked through litellm.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.hosts import host as host_process
from benchmarks.model_server import model_server, since
from benchmarks.printing import row, spread
from carrier.api.calling import Caller, calling
from carrier.cli.running import run
from carrier.config.catalog import load
from carrier.host import Host, running
from carrier.models.loading import close_connections, loaded_litellm
from carrier.models.opening import Models
from carrier.types.models import ModelProfile, Prompt, Request, Said
from carrier.types.talk import Message

ROOT = Path(__file__).parent.parent
TURNS = int(os.environ.get("CARRIER_BENCH_TURNS", "500"))
STREAMS = TURNS // 5
MEMORY = Path("/dev/shm")

HOST = "version: 1\nname: bench\nserver: {{ port: 0 }}\nembeddings: {{ use: none }}\nmodels: {{ large: {model} }}\n"
AGENT = """
name: bench
actions: [ignore]
evaluators: {gates}
character: {{ bio: Answers at once. }}
---
kind: script
name: bench
rules:
  - say: Yes.
"""


def make_project(folder: Path, model: str, gates: str = "[no_secrets]") -> Path:
    shutil.copytree(ROOT / "templates", folder / "templates")
    (folder / "agents.d").mkdir()
    (folder / "agents.d" / "bench.yaml").write_text(AGENT.format(gates=gates))
    (folder / "carrier.yaml").write_text(HOST.format(model=model))
    return folder / "carrier.yaml"


def served(address: str) -> str:
    return f"{{ use: openai/tiny, base_url: '{address}' }}"


def alive(config: Path) -> AbstractAsyncContextManager[Host]:
    """A host in this process, which nobody can call."""
    return running(load(config, {}), watch=False)


async def answer(host: Host, number: int) -> None:
    """One turn. Rooms change now and then, so that none has more than a usual number of lines."""
    room = f"api/{number // 20}"
    message = Message("api", str(number), room, "api:anna", f"This is message {number}.", to="bench")
    with host.watchers.watch(f"{message.id}@bench") as watcher:
        await host.inbox.take_in(message)
        ended = await watcher.ended
    if ended.outcome != "answered":
        raise RuntimeError(f"message {number} got no answer: {ended}")


async def timed(ask: Callable[[int], Awaitable[object]], count: int) -> tuple[list[float], float]:
    """The milliseconds of each, and of the processor's time for one; the first ones are not counted."""
    for number in range(20):
        await ask(number)
    times, worked = [], time.process_time()
    for number in range(20, 20 + count):
        begun = time.perf_counter()
        await ask(number)
        times.append((time.perf_counter() - begun) * 1000)
    return times, (time.process_time() - worked) * 1000 / count


async def own_cost(folder: Path) -> None:
    async with alive(make_project(folder, "scripted/bench")) as host:
        times, worked = await timed(lambda number: answer(host, number), TURNS)
    row("one turn, instant model", f"{spread(times)}, {worked:.2f} ms of processor", "aim: under 5 ms")


async def through_litellm(folder: Path) -> None:
    """What is spent within litellm is what asking the same without Carrier takes."""
    async with model_server() as address, watched_litellm() as within:
        profile = ModelProfile("large", "openai/tiny", base_url=address)
        model, _ = await Models().open(profile, "bench", {}, 0)
        answers, _ = await timed(lambda number: model.complete(question(number)), TURNS)
        row("one answer through litellm", spread(answers))
        row("overhead of the model system", spread(less(answers, within)), "aim: under 3 ms")
        async with alive(make_project(folder, served(address))) as host:
            turns, _ = await timed(lambda number: answer(host, number), TURNS)
    row("one turn through litellm", spread(turns))
    row("overhead of the whole turn", spread(less(turns, within)))


@asynccontextmanager
async def watched_litellm() -> AsyncIterator[list[float]]:
    """The milliseconds that each answer took within litellm."""
    litellm, times = await loaded_litellm(), []
    ask = litellm.acompletion

    async def watched(**asked: Any) -> Any:
        begun = time.perf_counter()
        try:
            return await ask(**asked)
        finally:
            times.append((time.perf_counter() - begun) * 1000)

    litellm.acompletion = watched
    try:
        yield times
    finally:
        litellm.acompletion = ask


def less(times: list[float], within: list[float]) -> list[float]:
    return [whole - part for whole, part in zip(times, within[-len(times) :], strict=True)]


def question(number: int) -> Request:
    return Request(Prompt("You answer at once.", (Said("user", f"This is message {number}."),)))


async def ask_litellm(address: str, number: int, **how: Any) -> Any:
    litellm = await loaded_litellm()
    said = [{"role": "user", "content": f"This is message {number}."}]
    return await litellm.acompletion(
        model="openai/tiny", messages=said, api_base=address, api_key="none", timeout=60, max_retries=0, **how
    )


# --- how soon words arrive --------------------------------------------------------------------------------------------


async def first_words(folder: Path) -> None:
    async with model_server() as address:
        row("first word, plain litellm", spread([await plain_word(address, number) for number in range(STREAMS)]))
        make_project(folder, served(address))
        async with host_process(folder):
            row("first word at the API", spread(await words_of_the_api(folder)), "aim: under 50 ms")
            row("first word at the terminal", spread(await words_of_the_terminal(folder)), "aim: under 50 ms")


async def plain_word(address: str, number: int) -> float:
    found = -1.0
    async for chunk in await ask_litellm(address, number, stream=True):
        if found < 0 and chunk.choices[0].delta.content:
            found = since(chunk.choices[0].delta.content)
    return found


async def words_of_the_api(folder: Path) -> list[float]:
    async with calling(folder / "var") as caller:
        return [await first_word_of(caller, number) for number in range(STREAMS)]


async def first_word_of(caller: Caller, number: int) -> float:
    found = -1.0
    body = {"text": f"This is message {number}.", "roomId": f"api-{number // 20}"}
    async for name, data in caller.stream("/bench/message", body):
        if found < 0 and name == "delta":
            found = since(data["text"].split()[0])
    return found


async def words_of_the_terminal(folder: Path) -> list[float]:
    command = (sys.executable, "-m", "carrier", "--config", folder / "carrier.yaml", "chat", "bench")
    chat = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert chat.stdin
    assert chat.stdout
    times = []
    for _ in range(STREAMS):
        chat.stdin.write(b"Hello\n")
        await chat.stdout.readuntil(b"Bench: ")
        times.append(since((await chat.stdout.readuntil(b" ")).decode()))
        await chat.stdout.readline()
    chat.stdin.close()
    await chat.wait()
    return times


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="carrier-bench-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        run(measure(Path(folder)))


async def measure(folder: Path) -> None:
    for name, part in (("own", own_cost), ("litellm", through_litellm), ("words", first_words)):
        (folder / name).mkdir()
        await part(folder / name)
    await close_connections()


if __name__ == "__main__":
    main()
