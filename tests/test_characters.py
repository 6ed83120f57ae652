"""A character's file becomes the value an agent is made with; and which patterns may stand in a lorebook."""

import re
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from carrier.config import models
from carrier.config.catalog import load
from carrier.config.characters import character, files_of, vocabulary
from carrier.config.models.patterns import LENGTH, SEARCHED, bare, refusal
from carrier.testing.projects import SMALL, project
from carrier.types.characters import Example, LoreEntry

BLOCK = models.Character.model_validate(
    {
        "username": "rose",
        "system": ["One.", "Two."],
        "bio": {"file": "bio.md"},
        "lore": ["Known.", {"file": "lore.md"}],
        "style": {"chat": "short"},
        "message_examples": [[{"user": "hi", "agent": "ho"}, {"agent": "well?"}]],
        "lorebook": {
            "depth": 2,
            "entries": [
                {"keys": "sword", "content": ["a", "b"], "position": "after", "order": 3, "secondary_keys": ["steel"]},
                {"keys": "/dragons?/i", "regex": True, "content": {"file": "dragon.md"}, "secondary_keys": ["x"]},
                {"keys": "gone", "content": "never", "enabled": False},
            ],
        },
        "knowledge": ["knowledge/**/*.md", {"text": "a fact"}],
        "extensions": {"a": {"b": 1}},
    }
)
FILES = {"bio.md": "Grows.\n", "lore.md": "Filed.\n", "dragon.md": "@@depth 4\n@@@x\n\nIt sleeps.\n@@not_at_the_top\n"}


def test_a_character_is_resolved_with_the_texts_of_its_files() -> None:
    told = character(BLOCK, "old-rose", "", None, FILES)

    assert (told.name, told.display_name, told.username) == ("old-rose", "Old Rose", "rose")
    assert (told.system, told.bio, told.lore) == ("One.\nTwo.", ("Grows.",), ("Known.", "Filed."))
    assert told.style == {"chat": ("short",)}
    assert told.message_examples == ((Example("hi", "ho"), Example("", "well?")),)


def test_a_lorebook_is_resolved_without_what_is_not_told() -> None:
    book = character(BLOCK, "rose", files=FILES).lorebook

    assert book.depth == 2
    assert book.entries == (
        LoreEntry("a\nb", ("sword",), ("steel",), order=3, after=True),
        LoreEntry("It sleeps.\n@@not_at_the_top", ("dragons?",), regex=True),
    )


def test_each_file_that_a_character_names_is_found_with_its_place() -> None:
    assert sorted(files_of(BLOCK), key=str) == [
        (("bio", 0), "bio.md"),
        (("lore", 1), "lore.md"),
        (("lorebook", "entries", 1, "content"), "dragon.md"),
    ]


def test_a_card_lies_under_the_character() -> None:
    block = models.Character.model_validate({"bio": "Mine.", "style": {"chat": "short"}})

    told = character(block, "rose", card={"display_name": "Rosa", "bio": ["Theirs."], "scenario": "A garden."})

    assert (told.display_name, told.bio, told.scenario) == ("Rosa", ("Mine.",), "A garden.")


def test_an_agents_own_name_for_people_wins() -> None:
    assert character(models.Character(display_name="Rosa"), "rose", "Rosie").display_name == "Rosie"


def test_the_vocabulary_of_a_character_is_what_is_written_and_no_more() -> None:
    words = vocabulary(BLOCK, FILES)

    assert words["bio"] == ["Grows.\n"]
    assert words["lorebook"]["entries"][2] == {"keys": ["gone"], "content": "never", "enabled": False}
    assert (words["knowledge"], words["extensions"]) == (["knowledge/**/*.md", {"text": "a fact"}], {"a": {"b": 1}})
    assert {"adjectives", "name", "kind", "enabled"}.isdisjoint(words)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("character: { bio: x, lorebook: { entries: [{ keys: '(a+)+', regex: true }] } }", 1, 44, "too many ways"),
        ("character: { bio: x, lorebook: { depth: -1 } }", 1, 41, "at least 0"),
        ("character: { bio: x, lorebook: { entrys: [] } }", 1, 34, "unknown key 'entrys'"),
        ("character: { system: { file: ../x.md } }", 1, 30, "stays inside"),
        ("character: { system: { file: texts/x.md } }", 1, 30, "texts/x.md cannot be read"),
        ("character: { system: { fil: texts/x.md } }", 1, 24, "unknown key 'fil'"),
        ("character: { card: cards/none.png }", 1, 20, "cards/none.png cannot be read"),
        ("character: { card: agents.d/tifa.yaml }", 1, 20, "this is not JSON"),
        ("character: { card: /etc/passwd }", 1, 20, "stays inside"),
        ("character: { knowledge: [{ txt: x }] }", 1, 28, "unknown key 'txt'"),
    ],
)
def test_what_is_wrong_with_a_character_is_told_where_it_stands(
    text: str, line: int, column: int, said: str, tmp_path: Path
) -> None:
    demo = project(tmp_path / "demo", {**SMALL, "agents.d/rose.yaml": text})

    (found,) = [each for each in load(demo.config, {}).problems if said in each.message]

    assert (found.file, found.line, found.column, found.severity) == ("agents.d/rose.yaml", line, column, "error")


