"""Tells where the conversation is, and who takes part in it."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from carrier.interfaces import Given, Turn
from carrier.types.talk import Person, RoomView


@dataclass(frozen=True, slots=True)
class Place:
    """A room as people see it: what it is called and about, what holds it, and who spoke there last, the latest first.

    Where its client cannot tell, its name is its id.
    """

    name: str
    client: str
    people: tuple[Person, ...]
    topic: str = ""
    kind: str = ""
    """As in `channel`, `thread`, `direct messages`."""
    within: tuple[str, ...] = ()
    """The names of what holds it, the nearest first: a thread's channel, its category, its server."""

    def __str__(self) -> str:
        return self.name


class Room:
    """The room of the message."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        people: int = Field(default=12, ge=1, le=50)

    def __init__(self, settings: Settings, given: Given):
        self._settings, self._given = settings, given

    async def __call__(self, turn: Turn) -> Place:
        message = turn.message
        speaker = Person(message.sender, message.sender_name or message.sender.partition(":")[2])
        others = await self._given.people(turn, self._settings.people)
        # What comes by the clock is nobody's.
        present = [] if message.kind == "schedule" else [speaker]
        people = [*present, *(each for each in others if each.id != speaker.id)][: self._settings.people]
        view = self._given.view(message.room) or RoomView(message.room.partition("/")[2])
        return Place(view.name, message.client, tuple(people), view.topic, view.kind, view.within)
