"""Talk in several rooms of a local Discord, of which each word has one answer, in its place and its order."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from carrier.host import Host
from carrier.testing.discord import Channel
from carrier.testing.hosts import MOMENT
from tests.discord_scene import Scene

LEFT = (
    "SELECT message, state FROM inbox WHERE state != 'done' UNION SELECT key, state FROM outbox WHERE state != 'sent'"
)
"""What the ledger still has to do, or has given up."""


@dataclass
class Talk:
    """What Anna has said to Tifa, by room."""

    bar: Scene
    rooms: Sequence[Channel]
    said: dict[int, list[str]] = field(default_factory=dict)
    count: int = 0

    def say(self, times: int = 1, rooms: Sequence[Channel] = ()) -> None:
        """Something new, so many times in each room."""
        for _ in range(times):
            for room in rooms or self.rooms:
                self.count += 1
                word = f"word {self.count}"
                mentions = [self.bar.tifa] if room.guild else []
                self.bar.discord.say(self.bar.anna, room, word, mentions=mentions)
                self.said.setdefault(room.id, []).append(f"you said: {'@Tifa ' if mentions else ''}{word}")

    async def answered(self, seconds: float = 20.0) -> None:
        """Wait until there are as many answers; raises AssertionError that says what is wrong."""
        try:
            await self.bar.discord.until(lambda: not any(self._missing()), seconds)
        except TimeoutError:
            raise AssertionError(f"after {seconds:g} s: {self.wrong()}") from None

    def _missing(self) -> Iterator[str]:
        for room in self.rooms:
            answers = set(self.bar.discord.said(room, self.bar.tifa))
            yield from (text for text in self.said.get(room.id, ()) if text not in answers)

    def wrong(self) -> list[str]:
        """What was lost, said twice, or out of order."""
        answers = {room.id: self.bar.discord.said(room, self.bar.tifa) for room in self.rooms}
        return [
            f"{room.name or 'direct'}: {answers[room.id]} instead of {self.said.get(room.id, [])}"
            for room in self.rooms
            if answers[room.id] != self.said.get(room.id, [])
        ]

    async def settled(self, host: Host, seconds: float = 20.0) -> None:
        """All is answered once, and the ledger knows it: nothing will be said that was said before."""
        async with asyncio.timeout(seconds):
            while left := await host.ledger.read(lambda it: it.exec_driver_sql(LEFT).all()):
                if any(state in ("failed", "in doubt") for _, state in left):
                    raise AssertionError(f"given up: {left}")
                await asyncio.sleep(MOMENT)
        assert self.wrong() == []


def talk(bar: Scene) -> Talk:
    """In two channels, a thread and directly."""
    world = bar.discord.world
    cellar = world.text(bar.guild, "cellar")
    thread = bar.discord.thread(bar.anna, cellar, "corner")
    return Talk(bar, [bar.general, cellar, thread, world.dm(bar.anna, bar.tifa)])
