"""A gate: no link leads anywhere else than it says, nor to hosts that the operator does not want linked to."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from carrier.evaluators.findings import OnFound, Span, judged, last_space, shown
from carrier.interfaces import Given, Turn, Verdict
from carrier.quoting import folded

NOWHERE = "an unknown place"
LONGEST = 4000
"""Characters of a link that is not finished."""

_HOST = r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_LINKS = re.compile(
    r"""
      (?P<image>!)?\[(?P<text>[^\[\]]*)\]\(\s*<?(?P<to>[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?[^()]*\)
    | ^[ ]{0,3}\[(?P<label>[^\[\]]+)\]:[ \t]*<?(?P<defined>[^\s<>]+)>?.*$
    | <a\b[^<>]*\bhref\s*=\s*["']?(?P<href>[^"'\s<>]*)[^<>]*>(?P<inner>.{0,300}?)</a\s*>
    | <(?:img|iframe|script|video|audio|source|embed|object|link)\b[^<>]*>
    | <(?P<slack>[a-z][a-z0-9+.-]*:[^\s<>|]+)\|(?P<name>[^<>]*)>
    | (?P<bare><?(?:(?:https?|ftp):[/\\]{1,3}|\bwww\.)[^\s<>"'\])]+>?)
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_SIGNS = re.compile(r"[\[<]|:[/\\]|www\.", re.IGNORECASE)
"""Without one of these there is no link."""
_BEGUN = re.compile(
    r"""
    (?: !?\[[^\[\]]*(?:\](?:\([^)]*)?)?
      | ^[ ]{0,3}\[[^\[\]\n]+\]:[^\n]*
      | <[^>]*
      | <a\b(?:(?!</a).){0,500}
    )\Z
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
"""What may become a link."""


def _host(name: str) -> str:
    if not re.fullmatch(_HOST, name):
        raise ValueError("this is a host, as in example.com or *.example.com")
    return name.lower()


class Link(NamedTuple):
    """Something in a text that leads elsewhere, and what is seen of it."""

    span: Span
    host: str
    text: str
    is_seen: bool
    """Where it leads can be read."""
    loads: bool = False
    """It is fetched without anybody following it."""


class Links:
    """Takes the link out and says where it led, has the text written anew, or holds it.

    With `hosts` only these are linked to; without, all that can be seen to lead where it leads.
    """

    notices = True

    class Settings(OnFound):
        hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()

    def __init__(self, settings: Settings, given: Given):
        self._settings = settings

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        wrong = sorted({link.host for link in _links(text) if not self._passes(link)})
        return judged(self._settings, text, self._redacted(text), f"it links to {', '.join(wrong)}")

    def preview(self, growing: str) -> str | None:
        whole = growing[: last_space(growing)]
        begun = _BEGUN.search(whole, max(0, len(whole) - LONGEST))
        whole = whole[: begun.start()] if begun else whole
        return shown(self._settings, whole, self._redacted(whole))

    def _redacted(self, text: str) -> str:
        kept, at = [], 0
        for link in _links(text):
            if not self._passes(link):
                kept += [text[at : link.span[0]], f"{link.text} [link to {link.host} left out]".lstrip()]
                at = link.span[1]
        return "".join([*kept, text[at:]])

    def _passes(self, link: Link) -> bool:
        if any(fnmatchcase(link.host, host) for host in self._settings.hosts):
            return True
        return not self._settings.hosts and link.is_seen and not link.loads


def _links(text: str) -> Iterator[Link]:
    for found in _LINKS.finditer(text) if _SIGNS.search(text) else ():
        to = next((found[name] for name in ("to", "defined", "href", "slack", "bare") if found[name]), "")
        if to and not found["bare"] and not _leads_out(to):
            continue
        words = next((found[name] for name in ("text", "label", "inner", "name") if found[name]), "")
        host, words = host_of(to), words.strip()
        is_seen = bool(found["bare"]) or host in (host_of(words), host_of(f"//{words}"))
        yield Link(found.span(), host, words, is_seen and host != NOWHERE, bool(found["image"]) or not to)


def _leads_out(to: str) -> bool:
    """Not to a place of the same page or site, nor to somebody's mail."""
    plain = _unhidden(to).replace("\\", "/")
    return plain.startswith("//") or not re.match(r"[#?/]|\.{1,2}/|mailto:|[\w./#-]*\Z", plain)


def host_of(url: str) -> str:
    """Where a URL leads, as a browser reads it."""
    plain = _unhidden(url).replace("\\", "/").strip("<>")
    scheme, colon, rest = plain.partition(":")
    if colon and scheme in ("http", "https", "ftp"):
        plain = f"//{rest.lstrip('/')}"
    elif plain.startswith("www."):
        plain = f"//{plain}"
    elif not plain.startswith("//"):
        return NOWHERE
    try:
        return (urlsplit(plain).hostname or NOWHERE).rstrip(".")
    except ValueError:
        return NOWHERE


def _unhidden(url: str) -> str:
    return re.sub(r"[\s\x00-\x1f]", "", folded(unquote(url)))
