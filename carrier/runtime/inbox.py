"""The message manager: takes messages in, once, and hands each room's to its agent, in order."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

from carrier.errors import Conflict, LedgerError, Overloaded
from carrier.interfaces import Memories
from carrier.ledger import changes, intake
from carrier.ledger.engine import Ledger
from carrier.ledger.forms import storable
from carrier.ledger.turns import turn_id
from carrier.runtime.lanes import Lanes
from carrier.types import Lane, Message

log = logging.getLogger(__name__)

MOST_IN_A_LANE = 100
MOST_FOR_AN_AGENT = 2000
LEDGER_PAUSE = 5.0
"""Seconds until a ledger that could not be written is tried again."""
MOST_AT_HAND = 512
"""Messages that are kept whole until they are answered; of all others the lanes hold the id."""

Route = Callable[[Message], Mapping[str, intake.Place]]
"""Which agents a message concerns, and whether each answers it or only hears it."""


class Answering(Protocol):
    """What the inbox needs of a living agent."""

    async def turn(self, message_id: str, message: Message | None = None) -> None:
        """Answer a message, by its id; whole if it has only just come."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message is on disk: its id, the turns that will answer it, and whether it was there before."""

    message_id: str
    turns: tuple[str, ...]
    new: bool


class Inbox:
    """What came in and is not answered yet. `take_in` is durable when it returns."""

    def __init__(
        self,
        ledger: Ledger,
        memories: Memories,
        route: Route,
        living: Callable[[str], Answering | None],
        at_once: int,
        message_chars: int,
        within_pace: Callable[[str, Message], bool] = lambda agent, message: True,
    ):
        """`living` finds the current version of an agent by its name.

        `within_pace` says whether an agent answers one more message of who sent this one.
        """
        self._within_pace = within_pace
        self._ledger, self._memories, self._route = ledger, memories, route
        self._living, self.message_chars = living, message_chars
        self.lanes = Lanes(at_once, here=lambda agent: living(agent) is not None)
        self._more = asyncio.Event()
        self._fewer = asyncio.Event()
        self._turns: set[asyncio.Task[None]] = set()
        self._filing: set[asyncio.Future[intake.Intake]] = set()
        self._at_hand: dict[str, Message] = {}
        self._changing: Counter[str] = Counter()
        """Messages that are being edited or withdrawn."""
        self._suspects = 0
        self._one_suspect = asyncio.Lock()

    async def take_in(self, message: Message, may_refuse: bool = False, cursor: str = "") -> Receipt:
        """Store a message and queue its turns; the same one again is only found. `cursor` is its client's, in the room.

        A door that can refuse gets Overloaded for what an agent cannot keep waiting, and Conflict for another message
        under a known id. For all others such a message is heard, not answered, or counts as the known one.
        """
        message = self._storable(message)
        places = {agent: self._place(agent, message, place) for agent, place in self._route(message).items()}
        if may_refuse and places.get(message.to) == "full":
            raise Overloaded(f"{message.to} has too much to answer; try again later")
        if may_refuse and places.get(message.to) == "fast":
            raise Overloaded(f"{message.to} answers no more messages of yours for now; try again later")
        filed: dict[str, intake.Place] = {a: "waiting" if it == "waiting" else "heard" for a, it in places.items()}
        # Submitted before the first await: messages keep the order they arrived in.
        committed = self._ledger.submit(
            partial(intake.take_in, clock=self._ledger.clock, message=message, agents=filed, cursor=cursor)
        )
        self._memories.expect(message.text)
        # A door that is closed meanwhile must not keep a message that is on disk from its turn.
        filing = asyncio.ensure_future(self._file(committed))
        self._filing.add(filing)
        filing.add_done_callback(self._filing.discard)
        taken = await asyncio.shield(filing)
        if may_refuse and not taken.same:
            raise Conflict(f"{message.platform_id!r} was used for another message")
        answering = tuple(turn_id(agent, message.id) for agent, place in filed.items() if place == "waiting")
        return Receipt(message.id, answering, taken.new)

    async def _file(self, committed: "asyncio.Future[intake.Intake]") -> intake.Intake:
        """Once a message is on disk, its turns are queued."""
        taken = await committed
        self.queue(taken)
        return taken

    def queue(self, taken: intake.Intake) -> None:
        """Remember a message that is on disk, and queue its turns."""
        self._memories.put(taken.memories)
        if taken.waiting and len(self._at_hand) < MOST_AT_HAND and not self._changing[taken.message.id]:
            self._at_hand[taken.message.id] = taken.message
        for agent in taken.waiting:
            self.lanes.put(Lane(agent, taken.message.room), taken.message.id)
        self._more.set()

    async def edited(self, message: Message, follow: bool) -> changes.Changed:
        """A message that was taken in says something else now: so it is answered, if it was not yet."""
        message = self._storable(message)
        return await self._changed([message.id], partial(changes.edit, message=message, follow=follow))

    async def withdrawn(self, ids: Collection[str], forget: bool) -> changes.Changed:
        """Messages that were taken in are taken back: what waits for an answer gets none."""
        return await self._changed(ids, partial(changes.withdraw, ids=ids, forget=forget))

    async def _changed(self, ids: Collection[str], change: Callable[..., changes.Changed]) -> changes.Changed:
        # A turn reads again what it would have had at hand, and finds what has changed.
        for id in ids:
            self._at_hand.pop(id, None)
        self._changing.update(ids)
        try:
            changed = await self._ledger.write(partial(change, clock=self._ledger.clock))
        finally:
            self._changing -= Counter(ids)
        self._memories.put(changed.memories)
        return changed

    def _storable(self, message: Message) -> Message:
        text = storable(message.text)[: self.message_chars]
        return replace(message, text=text, sender_name=storable(message.sender_name))

    def _place(self, agent: str, message: Message, place: intake.Place) -> intake.Place | Literal["full", "fast"]:
        lane = Lane(agent, message.room)
        full = self.lanes.length(lane) >= MOST_IN_A_LANE or self.lanes.waiting_for(agent) >= MOST_FOR_AN_AGENT
        if place == "heard":
            return place
        if not full and not self._within_pace(agent, message):
            log.info("%s: %s is too fast in %s; this is heard, not answered", agent, message.sender, message.room)
            return "fast"
        if not full:
            return place
        log.warning("%s: too much waits in %s; a message there is heard, not answered", agent, message.room)
        return "full"

    async def resume(self) -> int:
        """Queue what an earlier life of this host left unanswered; returns how many messages."""
        left = await self._ledger.read(intake.unanswered)
        for agent, room, message_id in left:
            self.lanes.put(Lane(agent, room), message_id)
        self._more.set()
        return len(left)

    def changed(self) -> None:
        """An agent has come or gone: look again at what can be answered."""
        self._more.set()

    async def run(self) -> None:
        """Answer what waits, until cancelled; turns under way are cancelled too."""
        try:
            while True:
                await self._more.wait()
                self._more.clear()
                while ready := self.lanes.next():
                    self._start(*ready)
        finally:
            for turn in self._turns:
                turn.cancel()
            await asyncio.gather(*self._turns, return_exceptions=True)

    def _start(self, lane: Lane, message_id: str) -> None:
        agent = self._living(lane.agent)
        assert agent, "lanes of an agent that is not here are not served"
        turn = asyncio.create_task(
            self._answer(agent, lane, message_id), name=f"turn {turn_id(lane.agent, message_id)}"
        )
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)

    async def _answer(self, agent: Answering, lane: Lane, message_id: str) -> None:
        try:
            await self._until_closed(agent, lane, message_id)
        except Exception:
            # The turn is not closed: its row waits on disk, and the next start takes it up.
            log.exception("%s: the turn for %s could not be closed", lane.agent, message_id)
        finally:
            self.lanes.done(lane)
            self._more.set()
            self._fewer.set()

    async def _until_closed(self, agent: Answering, lane: Lane, message_id: str) -> None:
        """A turn; from its journal again while the ledger cannot be written, for nothing may overtake it."""
        message = self._at_hand.pop(message_id, None)
        while True:
            try:
                return await agent.turn(message_id, message)
            except LedgerError as error:
                log.error("%s: the turn for %s has to wait: %s", lane.agent, message_id, error)
            message = None
            await asyncio.sleep(LEDGER_PAUSE)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """For a turn under suspicion of killing the process: nothing else runs meanwhile, and no other suspect."""
        self.lanes.hold()
        self._suspects += 1
        self._fewer.set()
        try:
            async with self._one_suspect:
                while self.lanes.running > self._suspects:
                    self._fewer.clear()
                    await self._fewer.wait()
                yield
        finally:
            self._suspects -= 1
            self.lanes.release()
            self._more.set()

    async def idle(self) -> None:
        """Wait until no turn runs."""
        while self._turns:
            await asyncio.wait(set(self._turns))