def test_an_edited_text_file_is_another_character(tmp_path: Path) -> None:
    demo = project(
        tmp_path / "demo",
        {**SMALL, "texts/a.md": "One.", "agents.d/rose.yaml": "character: { bio: { file: texts/a.md } }"},
    )
    before = load(demo.config, {})

    demo.write("texts/a.md", "Two.")
    after = load(demo.config, {}, before)

    assert after.agents["rose"].character.bio == ("Two.",)
    assert after.agents["rose"].revision != before.agents["rose"].revision
    assert after.agents["tifa"] is before.agents["tifa"]


# --- patterns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "dragons?", r"\bdrag(on|oness)s?\b", "dragon.*cave", r"\d{1,4}\s{1,3}gold", "[^]a-z]+", "[]]", "a{}b",
        "(?:ab?)?c", "(?P<who>Tom|Tim)", "/dragons?/i", "狐狸|fox", r"\.\*\+", "x{2}y{,3}z", "(.+)?!", "a|",
    ],
)  # fmt: skip
def test_a_pattern_that_is_soon_done_is_taken(pattern: str) -> None:
    assert refusal(pattern) == ""
    assert re.compile(bare(pattern))


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a+)+$", "too many ways"),
        ("(a|aa)+$", "too many ways"),
        ("(a?){50}", "too many ways"),
        (".*a.*b", "too many ways"),
        ("(?:a{0,99}){0,9}b", "too many ways"),
        ("(x+x+)+y", "too many ways"),
        (r"([a-z]+)*\d", "too many ways"),
        ("(a|b|ab)*c", "too many ways"),
        (r"(a)\1", "cannot be asked for again"),
        ("(?=a)a", "of groups only"),
        ("(?i)a", "of groups only"),
        ("(?>a+)+", "of groups only"),
        ("(a)(?(1)b|c)", "of groups only"),
        ("[[a]", "a set of characters"),
        ("[a", "a set of characters"),
        ("(", "missing )"),
        (")", "unbalanced parenthesis"),
        ("*", "nothing to repeat"),
        ("a" * (LENGTH + 1), f"more than {LENGTH}"),
        ("a{99999999999999999999}", "too large"),
        ("(" * 120 + ")" * 120, ""),
    ],
)
def test_a_pattern_that_could_hang_is_refused(pattern: str, reason: str) -> None:
    assert reason in refusal(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a.*b", "a"), ("a{0,60}a{0,60}x", "a"), (r"\w{1,60}\w{1,60}!", "a"), ("(a|a)(a|a)(a|a)(a|a)(a|a)a*x", "a"),
        ("(?:ab|a)(?:ba|b)?.*x", "ab"), ("(a|a)" * 11 + "x", "a"),
    ],
)  # fmt: skip
def test_what_is_taken_is_soon_done_whatever_is_said(pattern: str, text: str) -> None:
    compiled = re.compile(pattern if not refusal(pattern) else "x")
    started = time.perf_counter()

    compiled.search(text * SEARCHED, 0, SEARCHED)

    assert time.perf_counter() - started < 0.5


def test_a_pattern_that_is_refused_may_wait_in_an_entry_that_is_not_enabled() -> None:
    assert models.Character.model_validate(
        {"lorebook": {"entries": [{"keys": "(a+)+", "regex": True, "enabled": "false"}]}}
    )

    with pytest.raises(ValidationError, match="too many ways"):
        models.Character.model_validate({"lorebook": {"entries": [{"keys": "(a+)+", "regex": True}]}})
