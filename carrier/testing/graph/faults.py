"""What goes wrong, by script: which requests are met, and what becomes of them."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from carrier.testing.graph.errors import ACTION_BLOCKED, Refusal
from carrier.testing.graph.rules import Seconds, Strict

Before = Literal["error", "hang", "reset", "html_502", "late_commit", "cut"]
After = Literal["commit_then_error", "commit_then_hang", "commit_then_reset", "commit_then_truncate"]
Beside = Literal["status_lag", "media_list_lag", "same_caption_decoy", "usage", "spoilt"]


class Action(Strict):
    """What becomes of a request."""

    do: Before | After | Beside
    http: int = 400
    code: int = 1
    subcode: int = Field(default=0, description="Of spoilt: of the error that the container ends in")
    is_transient: bool = False
    message: str = ""
    seconds: Seconds | None = Field(default=None, description="Of the clock. Of a hang: without it, for ever")
    call_count: int = Field(default=0, description="Of usage: in percent")
    eta: int = Field(default=0, description="Of usage: minutes until calls are taken again")
    bytes: int = Field(default=0, description="Of cut: how much of an upload arrives")

    @property
    def refusal(self) -> Refusal:
        if (self.code, self.subcode) == (ACTION_BLOCKED.code, ACTION_BLOCKED.subcode):
            return ACTION_BLOCKED
        said = self.message or "An unexpected error has occurred. Please retry your request later."
        return Refusal(self.code, said, self.subcode, is_transient=self.is_transient, http=self.http)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return value


class Match(Strict):
    """Which requests: of this method and path, from the nth of them on, so many times."""

    method: str = ""
    path_regex: Annotated[str, AfterValidator(_pattern)] = ""
    nth: Annotated[int, Field(ge=1)] = 1
    times: Annotated[int, Field(ge=1)] | None = Field(default=1, description="None: from then on all")

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("", method) and re.search(self.path_regex, path) is not None


class Script(Strict):
    match: Match = Match()
    action: Action


@dataclass
class Faults:
    """The scripts, and how often each was met."""

    _scripts: list[tuple[Script, list[int]]] = field(default_factory=list)

    def add(self, script: Script) -> None:
        self._scripts.append((script, [0]))

    def clear(self) -> None:
        self._scripts.clear()

    def meet(self, method: str, path: str) -> tuple[Action, ...]:
        """What is to become of this request."""
        return tuple(script.action for script, met in self._scripts if _counts(script.match, met, method, path))


def _counts(match: Match, met: list[int], method: str, path: str) -> bool:
    if not match.fits(method, path):
        return False
    met[0] += 1
    return match.nth <= met[0] and (match.times is None or met[0] < match.nth + match.times)


BEFORE: tuple[Before, ...] = ("error", "hang", "reset", "html_502", "late_commit")
AFTER: tuple[After, ...] = ("commit_then_error", "commit_then_hang", "commit_then_reset", "commit_then_truncate")

EVERY_FAULT: dict[str, Action] = {
    "error_1": Action(do="error", http=500, code=1),
    "error_2_transient": Action(do="error", http=500, code=2, is_transient=True),
    "error_4_2207051": Action(do="error", code=4, subcode=2207051),
    "commit_then_error_1": Action(do="commit_then_error", http=500, code=1),
    "commit_then_error_2_transient": Action(do="commit_then_error", http=500, code=2, is_transient=True),
    "commit_then_error_4_2207051": Action(do="commit_then_error", code=4, subcode=2207051),
    "commit_then_error_-1_2207001": Action(do="commit_then_error", code=-1, subcode=2207001),
    "commit_then_hang": Action(do="commit_then_hang"),
    "commit_then_reset": Action(do="commit_then_reset"),
    "commit_then_truncate": Action(do="commit_then_truncate"),
    "hang": Action(do="hang"),
    "reset": Action(do="reset"),
    "late_commit": Action(do="late_commit", seconds=60),
    "status_lag": Action(do="status_lag", seconds=60),
    "media_list_lag": Action(do="media_list_lag", seconds=60),
    "same_caption_decoy": Action(do="same_caption_decoy"),
    "usage": Action(do="usage", call_count=95, eta=7),
    "html_502": Action(do="html_502"),
}
"""One of each kind, for tests that go through all of them."""
