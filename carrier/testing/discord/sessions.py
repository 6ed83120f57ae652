"""What a bot identified for, and what was dispatched to it."""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from carrier.testing.discord.things import Bot, Guild

KEPT = 10_000
"""Events that a session can be told again."""


@dataclass(frozen=True, slots=True)
class Frame:
    op: int
    data: Any
    seq: int = 0
    """0: none."""
    event: str | None = None

    def text(self) -> str:
        return json.dumps({"op": self.op, "d": self.data, "s": self.seq or None, "t": self.event})


class Wire(Protocol):
    """A connection, as its session knows it."""

    def send(self, what: Frame | str | bytes) -> None: ...

    def close(self, code: int) -> None: ...


@dataclass(eq=False)
class Session:
    """It can be resumed for a while after its connection is gone."""

    id: str
    bot: Bot
    intents: int
    shard: tuple[int, int]
    seq: int = 0
    sent: deque[Frame] = field(default_factory=lambda: deque(maxlen=KEPT))
    connection: Wire | None = None
    left_at: float = 0.0

    def dispatch(self, name: str, data: Any) -> None:
        self.seq += 1
        frame = Frame(0, data, self.seq, name)
        self.sent.append(frame)
        if self.connection:
            self.connection.send(frame)

    def holds(self, guild: Guild | None) -> bool:
        """Direct messages are the first shard's."""
        number, count = self.shard
        return number == ((guild.id >> 22) % count if guild else 0)
