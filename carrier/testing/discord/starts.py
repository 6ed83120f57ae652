"""How often bots may start a session, and how often each did."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from carrier.testing.discord.clock import Clock
from carrier.testing.discord.things import Bot

DAY = 24 * 60 * 60


@dataclass
class Starts:
    """IDENTIFYs: `concurrency` at once in each `every` seconds, `total` a day."""

    clock: Clock
    total: int = 1000
    concurrency: int = 1
    every: float = 5.0
    guilds_a_shard: int = 2500
    """More, and the bot has to have more shards."""
    identifies: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When each bot identified, by its id."""
    _last: dict[tuple[int, int], float] = field(default_factory=dict)

    def limit(self, bot: Bot) -> dict[str, Any]:
        """`session_start_limit`"""
        today = self._today(bot)
        reset = today[0] + self.clock.lasts(DAY) - self.clock.now() if today else 0
        return {
            "total": self.total,
            "remaining": max(self.total - len(today), 0),
            "reset_after": round(reset * 1000),
            "max_concurrency": self.concurrency,
        }

    def take(self, bot: Bot, shard: int) -> bool:
        """Whether a session may start now; it counts either way."""
        now, place = self.clock.now(), (bot.id, shard % self.concurrency)
        early = now - self._last.get(place, float("-inf")) < self.clock.lasts(self.every)
        self.identifies[bot.id].append(now)
        if not early:
            self._last[place] = now
        return not early

    def spent(self, bot: Bot) -> bool:
        """Whether it started more sessions than a day allows."""
        return len(self._today(bot)) > self.total

    def _today(self, bot: Bot) -> list[float]:
        since = self.clock.now() - self.clock.lasts(DAY)
        return [it for it in self.identifies[bot.id] if it > since]
