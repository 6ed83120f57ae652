"""A reflection: who is what to whom among the people of a room, as they say themselves."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from carrier.evaluators.founding import asked, by_name, founded, learned, lines_of_people, speakers, split, tells_more
from carrier.interfaces import AskModel, Exchange, Given
from carrier.quoting import folded
from carrier.types.memory import Memory
from carrier.types.talk import Message, Person

NAME = r"\**(?P<{}>[^:\n]{{1,80}}?)\**"
LINE = re.compile(
    rf"\s*(?:[-*•]\s+|\d+[.)]\s+)?{NAME.format('one')}\s*(?:->|→)\s*{NAME.format('other')}\s*:\**\s*(?P<what>\S.*?)\s*"
)


class Relationships:
    """Asks the small model who is what to whom, one a line, as `NAME -> OTHER: what NAME is to OTHER`.

    Both are people of the room, or one is the agent. Kept is what one of the two has said: of themselves, or as their
    claim of the other. What is known is told and superseded as facts are.
    """

    knows = "relationship"

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        every: int = Field(12, ge=1)
        at_most: int = Field(8, ge=1, le=50)
        max_chars: int = Field(200, ge=20, le=2000)

    def __init__(self, settings: Settings, given: Given):
        self.every = settings.every
        self._settings = settings

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[Memory]:
        lines = lines_of_people(exchange)
        if not lines:
            return ()
        there = _there(exchange, lines)
        answer = await asked("relationships", exchange, lines, ask_model, people=[*there.values()])
        return self._memories(exchange, lines, there, answer)

    def _memories(
        self, exchange: Exchange, lines: Sequence[Message], there: Mapping[str, Person], answer: str
    ) -> list[Memory]:
        matches = [match for line in answer.splitlines() if (match := LINE.fullmatch(line))]
        found = [
            self._memory(exchange, lines, one, other, match["what"], number)
            for number, match in enumerate(matches[: self._settings.at_most], start=1)
            if (one := there.get(match["one"].casefold()))
            and (other := there.get(match["other"].casefold()))
            and one != other
        ]
        return [memory for memory in found if memory and tells_more(memory, exchange, lines)]

    def _memory(
        self, exchange: Exchange, lines: Sequence[Message], one: Person, other: Person, what: str, number: int
    ) -> Memory | None:
        """None where neither of the two has said so."""
        what, instead_of = split(what, exchange.known)
        speaking = {line.sender for line in lines}
        about = next((person for person in (one, other) if person.id in speaking), None)
        source = founded(what, about, lines) if about else None
        if source is None or source.who.id not in (one.id, other.id):
            return None
        own = source.who.id == one.id
        text = _text(one, other, what, own)[: self._settings.max_chars]
        source = replace(source, trust=source.trust if own else "claimed")
        memory = learned("relationship", number, text, source, exchange, lines)
        return replace(memory, other=other.id if own else one.id, instead_of=instead_of)


def _text(one: Person, other: Person, what: str, own: bool) -> str:
    """What stands behind the name of who said it; it names the other."""
    what = what if folded(other.name) in folded(what) else f"{what} (to {other.name})"
    return what if own else f"says of {one.name}: {what}"


def _there(exchange: Exchange, lines: Sequence[Message]) -> dict[str, Person]:
    """The people of the room and the agent, by name; what two share is nobody's."""
    agent = Person(f"agent:{exchange.agent.name}", exchange.agent.character.display_name)
    return by_name([agent, *exchange.people, *speakers(lines)])
