"""Each provider says its own part of the state."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError

from carrier.interfaces import Provider
from carrier.providers.character import Character
from carrier.providers.memories import RecalledMemories
from carrier.providers.recent_messages import RecentMessages
from carrier.providers.time import Time
from carrier.registry import PROVIDERS, find
from carrier.testing.turns import AGENT, MESSAGE, TurnMaker
from carrier.types import Character as Person
from carrier.types import Example, Line, Memory, MemorySettings, Recalled


async def test_a_character_is_told_with_the_names_filled_in_and_nothing_rendered() -> None:
    person = Person(
        "tifa",
        "Tifa",
        system="You are {{char}}. {{ 7 * 7 }}",
        bio=("{{Char}} likes {{ user }}.",),
        style={"all": ("Be {{char}}.",)},
        message_examples=((Example("{{user}}: hi", "{{char}}: hello"),),),
    )
    turn = TurnMaker().turn(replace(AGENT, character=person), replace(MESSAGE, sender_name="{{char}}\nAnna"))

    told = await Character(Character.Settings(), TurnMaker().given())(turn)

    assert told.system == "You are Tifa. {{ 7 * 7 }}"
    assert told.bio == ("Tifa likes {{char}} Anna.",)
    assert told.style == {"all": ("Be Tifa.",)}
    assert told.message_examples == ((Example("{{char}} Anna: hi", "Tifa: hello"),),)
    assert person.bio == ("{{Char}} likes {{ user }}.",)


async def test_recent_messages_are_as_many_as_the_agent_says() -> None:
    lines = [Line(str(at), "Anna", f"line {at}", at, own=False) for at in range(5)]
    maker = TurnMaker(lines=lines)
    turn = maker.turn(replace(AGENT, memory=MemorySettings(recent=2)))

    assert await RecentMessages(RecentMessages.Settings(), maker.given())(turn) == lines[-2:]


async def test_a_message_without_words_recalls_nothing() -> None:
    maker = TurnMaker(recalled=[Recalled(Memory("1", "tifa", "api/@anna", "api:anna", "fact", "likes tea", 1), 0.9)])
    provider = RecalledMemories(RecalledMemories.Settings(), maker.given())

    assert await provider(maker.turn()) == maker.recalled
    assert await provider(maker.turn(message=replace(MESSAGE, text=" \n"))) == []


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Oslo", "Saturday, 21 November 2026, 14:05 (Europe/Oslo)"),
        ("Pacific/Auckland", "Sunday, 22 November 2026, 02:05 (Pacific/Auckland)"),
    ],
)
async def test_the_time_is_that_of_the_agents_zone(zone: str, text: str) -> None:
    maker = TurnMaker(now=datetime(2026, 11, 21, 13, 5, tzinfo=UTC))

    moment = await Time(Time.Settings(), maker.given())(maker.turn(replace(AGENT, timezone=zone)))

    assert (str(moment), moment.text, moment.at) == (text, text, maker.now)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_that_is_listed_can_be_made_and_takes_no_settings_it_does_not_know(name: str) -> None:
    part = find(PROVIDERS, name)
    assert isinstance(part, type)
    settings: type[BaseModel] = part.Settings  # type: ignore[attr-defined]

    made: Provider = part(settings(), TurnMaker().given())

    assert callable(made)
    with pytest.raises(ValidationError):
        settings.model_validate({"colour": "red"})
