"""Which regular expressions may be looked for in what strangers write: those that cannot take long.

A search tries every way in which a pattern can match before it gives up, and nothing can interrupt it. So the ways
are counted when a file is read, and a pattern with too many is refused.
"""

import re

LENGTH = 300
"""Characters of a pattern."""
SEARCHED = 1000
"""Characters of a line that are searched."""
WAYS = 4000
"""In which a pattern may match from one place of a line."""

_REPEAT = re.compile(r"(?:([*+?])|\{(\d{1,9})?(,)?(\d{1,9})?\})[?+]?")
_OPENING = re.compile(r"\((?:\?:|\?P<[A-Za-z_]\w*>)?(?!\?)")
_SET_OPERATION = re.compile(r"\[|--|&&|~~|\|\|")
_SPANS = {"*": (0, SEARCHED), "+": (1, SEARCHED), "?": (0, 1)}


def bare(key: str) -> str:
    """The pattern in a key that may be written as JavaScript writes it, `/dragons?/i`."""
    written = re.fullmatch(r"/(.+)/[a-z]*", key, re.DOTALL)
    return written[1] if written else key


def refusal(key: str) -> str:
    """Why a key is no pattern that is looked for; empty: it is one."""
    pattern = bare(key)
    if len(pattern) > LENGTH:
        return f"more than {LENGTH} characters"
    try:
        if _Counting(pattern).ways() > WAYS:
            return "it can match in too many ways: write at most one * or +, and {0,20} for the others"
        re.compile(pattern)
    except (re.error, _NotTaken, RecursionError, OverflowError) as error:
        return str(error)
    return ""


class _NotTaken(Exception):
    """Something that regular expressions have, and patterns of ours do not."""


class _Counting:
    """One pass over a pattern: the ways of what follows one another multiply, those of alternatives add up."""

    def __init__(self, pattern: str):
        self._pattern = pattern
        self._at = 0

    def ways(self) -> int:
        ways = self._sequence()
        while self._next() == "|":
            self._at += 1
            ways += self._sequence()
        return ways

    def _sequence(self) -> int:
        ways = 1
        while self._next() not in ("", "|", ")"):
            ways = min(ways * self._piece(), WAYS + 1)
        return ways

    def _piece(self) -> int:
        ways = self._atom()
        repeat = _REPEAT.match(self._pattern, self._at)
        if not repeat or repeat[0] == "{}":
            return ways
        self._at = repeat.end()
        return _repeated(ways, *_span(repeat))

    def _atom(self) -> int:
        match self._next():
            case "(":
                return self._group()
            case "[":
                self._set()
            case "\\":
                self._escape()
            case _:
                self._at += 1
        return 1

    def _group(self) -> int:
        opening = _OPENING.match(self._pattern, self._at)
        if not opening:
            raise _NotTaken("of groups only (…), (?:…) and (?P<name>…) are taken")
        self._at = opening.end()
        ways = self.ways()
        self._at += 1
        return ways

    def _set(self) -> None:
        # A ] that comes first is one of the set.
        end = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL).match(self._pattern, self._at)
        if not end or _SET_OPERATION.search(end[0], 1):
            raise _NotTaken("a set of characters that does not end, or holds [, --, &&, ~~ or ||")
        self._at = end.end()

    def _escape(self) -> None:
        self._at += 2
        if self._pattern[self._at - 1 : self._at] in tuple("123456789"):
            raise _NotTaken("what a group has matched cannot be asked for again")

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]


def _span(repeat: re.Match[str]) -> tuple[int, int]:
    """How often at least and at most."""
    sign, least, comma, most = repeat.groups()
    if sign:
        return _SPANS[sign]
    low = int(least or 0)
    return low, min(int(most), SEARCHED) if most else SEARCHED if comma else low


def _repeated(ways: int, least: int, most: int) -> int:
    if ways == 1:
        return max(most - least, 0) + 1
    total, each = 0, ways ** min(least, 20)
    for _ in range(least, most + 1):
        total += each
        each *= ways
        if total > WAYS:
            return WAYS + 1
    return max(total, 1)
