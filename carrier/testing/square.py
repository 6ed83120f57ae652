"""A place where people and bots talk in rooms, and the client for it: every bot hears all but its own words.

It stands beside the hosts of a test and outlives them: a bot that comes back hears on from where it was.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from carrier.host import Host
from carrier.interfaces import Deliver, Given
from carrier.testing.hosts import until
from carrier.types.talk import Message, Outgoing

SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of a room."""

    id: str
    room: str
    by: str
    text: str
    bot: bool = False
    reply_to: str = ""
    key: str = ""
    """The host's, where a bot said it."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else its message has."""


class Square:
    """All that was said, and how far each bot has heard it."""

    named: ClassVar[dict[str, "Square"]] = {}

    def __init__(self) -> None:
        self.lines: list[Spoken] = []
        self.heard: dict[str, int] = {}
        self._changed = asyncio.Condition()

    async def say(self, text: str, by: str = "anna", room: str = "bar", **more: Any) -> str:
        """The id of a line that a person says, or with `bot=True` a stranger's bot."""
        own = {name: more.pop(name) for name in ("bot", "reply_to", "key") if name in more}
        line = Spoken(f"s{len(self.lines) + 1}", room, by, text, **own, more=more)
        self.lines.append(line)
        await self._tell()
        return line.id

    async def next(self, bot: str) -> Spoken:
        """The line that a bot hears next."""
        at = self.heard.setdefault(bot, 0)
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.lines) > at)
        return self.lines[at]

    async def passed(self, bot: str) -> None:
        self.heard[bot] += 1
        await self._tell()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until this holds, looking whenever something was said or heard; raises TimeoutError."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(holds)

    async def rest(self, host: Host) -> None:
        """Wait until all was heard, and nobody has anything more to say."""
        before, lanes = -1, host.inbox.lanes
        while before != len(self.lines):
            before = len(self.lines)
            await self.until(lambda: all(at == len(self.lines) for at in self.heard.values()))
            await until(lambda: not lanes.agents() and not lanes.running)
            for living in host.clients.values():
                await living.sender.idle()

    def by(self, bot: str) -> list[str]:
        """What somebody said."""
        return [line.text for line in self.lines if line.by == bot]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def square(name: str = "square") -> AsyncIterator[Square]:
    """A square that clients find by its name, while the block runs."""
    Square.named[name] = Square()
    try:
        yield Square.named[name]
    finally:
        del Square.named[name]


class SquareSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    square: str = "square"
    echo: bool = False
    """It hears its own words too."""


class SquareClient:
    """`type: carrier.testing.square:SquareClient`. Its bot is called like the client, and mentioned as `@NAME`."""

    Settings = SquareSettings

    def __init__(self, name: str, settings: SquareSettings, given: Given):
        self._name, self._echo = name, settings.echo
        self._square = Square.named[settings.square]

    async def run(self, deliver: Deliver) -> None:
        while True:
            line = await self._square.next(self._name)
            if self._echo or line.by != self._name:
                await deliver(self._message(line))
            await self._square.passed(self._name)

    def _message(self, line: Spoken) -> Message:
        given: dict[str, Any] = {
            "client": self._name,
            "platform_id": line.id,
            "room": f"{self._name}/{line.room}",
            "sender": f"square:{line.by}",
            "sender_name": line.by,
            "text": line.text,
            "addressed": f"@{self._name}" in line.text,
            "direct": line.room.startswith("@"),
            "bot": line.bot,
            "reply_to": line.reply_to,
        }
        return Message(**{**given, **line.more})

    async def send(self, outgoing: Outgoing) -> str:
        room = outgoing.room.partition("/")[2]
        return await self._square.say(
            outgoing.text, self._name, room, bot=True, reply_to=outgoing.reply_to, key=outgoing.key
        )

    async def find(self, outgoing: Outgoing) -> str | None:
        return next((line.id for line in self._square.lines if line.key == outgoing.key), None)
