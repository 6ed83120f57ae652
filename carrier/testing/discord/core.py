"""What all parts of a local Discord stand on: its world, its time, and what is written down of it."""

import asyncio
from collections.abc import Callable
from typing import Any

from carrier.testing.discord.cdn import Cdn
from carrier.testing.discord.clock import Clock
from carrier.testing.discord.faults import Faults
from carrier.testing.discord.interactions import Interactions
from carrier.testing.discord.journal import Journal
from carrier.testing.discord.limits import Limits
from carrier.testing.discord.nonces import Nonces
from carrier.testing.discord.starts import Starts
from carrier.testing.discord.world import World

LOOK_AGAIN = 0.05
"""Seconds after which somebody who waits looks without a reason, for what is awaited may be elsewhere."""


class Core:
    """`address` is where it listens: host and port."""

    def __init__(self, speed: float):
        self.address = ""
        self.clock = Clock(speed)
        self.world = World(self.clock, Cdn(self.clock))
        self.faults, self.journal = Faults(), Journal()
        self.limits, self.nonces, self.starts = Limits(self.clock), Nonces(self.clock), Starts(self.clock)
        self.interactions = Interactions(self.world)
        self.typed: list[tuple[float, int, int]] = []
        self.closing = asyncio.Event()
        self._change = asyncio.Event()

    @property
    def gateway_url(self) -> str:
        return f"ws://{self.address}/"

    async def until(self, holds: Callable[[], Any], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                change = self._change
                looked = asyncio.get_running_loop().call_later(LOOK_AGAIN, self.changed)
                await change.wait()
                looked.cancel()

    def changed(self) -> None:
        """Something happened: whoever waits looks again."""
        self._change.set()
        self._change = asyncio.Event()
