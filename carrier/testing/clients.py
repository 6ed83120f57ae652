"""A client without a platform: it hands over what it is told to, keeps what it is sent, and fails when told to."""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from carrier.errors import CannotLook
from carrier.interfaces import Deliver, Given
from carrier.types.models import Tool
from carrier.types.talk import Message, Outgoing, Told


@dataclass
class Delivered:
    """`interfaces.Deliver`: keeps what it is handed."""

    messages: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)
    all: list[Message] = field(default_factory=list)
    edits: list[Message] = field(default_factory=list)
    taken_back: dict[str, bool] = field(default_factory=dict)
    """By the platform's id, whether it was to be forgotten."""
    places: dict[str, str] = field(default_factory=dict)
    """The cursors."""
    commands: list[tuple[str, Message]] = field(default_factory=list)
    offered: list[Tool] = field(default_factory=list)
    """The actions there are."""
    calls: list[tuple[str, dict[str, Any], Message]] = field(default_factory=list)

    async def __call__(self, message: Message, cursor: str = "") -> None:
        self.messages.put_nowait(message)
        self.all.append(message)
        if cursor:
            self.places[message.room] = cursor

    async def edited(self, message: Message, follow: bool = True) -> None:
        self.edits.append(message)

    async def withdrawn(self, platform_ids: Collection[str], forget: bool = False) -> None:
        self.taken_back.update(dict.fromkeys(platform_ids, forget))

    async def command(self, name: str, message: Message) -> Told:
        self.commands.append((name, message))
        return Told(f"{name}: {message.text}")

    async def tools(self, names: Collection[str]) -> Sequence[Tool]:
        return [tool for tool in self.offered if tool.name in names]

    async def call(self, action: str, arguments: Mapping[str, Any], message: Message) -> Told:
        self.calls.append((action, dict(arguments), message))
        return Told("")

    async def cursors(self) -> Mapping[str, str]:
        return dict(self.places)

    async def move(self, cursors: Mapping[str, str]) -> None:
        self.places.update(cursors)


class FakeClient:
    """`interfaces.Client`. Each failure is raised once; the platform has what `arrived` says."""

    def __init__(self, *heard: Message) -> None:
        self.heard: asyncio.Queue[Message | BaseException | None] = asyncio.Queue()
        """What comes next: a message, an error that ends the connection, or None for a regular end."""
        for message in heard:
            self.heard.put_nowait(message)
        self.attempts: list[Outgoing] = []
        self.sent: list[Outgoing] = []
        self.sending_fails: deque[BaseException] = deque()
        self.looking_fails: deque[BaseException] = deque()
        self.can_look = True
        self.arrived: dict[str, str] = {}
        """The platform's ids, by the key of what arrived."""
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.lives = 0
        self._changed = asyncio.Condition()

    async def run(self, deliver: Deliver) -> None:
        self.lives += 1
        while (heard := await self.heard.get()) is not None:
            if isinstance(heard, BaseException):
                raise heard
            await deliver(heard)

    async def send(self, outgoing: Outgoing) -> str:
        self.attempts.append(outgoing)
        await self._tell()
        await self.may_send.wait()
        if self.sending_fails:
            raise self.sending_fails.popleft()
        self.sent.append(outgoing)
        self.arrived[outgoing.key] = f"p{len(self.sent)}"
        await self._tell()
        return self.arrived[outgoing.key]

    async def find(self, outgoing: Outgoing) -> str | None:
        if self.looking_fails:
            raise self.looking_fails.popleft()
        if not self.can_look:
            raise CannotLook("there is nowhere to look")
        return self.arrived.get(outgoing.key)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, sent: int = 0, attempts: int = 0, seconds: float = 20.0) -> None:
        """Wait until so much was sent and tried; raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.sent) >= sent and len(self.attempts) >= attempts)

    @property
    def texts(self) -> list[str]:
        return [outgoing.text for outgoing in self.sent]


class MadeSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    greeting: str = ""
    breaks: bool = False
    """It cannot be made."""
    fails: bool = False
    """It cannot connect."""
    hangs: bool = False
    """It never has connected."""


class MadeClient(FakeClient):
    """`type: carrier.testing.clients:MadeClient`, for a host to make; `living` are all it has made, newest last."""

    Settings = MadeSettings
    living: ClassVar[list["MadeClient"]] = []

    def __init__(self, name: str, settings: MadeSettings, given: Given):
        super().__init__()
        if settings.breaks:
            raise RuntimeError("it breaks, as told")
        self.greeting, self.settings = settings.greeting, settings
        self.connected = False
        self.living.append(self)

    async def run(self, deliver: Deliver) -> None:
        await self.connect()
        try:
            await super().run(deliver)
        finally:
            self.connected = False

    async def connect(self) -> None:
        if self.settings.fails:
            raise ConnectionError("it fails, as told")
        self.connected = True


class ReadyClient(MadeClient):
    """Says itself when it is connected."""

    def __init__(self, name: str, settings: MadeSettings, given: Given):
        super().__init__(name, settings, given)
        self.ready = asyncio.Event()

    async def connect(self) -> None:
        await super().connect()
        if not self.settings.hangs:
            self.ready.set()


class LonelyClient(ReadyClient):
    """Only one of them may be connected."""

    alone = True

    async def connect(self) -> None:
        others = [other for other in self.living if isinstance(other, LonelyClient) and other.connected]
        assert not others, "there may be only one"
        await super().connect()
