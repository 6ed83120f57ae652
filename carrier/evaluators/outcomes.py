"""What becomes of a text that an evaluator of the operator's own does not pass."""

from carrier.interfaces import Verdict
from carrier.types.parts import PartDefinition

REASON = 500
"""Characters of a reason."""


def failed(definition: PartDefinition, reason: str) -> Verdict:
    """As its file says: held, held until it is written anew, or replaced."""
    if definition.on_fail == "replace":
        return Verdict(definition.text)
    return held(reason, definition.attempts if definition.on_fail == "revise" else 0)


def held(reason: str, attempts: int = 0) -> Verdict:
    return Verdict("", " ".join(reason.split())[:REASON] or "it does not pass", attempts)
