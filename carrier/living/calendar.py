"""What comes by the clock: schedules, and the posts that they or an operator order."""

from collections.abc import Iterator

from carrier.assemble import open_darkroom, open_outlet
from carrier.config.timing import moment_of, times_of_day
from carrier.interfaces import Publisher
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
from carrier.scheduler.filing import micros
from carrier.scheduler.scheduler import Scheduler


class Calendar:
    """The scheduler, whose orders go through the inbox, and what makes, edits and publishes posts."""

    def __init__(self, here: Here, ledger: Ledger, inbox: Inbox, telling: Telling, mutes: Mutes, send: Send):
        self._here = here
        self.scheduler = Scheduler(
            ledger, here.schedules, here.definitions, inbox.queue, here.more_to_send, muted=mutes.by, send=send
        )
        self.controls = Controls(self.scheduler)
        self.posting = Posting(
            ledger, self.outlet, telling.tell_of_post, over=self.scheduler.wake.set, held=self.clock_is_wrong
        )
        darkroom = open_darkroom(here.catalog.root, here.at_start.data)
        self.drafting = Drafting(ledger, darkroom, here.schedules)
        self.editing = Editing(ledger, darkroom, self.look, here.definition, send, here.more_to_send)

    def look(self) -> None:
        """Something may be due now, or is over."""
        self.scheduler.wake.set()
        # What a slot publishes is a post by now.
        self.posting.wake.set()

    def clock_is_wrong(self) -> bool:
        # Whoever looks first after a jump has to see it.
        return bool(self.scheduler.held or self.scheduler.wall.doubt(None))

    def publisher(self, client: str) -> Publisher | None:
        """Of a client, while it is here and publishes."""
        outlet = self.outlet(client)
        return outlet.publisher if outlet else None

    def times(self, outlet: Outlet, at: str) -> Iterator[int]:
        """When a post may go out, the first first: at a moment by the host's clock, or in a `slot`; none: now.

        Raises ValueError.
        """
        now, zone = self.scheduler.wall.now(), self._here.settings.timezone
        if at == "slot":
            if not outlet.slots:
                raise ValueError("it has no `slots`: write when its posts go out, as in slots: [8:00, 12:30]")
            return map(micros, times_of_day(outlet.slots, zone, now))
        wanted = [moment_of(at, zone)] if at else []
        if any(moment <= now for moment in wanted):
            raise ValueError(f"{at} is over")
        return map(micros, wanted)

    def outlet(self, client: str) -> Outlet | None:
        """Where posts of a client go out; None while it is not here, or publishes nothing."""
        living = self._here.clients.get(client)
        return open_outlet(living.client, self._here.at_start.data) if living else None
