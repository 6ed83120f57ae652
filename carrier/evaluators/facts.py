"""A reflection: what people said about themselves, kept as facts."""

import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from carrier.interfaces import AskModel, Exchange, Given
from carrier.templates import Templates
from carrier.types import Memory, Message

FACT = re.compile(r"\s*(?:[-*•]\s+|\d+[.)]\s+)?\**(?P<name>[^:\n]{1,80}?)\**\s*:\**\s*(?P<fact>\S.*?)\s*")


class Facts:
    """Asks the small model for lasting facts about the people of a room, one a line, as `NAME: fact`.

    It is told what people said, nothing else. A line in another form, or about somebody who said nothing, is dropped.
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
        lines = [line for line in exchange.lines if line.kind in ("chat", "api") and line.text.strip()]
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
            Memory(
                id=f"{exchange.agent.name}/facts/{lines[0].id}-{lines[-1].id}/{number}",
                agent=exchange.agent.name,
                room=exchange.room,
                entity=people[match["name"].casefold()].sender,
                kind="fact",
                text=match["fact"][: self._settings.max_chars],
                at=lines[-1].at,
                name=_name(people[match["name"].casefold()]),
                source_ids=tuple(line.id for line in lines),
                revision=exchange.agent.revision,
            )
            for number, match in enumerate(found[: self._settings.at_most], start=1)
        ]


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
