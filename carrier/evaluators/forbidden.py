"""A gate: words of the operator's choice leave in no answer."""

import re
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from carrier.config.models.patterns import SEARCHED, bare, refusal
from carrier.evaluators.findings import Folded, OnFound, Span, judged, shown, struck
from carrier.interfaces import Given, Turn, Verdict

OVERLAP = SEARCHED // 2
"""Of two pieces of a long line, so that nothing is lost between them."""


def _pattern(written: str) -> str:
    if reason := refusal(written):
        raise ValueError(reason)
    return written


class Forbidden:
    """Strikes the words out, has the text written anew, or holds it. Case, width and hidden letters make no difference
    to words; a pattern is searched for line by line, without regard to case."""

    class Settings(OnFound):
        words: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
        patterns: tuple[Annotated[str, AfterValidator(_pattern)], ...] = ()

        @model_validator(mode="after")
        def _something(self) -> Self:
            if not (self.words or self.patterns):
                raise ValueError("nothing is forbidden; name `words` or `patterns`")
            return self

    def __init__(self, settings: Settings, given: Given):
        self._settings = settings
        words = sorted((" ".join(Folded(word).text.split()) for word in settings.words), key=len, reverse=True)
        each = [re.escape(word).replace(r"\ ", r"\s+") for word in words]
        self._words = re.compile(rf"(?<!\w)(?:{'|'.join(each)})(?!\w)") if each else None
        self._patterns = [re.compile(bare(pattern), re.IGNORECASE) for pattern in settings.patterns]

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        return judged(self._settings, text, self._redacted(text), "it says what it may not say")

    def preview(self, growing: str) -> str | None:
        """Whole lines: a word may have several parts, and a pattern any length."""
        whole = growing[: growing.rfind("\n") + 1]
        return shown(self._settings, whole, self._redacted(whole))

    def _redacted(self, text: str) -> str:
        return struck(text, [*self._of_words(text), *self._of_patterns(text)], "[…]")

    def _of_words(self, text: str) -> Iterator[Span]:
        if self._words:
            folded = Folded(text)
            yield from (folded.span(*found.span()) for found in self._words.finditer(folded.text))

    def _of_patterns(self, text: str) -> Iterator[Span]:
        for place, piece in _pieces(text) if self._patterns else ():
            for pattern in self._patterns:
                yield from ((place + it.start(), place + it.end()) for it in pattern.finditer(piece) if it[0])


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text, none longer than may be searched, and where they stand."""
    place = 0
    for line in text.splitlines(keepends=True):
        for start in range(0, max(1, len(line) - OVERLAP), SEARCHED - OVERLAP):
            yield place + start, line[start : start + SEARCHED]
        place += len(line)
