"""A small chat platform on loopback, and the client for it: it outlives the hosts that are killed beside it.

Like the real ones it hands a message out again until it is acknowledged, and takes an answer as often as it is sent:
that nothing is lost or said twice is up to the host.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from carrier.errors import Passing
from carrier.interfaces import Deliver, Given
from carrier.types import Message, Outgoing


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer as it arrived."""

    key: str
    room: str
    text: str
    reply_to: str


@dataclass
class Platform:
    """What was said and answered; messages wait until they are acknowledged."""

    port: int = 0
    sent: list[Sent] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    _waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def say(self, message_id: str, room: str, text: str) -> None:
        self._waiting[message_id] = (room, text)
        self._more.set()

    async def until(self, sent: int, seconds: float) -> None:
        """Wait until so many answers have arrived; raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.sent) >= sent)

    def by_room(self) -> dict[str, list[Sent]]:
        rooms: dict[str, list[Sent]] = defaultdict(list)
        for answer in self.sent:
            rooms[answer.room].append(answer)
        return rooms

    async def _answer(self, question: dict[str, Any]) -> Any:
        match question["do"]:
            case "poll":
                await self._more.wait()
                return [[id, room, text] for id, (room, text) in list(self._waiting.items())[:50]]
            case "acknowledge":
                if self._waiting.pop(question["id"], None):
                    self.acknowledged.append(question["id"])
                if not self._waiting:
                    self._more.clear()
            case "send":
                self.sent.append(Sent(question["key"], question["room"], question["text"], question["reply_to"]))
                async with self._changed:
                    self._changed.notify_all()
                return f"s{len(self.sent)}"
            case "find":
                places = [place for place, sent in enumerate(self.sent, 1) if sent.key == question["key"]]
                return f"s{places[0]}" if places else None
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One JSON line a question, one an answer."""
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the host was killed
        finally:
            writer.close()


@asynccontextmanager
async def local_platform() -> AsyncIterator[Platform]:
    platform = Platform()
    async with await asyncio.start_server(platform._serve, "127.0.0.1", 0) as server:
        platform.port = server.sockets[0].getsockname()[1]
        yield platform


class PlatformSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int


class PlatformClient:
    """`type: carrier.testing.platform:PlatformClient`"""

    Settings = PlatformSettings

    def __init__(self, name: str, settings: PlatformSettings, given: Given):
        self._name, self._port = name, settings.port
        self._lines: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def run(self, deliver: Deliver) -> None:
        listening = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                for id, room, text in await _ask(*listening, do="poll"):
                    await deliver(self._message(id, room, text))
                    await _ask(*listening, do="acknowledge", id=id)
        finally:
            listening[1].close()

    def _message(self, id: str, room: str, text: str) -> Message:
        return Message(
            client=self._name,
            platform_id=id,
            room=f"{self._name}/{room}",
            sender=f"platform:{room}",
            sender_name=room,
            text=text,
        )

    async def send(self, outgoing: Outgoing) -> str:
        room = outgoing.room.partition("/")[2]
        sent: str = await self._call(
            do="send", key=outgoing.key, room=room, text=outgoing.text, reply_to=outgoing.reply_to
        )
        return sent

    async def find(self, outgoing: Outgoing) -> str | None:
        found: str | None = await self._call(do="find", key=outgoing.key)
        return found

    async def _call(self, **question: Any) -> Any:
        async with self._one_at_a_time:
            try:
                self._lines = self._lines or await asyncio.open_connection("127.0.0.1", self._port)
            except ConnectionRefusedError as error:
                raise Passing(str(error)) from error
            return await _ask(*self._lines, **question)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, **question: Any) -> Any:
    writer.write(json.dumps(question).encode() + b"\n")
    await writer.drain()
    line = await reader.readline()
    if not line:
        raise ConnectionResetError("the platform has closed the connection")
    return json.loads(line)
