"""What comes up for a question: two searches, who is named, and what was said nearby, added up."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MOST = 200
"""What each search brings in."""
LEAST = 0.01
"""What the weakest of them is worth: it was found, after all."""
MEANING = 0.6
"""What the nearest in meaning is worth; the best by its words is worth 1."""
SPEAKER = 0.4
"""What a line is worth for being said by somebody the question names."""
NEAR, NEXT_TO_NEAR = 0.3, 0.1
"""What of its strength a line lends to those one and two lines off."""
SITTING = 0.3
"""What of the strongest line of a sitting its other lines get."""
PAUSE = 3_600_000_000
"""Microseconds of silence in a room that end a sitting."""

UTMOST = (1 + MEANING + SPEAKER) * (1 + 2 * NEAR + 2 * NEXT_TO_NEAR) * (1 + SITTING)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a scope in any order, and what each search says of them: arrays side by side."""

    at: NDArray[np.int64]
    room: NDArray[np.int32]
    text: Floats
    """How well the words match; 0: not found."""
    named: NDArray[np.bool_]
    """Its speaker's name stands in the question."""
    vectors: Floats
    """A row for each; zeros where there is none yet."""
    question: Floats
    """The question's vector; zeros: by text alone."""


def strengths(lines: Lines) -> Floats:
    """How strongly each line comes up, from 0 to about 1."""
    meaning = scaled(lines.vectors @ lines.question)
    own = scaled(lines.text) + MEANING * meaning + SPEAKER * lines.named
    order = np.lexsort((lines.at, lines.room))
    sitting = _sittings(lines.at[order], lines.room[order])
    total = _with_sitting(_with_neighbours(own[order], sitting), sitting)
    strength = np.empty_like(total)
    strength[order] = total
    return strength / np.float32(UTMOST)


def scaled(scores: Floats, most: int = MOST) -> Floats:
    """The strongest scores spread from LEAST to 1; what was not found stays at 0."""
    scale = np.zeros_like(scores)
    found = np.flatnonzero(scores > 0)
    if len(found) > most:
        found = found[np.argpartition(-scores[found], most - 1)[:most]]
    if len(found):
        best, least = scores[found].max(), scores[found].min()
        share = (scores[found] - least) / (best - least) if best > least else 1
        scale[found] = LEAST + (1 - LEAST) * share
    return scale


def strongest(strength: Floats, allowed: NDArray[np.bool_], limit: int) -> list[int]:
    """The places of the strongest that are allowed."""
    places = np.flatnonzero(allowed & (strength > 0))
    if len(places) > limit:
        places = places[np.argpartition(-strength[places], limit - 1)[:limit]]
    return [int(place) for place in places[np.argsort(-strength[places], kind="stable")]]


def _sittings(at: NDArray[np.int64], room: NDArray[np.int32]) -> NDArray[np.int64]:
    """The number of the sitting each line belongs to, for lines in order."""
    begins = (np.diff(at, prepend=at[:1]) > PAUSE) | (np.diff(room, prepend=room[:1]) != 0)
    return np.cumsum(begins)


def _with_neighbours(own: Floats, sitting: NDArray[np.int64]) -> Floats:
    total = own.copy()
    for distance, share in ((1, NEAR), (2, NEXT_TO_NEAR)):
        together = sitting[distance:] == sitting[:-distance]
        total[distance:] += share * own[:-distance] * together
        total[:-distance] += share * own[distance:] * together
    return total


def _with_sitting(total: Floats, sitting: NDArray[np.int64]) -> Floats:
    """Lines that nothing speaks for get nothing from their sitting."""
    if not len(total):
        return total
    starts = np.flatnonzero(np.diff(sitting, prepend=-1))
    best: Any = np.maximum.reduceat(total, starts)
    return np.where(total > 0, total + SITTING * best[sitting], total).astype(np.float32)
