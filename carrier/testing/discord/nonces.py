"""What bots said a moment ago, by their nonces."""

from carrier.testing.discord.clock import Clock
from carrier.testing.discord.things import Message


class Nonces:
    """`lasts`: seconds for which a nonce is known; Discord says "a few minutes"."""

    def __init__(self, clock: Clock, lasts: float = 180.0):
        self.lasts = lasts
        self._clock = clock
        self._known: dict[tuple[int, str], Message] = {}

    def keep(self, message: Message) -> None:
        if message.nonce is not None:
            self._known[message.author.id, str(message.nonce)] = message

    def find(self, author: int, nonce: str | int) -> Message | None:
        message = self._known.get((author, str(nonce)))
        if message is None or self._clock.now() - message.sent_at > self._clock.lasts(self.lasts):
            return None
        return message
