"""The evaluation system: gates before anything leaves; reflections afterwards are jobs."""

import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

from carrier.errors import CarrierError
from carrier.interfaces import Gate, Verdict
from carrier.quoting import clean
from carrier.runtime.turns import OpenTurn
from carrier.runtime.viewing import Ask, view
from carrier.runtime.watchers import Piece
from carrier.types.models import ActionCall

log = logging.getLogger(__name__)

MOST_SHOWN = 20_000
"""Characters of a text that are shown while it grows."""
STEP = 40
"""A growing text is looked at again when it is longer by this part of it."""

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

    async def let_out(self, turn: OpenTurn, text: str, place: str) -> str:
        """What may be said of words that are no answer; they are not written anew."""
        allowed, _ = await self.judge(turn, clean(text), place)
        return allowed

    async def refuse(self, turn: OpenTurn, call: ActionCall, place: str) -> str:
        """Why the arguments of a call may not leave by the gates that look at them; empty: they may."""
        text = "\n".join(_texts(call.arguments))
        for name, gate in self._gates.items() if text else ():
            if getattr(gate, "arguments", False) and (await self._verdict(turn, name, gate, text, place)).text != text:
                log.warning("%s: the gate %s refuses the arguments of %s", turn.agent.name, name, call.name)
                return f"it was not run: {name} does not let its arguments pass"
        return ""

    async def shown(self, turn: OpenTurn, call: ActionCall, place: str) -> str:
        """What is told of a call's arguments to those who decide about them."""
        text = clean(json.dumps(dict(call.arguments), ensure_ascii=False, separators=(",", ":"), default=str))
        for name, gate in self._gates.items():
            if getattr(gate, "notices", False):
                verdict = await self._verdict(turn, name, gate, text, f"{place}/notice")
                text = f"arguments that {name} does not let pass" if verdict.held else verdict.text
        return text

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
            verdict = await self._verdict(turn, name, gate, text, place)
            if verdict.held:
                log.warning("%s: the gate %s holds a text: %s", turn.agent.name, name, verdict.held)
                return Judged("", f"{name}: {verdict.held}", name, verdict.attempts)
            text = verdict.text
        return Judged(text)

    async def _verdict(self, turn: OpenTurn, name: str, gate: Gate, text: str, place: str) -> Verdict:
        try:
            return await gate(view(turn, f"{place}/{name}", self._ask), text)
        except Exception as error:
            unforeseen = not isinstance(error, CarrierError)
            log.error("%s: the gate %s failed; the text is held: %s", turn.agent.name, name, error, exc_info=unforeseen)
            return Verdict("", "it failed")

    def preview(self, growing: str) -> str:
        """The beginning of an unfinished text that every gate would let pass already; none if one cannot say."""
        for name, gate in self._gates.items():
            try:
                growing = gate.preview(growing) or ""
            except Exception:
                log.exception("the gate %s cannot judge an unfinished text; nothing of it is shown", name)
                return ""
        return growing


def _texts(value: object) -> Iterator[str]:
    """All that stands in a value, keys too; values first, so that nothing of ours stands between two of them."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
        yield from map(str, value)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


class Preview:
    """Shows a growing text to those who read along, as far as the gates allow."""

    def __init__(self, turn: OpenTurn, gates: Gates):
        self._turn, self._gates = turn, gates
        self._text = self._shown = ""
        self._looked = 0

    def grow(self, piece: str) -> None:
        """Take in what has come; the gates look at it once it is worth it, for each time they look at all of it."""
        self._text += piece
        if len(self._text) <= MOST_SHOWN and len(self._text) - self._looked >= self._looked // STEP:
            self._looked = len(self._text)
            self._show(self._gates.preview(clean(self._text)))

    async def restart(self) -> None:
        """The text so far was not the answer: actions follow."""
        self._text, self._looked = "", 0
        self._show("")
        await self._turn.take_back()

    def _show(self, text: str) -> None:
        if self._turn.showing:
            self._turn.showing.grow(text)
        watchers = self._turn.turns.watchers
        if text.startswith(self._shown):
            if added := text[len(self._shown) :]:
                watchers.tell(self._turn.id, Piece(added))
        else:
            watchers.tell(self._turn.id, Piece(text, replace=True))
        self._shown = text
