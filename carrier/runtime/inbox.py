"""The message manager: takes messages in, once, and hands each room's to its agent, in order."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from carrier.errors import Conflict, LedgerError, NotNow, Overloaded
from carrier.interfaces import Memories
from carrier.ledger import changes, intake
from carrier.ledger.engine import Ledger
from carrier.ledger.forms import storable
from carrier.ledger.known import Known
from carrier.ledger.turns import turn_id
from carrier.quoting import clean_name
from carrier.runtime.gathering import Bursts
from carrier.runtime.lanes import Lanes
from carrier.runtime.waiting import Waits
from carrier.types.talk import Lane, Message

log = logging.getLogger(__name__)

MOST_IN_A_LANE = 100
MOST_FOR_AN_AGENT = 2000
LEDGER_PAUSE = 5.0
"""Seconds until a ledger that could not be written is tried again."""
MOST_AT_HAND = 512
"""Messages that are kept whole until they are answered; of all others the lanes hold the id."""

Route = Callable[[Message], Callable[[Known], Mapping[str, intake.Place]]]
"""How to find, by what is known when a message is stored, which agents it concerns and what it is to each."""


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
        gather: Callable[[Message], float] = lambda message: 0.0,
    ):
        """`living` finds the current version of an agent by its name.

        `within_pace` says whether an agent answers one more message of who sent this one; it is asked in the ledger's
        thread. `gather` says for how many seconds a message's sender may go on with it.
        """
        self._within_pace, self._gather = within_pace, gather
        self._ledger, self._memories, self._route = ledger, memories, route
        self._living, self.message_chars = living, message_chars
        self.lanes = Lanes(at_once, here=lambda agent: living(agent) is not None)
        self._bursts = Bursts(self._release)
        self._more = asyncio.Event()
        self.waits = Waits(self.lanes, self._more.set)
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
        placed = partial(self._placed, message, self._route(message), self._waiting(message.room), may_refuse)
        # Submitted before the first await: messages keep the order they arrived in.
        committed = self._ledger.submit(
            partial(intake.hear, clock=self._ledger.clock, message=message, placed=placed, cursor=cursor)
        )
        self._memories.expect(message.text)
        # A door that is closed meanwhile must not keep a message that is on disk from its turn.
        filing = asyncio.ensure_future(self._file(committed))
        self._filing.add(filing)
        filing.add_done_callback(self._filing.discard)
        taken = await asyncio.shield(filing)
        if may_refuse and not taken.same:
            raise Conflict(f"{message.platform_id!r} was used for another message")
        return Receipt(message.id, tuple(turn_id(agent, message.id) for agent in taken.answering), taken.new)

    async def _file(self, committed: "asyncio.Future[intake.Intake]") -> intake.Intake:
        """Once a message is on disk, its turns are queued."""
        taken = await committed
        self.queue(taken)
        return taken

    def queue(self, taken: intake.Intake) -> None:
        """Remember a message that is on disk, and queue its turns."""
        message, gather = taken.message, self._gather(taken.message)
        self._memories.put(taken.memories)
        # Of one that is given to somebody else the ledger has to say whose it is now.
        self._at_hand.pop(message.id, None)
        certain = taken.new and taken.waiting and not {"asks", "away"} & set(taken.places.values())
        needs_no_look = certain and not gather and not self._changing[message.id]
        if needs_no_look and len(self._at_hand) < MOST_AT_HAND:
            self._at_hand[message.id] = message
        for agent, place in taken.places.items():
            if place == "heard":
                self._bursts.goes_on(Lane(agent, message.room), message, gather)
            else:
                self._bursts.put(Lane(agent, message.room), message, gather)

    def _release(self, lane: Lane, message_id: str) -> None:
        self.lanes.put(lane, message_id)
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
        return replace(message, text=text, sender_name=clean_name(storable(message.sender_name)))

    def _waiting(self, room: str) -> Mapping[str, tuple[int, int]]:
        """How many messages wait for each agent, there and everywhere."""
        lanes = (Lane(agent, room) for agent in {*self.lanes.agents(), *self._bursts.agents()})
        return {
            lane.agent: (self.lanes.length(lane) + self._bursts.length(lane), self.lanes.waiting_for(lane.agent))
            for lane in lanes
        }

    def _placed(
        self,
        message: Message,
        route: Callable[[Known], Mapping[str, intake.Place]],
        waiting: Mapping[str, tuple[int, int]],
        may_refuse: bool,
        known: Known,
    ) -> dict[str, intake.Place]:
        """What a message is to each agent, so far as they can keep up; in the ledger's thread."""
        places: dict[str, intake.Place] = {}
        for agent, place in route(known).items():
            refused = "" if place == "heard" else self._refusal(agent, message, *waiting.get(agent, (0, 0)))
            if refused and may_refuse:
                raise Overloaded(refused)
            places[agent] = "heard" if refused else place
        return places

    def _refusal(self, agent: str, message: Message, there: int, everywhere: int) -> str:
        """Why an agent, for whom so many wait, does not answer one more message; empty if it does."""
        if there >= MOST_IN_A_LANE or everywhere >= MOST_FOR_AN_AGENT:
            log.warning("%s: too much waits in %s; a message there is heard, not answered", agent, message.room)
            return f"{agent} has too much to answer; try again later"
        if not self._within_pace(agent, message):
            log.info("%s: %s is too fast in %s; this is heard, not answered", agent, message.sender, message.room)
            return f"{agent} answers no more messages of yours for now; try again later"
        return ""

    async def resume(self) -> int:
        """Queue what an earlier life of this host left unanswered; returns how many messages."""
        left = await self._ledger.read(intake.unanswered)
        for agent, room, message_id in left:
            self.lanes.put(Lane(agent, room), message_id)
        self._more.set()
        return len(left)

    def changed(self) -> None:
        """An agent has come or gone: look again at what can be answered."""
        self.waits.look_again()
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
            self._bursts.close()
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
            self.waits.end(lane)
        except NotNow as error:
            self.waits.begin(lane, message_id, error)
        except Exception:
            # The turn is not closed: its row waits on disk, and the next start takes it up.
            log.exception("%s: the turn for %s could not be closed", lane.agent, message_id)
            self.waits.end(lane)
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
