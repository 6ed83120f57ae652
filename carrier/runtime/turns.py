"""Turns under way: what each answers and how it ends, and the one view of it that parts are shown."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from math import inf
from types import TracebackType
from typing import Any, Literal, Self

from sqlalchemy import Connection

from carrier.errors import ActionError, CarrierError, LedgerError, ModelError, NotNow
from carrier.interfaces import Left, Memories, Turn
from carrier.ledger import approvals, calls
from carrier.ledger import turns as rows
from carrier.ledger.asks import first_message
from carrier.ledger.calls import Full, Limit
from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.forms import dump, storable
from carrier.ledger.intake import Intake, connect
from carrier.ledger.jobs import ReflectionDue
from carrier.ledger.memory_log import remember
from carrier.ledger.slots import Slot
from carrier.quoting import share
from carrier.runtime import asking
from carrier.runtime.abilities import Abilities
from carrier.runtime.handovers import Handovers
from carrier.runtime.journal import Journal, Write
from carrier.runtime.notices import trouble
from carrier.runtime.orders import end_slot, file_post, is_draft, slot_of
from carrier.runtime.speaking import named, speech
from carrier.runtime.watchers import Watchers
from carrier.runtime.windows import Windows
from carrier.types import (
    SILENCE,
    ActionCall,
    ActionResult,
    Agent,
    Completion,
    Ended,
    Memory,
    Message,
    Outgoing,
    Post,
    Recalled,
    Response,
    RoomRules,
    Scope,
    Words,
)

log = logging.getLogger(__name__)

Ask = Callable[[str, str, str, Literal["large", "small"]], Awaitable[Completion]]
"""Ask one of an agent's models: system text, text, purpose, which model."""

