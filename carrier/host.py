"""The host: keeps what runs equal to what the files want, keeps it alive, and stops it with nothing lost."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from carrier.assemble import Workshop, close_models, event_log, open_darkroom, open_memories, open_models
from carrier.config.catalog import Catalog, HostSettings, Refused, load
from carrier.config.keeping import keep, kept
from carrier.config.planning import BEFORE_A_RESTART
from carrier.config.revisions import digest
from carrier.config.watching import changes
from carrier.errors import ConfigError, LedgerError, UnknownAgent, UnknownRoom
from carrier.interfaces import Client, Memories, ModelState
from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.intake import Intake, Place
from carrier.ledger.known import Known
from carrier.ledger.memory_log import LedgerMemoryLog, refill
from carrier.living.clients import Clients
from carrier.living.reloading import Overtaken, Reloaded, Reloads
from carrier.living.swapping import Broken, Living, LivingAgent
from carrier.posting import Outlet, Posting
from carrier.runtime.abilities import Abilities
from carrier.runtime.arrivals import Arrivals
from carrier.runtime.colleagues import Colleagues
from carrier.runtime.commanding import Commands
from carrier.runtime.deciding import admits, decide, is_too_old, rules_in
from carrier.runtime.decisions import Decisions
from carrier.runtime.drafting import Drafting
from carrier.runtime.editing import Editing
from carrier.runtime.events import Exporter
from carrier.runtime.forgetting import Forgetting
from carrier.runtime.handovers import Handovers
from carrier.runtime.inbox import Inbox
from carrier.runtime.jobs import Jobs
from carrier.runtime.later import Later
from carrier.runtime.muting import Mutes
from carrier.runtime.notices import notice
from carrier.runtime.pacing import Pace
from carrier.runtime.runtime import AgentRuntime
from carrier.runtime.supervisor import LivingClient
from carrier.runtime.turns import Turns
from carrier.runtime.watchers import Watchers
from carrier.runtime.windows import Windows
from carrier.scheduler.controls import Controls
from carrier.scheduler.scheduler import Scheduler
from carrier.types import Agent, ClientDefinition, Message, Post, RoomRules

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
        self._at_start = settings = catalog.host
        self.ledger, self.memories, self.watchers = ledger, memories, watchers
        self.mutes = Mutes(ledger)
        self.handovers = Handovers(ledger, lambda name: name in self.agents)
        self.abilities = abilities = Abilities(self._client, settings.data)
        self.later = Later(ledger, memories, self._definition, self._tell_sender, abilities.split)
        limits = settings.limits
        self.turns = Turns(
            ledger,
            memories,
            watchers,
            Windows(ledger),
            self._tell_sender,
            self._turn_closed,
            too_old=self._is_too_old,
            rules=self.rules_in,
            gather=self._gather,
            handovers=self.handovers,
            queue=lambda taken: self.inbox.queue(taken),
            later_waits=self.later.wake.set,
            slot_ended=self._look_at_schedules,
            abilities=abilities,
        )
        self.inbox = Inbox(
            ledger,
            memories,
            self.route,
            self._runtime,
            limits.turns_at_once,
            limits.message_chars,
            self._within_pace,
            self._gather,
        )
        self._pace = Pace()
        self.posting = Posting(ledger, self.outlet, self._tell_of_post, over=lambda: self.scheduler.wake.set())
        self.jobs = Jobs(ledger, memories, self._runtime)
        self.scheduler = Scheduler(
            ledger,
            lambda: self.catalog.schedules,
            lambda: {name: living.agent for name, living in self.agents.items()},
            self.inbox.queue,
            self._tell_sender,
            send=abilities.send,
        )
        self.schedules = Controls(self.scheduler)
        self.decisions = Decisions(ledger, self._decided, lambda: self.catalog.agents, self._clock_is_wrong)
        self.exporter = Exporter(ledger, event_log(settings.data))
        self.reloads = Reloads(self._reload)
        darkroom = open_darkroom(catalog.root, settings.data)
        self.editing = Editing(ledger, darkroom, self._look_at_schedules)
        drafting = Drafting(ledger, darkroom, lambda: self.catalog.schedules)
        self._models = open_models(catalog.root, record)
        self.workshop = workshop = Workshop(
            turns=self.turns,
            alone=self.inbox.alone,
            secrets=lambda: self.catalog.secrets,
            port=lambda: self.settings.server.port,
            models=self._models,
            colleagues=Colleagues(ledger, self._runtime),
            data=settings.data,
            drafting=drafting,
        )
        clients = Clients(workshop.client, ledger, self._arrivals)
        self.living = Living(catalog, workshop, clients, self.reloads)
        self.last_reload = Reloaded(0.0, "", False, ())
        self.last_success = 0.0
        """When all that ran was last what the files said."""
        self.stopping = False

    # --- asked by the doors

    @property
    def catalog(self) -> Catalog:
        return self.living.catalog

    @property
    def settings(self) -> HostSettings:
        """What counts now: some of it changes with a restart only."""
        kept: dict[str, Any] = {key: getattr(self._at_start, key) for key in BEFORE_A_RESTART}
        return replace(self.catalog.host, **kept)

    @property
    def waits_for_restart(self) -> tuple[str, ...]:
        """The keys of carrier.yaml whose value counts from the next start only."""
        wanted = self.catalog.host
        return tuple(key for key in sorted(BEFORE_A_RESTART) if getattr(wanted, key) != getattr(self._at_start, key))

    @property
    def agents(self) -> Mapping[str, LivingAgent]:
        return self.living.agents

    @property
    def clients(self) -> Mapping[str, LivingClient]:
        return self.living.clients.living

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

    def agent(self, name: str) -> LivingAgent:
        if name not in self.agents:
            raise UnknownAgent(name, sorted(self.agents))
        return self.agents[name]

    def client(self, name: str) -> ClientDefinition:
        """The client of that name, as it lives or is about to; one without any rules for a door such as the API."""
        living = self.clients.get(name)
        return living.definition if living else self.catalog.clients.get(name, ClientDefinition(name, ""))

    def rules_in(self, message: Message) -> RoomRules:
        """What holds in a message's room."""
        rules = rules_in(self.client(message.client), message)
        return replace(rules, respond="never") if self.mutes.holds(message) else rules

    def route(self, message: Message) -> Callable[[Known], Mapping[str, Place]]:
        """Whom a message concerns, by what is known when it is stored; raises UnknownAgent.

        An agent that is away keeps its messages until it is back.
        """
        if message.to:
            self.agent(message.to)
        # What is here now, for it is looked at in another thread.
        agents = {name: living.agent for name, living in self.agents.items()}
        client, rules = self.client(message.client), self.rules_in(message)
        handed_over = {name: self.handovers.holder(message.room, name) for name in (message.to, *rules.agents)}
        return partial(decide, message, client, rules, agents, handed_over)

    def room(self, name: str) -> str:
        """A room by its client and id, where the client may have a name for it; raises UnknownRoom."""
        client, _, room = name.partition("/")
        if client not in self.clients or not room:
            known = ", ".join(sorted(self.clients)) or "no client"
            raise UnknownRoom(f"{name!r} is no room here: a room is client/room, and there is {known}")
        return f"{client}/{self.client(client).rules.rooms.get(room, room)}"

    def _gather(self, message: Message) -> float:
        return self.client(message.client).rules.gather if message.kind == "chat" else 0.0

    def _is_too_old(self, message: Message) -> bool:
        return is_too_old(message, self.client(message.client), self.ledger.clock.tick())

    def _within_pace(self, name: str, message: Message) -> bool:
        here = self.agents.get(name)
        return here is None or self._pace.allows(name, message.sender, here.agent.limits)

    def answering(self, message: Message) -> str:
        """The agent that a message to an agent goes to, which may be another that stands in for it."""
        return self.handovers.holder(message.room, message.to)

    def _definition(self, name: str) -> Agent | None:
        return self.agents[name].agent if name in self.agents else None

    def _runtime(self, name: str) -> AgentRuntime | None:
        return self.agents[name].runtime if name in self.agents else None

    def _tell_sender(self, client: str) -> None:
        if client in self.clients:
            self.clients[client].sender.wake.set()

    def _turn_closed(self, reflection_is_due: bool) -> None:
        self.exporter.wake.set()
        if reflection_is_due:
            self.jobs.wake.set()

    def _clock_is_wrong(self) -> bool:
        return bool(self.scheduler.held)

    def _look_at_schedules(self) -> None:
        self.scheduler.wake.set()
        # What a slot publishes is a post by now.
        self.posting.wake.set()

    def outlet(self, client: str) -> Outlet | None:
        """Where posts of a client go out; None while it is not here, or publishes nothing."""
        living = self.clients.get(client)
        return self.workshop.outlet(living.definition, living.client) if living else None

    async def _tell_of_post(self, post: Post) -> None:
        """Of what failed or was missed of a schedule the scheduler tells; of all else somebody has to know here."""
        if not post.slot or post.stuck or post.state == "unconfirmed":
            here = self.agents.get(post.agent)
            state = "waits" if post.stuck else f"is {post.state}" if post.state == "unconfirmed" else post.state
            text = f"The post {post.id} of {post.client} {state}: {post.reason}"
            await self._notify(text, here.agent.notify if here else "")

    def _decided(self, taken: Intake) -> None:
        self.inbox.queue(taken)
        self._look_at_schedules()

    def _client(self, name: str) -> Client | None:
        return self.clients[name].client if name in self.clients else None

    def _arrivals(self, client: str) -> Arrivals:
        data = self._at_start.data
        forgetting = Forgetting(self.ledger, self.memories, data, self.handovers)
        length = self.inbox.lanes.length
        commands = Commands(self.decisions, forgetting, self.mutes.mute, self._admits, self._answering, length)
        return Arrivals(client, self.inbox, self.ledger, self.memories, data, commands)

    def _admits(self, message: Message) -> bool:
        return admits(self.client(message.client).rules.access, message)

    def _answering(self, message: Message) -> tuple[str, ...]:
        """Who answers in a message's room now."""
        rules = self.rules_in(message)
        if rules.respond == "never":
            return ()
        return tuple(dict.fromkeys(self.handovers.holder(message.room, name) for name in rules.agents))

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
        limits = self.settings.limits
        self.inbox.lanes.at_once, self.inbox.message_chars = limits.turns_at_once, limits.message_chars
        self.inbox.changed()
        self.later.wake.set()
        self._look_at_schedules()

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
            for key in self.waits_for_restart
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
            await self._notify(f"{self.settings.name}: not all that the files say could be applied: {reason}")
        return self.last_reload

    async def _notify(self, text: str, room: str = "") -> None:
        """Tell the room that the operator named for this, or for what concerns the whole host."""
        clock = self.ledger.clock
        outgoing = notice(room or self.settings.notify, f"host/notice/{clock.tick()}", text)
        if outgoing is None:
            return
        try:
            await self.ledger.write(partial(self.abilities.send, clock=clock, outgoing=outgoing))
        except LedgerError as error:
            log.error("%s cannot be told: %s", outgoing.room, error)
        self._tell_sender(outgoing.client)

    # --- stopped with nothing lost

    async def drain(self) -> None:
        """Start no more turns, let those under way end and what they said be sent; what does not end resumes."""
        if self.stopping:
            return
        self.stopping = self.scheduler.stopping = True
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
        memories = await opened.enter_async_context(_memories(catalog, ledger))
        host = Host(catalog, ledger, memories, Watchers(), environment, record)
        opened.push_async_callback(host.exporter.export)
        opened.push_async_callback(close_models)
        await host.mutes.load()
        # Before any client delivers: what was left unanswered comes first.
        await host.inbox.resume()
        await host.handovers.load()
        await host.begin()
        opened.push_async_callback(host.close)
        parts = (
            *(host.inbox, host.jobs, host.exporter, host.decisions, host.scheduler, host.posting),
            *(host.reloads, host.later),
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

    return open_memories(catalog.host.data / "memory", LedgerMemoryLog(ledger), catalog.host.embeddings, rebuild)


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
