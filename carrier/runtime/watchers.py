"""Those who wait for a turn: told its words as they come, and how it ended. They hold nothing up."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain

from carrier.types.talk import Ended


@dataclass(frozen=True, slots=True)
class Piece:
    """A preview of what is being said: `replace` starts the text anew."""

    text: str
    replace: bool = False


@dataclass(eq=False, slots=True)
class Watcher:
    turn: str
    ended: "asyncio.Future[Ended]"
    pieces: "asyncio.Queue[Piece] | None" = None
    before: tuple[Ended, ...] = ()
    """What earlier turns said and did that passed their message on."""

    def end(self, ended: Ended) -> None:
        if not self.ended.done():
            so_far = (*self.before, ended)
            texts = tuple(text for each in so_far for text in each.texts)
            results = tuple(result for each in so_far for result in each.results)
            self.ended.set_result(replace(ended, texts=texts, results=results))


@dataclass(slots=True)
class Watchers:
    """By turn. Ids only: whoever waits reads the rest from the ledger if it comes too late."""

    _by_turn: dict[str, list[Watcher]] = field(default_factory=dict)

    @contextmanager
    def watch(self, turn: str, streaming: bool = False) -> Iterator[Watcher]:
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        watcher = Watcher(turn, ended, asyncio.Queue() if streaming else None)
        self._by_turn.setdefault(turn, []).append(watcher)
        try:
            yield watcher
        finally:
            self._leave(watcher)

    def _leave(self, watcher: Watcher) -> None:
        self._by_turn[watcher.turn].remove(watcher)
        if not self._by_turn[watcher.turn]:
            del self._by_turn[watcher.turn]

    def move(self, watcher: Watcher, turn: str) -> None:
        """It waits for another turn from now on."""
        self._leave(watcher)
        watcher.turn = turn
        self._by_turn.setdefault(turn, []).append(watcher)

    def pass_on(self, turn: str, other: str, *so_far: Ended) -> None:
        """Another turn answers what one was to answer, whatever it said so far: all who wait, wait for that."""
        for watcher in list(self._by_turn.get(turn, ())):
            watcher.before += so_far
            self.move(watcher, other)

    def streaming(self, turn: str) -> bool:
        """Whether anybody reads along."""
        return any(watcher.pieces is not None for watcher in self._by_turn.get(turn, ()))

    def tell(self, turn: str, piece: Piece) -> None:
        for watcher in self._by_turn.get(turn, ()):
            if watcher.pieces is not None:
                watcher.pieces.put_nowait(piece)

    def send_away(self) -> None:
        """Tell all who still wait, by TimeoutError, that it takes longer: the host ends, their turns go on later."""
        for watcher in chain.from_iterable(self._by_turn.values()):
            if not watcher.ended.done():
                watcher.ended.set_exception(TimeoutError())

    def end(self, ended: Ended) -> None:
        for watcher in self._by_turn.get(ended.turn, ()):
            watcher.end(ended)
