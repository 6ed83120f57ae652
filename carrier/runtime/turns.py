"""Turns under way: what each answers, who has caused it, and what is said and done in it."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

from sqlalchemy import Connection

from carrier.errors import CarrierError
from carrier.interfaces import Memories
from carrier.ledger import approvals, previews
from carrier.ledger import turns as rows
from carrier.ledger.asks import first_message
from carrier.ledger.engine import Ledger
from carrier.ledger.intake import Intake, connect
from carrier.ledger.slots import Slot
from carrier.runtime.abilities import Abilities
from carrier.runtime.handovers import Handovers
from carrier.runtime.journal import Journal, Write
from carrier.runtime.notices import trouble
from carrier.runtime.orders import slot_of
from carrier.runtime.showing import Showing
from carrier.runtime.speaking import named, speech
from carrier.runtime.watchers import Watchers
from carrier.runtime.windows import Windows
from carrier.types.agents import Agent, Words
from carrier.types.clients import RoomRules
from carrier.types.models import ActionResult
from carrier.types.posts import Post
from carrier.types.talk import Message, Outgoing

log = logging.getLogger(__name__)


def _no_rules(message: Message) -> RoomRules:
    return RoomRules()


def _at_once(message: Message) -> float:
    return 0.0


@dataclass(frozen=True)
class Turns:
    """Begins turns. It is the host's, and outlives the agents' runtimes."""

    ledger: Ledger
    memories: Memories
    watchers: Watchers
    windows: Windows
    more_to_send: Callable[[str], None]
    """Tells a client's sender, by the client's name, that rows wait for it."""
    closed: Callable[[bool], None]
    """Tells the host that a turn has closed, and whether a reflection has come due by it."""
    handovers: Handovers
    queue: Callable[[Intake], None]
    """Queues the turns for a message that was given to one more agent."""
    later_waits: Callable[[], None]
    """Tells the host that there is something to be said later."""
    slot_ended: Callable[[], None] = lambda: None
    """Tells the scheduler that the work of a slot has ended."""
    tools_changed: Callable[[], None] = lambda: None
    """Tells the host that an agent can do something else than before, though its files are the same."""
    too_old: Callable[[Message], bool] = lambda message: False
    """Whether a message that waited for a model is only heard by now."""
    rules: Callable[[Message], RoomRules] = _no_rules
    """What holds now in the room of a message."""
    gather: Callable[[Message], float] = _at_once
    """For how many seconds the sender of a message may go on with it."""
    abilities: Abilities = field(default_factory=Abilities)

    async def take(
        self, agent: Agent, message_id: str, message: Message | None = None, seconds: float = inf
    ) -> "OpenTurn | None":
        """The turn that answers a message, with its journal so far; None when it was answered already.

        A message that has only just come, and is answered alone, is handed in whole: its turn is new, and need not be
        read first. It has the agent's time, and no more than `seconds`.
        """
        clock = self.ledger.clock
        take = partial(rows.take, agent=agent.name, message_id=message_id, revision=agent.revision)
        committed = self.ledger.submit(partial(take, clock=clock, gather=self.gather))
        taken = rows.Taken(rows.turn_id(agent.name, message_id), message, {}, 1) if message else await committed
        if taken is None:
            return None
        journal = Journal(self.ledger, taken.id, agent.name, taken.journal)
        turn = self._opened(agent, taken, journal, seconds)
        turn.journal.follow(committed)
        turn.timings.ms["queue"] = round((clock.tick() - taken.message.at) / 1000, 2)
        return turn

    def rehearse(self, agent: Agent, message: Message) -> "OpenTurn":
        """A turn that is only composed: it is in no table."""
        taken = rows.Taken(rows.turn_id(agent.name, message.id), message, {}, attempts=1)
        return self._opened(agent, taken, Journal(self.ledger, taken.id, agent.name))

    def _opened(self, agent: Agent, taken: rows.Taken, journal: Journal, seconds: float = inf) -> "OpenTurn":
        return OpenTurn(self, agent, taken, journal, self.rules(taken.message), min(seconds, agent.limits.turn))


class Timings:
    """Milliseconds by step, for the turn's event."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._begun = time.perf_counter()

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.ms[step] = round(self.ms.get(step, 0.0) + (time.perf_counter() - begun) * 1000, 2)

    @property
    def seconds(self) -> float:
        """Since the turn began."""
        return time.perf_counter() - self._begun


