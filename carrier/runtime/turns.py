"""Turns under way: what each answers and how it ends, and the one view of it that parts are shown."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self

from carrier.errors import ActionError, CarrierError, LedgerError
from carrier.interfaces import Left, Memories, Turn
from carrier.ledger import approvals
from carrier.ledger import turns as rows
from carrier.ledger.engine import Ledger
from carrier.ledger.forms import dump, storable
from carrier.ledger.intake import connect
from carrier.ledger.jobs import ReflectionDue
from carrier.ledger.memory_log import remember
from carrier.ledger.slots import Slot
from carrier.runtime.journal import Journal
from carrier.runtime.notices import DOORS, trouble
from carrier.runtime.orders import end_slot, file_post, is_draft, slot_of
from carrier.runtime.watchers import Watchers
from carrier.runtime.windows import Windows
from carrier.types import (
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
    Scope,
    Words,
)

log = logging.getLogger(__name__)

Ask = Callable[[str, str, str, Literal["large", "small"]], Awaitable[Completion]]
"""Ask one of an agent's models: system text, text, purpose, which model."""


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
    slot_ended: Callable[[], None] = lambda: None
    """Tells the scheduler that the work of a slot has ended."""

    async def take(self, agent: Agent, message_id: str, message: Message | None = None) -> "OpenTurn | None":
        """The turn that answers a message, with its journal so far; None when it was answered already.

        A message that has only just come is handed in whole: its turn is new, and need not be read first.
        """
        clock = self.ledger.clock
        take = partial(rows.take, agent=agent.name, message_id=message_id, revision=agent.revision)
        committed = self.ledger.submit(partial(take, clock=clock))
        taken = rows.Taken(rows.turn_id(agent.name, message_id), message, {}, 1) if message else await committed
        if taken is None:
            return None
        turn = OpenTurn(self, agent, taken, Journal(self.ledger, taken.id, agent.name, taken.journal))
        turn.journal.follow(committed)
        turn.timings.ms["queue"] = round((clock.tick() - taken.message.at) / 1000, 2)
        return turn

    def rehearse(self, agent: Agent, message: Message) -> "OpenTurn":
        """A turn that is only composed: it is in no table."""
        taken = rows.Taken(rows.turn_id(agent.name, message.id), message, {}, attempts=1)
        return OpenTurn(self, agent, taken, Journal(self.ledger, taken.id, agent.name))


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
    _said: list[str] = field(default_factory=list)
    _closed: bool = False

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
        if error is None or self._closed or isinstance(error, LedgerError):
            return False
        if isinstance(error, Exception):
            await self._fail(error)
            return True
        await self._let_go()
        return False

    async def _fail(self, error: Exception) -> None:
        reason = str(error) or f"it took longer than {self.agent.limits.turn:g} s"
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
        speech = self._speech("reply", response.text) if response.text.strip() and not is_draft(self.slot) else None
        closing = rows.Closing(response.outcome, speech, self._event(response, error), reflections)
        close = partial(rows.close, taken=self.taken, agent=self.agent.name, closing=closing)
        given_up = f"the turn for {self.message.id} is given up: {error}"
        notice = trouble(self.agent, f"{self.id}/trouble", given_up) if response.outcome == "dead" else None

        def transaction(connection: Any, clock: Any) -> bool:
            if self.post:
                file_post(connection, clock, self.agent, self.id, self.post)
            elif self.slot:
                end_slot(
                    connection, clock, self.slot, self.agent, self.id, self.message.room, response, error or self.excuse
                )
            elif notice:
                rows.send(connection, clock, notice)
            return close(connection, clock)

        self.journal.submit(transaction)
        reflection_is_due = await self.journal.committed()
        self._closed = True
        if self.slot:
            self._tell_of_slot()
        elif notice:
            self.turns.more_to_send(notice.client)
        self._tell_of([speech] if speech else [])
        self.turns.closed(bool(reflection_is_due))
        self.turns.watchers.end(self._ended(response))

    def _ended(self, response: Response) -> Ended:
        texts = (*self.taken.said, *self._said)
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

    def _tell_of_slot(self) -> None:
        if is_draft(self.slot) and self.agent.approvals.room:
            self.turns.more_to_send(self.agent.approvals.room.partition("/")[0])
        self.turns.slot_ended()

    # --- what waits for a human

    async def ask_approval(self, name: str, call: ActionCall, digest: str) -> ActionResult:
        """Have somebody asked whether this call may run. The turn does not wait: the result says that it is pending."""
        settings, asker = self.agent.approvals, self.message.sender_name or self.message.sender
        asked = approvals.Asked(self.id, self.agent.name, self.message.room, call, digest, settings.expire)

        def transaction(connection: Any, clock: Any) -> tuple[ActionResult, bool]:
            number, new = approvals.ask(connection, clock, asked)
            result = ActionResult(call, "pending", PENDING.format(number=number))
            rows.note(connection, clock, self.id, name, dump(ActionResult, result), "action")
            if new and settings.room:
                notice = _notice(self.agent, number, call, asker, self.message.room)
                key, client = f"{self.id}/{name}/notice", settings.room.partition("/")[0]
                rows.send(connection, clock, Outgoing(key, client, settings.room, notice, self.agent.name))
            return result, new

        self.journal.submit(transaction)
        result, new = await self.journal.committed()
        log.info("%s: %s waits for approval: %s", self.agent.name, call.name, result.text)
        if new and settings.room:
            self.turns.more_to_send(settings.room.partition("/")[0])
        found: ActionResult = result
        return found

    async def decided(self) -> approvals.Approval:
        """The approval that this turn's message tells the decision of."""
        number = self.message.platform_id.split(":")[1]
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
        """Room, entity and participant exist from now on."""
        self.journal.submit(partial(connect, message=self.message))

    async def action_ends(self, name: str, result: ActionResult, said: Sequence[str] = ()) -> None:
        """The result of an action and what it said, in one transaction."""
        speeches = [self._speech(f"{name}/{n:02}", text) for n, text in enumerate(said)]
        also: list[Callable[..., Any]] = [partial(rows.speak, taken=self.taken, speech=speech) for speech in speeches]
        doubt = f"{result.call.name} in {self.message.room} is in doubt: {result.text}"
        notice = trouble(self.agent, f"{self.id}/{name}/trouble", doubt) if result.status == "in doubt" else None
        if notice:
            also.append(partial(rows.send, outgoing=notice))
        await self.journal.action_ends(name, result, also)
        self._tell_of(speeches)
        if notice:
            self.turns.more_to_send(notice.client)

    def _speech(self, place: str, text: str) -> rows.Speech:
        """Words of the agent's in this room, with what is kept of them and what has to be sent."""
        id, text, agent, message = f"{self.id}/{place}", storable(text), self.agent, self.message
        memory = Memory(
            id=id,
            agent=agent.name,
            room=message.room,
            entity=f"agent:{agent.name}",
            kind="reply",
            text=text,
            at=message.at,
            name=agent.character.display_name,
            revision=agent.revision,
        )
        if message.client in DOORS:
            return rows.Speech(id, text, memory)
        # A decision and an order have no place on the platform: what is said to one answers what led to it.
        reply_to = message.reply_to if message.kind in ("approval", "schedule") else message.platform_id
        outgoing = Outgoing(id, message.client, message.room, text, agent.name, reply_to)
        return rows.Speech(id, text, memory, (outgoing,))

    def _tell_of(self, speeches: Sequence[rows.Speech]) -> None:
        self._said.extend(speech.text for speech in speeches)
        self.turns.memories.put([speech.memory for speech in speeches])
        for client in {outgoing.client for speech in speeches for outgoing in speech.outgoing}:
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

        seconds = max(0.0, self.agent.limits.turn - self.timings.seconds)
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
        seen = {self.id, *(line.id if line.own else rows.turn_id(self.agent.name, line.id) for line in window)}
        return await self.turns.memories.recall(scope_of(self.agent, self.message), text, settings.recall, seen)

    async def _remember(self, id: str, text: str) -> None:
        agent, message = self.agent, self.message
        memory = Memory(
            id=id,
            agent=agent.name,
            room=message.room,
            entity=message.sender,
            kind="fact",
            text=storable(text),
            at=message.at,
            name=message.sender_name,
            source_ids=(message.id,),
            revision=agent.revision,
        )
        ledger = self.turns.ledger
        self.turns.memories.put(await ledger.write(partial(remember, clock=ledger.clock, memories=[memory])))


PENDING = "pending: #{number} waits for somebody to approve it. Do not call it again; say that it waits as #{number}."


def _notice(agent: Agent, number: str, call: ActionCall, asker: str, room: str) -> str:
    """What is said to those who may approve, with all that they decide about."""
    arguments = dump(dict[str, Any], dict(call.arguments))
    return (
        f"#{number}: {agent.character.display_name} wants to run {call.name} with {arguments} for {asker} in {room}. "
        f"Answer `approve {number}` or `refuse {number}`."
    )


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
