"""The host's own terminal: what is typed there is said to the client's agent, and the answers are printed."""

import asyncio
import getpass
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TextIO

from pydantic import BaseModel, ConfigDict

from carrier.errors import CannotLook
from carrier.interfaces import Deliver, Given
from carrier.types.talk import Message, Outgoing


class ConsoleSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = "> "


class Console:
    """One room, `NAME/console`. It ends when its input does."""

    Settings = ConsoleSettings
    alone = True
    """There is one terminal."""

    def __init__(
        self,
        name: str,
        settings: ConsoleSettings,
        given: Given,
        reads: TextIO | None = None,
        writes: TextIO | None = None,
    ):
        self._name, self._settings = name, settings
        self._reads, self._writes = reads or sys.stdin, writes or sys.stdout

    async def run(self, deliver: Deliver) -> None:
        async with _lines(self._reads) as lines:
            while line := await lines.readline():
                if text := line.decode(errors="replace").strip():
                    await deliver(self._message(text))

    def _message(self, text: str) -> Message:
        user = getpass.getuser()
        now = time.time_ns() // 1000
        return Message(
            client=self._name,
            platform_id=f"{os.getpid()}-{now}",
            room=f"{self._name}/console",
            sender=f"console:{user}",
            sender_name=user,
            text=text,
            created_at=now,
        )

    async def send(self, outgoing: Outgoing) -> str:
        self._writes.write(f"{outgoing.agent}: {outgoing.text}\n{self._settings.prompt}")
        self._writes.flush()
        return outgoing.key

    async def find(self, outgoing: Outgoing) -> str | None:
        raise CannotLook("what was printed before a restart cannot be read back")


@asynccontextmanager
async def _lines(file: TextIO) -> AsyncIterator[asyncio.StreamReader]:
    """What is typed into a file, which stays open for a next life."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    own = os.fdopen(os.dup(file.fileno()), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), own)
    try:
        yield reader
    finally:
        transport.close()
