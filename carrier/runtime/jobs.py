"""Work that may come later: reflections, which look back on a room and keep what they find."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Literal, Protocol

from carrier.errors import LedgerError
from carrier.interfaces import Exchange, Memories, Reflection
from carrier.ledger import jobs as rows
from carrier.ledger import learned, people
from carrier.ledger.engine import Ledger
from carrier.ledger.goals import Changed
from carrier.ledger.rooms import END_OF_TIME
from carrier.ledger.turns import journal_of
from carrier.runtime.journal import Journal
from carrier.runtime.viewing import Ask
from carrier.types.agents import Agent
from carrier.types.memory import GoalChange, Memory, Summary
from carrier.types.talk import Message

log = logging.getLogger(__name__)

SECONDS = 120.0
PAUSE = 60 * 1_000_000
AT_ONCE = 20
KNOWN, PEOPLE = 60, 40
"""So much of what is known, and of who is there, a reflection is told."""
LEDGER_PAUSE = 5.0
"""Seconds until a ledger that could not be written is tried again."""


class Thinker(Protocol):
    """What a job needs of a living agent."""

    @property
    def agent(self) -> Agent: ...

    @property
    def ask(self) -> Ask: ...

    def reflection(self, name: str) -> Reflection | None: ...


@dataclass(eq=False)
class Jobs:
    """Runs what is due, one after the other; each is tried three times."""

    ledger: Ledger
    memories: Memories
    thinker: Callable[[str], Thinker | None]
    """The living agent of a name."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            self.wake.clear()
            try:
                if not await self.run_due():
                    await self._rest()
            except LedgerError as error:
                log.error("jobs have to wait: %s", error)
                await asyncio.sleep(LEDGER_PAUSE)

    async def run_due(self) -> bool:
        """Run what is due now; returns whether there was something."""
        due = await self.ledger.read(partial(rows.due, now=self.ledger.clock.tick(), most=AT_ONCE))
        for job in due:
            await self._run(job)
        return bool(due)

    async def _rest(self) -> None:
        """Until there is more, or something comes due."""
        at = await self.ledger.read(rows.next_due)
        seconds = None if at is None else max(0.0, (at - self.ledger.clock.tick()) / 1_000_000)
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            pass

    async def _run(self, job: rows.Job) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await self._reflect(job)
        except Exception as error:
            await self._failed(job, str(error) or type(error).__name__)

    async def _reflect(self, job: rows.Job) -> None:
        """Ask the evaluator, and keep what it found with the place it got to, at once."""
        thinker = self.thinker(job.agent)
        reflection = thinker.reflection(job.evaluator) if thinker else None
        if not thinker or not reflection:
            return await self.ledger.write(partial(rows.drop, job=job))
        journal = Journal(self.ledger, job.id, job.agent, await self.ledger.read(partial(journal_of, turn=job.id)))
        lines = await self._lines(job, journal)
        if not lines:
            # All that was said was taken back meanwhile.
            return await self.ledger.write(partial(rows.drop, job=job))
        exchange = Exchange(thinker.agent, job.room, lines)
        if kind := getattr(reflection, "knows", ""):
            exchange = await self._informed(exchange, kind, journal)
        found = await reflection(exchange, Asking(journal, thinker.ask))
        await journal.committed()
        memories = [each for each in found if isinstance(each, Memory)]
        changes = [
            Changed(f"{job.id}/{number}", job.agent, each, job.room, lines[-1].id)
            for number, each in enumerate(found)
            if isinstance(each, GoalChange)
        ]
        summary = next((each for each in found if isinstance(each, Summary)), None)
        done = partial(rows.reflected, clock=self.ledger.clock, job=job, through=lines[-1].at, memories=memories)
        done = partial(done, changes=changes, of_file=thinker.agent.goals, summary=summary)
        self.memories.put(await self.ledger.write(done))

    async def _lines(self, job: rows.Job, journal: Journal) -> tuple[Message, ...]:
        """What a job looks back on; the same at each attempt, for an answer about it may be journaled."""
        lines = await self.ledger.read(partial(rows.lines_since, job=job))

        async def last() -> int:
            return lines[-1].at if lines else 0

        through = await journal.once("through", last, int)
        return tuple(line for line in lines if line.at <= through)

    async def _informed(self, exchange: Exchange, kind: str, journal: Journal) -> Exchange:
        """With what is known of those who spoke; numbered alike at each attempt, for an answer may be journaled."""
        agent, here = exchange.agent, exchange.room
        room = here if agent.memory.scope == "room" else ""
        spoke = {line.sender for line in exchange.lines}
        query = partial(learned.about, agent=agent.name, people=spoke, room=room, most=KNOWN, here=here, kinds=(kind,))

        async def ids() -> list[str]:
            return [memory.id for memory in await self.ledger.read(query)]

        numbered = list(enumerate(await journal.once("known", ids, list[str]), start=1))
        kept = await self.ledger.read(partial(learned.those, ids=[id for _, id in numbered]))
        known = {number: kept[id] for number, id in numbered if id in kept}
        there = partial(people.present, agent=agent.name, room=here, before=END_OF_TIME, most=PEOPLE)
        return replace(exchange, known=known, people=tuple(await self.ledger.read(there)))

    async def _failed(self, job: rows.Job, reason: str) -> None:
        again_at = self.ledger.clock.tick() + PAUSE * (job.attempts + 1)
        again = await self.ledger.write(partial(rows.failed, job=job, error=reason, again_at=again_at))
        then = "and is tried again" if again else "for good"
        log.warning("%s: the reflection %s on %s failed %s: %s", job.agent, job.evaluator, job.room, then, reason)


@dataclass(eq=False)
class Asking:
    """`interfaces.AskModel` for a job: an answer that its journal holds is not paid for again."""

    journal: Journal
    ask: Ask
    number: "count[int]" = field(default_factory=count)

    async def __call__(
        self, system: str, text: str, *, purpose: str, model: Literal["large", "small"] = "small"
    ) -> str:
        name = f"ask/{next(self.number)}"
        return (await self.journal.paid(name, lambda: self.ask(system, text, purpose, model))).text
