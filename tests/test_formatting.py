"""`fmt`: keys in order, two spaces a level, and not a word, a comment or a meaning changed."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carrier.config.formatting import LeftAlone, formatted
from carrier.config.reading import natural, read

ROOT = Path(__file__).parent.parent
SHIPPED = (
    ROOT / "carrier.yaml",
    *(path for folder in ("agents.d", "actions") for path in (ROOT / folder).glob("*.yaml")),
)

UGLY = """\
# yaml-language-server: $schema=../schemas/document.schema.json

# Which model it uses.
model:   large      # the big one
actions:
-   one
-    two   # the second

# How much it remembers.
memory:
    # so many lines
    recall: 4

    # and so many memories
    recent: 3
    # scope: user
# A name, at last.
name: tifa
character:
    bio: |
         Keeps the bar.

           And the peace.
    system: >-
      one
      line
    message_examples:
    -   -   user: a
            agent: "a long
              text"
        # in between
        - agent: "{{char}}: 'b'"
          # who asks
          user: c
    style: {all: [One., 'Two.',
      Three.], chat: []}
x-mine: 007
  # further in

# The end of it.

---
# Another one.
kind: script
name: tifa
rules:
  - say: b
    for: facts
"""

NEAT = """\
# yaml-language-server: $schema=../schemas/document.schema.json

# A name, at last.
name: tifa
character:
  system: >-
    one
    line
  bio: |
    Keeps the bar.

      And the peace.
  style: {all: [One., 'Two.',
    Three.], chat: []}
  message_examples:
    - - user: a
        agent: "a long
          text"
      # in between
      # who asks
      - user: c
        agent: "{{char}}: 'b'"
# Which model it uses.
model:   large      # the big one
actions:
  - one
  - two   # the second

# How much it remembers.
memory:
  # and so many memories
  recent: 3

  # so many lines
  recall: 4
  # scope: user
x-mine: 007
  # further in

# The end of it.

---
# Another one.
kind: script
name: tifa
rules:
  - for: facts
    say: b
"""


def laid_out(text: str, kind: str = "agent") -> str:
    return formatted(text.encode(), "some.yaml", kind).decode()


def meaning(text: str) -> object:
    reading = read(text.encode(), "some.yaml")
    return reading.problems, [natural(document.data) for document in reading.documents]


def comments(text: str) -> Counter[str]:
    return Counter(re.findall(r"(?:^|(?<=\s))#\s.*$", text, re.MULTILINE))


def test_keys_stand_in_the_order_of_the_models_and_comments_stand_with_what_they_are_about() -> None:
    assert laid_out(UGLY) == NEAT
    assert laid_out(NEAT) == NEAT


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_file_is_laid_out_once_and_then_for_good(path: Path) -> None:
    text, kind = path.read_text(), "host" if path.name == "carrier.yaml" else "action"

    once = laid_out(text, kind)

    assert laid_out(once, kind) == once
    assert meaning(once) == meaning(text)
    assert comments(once) == comments(text)


@pytest.mark.parametrize(
    "text",
    [
        "name: a\nx-b:\n  keep: |+\n    text\n\n\n",
        "name: a\nx-long: " + "word " * 100 + "end\n",
        "x-base: &base { a: 1 }\nname: after\nx-again: *base\n",
        "name: a\n\n\nmodel: large\n\n# the end\n",
        "---\nname: a\n---\nname: b\n",
        "{ name: a, model: large }\n",
        "name: 'it''s'\ndescription: \"a\\tb\"\n",
        "x-deep:\n  - - - a\n    - b\n",
        "name: tifa # ünïcödé 🙂\n",
    ],
)
def test_what_is_neat_already_stays_letter_for_letter(text: str) -> None:
    assert laid_out(text) == text


def test_entries_that_are_names_keep_the_operator_s_order_and_their_own_keys_do_not() -> None:
    text = "models:\n  zeta:\n    timeout: 5s\n    use: auto\n  alpha:\n    use: auto\nname: demo\n"

    assert laid_out(text, "host") == (
        "name: demo\nmodels:\n  zeta:\n    use: auto\n    timeout: 5s\n  alpha:\n    use: auto\n"
    )


def test_a_comment_goes_above_the_dash_when_its_key_becomes_the_first_behind_it() -> None:
    text = "kind: script\nrules:\n  - say: b\n    # who asks\n    for: facts\n"

    once = laid_out(text)

    assert once == "kind: script\nrules:\n  # who asks\n  - for: facts\n    say: b\n"
    assert laid_out(once) == once


def test_windows_line_ends_stay() -> None:
    assert formatted(b"model: a\r\nname: b\r\n", "some.yaml", "agent") == b"name: b\r\nmodel: a\r\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name: [a\n", "it has problems, some.yaml:1:7: CAR004"),
        ("", "it has problems, some.yaml:1:1: CAR005"),
        ("a: 1\na: 2\n", "it has problems, some.yaml:2:1: CAR006"),
        ("%YAML 1.2\n---\nname: a\n", "% directive"),
        ("? name\n: a\n", "`? `"),
    ],
)
def test_what_cannot_be_laid_out_safely_is_left_alone_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(LeftAlone, match=re.escape(reason)):
        laid_out(text)


@given(st.randoms(use_true_random=False))
def test_whatever_stands_in_a_file_its_meaning_and_its_comments_stay_and_a_second_time_changes_nothing(
    chance: random.Random,
) -> None:
    text = mutated(chance.choice([UGLY, *(path.read_text() for path in SHIPPED)]), chance)
    try:
        once = laid_out(text)
    except LeftAlone:
        return

    assert meaning(once) == meaning(text)
    assert comments(once) == comments(text)
    assert laid_out(once) == once


def mutated(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randint(1, 8)):
        number = chance.randrange(len(lines))
        other = chance.randrange(len(lines))
        match chance.randrange(7):
            case 0:
                lines.insert(number, " " * chance.randint(0, 8) + "# a comment")
            case 1:
                lines.insert(number, chance.choice(["", "   "]))
            case 2:
                lines[number], lines[other] = lines[other], lines[number]
            case 3:
                lines[number] = " " * chance.randint(1, 4) + lines[number]
            case 4:
                lines[number] += "  # behind"
            case 5:
                lines[number] = re.sub(
                    r": (?=\w)", chance.choice([": &a ", ":   ", ": |\n     "]), lines[number], count=1
                )
            case 6:
                lines = [re.sub(r"^ +", lambda found: found[0] * 2, line) for line in lines]
    return "\n".join(lines)


def test_what_is_shipped_is_laid_out() -> None:
    root = Path(__file__).parent.parent
    for path in (root / "carrier.yaml", *sorted(root.glob("agents.d/*.yaml")), *sorted(root.glob("actions/*.yaml"))):
        kind = "host" if path.name == "carrier.yaml" else path.parent.name.removesuffix("s.d").removesuffix("s")
        assert formatted(path.read_bytes(), path.name, kind) == path.read_bytes(), path
