"""A gate: addresses and numbers of people leave only to who has said them."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from pydantic import Field

from carrier.evaluators.findings import OnFound, judged, last_space, shown
from carrier.interfaces import Given, Turn, Verdict

Kind = Literal["email", "phone", "card", "iban"]

PATTERNS: Mapping[Kind, re.Pattern[str]] = {
    "email": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}"),
    "iban": re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"),
    "card": re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"),
    "phone": re.compile(
        r"(?<![\w+])(?:\+|00)[1-9](?:[ ().-]{0,2}\d){6,13}(?!\w)|(?<![\w.-])\d{2,4}(?:[ -]\d{2,4}){2,4}(?![\w-])"
    ),
}
"""In the order in which they are looked for: a card's number could be taken for a phone's."""
BEGUN = re.compile(r"(?:\b[A-Z]{2}\d\d[A-Z0-9 ]*|[\d+(][\d ().+-]*)\Z")
LONGEST = 80
"""Characters of any of them, about."""
DATE = re.compile(r"(?:(?:19|20)\d\d-\d\d-\d\d|\d\d-\d\d-(?:19|20)?\d\d)(?: \d\d)?")


class PersonalData:
    """Strikes out mail addresses, numbers of phones, cards and accounts, has the text written anew, or holds it.

    What stands in the message that is answered may be said back.
    """

    class Settings(OnFound):
        kinds: tuple[Kind, ...] = ("email", "phone", "card", "iban")
        allow: tuple[str, ...] = Field(default=(), max_length=500)
        """What may be said to anybody, as the house's own address."""

    def __init__(self, settings: Settings, given: Given):
        self._settings = settings
        self._allowed = frozenset(map(_bare, settings.allow))

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        said = {_bare(data) for data in self._found(turn.message.text)}
        found = sorted(set(self._kinds(text, self._allowed | said)))
        reason = f"it tells {' and '.join(found)} of somebody"
        return judged(self._settings, text, self._redacted(text, self._allowed | said), reason)

    def preview(self, growing: str) -> str | None:
        """All but what could still become part of an address or a number."""
        whole = growing[: last_space(growing)]
        begun = BEGUN.search(whole, max(0, len(whole) - LONGEST))
        whole = whole[: begun.start()] if begun else whole
        return shown(self._settings, whole, self._redacted(whole, self._allowed))

    def _found(self, text: str) -> Iterator[str]:
        for kind in PATTERNS:
            yield from (found[0] for found in PATTERNS[kind].finditer(text))

    def _kinds(self, text: str, allowed: Collection[str]) -> Iterator[str]:
        for kind in self._settings.kinds:
            if any(_is(kind, found[0]) and _bare(found[0]) not in allowed for found in PATTERNS[kind].finditer(text)):
                yield kind

    def _redacted(self, text: str, allowed: Collection[str]) -> str:
        for kind in (kind for kind in PATTERNS if kind in self._settings.kinds):
            text = PATTERNS[kind].sub(lambda found, kind=kind: _told(kind, found[0], allowed), text)  # type: ignore[misc]
        return text


def _told(kind: Kind, found: str, allowed: Collection[str]) -> str:
    return f"[{kind}]" if _is(kind, found) and _bare(found) not in allowed else found


def _is(kind: Kind, found: str) -> bool:
    """Whether what looks like it is it."""
    digits = re.sub(r"\D", "", found)
    match kind:
        case "card":
            return _luhn(digits)
        case "iban":
            return _mod_97(found.replace(" ", ""))
        case "phone":
            return 8 <= len(digits) <= 15 and not DATE.fullmatch(found)
    return True


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + number % 2) for number, digit in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _mod_97(account: str) -> bool:
    if not 15 <= len(account) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in account[4:] + account[:4])) % 97 == 1


def _bare(data: str) -> str:
    return re.sub(r"[\s().-]", "", data).casefold()
