"""Rate limits of the REST API: buckets, the global one, and the ban for too many invalid requests."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from carrier.testing.discord.clock import Clock


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Breach:
    """A request that came although a limit was used up."""

    who: str
    method: str
    path: str
    scope: str
    """`user` (a bucket), `global`, or `gateway`."""
    at: float
    until: float = 0.0
    """When it may come again, as it is told."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one request in its window."""

    ok: bool
    rate: Rate
    remaining: int
    reset_after: float


@dataclass
class Window:
    """Counts from its first request on; when its time is over the next request begins a new one."""

    used: int = 0
    ends: float = 0.0


@dataclass
class Limits:
    """`routes` says what a route allows (by method and template, such as `POST /channels/{channel}/messages`)."""

    clock: Clock
    routes: dict[str, Rate] = field(default_factory=dict)
    other: Rate = Rate(50, 1.0)
    """For the routes that are not named."""
    everything: Rate = Rate(50, 1.0)
    """Of one bot."""
    invalid: Rate = Rate(10_000, 600.0)
    """401, 403 and 429 for one address, until Cloudflare shuts it out."""
    breaches: list[Breach] = field(default_factory=list)
    _windows: defaultdict[Hashable, Window] = field(default_factory=lambda: defaultdict(Window))
    _invalid: deque[float] = field(default_factory=deque)

    def rate(self, route: str) -> Rate:
        return self.routes.get(route) or RATES.get(route) or self.other

    def take(self, key: Hashable, rate: Rate) -> Taken:
        window, now = self._windows[key], self.clock.now()
        if now >= window.ends:
            window.used, window.ends = 0, now + self.clock.lasts(rate.seconds)
        ok = window.used < rate.requests
        window.used += ok
        return Taken(ok, rate, rate.requests - window.used, max(window.ends - now, 0.0))

    def count_invalid(self) -> None:
        self._invalid.append(self.clock.now())

    @property
    def banned(self) -> bool:
        """Whether so many requests were invalid that Cloudflare answers instead."""
        since = self.clock.now() - self.clock.lasts(self.invalid.seconds)
        while self._invalid and self._invalid[0] < since:
            self._invalid.popleft()
        return len(self._invalid) >= self.invalid.requests


RATES = {
    "POST /channels/{channel}/messages": Rate(5, 5.0),
    "PATCH /channels/{channel}/messages/{message}": Rate(5, 5.0),
    "DELETE /channels/{channel}/messages/{message}": Rate(5, 1.0),
    "GET /channels/{channel}/messages": Rate(5, 5.0),
    "POST /channels/{channel}/typing": Rate(5, 5.0),
    "PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me": Rate(1, 0.25),
    "DELETE /channels/{channel}/messages/{message}/reactions/{emoji}/@me": Rate(1, 0.25),
    "POST /webhooks/{webhook}/{token}": Rate(5, 2.0),
    "PATCH /channels/{channel}": Rate(5, 15.0),
    "POST /channels/{channel}/messages/bulk-delete": Rate(1, 3.0),
    "POST /users/@me/channels": Rate(10, 10.0),
}
"""As they are seen in the answers of Discord; it does not promise them."""


def bucket(route: str) -> str:
    """The name of a route's limit, as the headers tell it."""
    return hashlib.sha256(route.encode()).hexdigest()[:32]
