"""What of an HTTP answer is told to a model: the part that was asked for, no longer than it may be, no secret in it."""

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from carrier.errors import ActionError

if TYPE_CHECKING:
    import httpx

MOST_SAID = 500
"""Characters of what an answer says that is no success."""
SAMPLE = 100_000
"""Characters that are looked at to see whether it is text."""
SHORTEST_SECRET = 6
"""A shorter value is no secret, but a word that would be struck out everywhere."""

Hide = Callable[[str], str]
"""Strikes secrets out of a text."""


def told(answer: "httpx.Response", select: "Selection", most: int, hide: Hide) -> str:
    """A success in words for the model; raises ActionError where the answer holds nothing of the kind."""
    if not answer.content:
        return f"{status(answer)}, and no more was said"
    value = _value(answer)
    if select.steps and isinstance(value, str) and not _is_json(answer):
        raise ActionError(f"the answer is no JSON, so it has no `{select.path}`")
    try:
        text = _text(_hidden(select.of(value), hide))
    except RecursionError as error:
        raise ActionError("the answer is nested too deep to be told") from error
    return text if len(text) <= most else f"{text[:most]} … (cut off)"


def status(answer: "httpx.Response") -> str:
    return f"{answer.status_code} {answer.reason_phrase}".strip()


def complaint(answer: "httpx.Response", hide: Hide) -> str:
    """An answer that is no success, in words for the model."""
    said = " ".join(hide(_decoded(answer)).split()) if _is_text(answer) else ""
    return status(answer) + (f": {said[:MOST_SAID]}{'…' if len(said) > MOST_SAID else ''}" if said else "")


def _value(answer: "httpx.Response") -> object:
    if _is_json(answer):
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise ActionError("the answer says that it is JSON, and is not") from error
    if not _is_text(answer):
        kind = answer.headers.get("content-type", "no text")[:80]
        raise ActionError(f"the answer is {kind}, {len(answer.content):,} bytes, and cannot be told")
    return _decoded(answer)


def _is_json(answer: "httpx.Response") -> bool:
    return re.search(r"[/+]json\b", answer.headers.get("content-type", "")) is not None


def _is_text(answer: "httpx.Response") -> bool:
    kind = answer.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    known = kind.startswith("text/") or re.search(r"[/+](json|xml|yaml|javascript|x-www-form-urlencoded)$", kind)
    return bool(known) and "\0" not in _decoded(answer)[:SAMPLE]


_CHARSETS = re.compile(
    r"utf-(8|16|32)(-[bl]e|-sig)?|ascii|iso8859-[0-9]+|cp[0-9]+|mac-\w+|koi8-\w|gb\w+|big5\w*|shift_jis\w*|euc_\w+"
)
"""Of the others some unpack, and some take very long."""


def _decoded(answer: "httpx.Response") -> str:
    try:
        charset = codecs.lookup(answer.charset_encoding or "utf-8").name
    except (LookupError, ValueError):
        charset = "utf-8"
    return answer.content.decode(charset if _CHARSETS.fullmatch(charset) else "utf-8", "replace")


def _hidden(value: object, hide: Hide) -> object:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {hide(key): _hidden(item, hide) for key, item in value.items()}
    return [_hidden(item, hide) for item in value] if isinstance(value, list) else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


# --- the part that was asked for ---------------------------------------------------------------------------------

_STEP = re.compile(r"(?:^|\.)(?P<key>[^.\[\]]+)|\[(?P<index>-?[0-9]{1,6})\]")


class Selection:
    """A path into a JSON value, as in `days[0].summary`; empty: all of it. Raises ValueError for what is no path."""

    def __init__(self, path: str):
        self.path = path
        self.steps = tuple(_steps(path))

    def of(self, value: object) -> object:
        """What stands there; raises ActionError where nothing does."""
        for number, step in enumerate(self.steps):
            try:
                value = value[step]  # type: ignore[index]
            except (LookupError, TypeError) as error:
                raise ActionError(self._missing(number, value)) from error
        return value

    def _missing(self, number: int, value: object) -> str:
        there = f"there are {', '.join(list(value)[:20])}" if isinstance(value, dict) and value else "there is no more"
        before = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps[: number + 1])
        return f"the answer has no `{before.removeprefix('.')}`; {there}"


def _steps(path: str) -> Iterator[str | int]:
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if not found:
            raise ValueError(f"{path!r} is no path into an answer, as in now.summary or days[0].high")
        yield found["key"] if found["key"] else int(found["index"])
        at = found.end()


# --- secrets -----------------------------------------------------------------------------------------------------


def hider(secrets: Callable[[], Collection[str]], own: Collection[str]) -> Hide:
    """Strikes out what the host keeps secret and these of one's own, also as they stand in a URL."""

    kept = frozenset(own)
    return lambda text: _pattern(kept.union(secrets())).sub("[secret]", text)


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    forms = sorted(set(_forms(secrets)), key=len, reverse=True)
    # Without a secret it is found nowhere.
    return re.compile("|".join(map(re.escape, forms)) or r"(?!)")


def _forms(values: Collection[str]) -> Iterator[str]:
    for value in values:
        # `Bearer x1y2z3` is sent, and only its last word is what nobody may know.
        for secret in (value, *value.split()):
            if len(secret) >= SHORTEST_SECRET and secret.lower() not in _NO_SECRETS:
                yield from (secret, quote(secret, safe=""), quote_plus(secret))


_NO_SECRETS = frozenset(("bearer", "digest", "apikey", "api-key", "basic"))