@dataclass(eq=False)
class OpenTurn:
    """One pass through the loop, as the runtime holds it."""

    turns: Turns
    agent: Agent
    taken: rows.Taken
    journal: Journal
    rules: RoomRules
    """What holds in its room."""
    seconds: float
    """What it may take."""
    state: Mapping[str, object] = field(default_factory=dict)
    results: list[ActionResult] = field(default_factory=list)
    steps: int = 0
    slot: Slot | None = None
    """The slot of a schedule that orders this turn."""
    post: Post | None = None
    """What the slot has become, where it publishes something."""
    excuse: str = ""
    """Why nothing comes of its slot, though nothing is wrong."""
    timings: Timings = field(default_factory=Timings)
    said: dict[str, str] = field(default_factory=dict)
    """By the ids of the words, which are in order whatever ran side by side."""
    showing: Showing | None = None
    """Its answer as it grows, where its client shows that."""
    closed: bool = False
    _cause: Message | None = None
    _composes: bool = False

    @property
    def id(self) -> str:
        return self.taken.id

    @property
    def message(self) -> Message:
        return self.taken.message

    # --- what comes by the clock

    async def order(self) -> Slot:
        """The slot whose work this turn does; raises CarrierError when there is none."""
        self.slot = await slot_of(self.turns.ledger, self.message)
        if self.slot is None:
            raise CarrierError(f"no schedule has ordered {self.message.id}")
        return self.slot

    @property
    def words(self) -> Words:
        """What the operator wants said when the model cannot speak; where nobody asked, nobody waits for them."""
        return Words() if self.message.kind == "schedule" else self.agent.words

    # --- who has caused it

    async def cause(self) -> Message:
        """The message that all of the turn goes back to: of a decision, the one that led to what was decided; of a
        colleague's question, what somebody outside has said."""
        if self._cause is None and self.message.kind in ("approval", "ask"):
            found = approvals.cause if self.message.kind == "approval" else self._first
            self._cause = await self.turns.ledger.read(partial(found, message=self.message))
            # What nobody is known to have caused nobody has a say in.
            self._cause = self._cause or replace(self.message, sender="", roles=(), text="")
        return self._cause or self.message

    def _first(self, connection: Connection, message: Message) -> Message | None:
        return first_message(connection, self.id)

    async def own_words(self) -> str:
        """All that who has caused the turn has said here, as far as the recent window goes."""
        cause = await self.cause()
        window = await self.turns.windows.recent(self.agent, self.message, self.agent.memory.recent)
        texts = [*(line.text for line in window if line.sender == cause.sender and not line.own), cause.text]
        # A line behind a `>` is quoted: somebody else has said it.
        return "\n".join(line for text in texts for line in text.splitlines() if not line.startswith(">"))

    # --- its steps

    def meet(self) -> None:
        """Room, entity and participant exist from now on; a question of a colleague's is no meeting."""
        if self.message.kind != "ask":
            self.journal.submit(partial(connect, message=self.message))

    def compose(self) -> None:
        """It is shown in the room that an answer is being written, until the turn ends."""
        self._composes = True
        self.turns.abilities.composing(self.message, on=True)
        if self.turns.abilities.shows(self.message.client):
            self.showing = self._preview()

    def _preview(self) -> Showing:
        message = self.message
        outgoing = Outgoing("", message.client, message.room, "", self.agent.name, self._answered)
        return Showing(self.id, named(self.agent, outgoing), self.turns.ledger, self.turns.abilities)

    @property
    def is_read_along(self) -> bool:
        """Whether anybody sees its answer grow."""
        return self.showing is not None or self.turns.watchers.streaming(self.id)

    async def settle(self) -> None:
        """Of its answer nothing more is shown than is."""
        if self.showing:
            await self.showing.settle()

    async def take_back(self) -> None:
        """What was shown of its answer is not the answer: that begins anew, below what is said meanwhile."""
        if self.showing:
            await self.showing.settle()
            replaced = partial(previews.replace, turn=self.id, client=self.message.client, first="")
            await self.turns.ledger.write(replaced)
            self.turns.more_to_send(self.message.client)
            self.showing = self._preview()

    def rest(self) -> None:
        """Nothing more is composed in it."""
        self.turns.windows.forget(self.agent, self.message)
        if self._composes:
            self.turns.abilities.composing(self.message, on=False)

    async def is_alone(self) -> None:
        """On disk before it goes on: if the process dies now, this turn is to blame."""
        self.journal.submit(lambda connection, clock: rows.alone(connection, self.id))
        await self.journal.committed()

    async def fetch(self) -> None:
        """What came with the message is on disk from now on, as far as its client could get it."""
        if any(file.url and not (file.path or file.text) for file in self.message.attachments):
            files = await self.turns.abilities.fetch(self.message)
            self.taken = replace(self.taken, message=replace(self.message, attachments=files))
            self.journal.submit(lambda connection, clock: rows.attach(connection, self.message, files))

    async def action_ends(
        self, name: str, result: ActionResult, said: Sequence[str] = (), also: Sequence[Write] = ()
    ) -> None:
        """The result of an action, what it said and what it left to be written, in one transaction.

        Raises ActionError, and nothing is written, where something of it cannot be.
        """
        speeches = [self.speech(f"{name}/{n:02}", text) for n, text in enumerate(said)]
        spoken = [Write(partial(rows.speak, taken=self.taken, speech=speech)) for speech in speeches]
        await self.journal.action_ends(name, result, [*spoken, *also, *self._doubt(name, result)])
        self.tell_of(speeches)

    def _doubt(self, name: str, result: ActionResult) -> Iterator[Write]:
        """What tells the operator of a call that may have been carried out."""
        text = f"{result.call.name} in {self.message.room} is in doubt: {result.text}"
        notice = trouble(self.agent, f"{self.id}/{name}/trouble", text) if result.status == "in doubt" else None
        if notice:
            client, send = notice.client, self.turns.abilities.send
            yield Write(partial(send, outgoing=notice), lambda _: self.turns.more_to_send(client))

    def speech(self, place: str, text: str) -> rows.Speech:
        """Words of the agent's in this room, with what is kept of them and what has to be sent."""
        message = self.message
        # It stands where the message stands, after it by its id.
        place = f"{rows.turn_id(self.agent.name, message.id)}/{place}"
        room, split = message.room, self.turns.abilities.split
        return speech(self.agent, place, room, text, message.at, split, message.client, self._answered, message.direct)

    @property
    def _answered(self) -> str:
        """What the platform shows as answered; a decision and an order have no place there, but what led to them."""
        message = self.message
        return message.reply_to if message.kind in ("approval", "schedule") else message.platform_id

    def tell_of(self, speeches: Sequence[rows.Speech]) -> None:
        """These words are on disk: they are remembered, and their senders told."""
        self.said.update((said.id, said.text) for said in speeches)
        if self.message.kind != "ask":
            self.turns.memories.put([said.memory for said in speeches])
        for client in {outgoing.client for said in speeches for outgoing in said.outgoing}:
            self.turns.more_to_send(client)
