"""A text as messages of Discord: cut along paragraphs, lines, sentences and words, with code blocks kept whole.

Three backticks in a row are a fence; each second one ends the block that the one before it began.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

LIMIT = 2000
"""Code points that a message may have."""

FENCE = "```"
CLOSES = f"\n{FENCE}"
JOINERS = 32
"""How many code points may hang together as one sign, before they are cut all the same."""

_LANGUAGE = re.compile(r"([A-Za-z0-9_+\-.#]{1,32})\n")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"[.!?…。][\"'”)\]]*\s+")
_WORD = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text. All that was `said`, joined, is the text; the fences around it were added."""

    said: str
    opens: str = ""
    closes: str = ""

    @property
    def text(self) -> str:
        """The message, without the blanks around it, which Discord would take away."""
        said = self.said.rstrip()
        return f"{self.opens}{said if self.opens else said.lstrip()}{self.closes}"


@dataclass(frozen=True, slots=True)
class _Block:
    """A code block, from its first fence to behind its last one, or to the end of the text."""

    start: int
    inside: int
    """Where what is in it begins."""
    end: int
    language: str
    closed: bool

    def holds(self, position: int) -> bool:
        return self.start < position < self.end or (not self.closed and position == self.end)

    def may_be_cut(self, position: int) -> bool:
        """Neither fence may be."""
        return position >= self.inside and (not self.closed or position <= self.end - len(FENCE))


def pieces(text: str, limit: int = LIMIT) -> list[Piece]:
    """What a text becomes: no piece is empty, none too long, and in each every fence has its end."""
    return list(_Splitter(text, limit).pieces())


class _Splitter:
    def __init__(self, text: str, limit: int):
        self._text, self._limit = text, limit
        self._last = len(text.rstrip())
        self._blocks = list(_blocks(text))
        self._starts = [block.start for block in self._blocks]

    def pieces(self) -> Iterator[Piece]:
        start = 0
        while start < self._last:
            block = self._block_at(start)
            opens = f"{FENCE}{block.language}\n" if block else ""
            begin = start if block else self._after_blanks(start)
            end = self._end(begin, self._limit - len(opens))
            yield Piece(self._text[start:end], opens, CLOSES if self._block_at(end) else "")
            start = end

    def _after_blanks(self, start: int) -> int:
        blanks = _WORD.match(self._text, start)
        return blanks.end() if blanks else start

    def _block_at(self, position: int) -> _Block | None:
        """The code block that a cut there would go through."""
        number = bisect_left(self._starts, position) - 1
        return self._blocks[number] if number >= 0 and self._blocks[number].holds(position) else None

    def _end(self, begin: int, room: int) -> int:
        """Where a piece ends that begins there, with so much room for it and a fence."""
        left = room - len(CLOSES)
        if self._last - begin <= (left if self._block_at(len(self._text)) else room):
            return len(self._text)
        return self._beside_fence(begin, self._cut(begin, left), room)

    def _cut(self, begin: int, room: int) -> int:
        """The last good place to cut: between paragraphs, or else what comes next to that."""
        edges = [edge for block in self._blocks_within(begin, room) for edge in (block.start, block.end)]
        ranks = (
            (0.5, [*edges, *self._found(_PARAGRAPH, begin, room, in_code=False)]),
            (0.25, self._found(_LINE, begin, room)),
            (0.25, self._found(_SENTENCE, begin, room, in_code=False)),
            (0.0, self._found(_WORD, begin, room)),
        )
        for share, places in ranks:
            if good := [place for place in places if begin + share * room < place <= begin + room]:
                return max(good)
        return self._hard_cut(begin, begin + room)

    def _blocks_within(self, begin: int, room: int) -> list[_Block]:
        return self._blocks[max(0, bisect_left(self._starts, begin) - 1) : bisect_left(self._starts, begin + room)]

    def _found(self, pattern: re.Pattern[str], begin: int, room: int, in_code: bool = True) -> list[int]:
        places = (found.end() for found in pattern.finditer(self._text, begin, begin + room))
        return [place for place in places if self._may_cut(place, in_code)]

    def _may_cut(self, place: int, in_code: bool = True) -> bool:
        block = self._block_at(place)
        return block is None or (in_code and block.may_be_cut(place))

    def _hard_cut(self, begin: int, end: int) -> int:
        """Through a word, though not through a fence, nor through what is one sign to a reader."""
        allowed = [place for place in range(end, begin, -1) if self._may_cut(place)][: JOINERS + 1]
        return next((place for place in allowed if not _joins(self._text, place)), allowed[0])

    def _beside_fence(self, begin: int, cut: int, room: int) -> int:
        """A cut that would leave an empty code block on one of its sides, moved to beside it."""
        block = self._block_at(cut)
        if block is None:
            return cut
        rest = self._text[cut : block.end - len(FENCE) if block.closed else block.end]
        if block.closed and not rest.strip() and block.end - begin <= room:
            return block.end
        if block.start > begin and not self._text[block.inside : cut].strip():
            return block.start
        return cut


def _blocks(text: str) -> Iterator[_Block]:
    start = text.find(FENCE)
    while start >= 0:
        language = _LANGUAGE.match(text, start + len(FENCE))
        inside = language.end() if language else start + len(FENCE)
        close = text.find(FENCE, inside)
        end = close + len(FENCE) if close >= 0 else len(text)
        yield _Block(start, inside, end, language[1] if language else "", close >= 0)
        start = text.find(FENCE, end)


def _joins(text: str, place: int) -> bool:
    """Whether what stands before and after a place is one sign."""
    before, after = text[place - 1], text[place : place + 1]
    return "\u200d" in (before, after) or bool(after and (unicodedata.combining(after) or after in _MODIFIERS))


_MODIFIERS = frozenset({"\ufe0f", *map(chr, range(0x1F3FB, 0x1F400))})
"""What changes the sign before it: how it is drawn, and its colour."""
