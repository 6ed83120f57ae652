"""What reflections that learn of people have in common: in whose words something is founded, and what is new in it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from carrier.interfaces import Exchange
from carrier.quoting import adds, folded, share
from carrier.types import Memory, Message, Trust

INSTEAD = re.compile(r"\s*[(\[]\s*instead of\s+#?(?P<number>\d{1,3})\s*[)\]]\s*\.?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Founded:
    """In whose words something is founded: the line that shows who that is, how far it can be trusted for that, and
    what part of its words are theirs."""

    line: Message
    trust: Trust
    confidence: float


def lines_of_people(exchange: Exchange) -> list[Message]:
    """What people said: what the host ordered or a program said is no source."""
    return [line for line in exchange.lines if line.kind in ("chat", "api") and line.text.strip() and not line.bot]


def as_said(lines: Iterable[Message]) -> str:
    """The lines as a model reads them, each behind its speaker's name."""
    return "\n".join(f"{name_of(line)}: {' '.join(line.text.split())}" for line in lines)


def founded(text: str, about: Message, lines: Sequence[Message]) -> Founded:
    """Who said what is written of somebody: they themselves, if nobody's words are closer to it."""
    said = _words_of(lines)
    shares = {sender: share(text, words) for sender, words in said.items()}
    most = max(shares.values())
    if len(said) == 1 or (most and shares[about.sender] == most):
        return Founded(about, "said", round(shares[about.sender], 2))
    # Nobody's words at all: a model has made them up, or has said them in another language.
    who = next(line for line in lines if shares[line.sender] == most) if most else about
    return Founded(who, "claimed", round(most, 2))


def is_new(text: str, lines: Sequence[Message], known: Iterable[Memory], instead_of: str) -> bool:
    """Whether something was said that is not known yet: what is known is no source of anything."""
    known = list(known)
    said = "\n".join(line.text for line in lines)
    if not share(text, said) and any(share(text, each.text) for each in known):
        return False
    return all(folded(text) != folded(each.text) and (adds(text, each.text) or each.id == instead_of) for each in known)


def split(text: str, known: Mapping[int, Memory]) -> tuple[str, str]:
    """A line of an answer without the number of what it takes the place of, and the id of that."""
    found = INSTEAD.search(text)
    if not found:
        return text, ""
    replaced = known.get(int(found["number"]))
    return text[: found.start()], replaced.id if replaced else ""


def people(lines: Sequence[Message]) -> dict[str, Message]:
    """Who spoke, by name; a name that two people share is nobody's."""
    senders: dict[str, set[str]] = {}
    for line in lines:
        senders.setdefault(name_of(line).casefold(), set()).add(line.sender)
    return {name_of(line).casefold(): line for line in lines if len(senders[name_of(line).casefold()]) == 1}


def name_of(line: Message) -> str:
    return " ".join(line.sender_name.replace(":", " ").split()) or line.sender.rpartition(":")[2]


def _words_of(lines: Iterable[Message]) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in lines:
        said[line.sender] = f"{said.get(line.sender, '')}\n{line.text}"
    return said
