"""How problems are shown."""

import pytest

from carrier.config.diagnostics import Problem, closest, rendering, suggestion

FILE = "agents.d/tifa.yaml"


def test_a_problem_is_one_line_with_place_code_and_hint() -> None:
    problem = Problem(FILE, 14, 5, "CAR021", "unknown action 'wether'", "did you mean 'weather'?")

    assert str(problem) == "agents.d/tifa.yaml:14:5: CAR021 unknown action 'wether'; did you mean 'weather'?"


def test_a_warning_says_that_it_is_one() -> None:
    assert str(Problem(FILE, 1, 1, "CAR018", "not read", severity="warning")).endswith("CAR018 warning: not read")


def test_the_rendering_shows_the_line_and_points_at_the_place() -> None:
    problem = Problem(FILE, 2, 5, "CAR021", "unknown action 'wether'")

    shown = rendering([problem], {FILE: "actions:\n  - wether\n"}.__getitem__)

    assert shown.split("\n")[1:] == ["   2 |   - wether", "     |     ^"]


@pytest.mark.parametrize(
    "line",
    [
        "token: sk-secret",
        "  api_key: sk-secret",
        '{ kind: client, access_token: "sk-secret", x: 1 }',
        "password: sk-secret words",
        '"client_secret": sk-secret',
    ],
)
def test_a_literal_secret_is_not_shown(line: str) -> None:
    assert "sk-secret" not in rendering([Problem(FILE, 1, 1, "CAR011", "x")], lambda _: line)


def test_a_variable_in_place_of_a_secret_is_shown() -> None:
    assert "${DISCORD_TOKEN}" in rendering([Problem(FILE, 1, 1, "CAR011", "x")], lambda _: "token: ${DISCORD_TOKEN}")


def test_of_a_variables_file_nothing_is_shown() -> None:
    problem = Problem(".env", 1, 1, "CAR019", "this line is not NAME=value")

    assert rendering([problem], lambda _: "sk-secret") == str(problem)


def test_a_file_that_is_gone_is_shown_without_its_line() -> None:
    def gone(_: str) -> str:
        raise FileNotFoundError

    problem = Problem(FILE, 1, 1, "CAR001", "this file cannot be read")

    assert rendering([problem], gone) == str(problem)


def test_the_hint_is_the_nearest_name_or_those_there_are() -> None:
    assert suggestion("wether", ["weather", "ferry"]) == "did you mean 'weather'?"
    assert suggestion("x", ["weather", "ferry"]) == "there are ferry, weather"
    assert suggestion("x", []) == "there are none yet"
    assert closest("x", ["weather"]) == ""
