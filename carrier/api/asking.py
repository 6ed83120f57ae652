"""Hands a message to the host and waits for its answer, as long as a caller may."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from carrier import apart
from carrier.config.catalog import Catalog
from carrier.config.reading import decoded
from carrier.host import Host
from carrier.ledger import turns as rows
from carrier.ledger.forms import storable
from carrier.ledger.turns import turn_id
from carrier.runtime.watchers import Piece, Watcher
from carrier.types.parts import TemplateFile
from carrier.types.talk import Ended, Message

PATIENCE = 60.0
"""Seconds that a caller is kept waiting; the turn goes on without it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The answer takes longer: it is found later under the turn's id."""

    turn: str


async def ask(host: Host, message: Message, patience: float) -> Ended | Pending:
    """The answer to a message; the same message again gets the same answer, and no second turn."""
    async with aclosing(listen(host, message, patience, streaming=False)) as items:
        async for item in items:
            if not isinstance(item, Piece):
                return item
    raise AssertionError("a turn that ends tells its watchers")


async def listen(
    host: Host, message: Message, patience: float, streaming: bool = True
) -> AsyncGenerator[Piece | Ended | Pending]:
    """The answer as it grows, then as it is; Pending when it takes longer than `patience`, in seconds."""
    turn = turn_id(host.routing.answering(message), message.id)
    with host.watchers.watch(turn, streaming) as watcher:
        receipt = await host.inbox.take_in(message, may_refuse=True)
        first, turn = (turn, turn) if receipt.new else await _turns(host, message, turn)
        host.watchers.move(watcher, turn)
        if not receipt.new and (before := await answered(host, first)):
            yield before
        elif not receipt.turns:
            yield Ended(turn, message.to, message.room, "silent", ())
        else:
            until = asyncio.get_running_loop().time() + patience
            try:
                while piece := await _next(watcher, until):
                    yield piece
                yield watcher.ended.result()
            except TimeoutError:
                yield Pending(turn)


async def _turns(host: Host, message: Message, turn: str) -> tuple[str, str]:
    """The first turn that a message had, and the last, which are two where it was handed over."""
    had = await host.ledger.read(partial(rows.turns_of, message=message.id)) or [turn]
    return had[0], had[-1]


async def _next(watcher: Watcher, until: float) -> Piece | None:
    """The next piece; None when the turn has ended and all were read. Raises TimeoutError past its time."""
    async with asyncio.timeout_at(until):
        if watcher.pieces is None:
            await asyncio.shield(watcher.ended)
            return None
        reading = asyncio.ensure_future(watcher.pieces.get())
        try:
            both: set[asyncio.Future[Any]] = {reading, watcher.ended}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()


async def answered(host: Host, turn: str) -> Ended | None:
    """How a turn ended, as the ledger has it; None while it is under way. Raises LookupError when there is none."""
    return await host.ledger.read(partial(rows.answer, turn=turn))


async def rendered(host: Host, message: Message, template: str | None, at_once: asyncio.Semaphore) -> str:
    """The exact prompt that a message would get now, by the agent's own template or one that the caller brings.

    Nothing is stored, and no model is called.
    """
    message = replace(message, at=host.ledger.clock.tick())
    runtime = host.here.agent(message.to).runtime
    if template is None:
        return await runtime.render(message)
    others = await asyncio.to_thread(_templates, host.catalog)
    async with at_once:
        return storable(await runtime.render(message, partial(apart.render, template, others)))


def _templates(catalog: Catalog) -> dict[str, TemplateFile]:
    """All of the project's, as they were when nothing was wrong with them; of two with one name the first counts."""
    found: dict[str, TemplateFile] = {}
    for folder in catalog.host.folders.templates:
        for path in (path for path in catalog.accepted if path.suffix == ".j2" and path.is_relative_to(folder)):
            name = path.relative_to(folder).as_posix()
            found.setdefault(name, TemplateFile(name, decoded(catalog.accepted[path], name)))
    return found
