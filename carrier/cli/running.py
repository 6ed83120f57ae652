"""A host started from the command line, until a signal ends it."""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from carrier.cli.project import Project

if TYPE_CHECKING:
    from carrier.api.calling import Caller
    from carrier.api.serving import Opened

STARTED = time.perf_counter()


async def live(project: Project, record: str = "") -> None:
    """Until a signal; a second one stops at once. SIGHUP reads the files again. `record` names a cassette."""
    # What start-up makes is there to stay: looking through it for garbage would cost a tenth of the start.
    gc.disable()
    from carrier.cli.banner import banner, seconds_since_start

    stopped = _stop_on_signals()
    async with _host(project, record=record) as opened:
        gc.freeze()
        gc.enable()
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGHUP, _on_hangup(sys.stdin.isatty(), stopped, opened.host.reload_soon)
        )
        print(banner(opened, seconds_since_start(time.perf_counter() - STARTED)), flush=True)
        await stopped.wait()
        print("stopping: turns under way are finished first; Ctrl-C again stops at once", flush=True)


def _stop_on_signals() -> asyncio.Event:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            os._exit(1)  # safe: what was acknowledged is on disk
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopped


def _on_hangup(had_terminal: bool, stopped: asyncio.Event, reload: Callable[[], None]) -> Callable[[], None]:
    """A terminal that is closed sends the same signal as an operator who wants the files read again."""

    def hangup() -> None:
        if had_terminal and not _terminal_is_there():
            stopped.set()
        else:
            reload()

    return hangup


def _terminal_is_there() -> bool:
    try:
        os.tcgetpgrp(sys.stdin.fileno())
    except OSError:
        return False
    return True


@asynccontextmanager
async def _host(project: Project, port: int | None = None, record: str = "") -> "AsyncIterator[Opened]":
    """A living host behind its HTTP door."""
    from carrier.api.serving import open_door

    async with open_door(project.load(), port, project.last_good, project.environment, record) as opened:
        yield opened


async def with_caller(project: Project, work: "Callable[[Caller], Awaitable[None]]") -> None:
    """With the host that runs; else with one that lives as long as the command does."""
    from carrier.api.calling import NobodyThere, calling

    data = project.load().host.data
    try:
        async with calling(data) as caller:
            await work(caller)
    except NobodyThere:
        print("no host runs here: one is started for as long as this takes", file=sys.stderr)
        async with _host(project, port=0), calling(data) as caller:
            await work(caller)


def run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not on Windows
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
