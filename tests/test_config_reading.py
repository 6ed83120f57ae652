"""YAML with positions: what values mean, and every way in which a file can be none."""

import time

import pytest

from carrier.config.reading import BYTES, Plain, natural, read


def problems(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else text.encode()
    return [str(problem) for problem in read(content, "x.yaml").problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("007", 7),
        ("-12", -12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("22:22", "22:22"),
        ("2024-13-45", "2024-13-45"),
        ("'7'", "7"),
        ('"true"', "true"),
        ("1_000", "1_000"),
        ("9" * 500, "9" * 500),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(written: str, meant: object) -> None:
    (document,) = read(f"value: {written}\n".encode(), "x.yaml").documents

    assert natural(document.data) == {"value": meant}


def test_a_plain_scalar_keeps_what_was_written_until_a_field_decides() -> None:
    (document,) = read(b"id: 007\nname: '007'\n", "x.yaml").documents

    assert document.data == {"id": "007", "name": "007"}
    assert [type(value) for value in document.data.values()] == [Plain, str]


def test_every_key_and_value_knows_its_line_and_column() -> None:
    (document,) = read(b"a:\n  b: [x, { c: y }]\n", "x.yaml").documents

    value = document.problem(("a", "b", 1, "c"), "CAR013", "wrong")
    key = document.problem_with_key(("a", "b", 1, "c"), "CAR011", "unknown")

    assert (value.line, value.column) == (2, 15)
    assert (key.line, key.column) == (2, 12)


def test_a_path_that_the_file_does_not_hold_leads_to_what_is_nearest() -> None:
    (document,) = read(b"a:\n  b: 1\n", "x.yaml").documents

    problem = document.problem(("a", "in place", "b", "missing"), "CAR012", "missing")

    assert (problem.line, problem.column) == (2, 6)


def test_a_file_may_hold_several_documents_and_empty_ones_do_not_count() -> None:
    reading = read(b"---\na: 1\n---\n---\nb: 2\n...\n", "x.yaml")

    assert [natural(document.data) for document in reading.documents] == [{"a": 1}, {"b": 2}]
    assert reading.problems == ()


def test_an_alias_repeats_its_value() -> None:
    (document,) = read(b"a: &words [x, y]\nb: *words\n", "x.yaml").documents

    assert document.data["b"] == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("", "1:1: CAR005", "empty"),
        ("# nothing yet\n", "1:1: CAR005", "empty"),
        ("---\n---\n", "1:1: CAR005", "empty"),
        (b"\xff\xfea\x00:\x00", "1:1: CAR002", "UTF-8"),
        (b"a: 1\nb: \xe4\n", "2:1: CAR002", "UTF-8"),
        (b"\x7fELF\x02\x01", "1:1: CAR002", "U+007F"),
        (b"a: 1\nbc: \x00", "2:5: CAR002", "U+0000"),
        ("a: 1\nb: x\u2028y\n", "2:5: CAR002", "U+2028"),
        ("a: \x9bx\n", "1:4: CAR002", "U+009B"),
        ('a: "x\\0y"\n', "1:4: CAR002", "U+0000"),
        ('"a\\0": x\n', "1:1: CAR002", "U+0000"),
        (b"a" * (2 * BYTES), "1:1: CAR003", "1,048,576"),
        ("a: [1, 2\n", "1:4: CAR004", "this bracket is not closed"),
        ("a: 'x\n", "1:4: CAR004", "this quote is not closed"),
        ("a:\n\tb: 1\n", "2:1: CAR004", "indent with spaces"),
        ("a: b: c\n", "1:5: CAR004", "quote a value that holds a colon"),
        ("a: @everyone\n", "1:4: CAR004", "quote what starts with"),
        ("a: { token: ${X} }\n", "1:14: CAR004", "quote what starts with"),
        ("a: {{ x }}\n", "1:5: CAR004", "quote what starts with"),
        ("? [a]\n: b\n", "1:3: CAR004", "a key has to be"),
        ("a: 1\n---\n- x\n", "3:1: CAR013", "a map of keys to values"),
        ("just words\n", "1:1: CAR013", "a map of keys to values"),
        ("a: 1\nb: 2\na: 3\n", "3:1: CAR006", "first in line 1"),
        ("a: *general\n", "1:4: CAR007", "quote what starts with"),
        ("a: &x [*x]\n", "1:8: CAR007", "would hold itself"),
        ("x: &x { a: 1 }\ny:\n  <<: *x\n", "3:3: CAR007", "repeat the keys"),
        ("a: !!python/object/apply:os.system [id]\n", "1:4: CAR007", "the key decides the type"),
        ("a: !secret x\n", "1:4: CAR007", "!secret"),
        ("%YAML 1.2\n%TAG ! tag:x,2000:\n---\na: 1\n", "2:1: CAR007", "%TAG"),
        ("a: Good day #bergen\n", "1:12: CAR009", "quote the value"),
        ("room: #general\n", "1:6: CAR009", "quote the value"),
        ("rooms:\n  - #general\n", "2:4: CAR009", "quote the value"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str | bytes, place: str, part: str) -> None:
    (problem,) = problems(text)

    assert problem.startswith(f"x.yaml:{place} ")
    assert part in problem


def test_of_very_many_problems_the_first_are_told_and_how_many_more_there_are() -> None:
    found = problems("a: 1\n" * 1_000)

    assert len(found) == 51
    assert found[0].startswith("x.yaml:2:1: CAR006 'a' stands here twice")
    assert found[-1] == "x.yaml:51:1: CAR006 and 949 problems more in this file"


def test_a_comment_with_a_space_is_a_comment() -> None:
    assert problems("a: 1 # one\n#two\n  #three\nb: 'x' #four\n") == []


ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a { k: 1 }\n" + "".join(
    f"{name}: &{name} {{ <<: [{','.join([f'*{before}'] * 10)}] }}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LADDER = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [[[[[*a{n - 1}]]]]]\n" for n in range(1, 500))


@pytest.mark.parametrize(
    ("bomb", "code"),
    [
        (ALIASES, "CAR008"),
        (MERGES, "CAR007"),
        (LADDER, "CAR008"),
        (f"a: &a {'x' * 60_000}\nb: [{','.join(['*a'] * 10_000)}]\n", "CAR008"),
        ("---\na: 1\n" * 1_001, "CAR008"),
        ("a: " + "[" * 100_000, "CAR008"),
        ("a: " + "{ a: " * 50_000, "CAR008"),
        ("- " * 200_000, "CAR008"),
        ("a: [" + "1," * 500_000 + "]", "CAR008"),
    ],
    ids=["aliases", "merges", "ladder", "long words", "documents", "lists", "maps", "items", "many"],
)
def test_a_bomb_is_a_problem_within_a_moment(bomb: str, code: str) -> None:
    began = time.perf_counter()

    (problem,) = problems(bomb)

    assert f": {code} " in problem
    assert time.perf_counter() - began < 2
