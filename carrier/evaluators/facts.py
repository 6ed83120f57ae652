"""A reflection: what people said about themselves, kept as facts."""

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from carrier.evaluators.founding import asked, by_name, founded, learned, lines_of_people, speakers, split, tells_more
from carrier.interfaces import AskModel, Exchange, Given
from carrier.types.memory import Memory
from carrier.types.talk import Message, Person

FACT = re.compile(r"\s*(?:[-*•]\s+|\d+[.)]\s+)?\**(?P<name>[^:\n]{1,80}?)\**\s*:\**\s*(?P<fact>\S.*?)\s*")


class Facts:
    """Asks the small model for lasting facts about the people of a room, one a line, as `NAME: fact`.

    It is told what people said, and in its system text what is known of them, by number: `NAME: fact (instead of 3)`
    takes the place of that. A line in another form, about somebody who said nothing, or that only says again what is
    known, is dropped. What a fact is made of is looked up in what was said: words of somebody else's make it that
    person's claim.
    """

    knows = "fact"

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        every: int = Field(8, ge=1)
        at_most: int = Field(8, ge=1, le=50)
        max_chars: int = Field(300, ge=20, le=2000)

    def __init__(self, settings: Settings, given: Given):
        self.every = settings.every
        self._settings = settings

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[Memory]:
        lines = lines_of_people(exchange)
        if not lines:
            return ()
        answer = await asked("facts", exchange, lines, ask_model)
        return self._memories(exchange, lines, answer)

    def _memories(self, exchange: Exchange, lines: Sequence[Message], answer: str) -> list[Memory]:
        people = by_name(speakers(lines))
        matches = [match for line in answer.splitlines() if (match := FACT.fullmatch(line))]
        found = [match for match in matches if match["name"].casefold() in people]
        memories = [
            self._memory(exchange, lines, people[match["name"].casefold()], match["fact"], number)
            for number, match in enumerate(found[: self._settings.at_most], start=1)
        ]
        return [memory for memory in memories if tells_more(memory, exchange, lines)]

    def _memory(self, exchange: Exchange, lines: Sequence[Message], about: Person, fact: str, number: int) -> Memory:
        fact, instead_of = split(fact, exchange.known)
        source = founded(fact, about, lines)
        own = source.who.id == about.id
        text = fact if own else f"says of {about.name}: {fact}"
        memory = learned("fact", number, text[: self._settings.max_chars], source, exchange, lines)
        return replace(memory, other="" if own else about.id, instead_of=instead_of)
