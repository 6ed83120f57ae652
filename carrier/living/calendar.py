"""What comes by the clock: schedules, and the posts that they or an operator order."""

from carrier.assemble import open_darkroom, open_outlet
from carrier.ledger.engine import Ledger
from carrier.living.here import Here
from carrier.living.telling import Telling
from carrier.posting import Outlet, Posting
from carrier.runtime.drafting import Drafting
from carrier.runtime.editing import Editing
from carrier.runtime.inbox import Inbox
from carrier.runtime.muting import Mutes
from carrier.runtime.speaking import Send
from carrier.scheduler.controls import Controls
from carrier.scheduler.scheduler import Scheduler


class Calendar:
    """The scheduler, whose orders go through the inbox, and what makes, edits and publishes posts."""

    def __init__(self, here: Here, ledger: Ledger, inbox: Inbox, telling: Telling, mutes: Mutes, send: Send):
        self._here = here
        self.scheduler = Scheduler(
            ledger, here.schedules, here.definitions, inbox.queue, here.more_to_send, muted=mutes.by, send=send
        )
        self.controls = Controls(self.scheduler)
        self.posting = Posting(ledger, self.outlet, telling.tell_of_post, over=self.scheduler.wake.set)
        darkroom = open_darkroom(here.catalog.root, here.at_start.data)
        self.drafting = Drafting(ledger, darkroom, here.schedules)
        self.editing = Editing(ledger, darkroom, self.look, here.definition, send, here.more_to_send)

    def look(self) -> None:
        """Something may be due now, or is over."""
        self.scheduler.wake.set()
        # What a slot publishes is a post by now.
        self.posting.wake.set()

    def clock_is_wrong(self) -> bool:
        return bool(self.scheduler.held)

    def outlet(self, client: str) -> Outlet | None:
        """Where posts of a client go out; None while it is not here, or publishes nothing."""
        living = self._here.clients.get(client)
        return open_outlet(living.client, self._here.at_start.data) if living else None
