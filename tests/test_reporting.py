"""What a check found, in each form it is told: for people, for scripts, for GitHub, for code scanners."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from carrier import __version__
from carrier.config.diagnostics import CODES, Problem
from carrier.config.reporting import Report, as_github, as_json, as_sarif, as_text

UNKNOWN = Problem("agents.d/tifa.yaml", 2, 12, "CAR021", "unknown action 'wether'", "did you mean 'weather'?", path="a")
WARNING = Problem("agents.d/tifa.yaml", 3, 8, "CAR017", "token: a secret is written out here", "", "warning", "token")
MISSING = Problem("carrier.yaml", 1, 1, "CAR001", "the file cannot be read: no such file or directory")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "agents.d").mkdir()
    (tmp_path / "agents.d/tifa.yaml").write_text("name: tifa\nactions: [ wether]\ntoken: hunter2hunter2\n")
    return tmp_path


def report(root: Path, *problems: Problem, here: Path | None = None) -> Report:
    return Report(problems, agents=2, clients=1, files=5, seconds=0.125, root=root, here=here or root)


# --- text -------------------------------------------------------------------------------------------------------------


def test_people_see_the_line_with_a_caret_and_what_was_counted(root: Path) -> None:
    assert as_text(report(root, UNKNOWN, WARNING)) == (
        "agents.d/tifa.yaml:2:12: CAR021 unknown action 'wether'; did you mean 'weather'?\n"
        "   2 | actions: [ wether]\n"
        "     |            ^\n"
        "agents.d/tifa.yaml:3:8: CAR017 warning: token: a secret is written out here\n"
        "   3 | token: **********\n"
        "     |        ^\n"
        "\n"
        "2 agents, 1 client, 5 files: 1 error, 1 warning (0.12 s)"
    )


def test_without_a_problem_there_is_one_line(root: Path) -> None:
    assert as_text(report(root)) == "2 agents, 1 client, 5 files: no errors, no warnings (0.12 s)"


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_scripts_get_every_fact_and_the_counts(root: Path) -> None:
    told = json.loads(as_json(report(root, UNKNOWN, WARNING, MISSING)))

    assert told["problems"][0] == {
        "file": "agents.d/tifa.yaml",
        "line": 2,
        "column": 12,
        "code": "CAR021",
        "severity": "error",
        "path": "a",
        "message": "unknown action 'wether'",
        "hint": "did you mean 'weather'?",
        "excerpt": "   2 | actions: [ wether]\n     |            ^",
    }
    assert [problem["excerpt"] == "" for problem in told["problems"]] == [False, False, True]
    assert {name: told[name] for name in told if name != "problems"} == {
        "agents": 2,
        "clients": 1,
        "files": 5,
        "errors": 2,
        "warnings": 1,
        "seconds": 0.125,
    }


def test_no_form_tells_a_secret(root: Path) -> None:
    for form in (as_text, as_json, as_github, as_sarif):
        assert "hunter2" not in form(report(root, WARNING))


# --- GitHub -----------------------------------------------------------------------------------------------------------


def test_github_gets_a_command_for_each_problem_escaped_as_it_documents(root: Path) -> None:
    odd = Problem("agents.d/a,b:c%.yaml", 1, 2, "CAR004", "100% wrong\nreally: yes, ::so::")

    assert as_github(report(root, UNKNOWN, WARNING, odd)).splitlines()[:3] == [
        "::error file=agents.d/tifa.yaml,line=2,col=12,title=CAR021::unknown action 'wether'; did you mean 'weather'?",
        "::warning file=agents.d/tifa.yaml,line=3,col=8,title=CAR017::token: a secret is written out here",
        "::error file=agents.d/a%2Cb%3Ac%25.yaml,line=1,col=2,title=CAR004::100%25 wrong%0Areally: yes, ::so::",
    ]


def test_paths_start_at_the_repository_not_at_the_project(root: Path) -> None:
    told = report(root / "bots/demo", MISSING, here=root)

    assert "file=bots/demo/carrier.yaml," in as_github(told)
    assert _result(told)["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "bots/demo/carrier.yaml"


# --- SARIF ------------------------------------------------------------------------------------------------------------

ESSENTIAL = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://json.schemastore.org/sarif-2.1.0.json"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {"driver": {"$ref": "#/$defs/driver"}},
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            },
        },
        "driver": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "rules": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/rule"}},
            },
        },
        "rule": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string"}, "shortDescription": {"$ref": "#/$defs/message"}},
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/$defs/message"},
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
            },
        },
        "location": {
            "type": "object",
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation", "region"],
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "properties": {"uri": {"type": "string", "pattern": "^[^ \\\\]+$"}},
                        },
                        "region": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "startColumn": {"type": "integer", "minimum": 1},
                            },
                        },
                    },
                }
            },
        },
    },
}
"""The parts of the published schema of SARIF 2.1.0 that a report uses."""


def _result(told: Report) -> Any:
    return json.loads(as_sarif(told))["runs"][0]["results"][0]


def test_code_scanners_get_sarif_2_1_0(root: Path) -> None:
    odd = Problem("agents.d/å b.yaml", 1, 1, "CAR005", "the file is empty")

    told = json.loads(as_sarif(report(root, UNKNOWN, WARNING, odd)))

    assert list(Draft202012Validator(ESSENTIAL).iter_errors(told)) == []
    assert [result["level"] for result in told["runs"][0]["results"]] == ["error", "warning", "error"]


def test_each_code_is_a_rule_and_each_result_points_to_its_own(root: Path) -> None:
    (run,) = json.loads(as_sarif(report(root, UNKNOWN, WARNING)))["runs"]
    driver = run["tool"]["driver"]

    assert (driver["name"], driver["version"]) == ("Carrier", __version__)
    assert {rule["id"]: rule["shortDescription"]["text"] for rule in driver["rules"]} == dict(CODES)
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_file_outside_the_repository_has_a_whole_address(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told = report(root, UNKNOWN, here=tmp_path_factory.mktemp("elsewhere"))

    uri = _result(told)["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert uri == (root / "agents.d/tifa.yaml").as_uri()
