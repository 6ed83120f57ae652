"""What goes wrong by script: the n-th request or frame that fits is answered wrongly, late, or not at all."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ALWAYS = 10**9


@dataclass(frozen=True, slots=True)
class Rest:
    """Requests by method, by a regular expression in the path behind `/api/v10`, and by whose they are."""

    method: str = ""
    path: str = ""
    bot: int = 0
    """Its id; 0: any."""
    nth: int = 1
    """The first one that goes wrong."""
    times: int = 1
    """How many do."""

    def holds(self, method: str, path: str, bot: int) -> bool:
        return self.method in ("", method) and bool(re.search(self.path, path)) and self.bot in (0, bot)


@dataclass(frozen=True, slots=True)
class Connect:
    """Connections to the gateway: the handshake itself; that of a bot that resumes has the path `/resume/ID`."""

    path: str = ""
    nth: int = 1
    times: int = 1

    def holds(self, path: str) -> bool:
        return bool(re.search(self.path, path))


@dataclass(frozen=True, slots=True)
class Sent:
    """Frames from the gateway to a bot, by opcode and name of the event."""

    op: int | None = None
    event: str = ""
    bot: int = 0
    nth: int = 1
    times: int = 1

    def holds(self, op: int, event: str | None, bot: int) -> bool:
        return self.op in (None, op) and self.event in ("", event) and self.bot in (0, bot)


@dataclass(frozen=True, slots=True)
class Received:
    """Frames from a bot to the gateway, by opcode."""

    op: int | None = None
    bot: int = 0
    nth: int = 1
    times: int = 1

    def holds(self, op: int | None, bot: int) -> bool:
        return self.op in (None, op) and self.bot in (0, bot)


Match = Rest | Connect | Sent | Received


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead; build one with the functions below."""

    status: int = 0
    """Answer this."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    """First do what was asked for: the message is made, and only the answer is wrong."""
    delay: float = 0.0
    """Seconds of waiting before anything else."""
    reset: bool = False
    """Cut the connection."""
    hang: bool = False
    """Never answer."""
    lost: bool = False
    """A frame that does not arrive."""
    close: int = 0
    """Close the gateway's connection with this code."""
    raw: str | bytes | None = None
    """Send this in place of the frame."""

    @property
    def answers(self) -> bool:
        """Whether it is the answer to a request, or the lack of one; else the right answer only comes late."""
        return bool(self.status or self.reset or self.hang)


def status(code: int, body: Any = None, *, after: bool = False, headers: Mapping[str, str] | None = None) -> Fault:
    """An answer with a body in JSON, as Discord's own servers give it."""
    told = {"message": f"{code}: as told", "code": 0} if body is None else body
    return Fault(code, json.dumps(told).encode(), {"Content-Type": "application/json", **(headers or {})}, after)


def page(code: int, *, after: bool = False) -> Fault:
    """An answer in HTML, as the proxies before Discord give it."""
    html = f"<html><head><title>{code}</title></head><body><center>cloudflare</center></body></html>"
    return Fault(code, html.encode(), {"Content-Type": "text/html"}, after)


def rate_limited(retry_after: float, *, scope: str = "user", via: bool = True) -> Fault:
    """429: of a bucket (`user`, `shared`) or `global`; without `Via` it comes from Cloudflare."""
    told = {"message": "You are being rate limited.", "retry_after": retry_after, "global": scope == "global"}
    headers = {"Retry-After": str(max(1, round(retry_after))), "X-RateLimit-Scope": scope}
    headers |= {"X-RateLimit-Global": "true"} if scope == "global" else {}
    return status(429, told, headers=headers | ({"Via": "1.1 google"} if via else {}))


def reset(*, after: bool = False) -> Fault:
    """The connection breaks. A GET is tried once more by some libraries themselves, by aiohttp too: lay two of it."""
    return Fault(reset=True, after=after)


def hang(*, after: bool = False) -> Fault:
    return Fault(hang=True, after=after)


def delay(seconds: float) -> Fault:
    """Late, and then as always."""
    return Fault(delay=seconds)


def lost() -> Fault:
    """A frame that does not arrive; of a heartbeat that is received, the acknowledgement does not."""
    return Fault(lost=True)


def close(code: int) -> Fault:
    return Fault(close=code)


def raw(data: str | bytes) -> Fault:
    """Broken JSON, an opcode that nobody knows, a payload without its keys."""
    return Fault(raw=data)


@dataclass(eq=False)
class Rule:
    """A fault that is laid; `hits` counts how often it struck."""

    match: Match
    fault: Fault
    seen: int = 0
    hits: int = 0

    def strikes(self) -> bool:
        self.seen += 1
        struck = self.match.nth <= self.seen < self.match.nth + self.match.times
        self.hits += struck
        return struck


class Faults:
    """The faults that are laid. Each that fits counts; the first that is due strikes."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, match: Match, fault: Fault) -> Rule:
        rule = Rule(match, fault)
        self.rules.append(rule)
        return rule

    def always(self, match: Match, fault: Fault) -> Rule:
        """From now on, until it is removed."""
        return self.add(replace(match, times=ALWAYS), fault)

    def remove(self, rule: Rule) -> None:
        self.rules.remove(rule)

    def clear(self) -> None:
        self.rules.clear()

    def for_(self, kind: type[Match], *subject: Any) -> Fault | None:
        due = [rule for rule in self.rules if isinstance(rule.match, kind) and rule.match.holds(*subject)]
        struck = [rule for rule in due if rule.strikes()]
        return struck[0].fault if struck else None
