"""What reflections that learn of people have in common: in whose words something is founded, and what is new in it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from carrier.interfaces import AskModel, Exchange
from carrier.quoting import adds, folded, share
from carrier.templates import Templates
from carrier.types.memory import Memory, Trust
from carrier.types.talk import Message, Person

INSTEAD = re.compile(r"\s*[(\[]\s*instead of\s+#?(?P<number>\d{1,3})\s*[)\]]\s*\.?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Founded:
    """In whose words something is founded, how far it can be trusted for that, and what part of it is theirs."""

    who: Person
    trust: Trust
    confidence: float


def lines_of_people(exchange: Exchange) -> list[Message]:
    """What people said: what the host ordered or a program said is no source."""
    return [line for line in exchange.lines if line.kind in ("chat", "api") and line.text.strip() and not line.bot]


def as_said(lines: Iterable[Message]) -> str:
    """The lines as a model reads them, each behind its speaker's name."""
    return "\n".join(f"{name_of(line)}: {' '.join(line.text.split())}" for line in lines)


async def asked(
    what: Literal["facts", "relationships"],
    exchange: Exchange,
    lines: Sequence[Message],
    ask_model: AskModel,
    **more: object,
) -> str:
    """What the small model finds in these lines; its system text is the agent's template of that name."""
    agent = exchange.agent
    values = {"agent": agent, "lines": lines, "known": exchange.known, **more}
    system = Templates(agent.sources).render(agent.templates[what], values)
    return await ask_model(system, as_said(lines), purpose=what, model="small")


def founded(text: str, about: Person, lines: Sequence[Message]) -> Founded:
    """Who said what is written of somebody who spoke: they themselves, if nobody's words are closer to it."""
    said = _words_of(lines)
    shares = {person: share(text, words) for person, words in said.items()}
    own = next(person for person in said if person.id == about.id)
    most = max(shares.values())
    if len(said) == 1 or (most and shares[own] == most):
        return Founded(own, "said", round(shares[own], 2))
    # Nobody's words at all: a model has made them up, or has said them in another language.
    who = next(person for person in said if shares[person] == most) if most else own
    return Founded(who, "claimed", round(most, 2))


def learned(
    kind: Literal["fact", "relationship"],
    number: int,
    text: str,
    source: Founded,
    exchange: Exchange,
    lines: Sequence[Message],
) -> Memory:
    """The memory of something that is founded in these lines; `number` tells it from others found in them."""
    return Memory(
        id=f"{exchange.agent.name}/{kind}s/{lines[0].id}-{lines[-1].id}/{number}",
        agent=exchange.agent.name,
        room=exchange.room,
        entity=source.who.id,
        kind=kind,
        text=text,
        at=lines[-1].at,
        name=source.who.name,
        source_ids=tuple(line.id for line in lines if line.sender == source.who.id),
        revision=exchange.agent.revision,
        trust=source.trust,
        private=any(line.direct for line in lines),
        confidence=source.confidence,
    )


def split(text: str, known: Mapping[int, Memory]) -> tuple[str, str]:
    """A line of an answer without the number of what it takes the place of, and the id of that."""
    found = INSTEAD.search(text)
    if not found:
        return text, ""
    replaced = known.get(int(found["number"]))
    return text[: found.start()], replaced.id if replaced else ""


def tells_more(memory: Memory, exchange: Exchange, lines: Sequence[Message]) -> bool:
    """Whether something was said that is not known yet of the same people: what is known is no source of anything."""
    same = [each for each in exchange.known.values() if (each.entity, each.other) == (memory.entity, memory.other)]
    said = "\n".join(line.text for line in lines)
    if not share(memory.text, said) and any(share(memory.text, each.text) for each in same):
        return False
    return all(_differs(memory, each) for each in same)


def _differs(memory: Memory, known: Memory) -> bool:
    if folded(memory.text) == folded(known.text):
        return False
    return adds(memory.text, known.text) or memory.instead_of == known.id


def by_name(people: Iterable[Person]) -> dict[str, Person]:
    """People by their names in small letters; a name that two share is nobody's."""
    ids: dict[str, set[str]] = {}
    named = [(person.name.casefold(), person) for person in people]
    for name, person in named:
        ids.setdefault(name, set()).add(person.id)
    return {name: person for name, person in named if len(ids[name]) == 1}


def speakers(lines: Iterable[Message]) -> list[Person]:
    return [Person(line.sender, name_of(line)) for line in lines]


def name_of(line: Message) -> str:
    return " ".join(line.sender_name.replace(":", " ").split()) or line.sender.rpartition(":")[2]


def _words_of(lines: Iterable[Message]) -> dict[Person, str]:
    said: dict[str, list[Message]] = {}
    for line in lines:
        said.setdefault(line.sender, []).append(line)
    return {Person(id, name_of(own[-1])): "\n".join(line.text for line in own) for id, own in said.items()}
