"""Hosts to test against: one in a process of its own, which may be killed, and one inside the test."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from carrier.api.calling import Caller, NobodyThere, calling
from carrier.api.serving import Opened, open_door
from carrier.api.tokens import ADDRESS
from carrier.config.catalog import load
from carrier.testing.projects import Project

SECONDS = 20.0
"""What a host may take to answer, or to end."""
MOMENT = 0.01
"""How often is looked for what nobody tells."""
PROGRAM = ("-m", "carrier")


@dataclass(eq=False)
class HostProcess:
    """A host as an operator starts it. `start` only starts it; `ready` waits until it answers."""

    project: Project
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, project: Project, program: tuple[str, ...] = PROGRAM) -> "HostProcess":
        """`program` is what Python is told to run instead of Carrier; it gets the same arguments."""
        # A host that was killed could not take it away.
        (project.data / ADDRESS).unlink(missing_ok=True)
        with _log(project).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *program, "--config", project.config,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return cls(project, process)

    @property
    def printed(self) -> str:
        """All it has printed and logged so far."""
        return _log(self.project).read_text()

    async def ready(self) -> None:
        """Until it answers; raises AssertionError with what it printed if it ends before."""
        async with asyncio.timeout(SECONDS):
            while not await self._answers():
                assert self.process.returncode is None, f"the host ended:\n{self.printed}"
                await asyncio.sleep(MOMENT)

    async def _answers(self) -> bool:
        try:
            async with calling(self.project.data):
                return True
        except NobodyThere:
            return False

    def call(self) -> AbstractAsyncContextManager[Caller]:
        return calling(self.project.data)

    async def ended(self, seconds: float = SECONDS) -> int:
        """Its exit code, once it has ended; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def stop(self, seconds: float = SECONDS) -> int:
        """As an operator stops it; returns its exit code."""
        self._send(signal.SIGTERM)
        return await self.ended(seconds)

    def hang_up(self) -> None:
        """As an operator has it read its files again."""
        self._send(signal.SIGHUP)

    async def kill(self) -> None:
        """At whatever line it is."""
        self._send(signal.SIGKILL)
        await self.process.wait()

    def _send(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)


def _log(project: Project) -> Path:
    """Beside the project's folder, which is watched."""
    return project.folder.with_suffix(".log")


@asynccontextmanager
async def host_process(project: Project, program: tuple[str, ...] = PROGRAM) -> AsyncIterator[HostProcess]:
    """A host that answers; it is killed at the end, if it still lives."""
    host = await HostProcess.start(project, program)
    try:
        await host.ready()
        yield host
    finally:
        await host.kill()


@asynccontextmanager
async def running_host(project: Project) -> AsyncIterator[Opened]:
    """A host inside the test, on a free port."""
    async with open_door(load(project.config, os.environ), port=0) as opened:
        yield opened


async def until(holds: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for what nobody tells; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)