FIRST_LOOK, LONGEST_WAIT = 5.0, 300.0
"""Seconds until a model is asked again for a turn that waits: where nobody knows when it may be, and at most."""
MOSTLY = 0.5
"""What of a fact's words somebody has to have said for it to count as said by them."""


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
    """One pass through the loop, as the runtime holds it. Leaving it by an error ends it with the operator's words."""

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
    _said: dict[str, str] = field(default_factory=dict)
    """By the ids of the words, which are in order whatever ran side by side."""
    _closed: bool = False
    _cause: Message | None = None
    _composes: bool = False

    @property
    def id(self) -> str:
        return self.taken.id

    @property
    def message(self) -> Message:
        return self.taken.message

    # --- its ends

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.turns.windows.forget(self.agent, self.message)
        if self._composes:
            self.turns.abilities.composing(self.message, on=False)
        if error is None or self._closed or isinstance(error, LedgerError):
            return False
        wait = _wait(self.agent, error) if self._may_wait else None
        if isinstance(error, Exception) and not wait:
            await self._fail(error)
            return True
        await self._let_go()
        if wait:
            raise wait from error
        return False

    async def _fail(self, error: Exception) -> None:
        reason = str(error) or f"it took longer than {self.seconds:g} s"
        unforeseen = not isinstance(error, CarrierError | TimeoutError)
        log.error("%s: the turn for %s failed: %s", self.agent.name, self.message.id, reason, exc_info=unforeseen)
        await self.close(Response(self.words.failed, "failed"), error=reason)

    async def is_alone(self) -> None:
        """On disk before it goes on: if the process dies now, this turn is to blame."""
        self.journal.submit(lambda connection, clock: rows.alone(connection, self.id))
        await self.journal.committed()

    async def _let_go(self) -> None:
        """Stopped, not failed: the next start goes on with it, and this attempt does not count."""
        self.journal.submit(lambda connection, clock: rows.let_go(connection, self.taken))
        await self.journal.committed()

    async def close(self, response: Response, reflections: Sequence[ReflectionDue] = (), error: str = "") -> None:
        """Send and remember: the answer, what follows from it and the end of the turn, in one transaction."""
        said = self._speech("reply", response.text) if response.text.strip() and not is_draft(self.slot) else None
        # Nobody looks back on what colleagues ask one another.
        due = () if self.message.kind == "ask" else reflections
        closing = rows.Closing(response.outcome, said, self._event(response, error), due)
        close = partial(rows.close, taken=self.taken, agent=self.agent.name, closing=closing)
        given_up = f"the turn for {self.message.id} is given up: {error}"
        notice = trouble(self.agent, f"{self.id}/trouble", given_up) if response.outcome == "dead" else None

        def transaction(connection: Any, clock: Any) -> bool:
            if self.slot:
                self._ask(connection, clock, self._end_slot(connection, clock, self.slot, response, error))
            elif notice:
                self.turns.abilities.send(connection, clock, notice)
            return close(connection, clock)

        self._keep_handover()
        self.journal.submit(transaction)
        reflection_is_due = await self.journal.committed()
        self._closed = True
        if self.slot:
            self._tell_of_slot()
        elif notice:
            self.turns.more_to_send(notice.client)
        self._tell_of([said] if said else [])
        self.turns.closed(bool(reflection_is_due))
        self.turns.watchers.end(self._ended(response))

    def _end_slot(
        self, connection: Connection, clock: Clock, slot: Slot, response: Response, error: str
    ) -> Outgoing | None:
        if self.post:
            return file_post(connection, clock, self.agent, self.id, self.post)
        room, reason = self.message.room, error or self.excuse
        return end_slot(connection, clock, slot, self.agent, self.id, room, response, reason)

    def _keep_handover(self) -> None:
        """A conversation that was handed over lasts as long as somebody speaks; the clock is nobody."""
        go_on = self.turns.handovers.go_on(self.message.room, self.agent.name)
        if go_on and self.message.kind != "schedule":
            self.journal.submit(go_on)

    def passes_on(self, agent: str, result: ActionResult, behind: Sequence[str]) -> None:
        """By this result another agent answers instead, and the messages behind it: who waits, waits for that."""
        watchers, ended = self.turns.watchers, self._ended(SILENCE)
        so_far = replace(ended, results=(*ended.results, result))
        watchers.pass_on(self.id, rows.turn_id(agent, self.message.id), so_far)
        for message in behind:
            watchers.pass_on(rows.turn_id(self.agent.name, message), rows.turn_id(agent, message))

    def _ended(self, response: Response) -> Ended:
        texts = (*self.taken.said, *(self._said[id] for id in sorted(self._said)))
        return Ended(
            self.id, self.agent.name, self.message.room, response.outcome, texts, tuple(self.results), self.model
        )

    @property
    def model(self) -> str:
        """The one that answered last."""
        return self.journal.completions[-1].model if self.journal.completions else ""

    def _event(self, response: Response, error: str) -> str:
        usage = [completion.usage for completion in self.journal.completions]
        event = {
            "id": self.id,
            "at": self.turns.ledger.clock.tick(),
            "agent": self.agent.name,
            "room": self.message.room,
            "client": self.message.client,
            "kind": self.message.kind,
            "model": self.model,
            "tokens_in": sum(used.tokens_in for used in usage),
            "tokens_out": sum(used.tokens_out for used in usage),
            "cost": sum(used.cost for used in usage),
            "ms": {**self.timings.ms, "total": round(self.timings.seconds * 1000, 2)},
            "actions": [{"name": result.call.name, "status": result.status} for result in self.results],
            "outcome": response.outcome,
            "revision": self.agent.revision,
            "error": error,
        }
        return dump(dict[str, Any], event)

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

    @property
    def _may_wait(self) -> bool:
        """What comes by the clock waits for a model only as long as it may still begin."""
        return self.slot is None or self.turns.ledger.clock.tick() <= self.slot.until

    def _tell_of_slot(self) -> None:
        if is_draft(self.slot) and self.agent.approvals.room:
            self.turns.more_to_send(self.agent.approvals.room.partition("/")[0])
        self.turns.slot_ended()

    # --- what waits for a human

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

    async def ask_approval(
        self, name: str, call: ActionCall, digest: str, reason: str = "", shown: str = "", limits: Sequence[Limit] = ()
    ) -> ActionResult | Full:
        """Have somebody asked whether this call may run. The turn does not wait: the result says that it is pending.

        `shown` is what may be said of its arguments. Where a limit is full nobody is asked.
        """
        settings, cause = self.agent.approvals, await self.cause()

        def transaction(connection: Any, clock: Any) -> tuple[Any, bool]:
            if full := calls.count(connection, clock, self.id, name, limits):
                return full, False
            room = self._room_of_decisions(connection)
            asked = approvals.Asked(self.id, self.agent.name, room, call, digest, settings.expire, reason)
            number, new = approvals.ask(connection, clock, asked)
            text = asking.PENDING.format(number=number) if number else asking.TOO_MUCH_WAITS
            result = ActionResult(call, "pending" if number else "failed", text)
            rows.note(connection, clock, self.id, name, dump(ActionResult, result), "action")
            if new and settings.room:
                notice = asking.notice(self.agent, number, asked, cause, shown)
                key, client = f"{self.id}/{name}/notice", settings.room.partition("/")[0]
                asks = Outgoing(key, client, settings.room, notice, self.agent.name, asks=number)
                self._ask(connection, clock, asks)
            return result, new

        self.journal.submit(transaction)
        result, new = await self.journal.committed()
        if new:
            log.info("%s: %s waits for approval: %s", self.agent.name, call.name, result.text)
        if new and settings.room:
            self.turns.more_to_send(settings.room.partition("/")[0])
        found: ActionResult | Full = result
        return found

    def _ask(self, connection: Connection, clock: Any, asks: Outgoing | None) -> None:
        if asks:
            self.turns.abilities.send(connection, clock, named(self.agent, asks))

    def _room_of_decisions(self, connection: Connection) -> str:
        """Where what somebody decides is followed up: where this is talked about, whoever asked whom on the way."""
        first = first_message(connection, self.id) if self.message.kind == "ask" else None
        return first.room if first else self.message.room

    async def decided(self) -> approvals.Approval:
        """The approval that this turn's message tells the decision of."""
        number = approvals.number_of(self.message)
        found = await self.turns.ledger.read(partial(approvals.get, id=number))
        if found is None or (found.agent, found.room) != (self.agent.name, self.message.room):
            raise CarrierError(f"there is no approval #{number} of {self.agent.name} in {self.message.room}")
        return found

    async def use_approval(self, name: str, id: str) -> bool:
        """Take the approval, and begin its call at this place, in one transaction; False when it was used already."""

        def transaction(connection: Any, clock: Any) -> bool:
            if not approvals.use(connection, id):
                return False
            rows.start(connection, clock, self.id, self.agent.name, name, "action")
            return True

        self.journal.submit(transaction)
        return bool(await self.journal.committed())

    # --- its steps

    def meet(self) -> None:
        """Room, entity and participant exist from now on; a question of a colleague's is no meeting."""
        if self.message.kind != "ask":
            self.journal.submit(partial(connect, message=self.message))

    def compose(self) -> None:
        """It is shown in the room that an answer is being written, until the turn ends."""
        self._composes = True
        self.turns.abilities.composing(self.message, on=True)

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
        speeches = [self._speech(f"{name}/{n:02}", text) for n, text in enumerate(said)]
        spoken = [Write(partial(rows.speak, taken=self.taken, speech=speech)) for speech in speeches]
        await self.journal.action_ends(name, result, [*spoken, *also, *self._doubt(name, result)])
        self._tell_of(speeches)

    def _doubt(self, name: str, result: ActionResult) -> Iterator[Write]:
        """What tells the operator of a call that may have been carried out."""
        text = f"{result.call.name} in {self.message.room} is in doubt: {result.text}"
        notice = trouble(self.agent, f"{self.id}/{name}/trouble", text) if result.status == "in doubt" else None
        if notice:
            client, send = notice.client, self.turns.abilities.send
            yield Write(partial(send, outgoing=notice), lambda _: self.turns.more_to_send(client))

    def _speech(self, place: str, text: str) -> rows.Speech:
        """Words of the agent's in this room, with what is kept of them and what has to be sent."""
        message = self.message
        # It stands where the message stands, after it by its id.
        place = f"{rows.turn_id(self.agent.name, message.id)}/{place}"
        # A decision and an order have no place on the platform: what is said to one answers what led to it.
        reply_to = message.reply_to if message.kind in ("approval", "schedule") else message.platform_id
        room, split = message.room, self.turns.abilities.split
        return speech(self.agent, place, room, text, message.at, split, message.client, reply_to, message.direct)

    def _tell_of(self, speeches: Sequence[rows.Speech]) -> None:
        self._said.update((said.id, said.text) for said in speeches)
        if self.message.kind != "ask":
            self.turns.memories.put([said.memory for said in speeches])
        for client in {outgoing.client for said in speeches for outgoing in said.outgoing}:
            self.turns.more_to_send(client)

    # --- what parts are shown of it

    def view(self, step: str, ask: Ask, say: Callable[[str], Awaitable[None]] | None = None) -> Turn:
        """The turn as a provider, an action or a gate sees it; `step` tells its journal entries from others'."""
        # Numbered in the order of asking: after a restart the same part asks in the same order.
        number = count()

        async def ask_model(system: str, text: str, *, purpose: str, model: Literal["large", "small"] = "small") -> str:
            name = f"{step}/ask/{next(number)}"
            return (await self.journal.paid(name, lambda: ask(system, text, purpose, model))).text

        async def keep(text: str) -> None:
            await self._remember(f"{self.id}/{step}/fact/{next(number)}", text)

        seconds = max(0.0, self.seconds - self.timings.seconds)
        return Turn(
            message=self.message,
            agent=self.agent,
            state=self.state,
            results=tuple(self.results),
            left=Left(seconds, self.agent.limits.steps - self.steps),
            say=say or _nobody_speaks,
            ask_model=ask_model,
            recall=self._recall,
            remember=keep,
            once=_Once(self.journal, step),
        )

    async def _recall(self, text: str) -> list[Recalled]:
        """What comes up for a text and is not in the recent window, which holds all there is of a young room."""
        settings = self.agent.memory
        window = await self.turns.windows.recent(self.agent, self.message, settings.recent)
        if settings.scope == "room" and len(window) < settings.recent:
            return []
        told = (rows.turn_id(self.agent.name, id) for id in (*self.message.gathered, self.message.id))
        seen = {*told, *(line.id if line.own else rows.turn_id(self.agent.name, line.id) for line in window)}
        scope, here = scope_of(self.agent, self.message), self.message.room
        return await self.turns.memories.recall(scope, text, settings.recall, seen, here=here)

    async def _remember(self, id: str, text: str) -> None:
        agent, message = self.agent, self.message
        is_said = share(text.replace(message.sender_name, ""), await self.own_words()) >= MOSTLY
        memory = Memory(
            id=id,
            agent=agent.name,
            room=message.room,
            entity=message.sender,
            kind="fact",
            text=storable(text),
            at=message.at,
            name=message.sender_name,
            source_ids=(*message.gathered, message.id),
            revision=agent.revision,
            trust="said" if is_said else "claimed",
            private=message.direct,
        )
        ledger = self.turns.ledger
        self.turns.memories.put(await ledger.write(partial(remember, clock=ledger.clock, memories=[memory])))


def _wait(agent: Agent, error: BaseException) -> NotNow | None:
    """For how long a turn waits instead of failing, if it does."""
    if agent.when_down == "say" or not isinstance(error, ModelError):
        return None
    passes = error.kind in ("down", "busy") or error.retry_after
    return NotNow(str(error), min(error.retry_after or FIRST_LOOK, LONGEST_WAIT)) if passes else None


@dataclass(frozen=True, slots=True)
class _Once:
    """The journal, from one part's place in it."""

    journal: Journal
    step: str

    @property
    def key(self) -> str:
        return f"{self.journal.id}/{self.step}"

    async def __call__(self, name: str, work: Callable[[], Awaitable[Any]], form: Any = object) -> Any:
        return await self.journal.once(f"{self.step}/{name}", work, form)


async def _nobody_speaks(text: str) -> None:
    raise ActionError("only an action may say something beside the answer")


def scope_of(agent: Agent, message: Message) -> Scope:
    """Where an agent looks for memories while it answers a message."""
    match agent.memory.scope:
        case "room":
            return Scope(agent.name, room=message.room)
        case "user":
            return Scope(agent.name, entity=message.sender)
        case "agent":
            return Scope(agent.name)
