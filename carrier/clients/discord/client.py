"""The door to Discord: a bot, which answers where it is spoken to."""

import asyncio
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carrier.clients.discord.dividing import divided
from carrier.clients.discord.pacing import Identifies
from carrier.config.models.discord import DiscordSettings
from carrier.errors import ActionError, Passing
from carrier.interfaces import Deliver, Given
from carrier.types.talk import Attachment, Message, Outgoing, RoomView

if TYPE_CHECKING:
    from carrier.clients.discord.session import Session

READY_SECONDS = 10.0
"""What one connection may take to begin, when the configuration has changed."""
SEND_SECONDS = 10.0
"""How long something that leaves waits for the connection."""


class Discord:
    """`interfaces.AbleClient`: one bot. Each life has a connection of its own."""

    Settings = DiscordSettings
    alone = True
    """Discord allows one connection for a token."""

    def __init__(self, name: str, settings: DiscordSettings, given: Given):
        self._name, self._settings = name, settings
        self.ready = asyncio.Event()
        self.shows = settings.stream
        rate = settings.connection.identifies
        self._identifies = Identifies(settings.token.get_secret_value(), rate.amount, rate.per)
        self._session: Session | None = None

    async def run(self, deliver: Deliver) -> None:
        opened = await asyncio.to_thread(_import)
        async with opened(self._name, self._settings, self._identifies, deliver, self.ready) as session:
            self._session = session
            try:
                await session.run()
            finally:
                self._session = None

    @property
    def ready_within(self) -> float:
        """Seconds; how many connections it has is known only once it is logged in."""
        return READY_SECONDS + (self._session.in_turn if self._session else 0.0)

    async def _connected(self) -> "Session":
        """What can be sent through; raises Passing while there is nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SEND_SECONDS):
                await self.ready.wait()
        # What is sent needs no more than to be logged in.
        if self._session is None:
            raise Passing("there is no connection to Discord")
        return self._session

    # --- what leaves

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """Messages that Discord takes: the first refers to what is answered, files come with the last."""
        return [self._addressed(each) for each in divided(outgoing, self._settings.long)]

    async def send(self, outgoing: Outgoing) -> str:
        return await (await self._connected()).sending.send(outgoing)

    async def find(self, outgoing: Outgoing) -> str | None:
        return await (await self._connected()).sending.find(outgoing)

    async def show(self, outgoing: Outgoing) -> str:
        if self._session is None:
            raise Passing("there is no connection to Discord")
        return await self._session.previews.show(self._addressed(outgoing))

    async def take_back(self, outgoing: Outgoing) -> None:
        await (await self._connected()).sending.take_back(outgoing)

    def _addressed(self, outgoing: Outgoing) -> Outgoing:
        """Without what it answers, where answers do not refer to that."""
        return outgoing if self._settings.reply else replace(outgoing, reply_to="")

    # --- what it can do besides

    def composing(self, message: Message, on: bool) -> None:
        if self._session:
            self._session.composing.shown(message, on)

    async def fetch(self, message: Message, data: Path) -> Sequence[Attachment]:
        return await (await self._connected()).fetch(message, data)

    async def act(self, action: str, message: Message, arguments: Mapping[str, Any]) -> object:
        try:
            session = await self._connected()
        except Passing as error:
            raise ActionError(str(error)) from error
        return await session.acting.act(action, message, arguments)

    def refresh(self) -> None:
        if self._session:
            self._session.refresh()

    def view(self, room: str) -> RoomView | None:
        return self._session.rooms.view(room) if self._session else None


Opened = Callable[[str, DiscordSettings, Identifies, Deliver, asyncio.Event], "AbstractAsyncContextManager[Session]"]


def _import() -> Opened:
    """discord.py takes a moment to import: only who has a bot waits for it."""
    with warnings.catch_warnings():
        # Of a module that goes away with Python 3.13, and that only voice needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        opened: Opened = import_module("carrier.clients.discord.session").opened
    return opened
