"""What clients can do besides: for one that cannot, the plain thing happens."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from carrier.errors import ActionError, Passing
from carrier.interfaces import Client
from carrier.ledger.engine import Clock
from carrier.ledger.turns import send
from carrier.types.talk import Attachment, Message, Outgoing, RoomView

log = logging.getLogger(__name__)

FETCH_SECONDS = 30.0
"""How long a turn waits for what came with its message."""


def _nobody(name: str) -> None:
    return None


@dataclass(frozen=True)
class Abilities:
    """`interfaces.AbleClient`, by the client's name. A client's own error costs no turn anything."""

    living: Callable[[str], Client | None] = _nobody
    is_dry: Callable[[str], bool] = lambda client: False
    """Whether nothing is to be sent there."""
    data: Path = Path()
    """The host's data folder, where what came with messages is put."""

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        able = getattr(self.living(outgoing.client), "split", None)
        try:
            return able(outgoing) if able else [outgoing]
        except Exception:
            log.exception("%s: an answer could not be split; it is sent as it is", outgoing.client)
            return [outgoing]

    def send(self, connection: Connection, clock: Clock, outgoing: Outgoing) -> None:
        """Queue words that no turn answers with, as the messages that the client takes."""
        for message in self.split(outgoing):
            send(connection, clock, message)

    def shows(self, client: str) -> bool:
        """Whether answers are shown there while they grow."""
        return bool(getattr(self.living(client), "shows", False)) and not self.is_dry(client)

    async def show(self, outgoing: Outgoing) -> str:
        """Put what there is of an answer where it `edits`, or anew; returns its id. Raises what its client does."""
        able = getattr(self.living(outgoing.client), "show", None)
        if able is None:
            raise Passing(f"{outgoing.client} is not here")
        place: str = await able(outgoing)
        return place

    def composing(self, message: Message, on: bool) -> None:
        able = getattr(self.living(message.client), "composing", None)
        try:
            if able:
                able(message, on)
        except Exception:
            log.exception("%s: it cannot be shown that an answer is written", message.client)

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """The files of a message as far as they could be had; with a `path` or a `text` where they were."""
        able = getattr(self.living(message.client), "fetch", None)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return tuple(await able(message, self.data)) if able else message.attachments
        except Exception as error:
            log.warning("%s: the files of %s could not be had: %s", message.client, message.id, error or "too slow")
            return message.attachments

    async def act(self, action: str, message: Message, arguments: Mapping[str, Any]) -> object:
        """Raises ActionError, also where the client has no such action."""
        able = getattr(self.living(message.client), "act", None)
        if able is None:
            raise ActionError(f"there is no {action} here: {message.client} is no client for that")
        return await able(action, message, arguments)

    def refresh(self, client: str) -> None:
        """What agents can do may have changed."""
        able = getattr(self.living(client), "refresh", None)
        try:
            if able:
                able()
        except Exception:
            log.exception("%s: what it offers cannot be looked at anew", client)

    def view(self, room: str) -> RoomView | None:
        able = getattr(self.living(room.partition("/")[0]), "view", None)
        try:
            return able(room) if able else None
        except Exception:
            log.exception("%s: its client cannot tell what it is", room)
            return None
