"""What waits for a human: decided once, by somebody who may, or expired."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from sqlalchemy import Connection

from carrier.errors import Conflict, UnknownApproval
from carrier.ledger import approvals
from carrier.ledger.approvals import Approval, Decision
from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.intake import Intake
from carrier.runtime import drafts
from carrier.runtime.permitting import digest, is_one_of
from carrier.types.agents import Agent
from carrier.types.models import ActionCall
from carrier.types.talk import Message

log = logging.getLogger(__name__)

LOOK = 30.0
"""Seconds between two looks for what has waited too long."""
SAID = re.compile(r"\s*(approve|refuse)\s+#?([0-9]{1,12})\b", re.IGNORECASE)
_MEANT: Mapping[str, Literal["approved", "refused"]] = {"approve": "approved", "refuse": "refused"}


class Decisions:
    """Takes decisions, and queues the turns that follow from them."""

    def __init__(
        self,
        ledger: Ledger,
        queue: Callable[[Intake], None],
        agents: Callable[[], Mapping[str, Agent]],
        held: Callable[[], bool] = lambda: False,
        look: float = LOOK,
    ):
        """While it is `held`, for the clock cannot be right, nothing expires."""
        self._ledger, self._queue, self._agents, self._held, self._look = ledger, queue, agents, held, look

    async def run(self) -> None:
        """Until cancelled: what nobody decides in time expires, and is told of."""
        while True:
            now = self._ledger.clock.now()
            late = await self._ledger.read(partial(approvals.due, now=now))
            for id in () if self._held() else late:
                await self._decide(id, "expired", "")
            await asyncio.sleep(self._look)

    async def decide(
        self, id: str, decision: Decision, by: str, arguments: Mapping[str, object] | None = None
    ) -> Approval:
        """Decide what is pending; with other arguments it is `edited`.

        Raises UnknownApproval, and Conflict when it is decided already, or its agent is not here to be asked what an
        edit means.
        """
        approval = await self._ledger.read(partial(approvals.get, id=id))
        if approval is None:
            raise UnknownApproval(f"there is no approval #{id}")
        taken = await self._decide(id, decision, by, arguments, self._digest(approval, arguments))
        decided = await self._ledger.read(partial(approvals.get, id=id))
        assert decided is not None
        if taken is None or (decided.state == "expired" and decision != "expired"):
            raise Conflict(
                f"#{id} is {decided.state}{f' by {decided.decided_by}' if decided.decided_by else ''} already"
            )
        return decided

    def _digest(self, approval: Approval, arguments: Mapping[str, object] | None) -> str:
        if arguments is None:
            return ""
        if drafts.is_about_a_post(approval):
            raise Conflict(f"#{approval.id} is a post; `carrier-host posts edit {approval.call.id}` changes it")
        if approval.slot and not (isinstance(arguments.get("text"), str) and str(arguments["text"]).strip()):
            raise Conflict(f'#{approval.id} waits with its words; edit them as {{"text": "…"}}')
        if approval.agent not in self._agents():
            raise Conflict(f"the agent {approval.agent!r} is not here; #{approval.id} can only be approved as it is")
        return digest(self._agents()[approval.agent], ActionCall(approval.call.id, approval.call.name, arguments))

    async def _decide(
        self, id: str, decision: Decision, by: str, arguments: Mapping[str, object] | None = None, digest: str = ""
    ) -> Intake | None:
        decided = partial(_decided, clock=self._ledger.clock, id=id, decision=decision, by=by)
        taken = await self._ledger.write(partial(decided, arguments=arguments, digest=digest))
        if taken:
            log.info("approval #%s: %s %s", id, decision, f"by {by}" if by else "")
            self._queue(taken)
        return taken

    async def hears(self, message: Message) -> bool:
        """Whether a message was a decision, said by somebody who may in the room where it was asked for."""
        return await self.heard(message) is not None

    async def heard(self, message: Message) -> str | None:
        """The same, with what has become of what was to be decided; None for any other message."""
        said = SAID.match(message.text)
        if not said or not any(_may(agent, message) for agent in self._agents().values()):
            return None
        approval = await self._ledger.read(partial(approvals.get, id=said[2]))
        agent = self._agents().get(approval.agent) if approval else None
        if not approval or not agent or not _may(agent, message):
            return None
        by, meant = message.sender_name or message.sender, _MEANT[said[1].lower()]
        try:
            await self.decide(approval.id, meant, by)
        except Conflict as conflict:
            log.info("%s", conflict)
            return str(conflict)
        return f"#{approval.id} is {meant} by {by}"


def _decided(
    connection: Connection,
    clock: Clock,
    id: str,
    decision: Decision,
    by: str,
    arguments: Mapping[str, object] | None,
    digest: str,
) -> Intake | None:
    """In one transaction with what follows for a post; raises Conflict, and decides nothing, where that cannot be."""
    taken = approvals.decide(connection, clock, id, decision, by, arguments, digest)
    approval = approvals.get(connection, id) if taken else None
    if approval and drafts.is_about_a_post(approval):
        drafts.follow(connection, clock, approval, approval.state, by)
    return taken


def _may(agent: Agent, message: Message) -> bool:
    """Whether somebody may decide for an agent, there."""
    settings = agent.approvals
    return message.room == settings.room and is_one_of(message, settings.users, settings.roles)
