"""What gates that look for something have in common: what becomes of a text in which it is found."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from carrier.evaluators.outcomes import held
from carrier.interfaces import Verdict

Span = tuple[int, int]


class OnFound(BaseModel):
    """Settings of a gate that looks for something."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_found: Literal["redact", "revise", "hold"] = "redact"
    attempts: int = Field(default=2, ge=1, le=5)
    """Of revising."""


def judged(settings: OnFound, text: str, redacted: str, reason: str) -> Verdict:
    """A text by what is left of it without what was found, and why it does not pass as it is."""
    if redacted == text or settings.on_found == "redact":
        return Verdict(redacted)
    return held(reason, settings.attempts if settings.on_found == "revise" else 0)


def shown(settings: OnFound, growing: str, redacted: str) -> str:
    """What may be shown of the beginning of a text in which nothing more can be found."""
    return redacted if redacted == growing or settings.on_found == "redact" else ""


def last_space(text: str) -> int:
    """Where the last word begins, which may still grow."""
    return next((place for place in range(len(text), 0, -1) if text[place - 1].isspace()), 0)


def struck(text: str, spans: Iterable[Span], by: str) -> str:
    """The text with something else in these places."""
    kept, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            kept += [text[at:start], by] if start >= at else []
            at = end
    return "".join([*kept, text[at:]])


class Folded:
    """A text as one compares it, which still knows where in the text each of its letters stood.

    With `letters_only` there is nothing but letters and digits: what stands between them hides no word.
    """

    def __init__(self, text: str, letters_only: bool = False):
        self._places: Sequence[int] = range(len(text))
        self.text = text.lower()
        if not text.isascii() or letters_only:
            self._fold(text, letters_only)

    def _fold(self, text: str, letters_only: bool) -> None:
        parts = ((place, part) for place, letter in enumerate(text) for part in _folded(letter))
        kept = [(place, part) for place, part in parts if not letters_only or part.isalnum()]
        self.text = "".join(part for _, part in kept)
        self._places = [place for place, _ in kept]

    def span(self, start: int, end: int) -> Span:
        """Where these letters stand in the text itself."""
        return self._places[start], self._places[end - 1] + 1


def _folded(letter: str) -> str:
    if letter.isascii():
        return letter.lower()
    return "" if unicodedata.category(letter) == "Cf" else unicodedata.normalize("NFKC", letter).casefold()
