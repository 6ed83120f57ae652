"""Tells the operator, in the room that was named for it, what nobody in a conversation can mend."""

import logging
from dataclasses import dataclass

from carrier.errors import LedgerError
from carrier.ledger.engine import Ledger
from carrier.living.here import Here
from carrier.runtime.notices import notice
from carrier.runtime.speaking import Send
from carrier.types.posts import Post

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Telling:
    """Where no room was named nobody is told."""

    here: Here
    ledger: Ledger
    send: Send

    async def tell(self, text: str, room: str = "") -> None:
        """In a room, or in the one for what concerns the whole host."""
        clock = self.ledger.clock
        outgoing = notice(room or self.here.settings.notify, f"host/notice/{clock.tick()}", text)
        if outgoing is None:
            return
        try:
            await self.ledger.write(lambda connection: self.send(connection, clock, outgoing))
        except LedgerError as error:
            log.error("%s cannot be told: %s", outgoing.room, error)
        self.here.more_to_send(outgoing.client)

    async def tell_of_post(self, post: Post) -> None:
        """Of what failed or was missed of a schedule the scheduler tells; of all else somebody has to know here."""
        if not post.slot or post.stuck or post.state == "unconfirmed":
            state = "waits" if post.stuck else f"is {post.state}" if post.state == "unconfirmed" else post.state
            text = f"The post {post.id} of {post.client} {state}: {post.reason}"
            await self._tell_who_has(post.agent, text)

    async def tell_of_client(self, client: str, text: str) -> None:
        """Something about a client that only its operator can mend."""
        await self._tell_who_has(self.here.client_definition(client).agent, text)

    async def _tell_who_has(self, agent: str, text: str) -> None:
        here = self.here.definition(agent)
        await self.tell(text, here.notify if here else "")
