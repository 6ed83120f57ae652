"""The evaluation system: gates before anything leaves; reflections afterwards are jobs."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from carrier.interfaces import Gate
from carrier.quoting import clean
from carrier.runtime.turns import Ask, OpenTurn
from carrier.runtime.watchers import Piece

log = logging.getLogger(__name__)


Rewrite = Callable[[str, str, int], Awaitable[str]]
"""Has an answer written anew, for the reason it was held; the number tells the attempts of a turn apart."""


class Judged(NamedTuple):
    """What may be said of a text, why it is held if it is and by which gate, and how often it may be written anew."""

    text: str
    held: str = ""
    gate: str = ""
    attempts: int = 0


class Gates:
    """The gates of one agent, in the order it names them. What a gate cannot judge is held, never sent unchecked."""

    def __init__(self, gates: Mapping[str, Gate], ask: Ask):
        self._gates, self._ask = gates, ask

    async def judge(self, turn: OpenTurn, text: str, place: str) -> tuple[str, str]:
        """What may be said of a text, and why it is held if it is."""
        judged = await self._judge(turn, text, place)
        return judged.text, judged.held

    async def approve(self, turn: OpenTurn, text: str, rewrite: Rewrite) -> tuple[str, str]:
        """The same for an answer, which a gate may have written anew; what comes of that passes all of them again."""
        judged = await self._judge(turn, text, "reply")
        revised: Counter[str] = Counter()
        while judged.held and revised[judged.gate] < judged.attempts:
            revised[judged.gate] += 1
            number = revised.total()
            text = await rewrite(text, judged.held, number)
            if not text.strip():
                return "", f"{judged.gate}: nothing was written anew"
            judged = await self._judge(turn, text, f"reply/{number}")
        return judged.text, judged.held

    async def _judge(self, turn: OpenTurn, text: str, place: str) -> Judged:
        for name, gate in self._gates.items():
            try:
                verdict = await gate(turn.view(f"{place}/{name}", self._ask), text)
            except Exception:
                log.exception("%s: the gate %s failed; the text is held", turn.agent.name, name)
                return Judged("", f"the gate {name} failed")
            if verdict.held:
                log.warning("%s: the gate %s holds a text: %s", turn.agent.name, name, verdict.held)
                return Judged("", f"{name}: {verdict.held}", name, verdict.attempts)
            text = verdict.text
        return Judged(text)

    def preview(self, growing: str) -> str:
        """The beginning of an unfinished text that every gate would let pass already; none if one cannot say."""
        for name, gate in self._gates.items():
            try:
                growing = gate.preview(growing) or ""
            except Exception:
                log.exception("the gate %s cannot judge an unfinished text; nothing of it is shown", name)
                return ""
        return growing


class Preview:
    """Shows a growing text to those who read along, as far as the gates allow."""

    def __init__(self, turn: OpenTurn, gates: Gates):
        self._turn, self._gates = turn, gates
        self._text = self._shown = ""

    def grow(self, piece: str) -> None:
        self._text += piece
        self._show(self._gates.preview(clean(self._text)))

    def restart(self) -> None:
        """The text so far was not the answer: actions follow."""
        self._text = ""
        self._show("")

    def _show(self, text: str) -> None:
        watchers = self._turn.turns.watchers
        if text.startswith(self._shown):
            if added := text[len(self._shown) :]:
                watchers.tell(self._turn.id, Piece(added))
        else:
            watchers.tell(self._turn.id, Piece(text, replace=True))
        self._shown = text
