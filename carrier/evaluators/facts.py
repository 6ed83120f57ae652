"""A reflection: what people said about themselves, kept as facts."""

import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from carrier.interfaces import AskModel, Exchange, Given
from carrier.quoting import share
from carrier.templates import Templates
from carrier.types import Memory, Message, Trust

FACT = re.compile(r"\s*(?:[-*•]\s+|\d+[.)]\s+)?\**(?P<name>[^:\n]{1,80}?)\**\s*:\**\s*(?P<fact>\S.*?)\s*")


class Facts:
    """Asks the small model for lasting facts about the people of a room, one a line, as `NAME: fact`.

    It is told what people said, nothing else. A line in another form, or about somebody who said nothing, is dropped.
    What a fact is made of is looked up in what was said: words of somebody else's make it that person's claim.
    """

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        every: int = Field(8, ge=1)
        at_most: int = Field(8, ge=1, le=50)
        max_chars: int = Field(300, ge=20, le=2000)

    def __init__(self, settings: Settings, given: Given):
        self.every = settings.every
        self._settings = settings

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[Memory]:
        lines = [line for line in exchange.lines if line.kind in ("chat", "api") and line.text.strip() and not line.bot]
        if not lines:
            return ()
        agent = exchange.agent
        system = Templates(agent.sources).render(agent.templates["facts"], {"agent": agent, "lines": lines})
        said = "\n".join(f"{_name(line)}: {' '.join(line.text.split())}" for line in lines)
        answer = await ask_model(system, said, purpose="facts", model="small")
        return self._memories(exchange, lines, answer)

    def _memories(self, exchange: Exchange, lines: Sequence[Message], answer: str) -> list[Memory]:
        people = _people(lines)
        found = [match for line in answer.splitlines() if (match := FACT.fullmatch(line)) and _known(match, people)]
        return [
            self._memory(exchange, lines, people[match["name"].casefold()], match["fact"], number)
            for number, match in enumerate(found[: self._settings.at_most], start=1)
        ]

    def _memory(self, exchange: Exchange, lines: Sequence[Message], about: Message, fact: str, number: int) -> Memory:
        who, trust = _source(fact, about, lines)
        text = fact if who.sender == about.sender else f"says of {_name(about)}: {fact}"
        return Memory(
            id=f"{exchange.agent.name}/facts/{lines[0].id}-{lines[-1].id}/{number}",
            agent=exchange.agent.name,
            room=exchange.room,
            entity=who.sender,
            kind="fact",
            text=text[: self._settings.max_chars],
            at=lines[-1].at,
            name=_name(who),
            source_ids=tuple(line.id for line in lines if line.sender == who.sender),
            revision=exchange.agent.revision,
            trust=trust,
            private=any(line.direct for line in lines),
        )


def _source(fact: str, about: Message, lines: Sequence[Message]) -> tuple[Message, Trust]:
    """Whose words a fact is made of, and how far it can be trusted for that."""
    said: dict[str, list[str]] = {}
    for line in lines:
        said.setdefault(line.sender, []).append(line.text)
    shares = {sender: share(fact, "\n".join(texts)) for sender, texts in said.items()}
    most = max(shares.values())
    if len(said) == 1 or (most and shares[about.sender] == most):
        return about, "said"
    # Nobody's words at all: a model has made them up, or has said them in another language.
    who = next(line for line in lines if shares[line.sender] == most) if most else about
    return who, "claimed"


def _known(match: re.Match[str], people: Mapping[str, Message]) -> bool:
    return match["name"].casefold() in people


def _people(lines: Sequence[Message]) -> dict[str, Message]:
    """Who spoke, by name; a name that two people share is nobody's."""
    senders: dict[str, set[str]] = {}
    for line in lines:
        senders.setdefault(_name(line).casefold(), set()).add(line.sender)
    return {_name(line).casefold(): line for line in lines if len(senders[_name(line).casefold()]) == 1}


def _name(line: Message) -> str:
    return " ".join(line.sender_name.replace(":", " ").split()) or line.sender.rpartition(":")[2]
