"""A small chat platform on loopback, and the client for it: it outlives the hosts that are killed beside it.

Like the real ones it hands a message out again until it is acknowledged, and takes an answer as often as it is sent:
that nothing is lost or said twice is up to the host.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from carrier.errors import Passing
from carrier.interfaces import Deliver, Given
from carrier.types.talk import Message, Outgoing


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
    silent: bool = False
    """Take answers and do not say so."""
    _waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _connections: dict[asyncio.StreamWriter, "asyncio.Task[Any] | None"] = field(default_factory=dict)
    _listening: set[asyncio.StreamWriter] = field(default_factory=set)

    def say(self, message_id: str, room: str, text: str) -> None:
        self._waiting[message_id] = (room, text)
        self._more.set()

    async def until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until this holds, looking whenever a host has acknowledged or said something; raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(holds)

    def hang_up(self) -> None:
        """Break the connections that messages are handed out by."""
        for writer in self._listening:
            writer.close()

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
                await self._tell()
            case "send":
                self.sent.append(Sent(question["key"], question["room"], question["text"], question["reply_to"]))
                place = len(self.sent)
                await self._tell()
                return f"s{place}"
            case "find":
                places = [place for place, sent in enumerate(self.sent, 1) if sent.key == question["key"]]
                return f"s{places[0]}" if places else None
        return None

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One JSON line a question, one an answer."""
        self._connections[writer] = asyncio.current_task()
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                question = json.loads(line)
                if question["do"] == "poll":
                    self._listening.add(writer)
                answer = await self._answer(question)
                if question["do"] != "send" or not self.silent:
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        except ConnectionError:
            pass  # the host was killed
        finally:
            self._listening.discard(writer)
            del self._connections[writer]
            writer.close()

    async def _close(self) -> None:
        self._more.set()
        for writer in self._connections:
            writer.close()
        await asyncio.gather(*filter(None, self._connections.values()))


@asynccontextmanager
async def local_platform() -> AsyncIterator[Platform]:
    platform = Platform()
    async with await asyncio.start_server(platform._serve, "127.0.0.1", 0) as server:
        platform.port = server.sockets[0].getsockname()[1]
        yield platform
        await platform._close()


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
            self._hang_up()

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
            try:
                return await _ask(*self._lines, **question)
            # A question that was cut off, by whatever: its answer would be taken for the next one's.
            except BaseException:
                self._hang_up()
                raise

    def _hang_up(self) -> None:
        if self._lines:
            self._lines[1].close()
            self._lines = None


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, **question: Any) -> Any:
    writer.write(json.dumps(question).encode() + b"\n")
    await writer.drain()
    line = await reader.readline()
    if not line:
        raise ConnectionResetError("the platform has closed the connection")
    return json.loads(line)
