"""A turn's journal: what was asked, answered and done, so that after a crash it is gone on with, not begun again.

What is written is submitted in order, and awaited only where something follows that cannot be undone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from carrier.ledger import calls
from carrier.ledger import turns as rows
from carrier.ledger.calls import Full, Limit
from carrier.ledger.engine import Ledger
from carrier.ledger.forms import dump, load
from carrier.ledger.spending import Step, give_back
from carrier.metering import metered, together
from carrier.types.models import ActionResult, Completion

asking: ContextVar[Step | None] = ContextVar("asking", default=None)
"""The question that a model is about to be asked."""


def _nothing(outcome: object) -> None:
    pass


@dataclass(frozen=True)
class Write:
    """Something that is written with the end of an action, and what follows, given what came of it."""

    transaction: Callable[..., Any]
    then: Callable[[Any], None] = _nothing


@dataclass(eq=False)
class Journal:
    """`id` is the turn's, or the job's; `entries` are what earlier attempts left, and each `once` of this one."""

    ledger: Ledger
    id: str
    agent: str
    entries: dict[str, rows.Entry] = field(default_factory=dict)
    completions: list[Completion] = field(default_factory=list)
    """Every answer that a model gave, for the account of tokens and cost."""
    _written: list["asyncio.Future[Any]"] = field(default_factory=list)

    async def once(self, name: str, work: Callable[[], Awaitable[Any]], form: Any = object) -> Any:
        """Give back what stands under this name, else do the work and write its result down."""
        if (entry := self.entries.get(name)) and entry.ended:
            return load(form, entry.value)
        value = await work()
        text = dump(form, value)
        self.entries[name] = rows.Entry(name, "value", True, text)
        self.submit(partial(rows.note, turn=self.id, name=name, value=text))
        return value

    async def paid(self, name: str, ask: Callable[[], Awaitable[Completion]]) -> Completion:
        """A model's answer, asked for once: what it may cost is reserved before, what it said is kept after."""
        entry = self.entries.get(name)
        if entry and entry.ended:
            completion: Completion = load(Completion, entry.value)
        else:
            if not entry:
                self.submit(partial(rows.start, turn=self.id, agent=self.agent, name=name, kind="model"))
            await self.committed()
            completion = await self._asked(Step(self.id, name), ask)
            spent = (completion.model, completion.usage)
            self.submit(partial(rows.end, turn=self.id, name=name, value=dump(Completion, completion), spent=spent))
        self.completions.append(completion)
        return completion

    async def _asked(self, step: Step, ask: Callable[[], Awaitable[Completion]]) -> Completion:
        """What comes of a question, with all it took; where nothing does, the rest of what is held for it goes back."""
        before = asking.set(step)
        with metered() as wasted:
            try:
                completion = await ask()
            except BaseException:
                self.submit(partial(give_back, step=step, took=together(*wasted)))
                raise
            finally:
                asking.reset(before)
        return replace(completion, usage=together(completion.usage, *wasted))

    async def action_begins(
        self, name: str, limits: Sequence[Limit] = (), also: Sequence[Callable[..., Any]] = ()
    ) -> Full | None:
        """On disk before the action runs: after a crash it is known that it may have; unless one of its limits is full.

        What is to be written `also` is written with it.
        """

        def transaction(connection: Any, clock: Any) -> Full | None:
            full = calls.count(connection, clock, self.id, name, limits)
            if not full:
                rows.start(connection, clock, self.id, self.agent, name, "action")
                for write in also:
                    write(connection, clock)
            return full

        self.submit(transaction)
        full: Full | None = await self.committed()
        return full

    def action_refused(self, name: str, result: ActionResult) -> None:
        """The result of a call that was not run, or not run again."""
        if name in self.entries:
            return self.submit(partial(rows.end, turn=self.id, name=name, value=dump(ActionResult, result)))
        self.submit(partial(rows.note, turn=self.id, name=name, value=dump(ActionResult, result), kind="action"))

    async def action_ends(self, name: str, result: ActionResult, also: Sequence[Write] = ()) -> None:
        """The result, and what else the action wrote, in one transaction; raises what that raises, and is undone."""
        value = dump(ActionResult, result)

        def transaction(connection: Any, clock: Any) -> list[Any]:
            rows.end(connection, clock, self.id, name, value)
            return [write.transaction(connection, clock=clock) for write in also]

        self.submit(transaction)
        for write, outcome in zip(also, await self.committed(), strict=True):
            write.then(outcome)

    def submit(self, transaction: Callable[..., Any]) -> None:
        """Write, without waiting: later transactions are committed later."""
        self._written.append(self.ledger.submit(partial(transaction, clock=self.ledger.clock)))

    def follow(self, written: "asyncio.Future[Any]") -> None:
        """Count a transaction of somebody else's among those that have to be on disk."""
        self._written.append(written)

    async def committed(self) -> Any:
        """All that was submitted is on disk; returns what the last transaction did, raises what went wrong."""
        written, self._written = self._written, []
        outcomes = await asyncio.gather(*written, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes[-1] if outcomes else None
