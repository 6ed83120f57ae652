"""`${…}` and `.env`."""

from pathlib import Path

import pytest

from carrier.config.reading import read
from carrier.config.values import Filled, Variables, variables_in


def filled(text: str, environment: dict[str, str], root: Path = Path()) -> Filled:
    (document,) = read(text.encode(), "x.yaml").documents
    return Variables(environment, root).fill(document)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${NAME}", "tifa"),
        ("Hello ${NAME}, from ${CITY:-Bergen}", "Hello tifa, from Bergen"),
        ("${NAME:-nobody}", "tifa"),
        ("${EMPTY:-nobody}", "nobody"),
        ("${NAME:?who}", "tifa"),
        ("${CITY:-}", ""),
        ("$${NAME}", "${NAME}"),
        ("$NAME and $", "$NAME and $"),
    ],
)
def test_a_variable_is_filled_in(written: str, value: str) -> None:
    result = filled(f'value: "{written}"\n', {"NAME": "tifa", "EMPTY": ""})

    assert result.document.data["value"] == value
    assert (result.missing, result.problems) == ((), ())


def test_variables_are_filled_into_values_only_wherever_those_stand() -> None:
    result = filled('"${NAME}": [{ deep: "${NAME}" }]\n', {"NAME": "tifa"})

    assert result.document.data == {"${NAME}": [{"deep": "tifa"}]}


def test_what_is_filled_in_is_text_and_never_yaml() -> None:
    result = filled("value: ${NAME}\n", {"NAME": "{ a: [1, ${NAME}] }"})

    assert result.document.data["value"] == "{ a: [1, ${NAME}] }"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("${CITY}", "CITY is not set"),
        ("${EMPTY}", "EMPTY is not set"),
        ("${CITY:?where it all happens}", "CITY is not set: where it all happens"),
        ("${file:nowhere}", "nowhere cannot be read: there is no such file"),
    ],
)
def test_what_is_not_set_is_missing_with_the_reason(tmp_path: Path, written: str, reason: str) -> None:
    result = filled(f'value: "{written}"\n', {"EMPTY": ""}, tmp_path)

    assert [(missing.path, missing.reason) for missing in result.missing] == [(("value",), reason)]


def test_a_file_is_filled_in_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret-of-a-file\n")

    result = filled('value: "${file:token}"\n', {}, tmp_path)

    assert result.document.data["value"] == "s3cret-of-a-file"


@pytest.mark.parametrize("written", ["${}", "${NAME", "${1X}", "${NAME:+x}", "${na me}"])
def test_what_only_looks_like_a_variable_is_a_problem(written: str) -> None:
    (problem,) = filled(f'a: 1\nvalue: "{written}"\n', {}).problems

    assert str(problem).startswith("x.yaml:2:8: CAR015 ")
    assert "${NAME:-default}" in problem.hint


def test_secrets_are_what_files_hold_and_what_variables_are_called_so(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("out-of-a-file")
    (document,) = read(b'value: "${file:token}"\n', "x.yaml").documents
    variables = Variables({"DISCORD_API_TOKEN": "of-discord", "HOME": "/root", "MONKEY": "banana"}, tmp_path)

    variables.fill(document)

    assert variables.secrets == {"of-discord", "out-of-a-file"}


def test_the_variables_file_takes_quotes_exports_and_comments() -> None:
    text = """
    # comment
    A=1
    export B = two words  # and why
    C="a \\"quoted\\"\\nline" # here too
    D='as it $stands \\n'
    E=
    F=a#b
    """

    found, problems = variables_in(text, ".env")

    assert found == {"A": "1", "B": "two words", "C": 'a "quoted"\nline', "D": "as it $stands \\n", "E": "", "F": "a#b"}
    assert problems == []


def test_a_line_that_sets_nothing_is_a_problem_that_does_not_show_it() -> None:
    found, problems = variables_in("A=1\nsk-verysecret\nB='open\n", ".env")

    assert found == {"A": "1"}
    assert [str(problem) for problem in problems] == [
        ".env:2:1: CAR019 this line is not NAME=value",
        ".env:3:1: CAR019 this line is not NAME=value",
    ]
