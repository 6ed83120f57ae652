"""What a question takes beside its answer: answers that came to nothing are paid for all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from carrier.types.models import Usage

_wasted: ContextVar[list[Usage] | None] = ContextVar("wasted", default=None)


@contextmanager
def metered() -> Iterator[list[Usage]]:
    """What is wasted on a question, as it comes to be known; the question is asked within the block."""
    wasted: list[Usage] = []
    before = _wasted.set(wasted)
    try:
        yield wasted
    finally:
        _wasted.reset(before)


def waste(usage: Usage) -> None:
    """An answer was no use: the question is asked again, or ends without one."""
    if (wasted := _wasted.get()) is not None:
        wasted.append(usage)


def together(*used: Usage) -> Usage:
    return Usage(
        sum(each.tokens_in for each in used), sum(each.tokens_out for each in used), sum(each.cost for each in used)
    )
