"""Evaluators that are a function of the operator's."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from carrier.evaluators.outcomes import failed, held
from carrier.functions import called, load_taking
from carrier.interfaces import AskModel, Exchange, Gate, Given, Reflection, Turn, Verdict
from carrier.types.memory import Memory
from carrier.types.parts import PartDefinition

log = logging.getLogger(__name__)


def python(definition: PartDefinition, given: Given) -> Gate | Reflection:
    """The evaluator of a definition. Making one imports the operator's code, so make it in a thread."""
    return PythonReflection(definition) if definition.stage == "after" else PythonGate(definition)


class PythonGate:
    """`def judge(turn, text)`, plain or async: whether the text passes, a score, another text, or a Verdict.

    What is none of these, raises or takes too long is held, for it was not judged.
    """

    def __init__(self, definition: PartDefinition):
        self.stage = definition.stage
        self._definition = definition
        self._function = load_taking(("turn", "text"), definition.entrypoint, definition.folder, definition.code)

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        try:
            found = await called(self._function, turn, text, seconds=self._definition.timeout)
        except TimeoutError:
            return held(f"it took longer than {self._definition.timeout:g} s")
        # Operators' code may raise whatever it likes.
        except (Exception, SystemExit) as error:
            log.warning("%s failed: %s: %s", self._definition.entrypoint, type(error).__name__, error)
            return held(f"it failed: {type(error).__name__}")
        return self._verdict(found, text)

    def _verdict(self, found: object, text: str) -> Verdict:
        match found:
            case Verdict():
                return failed(self._definition, found.held) if found.held else found
            case str():
                return Verdict(found)
            case bool():
                return Verdict(text) if found else failed(self._definition, "it does not pass")
            case int() | float():
                reason = f"it scores {found:g} of the {self._definition.passes:g} it needs"
                return Verdict(text) if found >= self._definition.passes else failed(self._definition, reason)
        return held(f"it returned {type(found).__name__}, which is no judgement")

    def preview(self, growing: str) -> str | None:
        return None


class PythonReflection:
    """`def look_back(exchange, ask_model)`, plain or async: what is worth keeping, as texts or Memories, or nothing.

    A text is kept as a fact of the room.
    """

    def __init__(self, definition: PartDefinition):
        self.every = definition.every
        self._definition = definition
        self._function = load_taking(
            ("exchange", "ask_model"), definition.entrypoint, definition.folder, definition.code
        )

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[Memory]:
        found = await called(self._function, exchange, ask_model, seconds=self._definition.timeout)
        kept = [found] if isinstance(found, str) else list(found) if isinstance(found, Iterable) else []
        return [self._memory(each, exchange, number) for number, each in enumerate(kept, start=1)]

    def _memory(self, found: object, exchange: Exchange, number: int) -> Memory:
        if isinstance(found, Memory):
            return replace(found, agent=exchange.agent.name)
        first, last = exchange.lines[0], exchange.lines[-1]
        return Memory(
            id=f"{exchange.agent.name}/{self._definition.name}/{first.id}-{last.id}/{number}",
            agent=exchange.agent.name,
            room=exchange.room,
            entity="",
            kind="fact",
            text=str(found),
            at=last.at,
            source_ids=tuple(line.id for line in exchange.lines),
            revision=exchange.agent.revision,
            trust="claimed",
            private=any(line.direct for line in exchange.lines),
        )
