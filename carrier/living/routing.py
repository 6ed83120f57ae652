"""Whom a message concerns, now: by its client's rules, by what is muted, and by who stands in for whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from carrier.errors import UnknownRoom
from carrier.ledger.engine import Clock
from carrier.ledger.intake import Place
from carrier.ledger.known import Known
from carrier.living.here import Here
from carrier.runtime.deciding import admits, decide, is_too_old, rules_in
from carrier.runtime.handovers import Handovers
from carrier.runtime.muting import Mutes
from carrier.runtime.pacing import Pace
from carrier.types.clients import RoomRules
from carrier.types.talk import Message


@dataclass(frozen=True)
class Routing:
    """Every answer is as of now."""

    here: Here
    clock: Clock
    mutes: Mutes
    handovers: Handovers
    _pace: Pace = field(default_factory=Pace)

    def room(self, name: str) -> str:
        """A room by its client and id, where the client may have a name for it; raises UnknownRoom."""
        client, _, room = name.partition("/")
        if client not in self.here.clients or not room:
            known = ", ".join(sorted(self.here.clients)) or "no client"
            raise UnknownRoom(f"{name!r} is no room here: a room is client/room, and there is {known}")
        return f"{client}/{self.here.client_definition(client).rules.rooms.get(room, room)}"

    def rules_in(self, message: Message) -> RoomRules:
        """What holds in a message's room."""
        rules = rules_in(self.here.client_definition(message.client), message)
        return replace(rules, respond="never") if self.mutes.holds(message) else rules

    def route(self, message: Message) -> Callable[[Known], Mapping[str, Place]]:
        """Whom a message concerns, by what is known when it is stored; raises UnknownAgent.

        An agent that is away keeps its messages until it is back.
        """
        if message.to:
            self.here.agent(message.to)
        # What is here now, for it is looked at in another thread.
        agents = self.here.definitions()
        client, rules = self.here.client_definition(message.client), self.rules_in(message)
        handed_over = {name: self.handovers.holder(message.room, name) for name in (message.to, *rules.agents)}
        return partial(decide, message, client, rules, agents, handed_over)

    def admits(self, message: Message) -> bool:
        """Whether its sender has access there."""
        return admits(self.here.client_definition(message.client).rules.access, message)

    def within_pace(self, agent: str, message: Message) -> bool:
        """Whether an agent answers one more message of who sent this one."""
        here = self.here.definition(agent)
        return here is None or self._pace.allows(agent, message.sender, here.limits)

    def gather(self, message: Message) -> float:
        """For how many seconds the sender of a message may go on with it."""
        return self.here.client_definition(message.client).rules.gather if message.kind == "chat" else 0.0

    def is_too_old(self, message: Message) -> bool:
        """Whether a message that has waited is only heard by now."""
        return is_too_old(message, self.here.client_definition(message.client), self.clock.tick())

    def answering(self, message: Message) -> str:
        """The agent that a message to an agent goes to, which may be another that stands in for it."""
        return self.handovers.holder(message.room, message.to)

    def answering_there(self, message: Message) -> tuple[str, ...]:
        """Who answers in a message's room now."""
        rules = self.rules_in(message)
        if rules.respond == "never":
            return ()
        return tuple(dict.fromkeys(self.handovers.holder(message.room, name) for name in rules.agents))
