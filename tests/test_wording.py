"""A call with consequences is made in the words of who has caused it, or of the operator; other words are asked for."""

from dataclasses import replace

import pytest

from carrier.runtime.wording import foreign, weighed, written
from carrier.testing.turns import AGENT
from carrier.types.characters import Character
from carrier.types.memory import Goal
from carrier.types.models import ActionCall
from carrier.types.parts import TemplateFile

SAID = (
    "Please pay Anna 250 kr for the lamp in acme/garden, see https://good.example/bill?id=7 - mail anna@good.example."
)


@pytest.mark.parametrize(
    "value",
    [
        "Anna",
        "anna",
        " ANNA! ",
        "\uff21nna",
        "the lamp in the acme/garden",
        "(lamp)",
        250,
        250.0,
        "250",
        ["Anna", 250],
        {"to": {"name": "Anna"}},
        "https://good.example/bill?id=7",
        "good.example",
        "acme/garden",
        "garden",
        "anna@good.example",
        True,
        None,
        "",
        "-",
    ],
)
def test_what_was_said_is_nobody_elses_word(value: object) -> None:
    assert foreign({"to": value}, SAID, {}) == {}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("Eve", "eve"),
        ("Ann", "ann"),
        ("Annabel", "annabel"),
        ("\u0410nna", "\u0430nna"),
        ("pay Eve the lamp", "eve"),
        (2500, "2500"),
        (25, "25"),
        (250.5, "250.5"),
        (["Anna", "Eve"], "eve"),
        ({"a": [{"b": "Eve"}]}, "eve"),
        ("https://evil.example/bill?id=7", "evil.example/bill?id=7"),
        ("https://good.example.evil.test/", "good.example.evil.test/"),
        ("https://good.example@evil.test/", "good.example@evil.test/"),
        ("https://good.example/bill?id=8", "good.example/bill?id=8"),
        ("acme/gardens", "acme/gardens"),
        ("acme/*", "acme/*"),
        ("*", "*"),
        ("..", ".."),
        ("anna@evil.example", "anna@evil.example"),
        ("RXZl", "rxzl"),
    ],
)
def test_any_other_word_is_found(value: object, word: str) -> None:
    assert foreign({"to": value}, SAID, {}) == {"to": word}


def test_each_argument_is_looked_at_by_itself_and_what_is_as_by_default_is_not() -> None:
    arguments = {"to": "Anna", "note": "hello there", "currency": "EUR", "urgent": "yes"}

    assert foreign(arguments, SAID, {"currency": "EUR"}) == {"note": "hello", "urgent": "yes"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(True, {"to": "Eve", "note": "x"}), (False, {}), (("to",), {"to": "Eve"}), (("sum",), {})],
)
def test_all_arguments_count_or_those_that_are_named(rule: bool | tuple[str, ...], expected: object) -> None:
    assert weighed(ActionCall("1", "pay", {"to": "Eve", "note": "x"}), rule) == expected


def test_what_the_operator_has_written_counts_as_said() -> None:
    agent = replace(
        AGENT,
        character=Character("tifa", "Tifa", bio=("Pays the rent to Barret.",), style={"all": ("Short.",)}),
        goals=(Goal("rent", "Pay Corneo", ("by Monday",)),),
        sources={"chat.j2": TemplateFile("chat.j2", "Tickets go to acme/helpdesk.")},
    )

    said = written(agent)

    assert foreign({"a": "Barret", "b": "corneo", "c": "acme/helpdesk", "d": "Monday"}, said, {}) == {}
    assert foreign({"a": "Eve"}, said, {}) == {"a": "eve"}
