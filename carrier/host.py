"""The host: keeps what runs equal to what the files want, keeps it alive, and stops it with nothing lost."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from carrier.assemble import Workshop, close_models, event_log, open_memories, open_models
from carrier.config.catalog import Catalog, HostSettings, Refused, load
from carrier.config.keeping import keep, kept
from carrier.config.revisions import digest
from carrier.config.watching import changes
from carrier.errors import ConfigError
from carrier.insights import Insights
from carrier.interfaces import Memories, ModelState
from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.intake import Intake
from carrier.ledger.memory_log import LedgerMemoryLog, refill
from carrier.ledger.previews import take_back_all
from carrier.ledger.spending import give_all_back
from carrier.living.calendar import Calendar
from carrier.living.clients import Clients
from carrier.living.here import Here, LivingAgent
from carrier.living.reloading import Overtaken, Reloaded, Reloads
from carrier.living.routing import Routing
from carrier.living.swapping import Broken, Living
from carrier.living.telling import Telling
from carrier.runtime.abilities import Abilities
from carrier.runtime.arrivals import Arrivals
from carrier.runtime.calling import Offers
from carrier.runtime.colleagues import Colleagues
from carrier.runtime.commanding import Commands
from carrier.runtime.decisions import Decisions
from carrier.runtime.events import Exporter
from carrier.runtime.forgetting import Forgetting
from carrier.runtime.handovers import Handovers
from carrier.runtime.inbox import Inbox
from carrier.runtime.jobs import Jobs
from carrier.runtime.later import Later
from carrier.runtime.muting import Mutes
from carrier.runtime.supervisor import LivingClient
from carrier.runtime.turns import Turns
from carrier.runtime.watchers import Watchers
from carrier.runtime.windows import Windows

log = logging.getLogger(__name__)

TURNS_SECONDS = 20.0
"""How long a stopping host waits for turns under way."""
SENDERS_SECONDS = 3.0
"""And then for what they left to send."""
GONE_SECONDS = 0.15
"""How long something has to be gone to be removed: a file that is being replaced may be gone for a moment."""


class Host:
    """What lives, and what it shares. Made by `running`."""

    def __init__(
        self,
        catalog: Catalog,
        ledger: Ledger,
        memories: Memories,
        watchers: Watchers,
        environment: Mapping[str, str] = os.environ,
        record: str = "",
    ):
        """`environment` is what the catalog was read with; `record` names the cassette that takes down all answers."""
        self._environment = environment
        self.ledger, self.memories, self.watchers = ledger, memories, watchers
        self.here = here = Here(catalog)
        self.agents: Mapping[str, LivingAgent] = here.agents
        self.clients: Mapping[str, LivingClient] = here.clients
        self.mutes = Mutes(ledger)
        self.handovers = Handovers(ledger, here.agents.__contains__)
        self.routing = Routing(here, ledger.clock, self.mutes, self.handovers)
        self.abilities = Abilities(here.client, here.is_dry, catalog.host.data)
        self.telling = Telling(here, ledger, self.abilities.send)
        self.inbox = self._make_inbox()
        self.calendar = Calendar(here, ledger, self.inbox, self.telling, self.mutes, self.abilities.send)
        self.later = Later(ledger, memories, here.definition, here.more_to_send, self.abilities.split)
        self.jobs = Jobs(ledger, memories, here.runtime)
        self.exporter = Exporter(ledger, event_log(catalog.host.data))
        self.insights = Insights(ledger, self.calendar.publisher, self.exporter.wake.set)
        self.decisions = Decisions(ledger, self._decided, lambda: self.catalog.agents, self.calendar.clock_is_wrong)
        self.reloads = Reloads(self._reload)
        self._models = open_models(catalog.root, record)
        self.turns = self._make_turns()
        workshop = self._make_workshop()
        clients = Clients(here.clients, workshop.client, ledger, self._arrivals, self.telling.tell_of_client)
        self.living = Living(here, workshop, clients, self.reloads)
        self.last_reload = Reloaded(0.0, "", False, ())
        self.last_success = 0.0
        """When all that ran was last what the files said."""
        self.stopping = False

    def _make_inbox(self) -> Inbox:
        limits, routing = self.settings.limits, self.routing
        return Inbox(
            self.ledger,
            self.memories,
            routing.route,
            self.here.runtime,
            limits.turns_at_once,
            limits.message_chars,
            routing.within_pace,
            routing.gather,
        )

    def _make_workshop(self) -> Workshop:
        return Workshop(
            turns=self.turns,
            alone=self.inbox.alone,
            secrets=lambda: self.catalog.secrets,
            port=lambda: self.settings.server.port,
            models=self._models,
            colleagues=Colleagues(self.ledger, self.here.runtime),
            data=self.settings.data,
            drafting=self.calendar.drafting,
            tell=self.telling.tell_of_client,
        )

    def _make_turns(self) -> Turns:
        return Turns(
            self.ledger,
            self.memories,
            self.watchers,
            Windows(self.ledger),
            self.here.more_to_send,
            self._turn_closed,
            too_old=self.routing.is_too_old,
            rules=self.routing.rules_in,
            gather=self.routing.gather,
            handovers=self.handovers,
            queue=self.inbox.queue,
            later_waits=self.later.wake.set,
            slot_ended=self.calendar.look,
            tools_changed=self._offer_anew,
            abilities=self.abilities,
        )

    def _turn_closed(self, reflection_is_due: bool) -> None:
        self.exporter.wake.set()
        if reflection_is_due:
            self.jobs.wake.set()

    def _decided(self, taken: Intake) -> None:
        self.inbox.queue(taken)
        self.calendar.look()

    def _arrivals(self, client: str) -> Arrivals:
        ledger, memories, data, inbox = self.ledger, self.memories, self.settings.data, self.inbox
        admits, answering, waiting = self.routing.admits, self.routing.answering_there, inbox.lanes.length
        forgetting = Forgetting(ledger, memories, data, self.handovers)
        commands = Commands(self.decisions, forgetting, self.mutes.mute, admits, answering, waiting)
        offers = Offers(self.here.client_definition, self.routing.rules_in, answering, self.here.tool)
        return Arrivals(client, inbox, ledger, memories, data, commands, offers)

    # --- asked by the doors

    @property
    def catalog(self) -> Catalog:
        return self.here.catalog

    @property
    def settings(self) -> HostSettings:
        """What counts now: some of it changes with a restart only."""
        return self.here.settings

    @property
    def broken(self) -> list[Broken]:
        """Versions that did not come to life; what ran before goes on."""
        return self.living.broken

    @property
    def refused(self) -> tuple[Refused, ...]:
        """Versions of files that did not come to life, each until the file changes."""
        return tuple(refused for broken in self.broken for refused in broken.refused)

    @property
    def models(self) -> tuple[ModelState, ...]:
        """How the models of all living agents stand."""
        agents = [living.agent for living in self.agents.values()]
        instead = [budget.instead for agent in agents for budget in agent.budgets if budget.instead]
        return self._models.states([*(each for agent in agents for each in (agent.model, agent.small)), *instead])

    # --- made equal to the files

    def reload_soon(self) -> None:
        """Read the files again and apply what differs; nobody waits for what comes of it."""
        self.reloads.soon()

    async def reload(self) -> Reloaded:
        """Read the files again and apply what differs. What is broken keeps its last good version."""
        return await self.reloads.done()

    async def _reload(self) -> Reloaded:
        if self.stopping:
            return self.last_reload
        try:
            catalog = await self._next()
            if self._loses(catalog):
                await self.reloads.unless_newer(asyncio.sleep(GONE_SECONDS))
                catalog = await self._next()
            return await self.become(catalog)
        except Overtaken:
            raise
        # One bad edit must never end the life that would notice its correction.
        except Exception as error:
            log.exception("the files could not be reloaded; what runs goes on")
            return await self._note(f"{type(error).__name__}: {error}")

    async def begin(self) -> Reloaded:
        """Bring the first catalog to life; what does not come to life runs as it did in the last host here."""
        self.living.ran = await asyncio.to_thread(_kept, self.catalog)
        return await self.become(self.catalog)

    async def become(self, catalog: Catalog) -> Reloaded:
        """Make what runs equal to a catalog; what is wrong with it, or does not come to life, stays as it was."""
        before = self._told() if self.last_reload.at else {}
        await self.living.become(catalog, self._next, self._swapped)
        for line, level in self._told().items():
            if line not in before:
                log.log(level, "%s", line)
        await asyncio.to_thread(self._keep)
        return await self._note(self._what_is_wrong())

    async def read(self) -> Catalog:
        """What the files say now; nothing of it is applied."""
        # The first one is no good version before it has come to life: those are on the disk.
        last = self.catalog if self.last_reload.at else None
        return await asyncio.to_thread(load, self.catalog.path, self._environment, last, self.refused)

    async def _next(self) -> Catalog:
        catalog = await self.read()
        self.reloads.stop_if_newer()
        self.living.broken = [each for each in self.broken if each.is_as_it_was(catalog)]
        return catalog

    def _loses(self, catalog: Catalog) -> bool:
        return not (self.agents.keys() <= catalog.agents.keys() and self.clients.keys() <= catalog.clients.keys())

    def _swapped(self) -> None:
        """Other agents are here: what waits for them can be answered."""
        self.inbox.changed()
        self.later.wake.set()
        self.calendar.look()
        self._offer_anew()

    def _offer_anew(self) -> None:
        for client in self.clients:
            self.abilities.refresh(client)

    def _keep(self) -> None:
        """For the next start: it comes up as it was, whatever the files say by then."""
        try:
            keep(self.catalog.accepted, self.settings.data, self.catalog.root)
        except OSError as error:
            log.warning("what the files say now could not be kept for the next start: %s", error)

    def _told(self) -> dict[str, int]:
        """What there is to log of the files, with the level of each line."""
        levels = {"error": logging.ERROR, "warning": logging.WARNING}
        waits = {
            f"{self.catalog.path.name}: `{key}` counts from the next start": logging.WARNING
            for key in self.here.waits_for_restart
        }
        return {str(problem): levels[problem.severity] for problem in self.catalog.problems} | waits

    def _what_is_wrong(self) -> str:
        """Why what runs is not what the files say; empty if it is."""
        wrong = [str(problem) for problem in self.catalog.problems if problem.severity == "error"]
        return next(iter([*wrong, *(f"{each.kind} {each.name}: {each.reason}" for each in self.broken)]), "")

    async def _note(self, reason: str) -> Reloaded:
        now, catalog, before = time.time(), self.catalog, self.last_reload.reason
        self.last_reload = Reloaded(now, catalog.revision, not reason, catalog.problems, reason)
        self.last_success = self.last_success if reason else now
        if reason and reason != before:
            await self.telling.tell(f"{self.settings.name}: not all that the files say could be applied: {reason}")
        return self.last_reload

    # --- stopped with nothing lost

    async def drain(self) -> None:
        """Start no more turns, let those under way end and what they said be sent; what does not end resumes."""
        if self.stopping:
            return
        self.stopping = self.calendar.scheduler.stopping = True
        self.inbox.lanes.hold()
        try:
            async with asyncio.timeout(TURNS_SECONDS):
                await self.inbox.idle()
        except TimeoutError:
            log.warning("turns are still under way after %g s; they are resumed at the next start", TURNS_SECONDS)
        self.watchers.send_away()
        try:
            async with asyncio.timeout(SENDERS_SECONDS):
                running = [living.sender for living in self.clients.values() if living.state == "running"]
                await asyncio.gather(*(sender.idle() for sender in running))
        except TimeoutError:
            log.warning("some answers are not sent yet; they are sent at the next start")

    async def close(self) -> None:
        await self.living.close()


@asynccontextmanager
async def running(
    catalog: Catalog, environment: Mapping[str, str] = os.environ, watch: bool = True, record: str = ""
) -> AsyncIterator[Host]:
    """A host that lives while the block runs; leaving it drains and closes everything, in reverse.

    It follows its files, unless it is told not to `watch`: then it stays what the catalog says.

    Its data folder has to be `locked` meanwhile.
    """
    async with AsyncExitStack() as opened:
        ledger = await opened.enter_async_context(open_ledger(catalog.host.data / "ledger.db"))
        await ledger.write(give_all_back)
        memories = await opened.enter_async_context(_memories(catalog, ledger))
        host = Host(catalog, ledger, memories, Watchers(), environment, record)
        opened.push_async_callback(host.exporter.export)
        opened.push_async_callback(close_models)
        await host.mutes.load()
        await ledger.write(take_back_all)
        # Before any client delivers: what was left unanswered comes first.
        await host.inbox.resume()
        await host.handovers.load()
        await host.begin()
        opened.push_async_callback(host.close)
        parts = (
            *(host.inbox, host.jobs, host.exporter, host.decisions, host.reloads, host.later),
            *(host.calendar.scheduler, host.calendar.posting, host.insights),
        )
        lives = [*(part.run() for part in parts), *([_watch(host)] if watch else [])]
        async with _together(lives, ledger):
            yield host
            await host.drain()


def usable(catalog: Catalog, last_good: bool = False) -> Catalog:
    """A catalog that a host can start with; raises ConfigError when carrier.yaml itself cannot be read.

    With `last_good` the version that was last good will do, where there is one.
    """
    wrong = [problem for problem in catalog.problems if problem.severity == "error"]
    there_is_one = last_good and catalog.accepted.get(catalog.path)
    if not there_is_one and any(catalog.root / problem.file == catalog.path for problem in wrong):
        raise ConfigError(wrong)
    return catalog


def _kept(catalog: Catalog) -> Mapping[Path, str]:
    return {path: digest(content) for path, content in kept(catalog.host.data, catalog.root).items()}


def _memories(catalog: Catalog, ledger: Ledger) -> Any:
    async def rebuild() -> None:
        await ledger.write(partial(refill, clock=ledger.clock))

    settings = catalog.host
    log = LedgerMemoryLog(ledger)
    return open_memories(settings.memory, settings.data / "memory", log, settings.embeddings, rebuild)


async def _watch(host: Host) -> None:
    async for _ in changes(lambda: host.catalog.watched, asyncio.Event()):
        host.reload_soon()


@asynccontextmanager
async def _together(lives: list[Coroutine[Any, Any, None]], ledger: Ledger) -> AsyncIterator[None]:
    """Run coroutines beside the block; if one fails, or the ledger can write no more, the block is cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(life) for life in lives]
        tasks.append(group.create_task(_as_long_as(ledger)))
        yield
        for task in tasks:
            task.cancel()


async def _as_long_as(ledger: Ledger) -> None:
    await asyncio.shield(ledger.ended)
