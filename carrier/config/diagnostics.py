"""What is wrong with the files, told so that it can be put right: place, code, sentence, hint."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Literal

CODES = {
    "CAR001": "a file cannot be read",
    "CAR002": "a file is not UTF-8 text",
    "CAR003": "a file is larger than any configuration should be",
    "CAR004": "a file is not YAML",
    "CAR005": "a file is empty",
    "CAR006": "a key stands twice in one map",
    "CAR007": "an alias, a merge key or a tag that is not followed",
    "CAR008": "a document is too deep, or grows too large",
    "CAR009": "a value would lose its end to a comment",
    "CAR010": "a variable is not set",
    "CAR011": "an unknown key",
    "CAR012": "a key is missing",
    "CAR013": "a value that its key cannot take",
    "CAR014": "an unknown kind of document, or one in the wrong place",
    "CAR015": "a `${` that is no variable",
    "CAR016": "a name that is taken, or is none",
    "CAR017": "a secret written out in a file",
    "CAR018": "a file that is not read, though it looks as if it should be",
    "CAR019": "a line of the variables' file that is no variable",
    "CAR020": "an unknown character",
    "CAR021": "an unknown action",
    "CAR022": "an unknown model",
    "CAR023": "an unknown evaluator",
    "CAR024": "an unknown provider",
    "CAR025": "an unknown agent",
    "CAR026": "an unknown template",
    "CAR027": "an unknown script",
    "CAR028": "an unknown type",
    "CAR029": "a path that leaves the project's folder",
    "CAR030": "a template that cannot be read",
    "CAR031": "a variable that a template is not given",
    "CAR032": "code that an entry point names is not there",
    "CAR033": "what could be read, and could not be brought to life",
    "CAR034": "a document to extend that is not there",
    "CAR035": "a document that would extend itself",
    "CAR036": "a card that cannot be read",
    "CAR037": "an unknown client",
    "CAR038": "a file that is named and is not there",
    "CAR039": "an unknown budget",
    "CAR040": "an unknown media host",
    "CAR041": "one token for two clients",
    "CAR042": "two clients that claim the same",
    "CAR043": "a command that this machine does not have",
    "CAR044": "a pattern that matches nothing",
    "CAR045": "a room that its client does not know by that name",
    "CAR046": "what names itself, or goes in a circle",
    "CAR047": "a cron line that may not mean what it seems to",
    "CAR048": "a bot that answers in every server",
    "CAR049": "an unknown group of hashtags",
    "CAR050": "what is read and checked, and does not run yet",
}
"""Every code there is: they never change their meaning."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong; lines and columns count from 1."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    path: str = ""
    """The key it is about, as in `schedules.morning.cron`; empty where there is none."""

    def __str__(self) -> str:
        warning = "warning: " if self.severity == "warning" else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.code} {warning}{self.message}{hint}"


MOST = 50
"""Problems of one file that are told."""
LONG = 500
"""Characters of what one of them says."""


def few(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """At most so many problems of each file, errors first, and none of them long; one more says how many are left."""
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    return tuple(_short(problem) for found in by_file.values() for problem in _first(found))


def _first(found: list[Problem]) -> list[Problem]:
    if len(found) <= MOST:
        return found
    first = sorted(found, key=lambda problem: problem.severity)[:MOST]
    left = f"and {len(found) - MOST:,} problems more in this file"
    return [*first, replace(first[-1], message=left, hint="", path="")]


def _short(problem: Problem) -> Problem:
    texts = problem.message, problem.hint, problem.path
    message, hint, path = (text if len(text) <= LONG else f"{text[:LONG]}…" for text in texts)
    return replace(problem, message=message, hint=hint, path=path)


def rendering(problems: Iterable[Problem], read: Callable[[str], str]) -> str:
    """Every problem with the line it is about; `read` gives a file's text, or raises OSError."""
    lines = cache(lambda file: read(file).split("\n"))
    return "\n".join(f"{problem}{_excerpt(problem, lines)}" for problem in problems)


WIDTH = 200
"""Characters of a line that are shown."""


def _excerpt(problem: Problem, lines: Callable[[str], list[str]]) -> str:
    # Other files, `.env` above all, may be secret from their first letter to the last.
    if not problem.file.endswith((".yaml", ".yml", ".j2", ".py")):
        return ""
    try:
        line = lines(problem.file)[problem.line - 1]
    except (OSError, ValueError, IndexError):
        return ""
    shown = _without_secrets(line[:WIDTH].rstrip())
    number = f"{problem.line:>4} | "
    if problem.column > WIDTH:
        return f"\n{number}{shown}…"
    return f"\n{number}{shown}\n{'| '.rjust(len(number))}{' ' * (problem.column - 1)}^"


_SECRET = re.compile(
    r"""((?:token|secret|password|passphrase|credential|api_?key|access_?key|private_?key)\w*["']?\s*:\s*)"""
    r"""(?!["']?\$\{)(\S[^,}\]]*)""",
    re.IGNORECASE,
)


def _without_secrets(line: str) -> str:
    return _SECRET.sub(lambda found: found[1] + "*" * min(len(found[2]), 10), line)


def suggestion(name: str, known: Sequence[str]) -> str:
    """The hint for an unknown name: the one that was meant, or those there are."""
    there_are = f"there are {', '.join(sorted(known)[:20])}" if known else "there are none yet"
    return closest(name, known) or there_are


def closest(name: str, known: Sequence[str]) -> str:
    """The name that was probably meant, as a question; empty if none is near."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""
