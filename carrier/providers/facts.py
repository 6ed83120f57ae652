"""Tells what is known of the people in the room."""

from pydantic import BaseModel, ConfigDict, Field

from carrier.interfaces import Given, Turn
from carrier.types.memory import Memory
from carrier.types.talk import Person


class Facts:
    """What was kept of who speaks now and of those who spoke last, and of who is what to them; the newest first."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        people: int = Field(default=8, ge=1, le=50)
        at_most: int = Field(default=24, ge=1, le=200)

    def __init__(self, settings: Settings, given: Given):
        self._settings, self._given = settings, given

    async def __call__(self, turn: Turn) -> list[Memory]:
        speaker = Person(turn.message.sender, turn.message.sender_name)
        others = await self._given.people(turn, self._settings.people)
        people = [speaker, *(each for each in others if each.id != speaker.id)][: self._settings.people]
        return await self._given.facts(turn, people, self._settings.at_most)
