"""A server that is a command: its process, and the messages through its pipes."""

import asyncio
import logging
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, SubprocessStreamProtocol
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio

from carrier.actions.mcp.faults import TOO_LONG
from carrier.actions.mcp.murmur import Murmur
from carrier.actions.mcp.splitting import LONGEST, Endless, Line, Splitter, answers
from carrier.actions.mcp.where import Address

if TYPE_CHECKING:
    from mcp.client import Transport
    from mcp.shared.message import SessionMessage

CHUNK = 2**16
PATIENCE = 1.0
"""Seconds to end by itself, and again to end when it is told to."""

PASSED_ON = ("PATH", "HOME", "LANG")
LAUNCH = str(Path(__file__).with_name("launch.py"))


class Process:
    """The command of an address as a transport; starts it when it is entered, and ends it with all it has started."""

    def __init__(self, where: Address, murmur: Murmur, ended: Callable[[], None]):
        self._where, self._murmur, self._ended = where, murmur, ended
        self.gone = ""
        """How it ended by itself; empty while it lives."""
        self._stopping = False

    def transport(self) -> "Transport":
        return self._run()

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[tuple[Any, Any]]:
        running = await _started(self._where)
        incoming, to_session = anyio.create_memory_object_stream[Any](0)
        from_session, outgoing = anyio.create_memory_object_stream[Any](64)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read, running, incoming)
            tasks.start_soon(_write, running, outgoing)
            tasks.start_soon(self._listen, running)
            try:
                yield to_session, from_session
            finally:
                self._stopping = True
                with anyio.CancelScope(shield=True):
                    to_session.close()
                    from_session.close()
                    await running.stop()
                tasks.cancel_scope.cancel()
                incoming.close()
                outgoing.close()

    async def _read(self, running: "Running", incoming: Any) -> None:
        """Hand each message on, until there are no more."""
        splitter, wanted = Splitter(), True
        try:
            while chunk := await running.stdout.read(CHUNK):
                for line in splitter.feed(chunk):
                    wanted = wanted and await self._handed_on(line, incoming)
            farewell = await running.farewell()
        except Endless:
            farewell = "it wrote a message without end"
        if not self._stopping:
            self.gone = farewell
            self._ended()
        incoming.close()

    async def _handed_on(self, line: Line, incoming: Any) -> bool:
        """Whether somebody still takes messages."""
        if (message := self._message(line)) is None:
            return True
        try:
            await incoming.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return False
        return True

    def _message(self, line: Line) -> "SessionMessage | None":
        from mcp.shared.message import SessionMessage
        from mcp.types import ErrorData, JSONRPCError, jsonrpc_message_adapter

        if line.size > LONGEST:
            said = f"{line.size:,} bytes, and a message has at most {LONGEST:,}"
            self._murmur(logging.WARNING, "sends too much", said)
            error = ErrorData(code=TOO_LONG, message=f"its answer is too long: {said}")
            whose = answers(line)
            return None if whose is None else SessionMessage(JSONRPCError(jsonrpc="2.0", id=whose, error=error))
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line.text, by_name=False))
        except ValueError:
            self._murmur(logging.WARNING, "writes what is no message", line.text[:1000].decode(errors="replace"))
            return None

    async def _listen(self, running: "Running") -> None:
        """Its stderr, line by line, into the log."""
        splitter = Splitter(longest=CHUNK, endless=sys.maxsize)
        while chunk := await running.stderr.read(CHUNK):
            for line in splitter.feed(chunk):
                self._murmur(logging.INFO, "says", (line.text or line.head).decode(errors="replace"))


async def _write(running: "Running", outgoing: Any) -> None:
    with suppress(ConnectionError):
        async for message in outgoing:
            running.stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            await running.stdin.drain()
    # What cannot be written any more is not waited for either.
    outgoing.close()


# --- the process ---------------------------------------------------------------------------------------------


class Running:
    """A process with its pipes; it leads a group of its own, and with it goes the group."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: "Ending", loop: asyncio.AbstractEventLoop):
        process = asyncio.subprocess.Process(transport, protocol, loop)
        self.stdin = cast(asyncio.StreamWriter, process.stdin)
        self.stdout = cast(asyncio.StreamReader, process.stdout)
        self.stderr = cast(asyncio.StreamReader, process.stderr)
        self._transport, self._protocol, self._pid = transport, protocol, process.pid

    async def farewell(self) -> str:
        """In words, how it ended; to be asked when it has closed its stdout."""
        await self._ends_within(PATIENCE)
        code = self._transport.get_returncode()
        if code is None:
            return "it closed its stdout"
        return f"it ended with code {code}" if code >= 0 else f"it was ended by {signal.Signals(-code).name}"

    async def stop(self) -> None:
        self.stdin.close()
        try:
            if not await self._ends_within(PATIENCE):
                self._signal(signal.SIGTERM)
                await self._ends_within(PATIENCE)
        finally:
            # It, if it still lives, and what it has started and left behind.
            self._signal(signal.SIGKILL)
            await self._ends_within(PATIENCE)
            self._transport.close()

    async def _ends_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._protocol.exited.wait(), seconds)
        return self._protocol.exited.is_set()

    def _signal(self, severity: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, severity)


class Ending(SubprocessStreamProtocol):
    """Tells the end of the process itself: somebody it has started may hold its pipes open."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        super().__init__(limit=CHUNK, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


async def _started(where: Address) -> Running:
    """Start it from this very thread: the system ends it with the thread that started it."""
    loop = asyncio.get_running_loop()
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | dict(where.env)
    await asyncio.to_thread(_check, where, env.get("PATH", os.defpath))
    unset = "" if "LC_CTYPE" in env else "LC_CTYPE"
    words = (sys.executable, "-I", "-S", LAUNCH, str(os.getpid()), unset, *where.command)
    transport, protocol = await loop.subprocess_exec(
        partial(Ending, loop),
        *words,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=env,
        cwd=where.folder,
        start_new_session=True,
    )
    return Running(transport, protocol, loop)


def _check(where: Address, path: str) -> None:
    command = where.command[0]
    if not shutil.which(str(where.folder / command) if os.sep in command else command, path=path):
        raise FileNotFoundError(f"there is no command {command!r}")
