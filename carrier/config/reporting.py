"""What a check found, as people, scripts, GitHub and code scanners read it."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from carrier import __version__
from carrier.config.diagnostics import CODES, Problem, rendering

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Report:
    """All that a check found, and of how much."""

    problems: Sequence[Problem]
    agents: int
    clients: int
    files: int
    seconds: float
    root: Path
    """The project's folder, where the files of the problems start."""
    here: Path
    """The folder that paths on GitHub and in SARIF start from: the repository's."""

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors

    def text(self, file: str) -> str:
        """The text of a problem's file; raises OSError."""
        return (self.root / file).read_text("utf-8", "replace")


def as_text(report: Report) -> str:
    """Each problem with the line it is about, and what was looked at."""
    problems = rendering(report.problems, report.text)
    return f"{problems}\n\n{summary(report)}" if problems else summary(report)


def summary(report: Report) -> str:
    what = [_count(report.agents, "agent"), _count(report.clients, "client"), _count(report.files, "file")]
    found = [_count(report.errors, "error"), _count(report.warnings, "warning")]
    return f"{', '.join(what)}: {', '.join(found)} ({report.seconds:.2f} s)"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def as_json(report: Report) -> str:
    """Every problem as an object, and the counts."""
    problems = [{**asdict(problem), "excerpt": _excerpt(problem, report)} for problem in report.problems]
    counts = {name: getattr(report, name) for name in ("agents", "clients", "files", "errors", "warnings")}
    return json.dumps({"problems": problems, **counts, "seconds": round(report.seconds, 3)}, indent=2)


def _excerpt(problem: Problem, report: Report) -> str:
    """The line it is about with a caret below, without secrets; empty where there is none to show."""
    return rendering([problem], report.text).removeprefix(str(problem)).removeprefix("\n")


def _told(problem: Problem) -> str:
    return f"{problem.message}; {problem.hint}" if problem.hint else problem.message


# --- GitHub -----------------------------------------------------------------------------------------------------------


def as_github(report: Report) -> str:
    """Workflow commands, which GitHub shows beside the lines of a change."""
    return "\n".join([*_commands(report), summary(report)])


def _commands(report: Report) -> Iterator[str]:
    for each in report.problems:
        facts = {"file": _from_here(each, report), "line": each.line, "col": each.column, "title": each.code}
        shown = ",".join(f"{name}={_property(str(value))}" for name, value in facts.items())
        yield f"::{each.severity} {shown}::{_data(_told(each))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _from_here(problem: Problem, report: Report) -> str:
    return Path(os.path.relpath(report.root / problem.file, report.here)).as_posix()


# --- SARIF ------------------------------------------------------------------------------------------------------------


def as_sarif(report: Report) -> str:
    """SARIF 2.1.0, as code scanners take it in."""
    driver = {"name": "Carrier", "version": __version__, "rules": [_rule(code) for code in CODES]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, report) for problem in report.problems],
    }
    return json.dumps({"$schema": SARIF, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    return {"id": code, "shortDescription": {"text": CODES[code]}}


def _result(problem: Problem, report: Report) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": _uri(problem, report)},
        "region": {"startLine": problem.line, "startColumn": problem.column},
    }
    return {
        "ruleId": problem.code,
        "ruleIndex": list(CODES).index(problem.code),
        "level": problem.severity,
        "message": {"text": _told(problem)},
        "locations": [{"physicalLocation": place}],
    }


def _uri(problem: Problem, report: Report) -> str:
    path = _from_here(problem, report)
    return (report.root / problem.file).absolute().as_uri() if path.startswith("../") else quote(path)


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}
