"""Each provider says its own part of the state."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from carrier.interfaces import Provider
from carrier.providers.character import Character
from carrier.providers.memories import RecalledMemories
from carrier.providers.recent_messages import RecentMessages
from carrier.providers.time import Time
from carrier.registry import PROVIDERS, find
from carrier.templates import Templates
from carrier.testing.turns import AGENT, MESSAGE, TurnMaker
from carrier.types.agents import MemorySettings
from carrier.types.characters import Character as Person
from carrier.types.characters import Example, Lorebook, LoreEntry
from carrier.types.memory import Memory, Recalled
from carrier.types.parts import TemplateFile
from carrier.types.talk import Line

ROOT = Path(__file__).parent.parent


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


BOOK = Lorebook(
    (
        LoreEntry("The blade is {{char}}'s.", ("Sword", "blade"), ("steel", "iron"), order=3),
        LoreEntry("Always hot.", constant=True, order=9),
        LoreEntry("Dragons sleep.", (r"dragons?\b",), regex=True, order=1, after=True),
        LoreEntry("The Gate.", ("Gate",), case_sensitive=True, order=2),
        LoreEntry("", ("e",), order=0),
        LoreEntry("Nothing asks for it.", ("", " ")),
    ),
    depth=2,
)


async def lore(maker: TurnMaker, text: str, book: Lorebook = BOOK) -> list[str]:
    """What is told of a book when that is said."""
    turn = maker.turn(replace(AGENT, character=Person("tifa", "Tifa", lorebook=book)), replace(MESSAGE, text=text))
    told = await Character(Character.Settings(), maker.given())(turn)
    return [entry.content for entry in told.lorebook.entries]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello", ["Always hot."]),
        ("A SWORD of Steel?", ["The blade is Tifa's.", "Always hot."]),
        ("a sword?", ["Always hot."]),
        ("dragon Dragons, gate", ["Dragons sleep.", "Always hot."]),
        ("the Gate and the dragon", ["Dragons sleep.", "The Gate.", "Always hot."]),
    ],
)
async def test_an_entry_of_a_lorebook_is_told_when_its_keys_come_up(text: str, told: list[str]) -> None:
    assert await lore(TurnMaker(), text) == told


async def test_keys_are_looked_for_in_as_many_lines_as_the_book_says() -> None:
    lines = [Line(str(at), "Anna", text, at, own=False) for at, text in enumerate(["a dragon", "iron", "a sword"])]

    assert await lore(TurnMaker(lines=lines), "so?") == ["The blade is Tifa's.", "Always hot."]
    assert await lore(TurnMaker(lines=lines), "so?", replace(BOOK, depth=3)) == [
        "Dragons sleep.",
        "The blade is Tifa's.",
        "Always hot.",
    ]
    assert await lore(TurnMaker(lines=lines), "so?", replace(BOOK, depth=0)) == ["Always hot."]


async def test_no_more_lore_is_told_than_fits_and_what_is_constant_comes_first() -> None:
    entries = (LoreEntry("a" * 6, ("x",), order=1), LoreEntry("b" * 5, order=2, constant=True), LoreEntry("c", ("x",)))

    assert await lore(TurnMaker(), "x", Lorebook(entries, characters=7)) == ["bbbbb", "c"]


async def test_another_book_is_looked_through_once_the_agent_has_it() -> None:
    maker = TurnMaker()
    provider = Character(Character.Settings(), maker.given())
    person = Person("tifa", "Tifa", lorebook=Lorebook((LoreEntry("Old.", constant=True),)))
    newer = replace(person, lorebook=Lorebook((LoreEntry("New.", constant=True),)))

    told = [await provider(maker.turn(replace(AGENT, character=each))) for each in (person, person, newer)]

    assert [each.lorebook.entries[0].content for each in told] == ["Old.", "Old.", "New."]


async def test_the_shipped_template_tells_the_lore_around_the_character() -> None:
    maker = TurnMaker()
    turn = maker.turn(
        replace(
            AGENT,
            character=Person(
                "tifa",
                "Tifa",
                bio=("You keep a bar.",),
                lorebook=BOOK,
                message_examples=((Example("Hi", "Evening."), Example("", "Well?")),),
            ),
        ),
        replace(MESSAGE, text="sword of steel, dragon"),
    )
    told = await Character(Character.Settings(), maker.given())(turn)
    source = TemplateFile("character.j2", (ROOT / "templates/partials/character.j2").read_text())

    text = Templates({"character.j2": source}).render("character.j2", {"character": told})

    assert text.startswith("The blade is Tifa's.\n\nAlways hot.\n\nYou are Tifa. You keep a bar.\n")
    assert '"Evening."\n- "Well?"\n' in text
    assert text.endswith("\n\nDragons sleep.\n")


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
