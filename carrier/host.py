"""The host: makes what runs equal to what the files want, keeps it alive, and stops it with nothing lost."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from carrier.assemble import Workshop, close_models, event_log, open_memories
from carrier.config.catalog import Catalog, HostSettings, load
from carrier.config.planning import Difference, difference
from carrier.config.watching import changes
from carrier.errors import ConfigError, UnknownAgent
from carrier.interfaces import Memories
from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.intake import Place
from carrier.ledger.memory_log import LedgerMemoryLog, refill
from carrier.runtime.events import Exporter
from carrier.runtime.inbox import Inbox
from carrier.runtime.jobs import Jobs
from carrier.runtime.outbox import Sender
from carrier.runtime.runtime import AgentRuntime, answers
from carrier.runtime.supervisor import LivingClient
from carrier.runtime.turns import Turns
from carrier.runtime.watchers import Watchers
from carrier.runtime.windows import Windows
from carrier.types import Agent, Choice, ClientDefinition, Message

log = logging.getLogger(__name__)

TURNS_SECONDS = 20.0
"""How long a stopping host waits for turns under way."""
SENDERS_SECONDS = 3.0
"""And then for what they left to send."""


@dataclass(frozen=True)
class LivingAgent:
    """An agent that answers, and which models it uses and why."""

    runtime: AgentRuntime
    models: Mapping[str, Choice]

    @property
    def agent(self) -> Agent:
        return self.runtime.agent


@dataclass(frozen=True)
class Broken:
    """A version that could not be made, and why; it is tried again when it changes."""

    version: Agent | ClientDefinition
    reason: str


@dataclass(eq=False)
class Host:
    """Agents and clients by name, and what they share. Made by `running`."""

    catalog: Catalog
    ledger: Ledger
    memories: Memories
    watchers: Watchers
    inbox: Inbox = field(init=False)
    jobs: Jobs = field(init=False)
    exporter: Exporter = field(init=False)
    turns: Turns = field(init=False)
    agents: dict[str, LivingAgent] = field(default_factory=dict)
    clients: dict[str, LivingClient] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    """Agents and clients whose newest version could not be made; what ran before goes on."""
    reloaded_at: float = 0.0
    stopping: bool = False
    _lives: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = self._settings = self.catalog.host
        self.turns = Turns(
            self.ledger, self.memories, self.watchers, Windows(self.ledger), self._tell_sender, self._turn_closed
        )
        limits = settings.limits
        self.inbox = Inbox(
            self.ledger, self.memories, self.route, self._living, limits.turns_at_once, limits.message_chars
        )
        self.jobs = Jobs(self.ledger, self.memories, self._living)
        self.exporter = Exporter(self.ledger, event_log(settings.data))
        self._workshop = Workshop(
            self.turns,
            self.inbox.alone,
            lambda: self.catalog.secrets,
            lambda: self.catalog.environment,
            settings.server.port,
        )

    @property
    def settings(self) -> HostSettings:
        """As the host started: where it listens and stores changes with a restart."""
        return self._settings

    # --- asked by the doors

    def agent(self, name: str) -> LivingAgent:
        if name not in self.agents:
            raise UnknownAgent(name, sorted(self.agents))
        return self.agents[name]

    def route(self, message: Message) -> Mapping[str, Place]:
        """Whom a message concerns. An agent that is away keeps its messages until it is back."""
        if message.to:
            self.agent(message.to)
        living = self.clients.get(message.client)
        name = message.to or (living.definition.agent if living else "")
        if not name:
            return {}
        here = self.agents.get(name)
        return {name: "waiting" if here is None or answers(here.agent, message) else "heard"}

    def _living(self, name: str) -> AgentRuntime | None:
        return self.agents[name].runtime if name in self.agents else None

    def _tell_sender(self, client: str) -> None:
        if client in self.clients:
            self.clients[client].sender.wake.set()

    def _turn_closed(self, reflection_is_due: bool) -> None:
        self.exporter.wake.set()
        if reflection_is_due:
            self.jobs.wake.set()

    # --- made equal to the files

    async def reload(self) -> None:
        """Read the files again and apply what differs. What is broken in them keeps its last good version."""
        await self.apply(await asyncio.to_thread(load, self.catalog.path, os.environ, self.catalog))

    async def apply(self, catalog: Catalog) -> None:
        self.catalog = catalog
        wanted = [*catalog.agents.values(), *catalog.clients.values()]
        self.broken = [broken for broken in self.broken if broken.version in wanted]
        for problem in catalog.problems:
            log.log(logging.ERROR if problem.severity == "error" else logging.WARNING, "%s", problem)
        await self._apply_agents(difference({name: it.agent for name, it in self.agents.items()}, catalog.agents))
        await self._apply_clients(
            difference({name: it.definition for name, it in self.clients.items()}, catalog.clients)
        )
        self.inbox.changed()
        self.reloaded_at = time.time()

    async def _apply_agents(self, todo: Difference[Agent]) -> None:
        for agent in (*todo.new, *todo.changed):
            if not self._is_broken(agent):
                await self._swap_in(agent)
        for name in todo.gone:
            del self.agents[name]
            log.info("%s: gone", name)

    async def _swap_in(self, agent: Agent) -> None:
        """The new one is made while the old one serves; turns under way finish with what they began with."""
        try:
            runtime, models = await self._workshop.runtime(agent)
        # Operators' own code is imported here: whatever it raises, the others go on.
        except Exception as error:
            self._breaks(agent, error, goes_on=agent.name in self.agents)
            return
        self.agents[agent.name] = LivingAgent(runtime, models)
        log.info("%s: live, with %s", agent.name, models["large"].use)

    def _breaks(self, version: Agent | ClientDefinition, error: Exception, goes_on: bool) -> None:
        self.broken.append(Broken(version, f"{type(error).__name__}: {error}"))
        then = "its last version goes on" if goes_on else "it does not run"
        log.error("%s: cannot be made, %s: %s", version.name, then, error)

    async def _apply_clients(self, todo: Difference[ClientDefinition]) -> None:
        for name in todo.gone:
            await self._stop_client(name)
        for definition in (*todo.new, *todo.changed):
            if not self._is_broken(definition):
                await self._swap_client(definition)

    def _is_broken(self, version: Agent | ClientDefinition) -> bool:
        return any(broken.version == version for broken in self.broken)

    async def _swap_client(self, definition: ClientDefinition) -> None:
        name = definition.name
        try:
            client = self._workshop.client(definition)
        # A client's code may be anybody's.
        except Exception as error:
            self._breaks(definition, error, goes_on=name in self.clients)
            return
        if name in self.clients:
            await self._stop_client(name)
        living = LivingClient(definition, client, Sender(name, client, self.ledger), self._deliver)
        self.clients[name] = living
        self._lives[name] = asyncio.create_task(living.run(), name=f"client {name}")

    async def _stop_client(self, name: str) -> None:
        del self.clients[name]
        life = self._lives.pop(name)
        life.cancel()
        await asyncio.wait([life])

    async def _deliver(self, message: Message) -> None:
        await self.inbox.take_in(message)

    # --- stopped with nothing lost

    async def drain(self) -> None:
        """Start no more turns, let those under way end and what they said be sent; what does not end resumes."""
        if self.stopping:
            return
        self.stopping = True
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
        for name in list(self.clients):
            await self._stop_client(name)


@asynccontextmanager
async def running(catalog: Catalog) -> AsyncIterator[Host]:
    """A host that lives while the block runs; leaving it drains and closes everything, in reverse.

    Its data folder has to be `locked` meanwhile.
    """
    async with AsyncExitStack() as opened:
        ledger = await opened.enter_async_context(open_ledger(catalog.host.data / "ledger.db"))
        memories = await opened.enter_async_context(_memories(catalog, ledger))
        host = Host(catalog, ledger, memories, Watchers())
        opened.push_async_callback(host.exporter.export)
        opened.push_async_callback(close_models)
        # Before any client delivers: what was left unanswered comes first.
        await host.inbox.resume()
        await host.apply(catalog)
        opened.push_async_callback(host.close)
        lives = [host.inbox.run(), host.jobs.run(), host.exporter.run(), _watch(host)]
        async with _together(lives, ledger):
            yield host
            await host.drain()


def usable(catalog: Catalog) -> Catalog:
    """A catalog that a host can start with; raises ConfigError when carrier.yaml itself cannot be read."""
    wrong = [problem for problem in catalog.problems if problem.severity == "error"]
    if any(catalog.root / problem.file == catalog.path for problem in wrong):
        raise ConfigError(wrong)
    return catalog


def _memories(catalog: Catalog, ledger: Ledger) -> Any:
    async def rebuild() -> None:
        await ledger.write(partial(refill, clock=ledger.clock))

    return open_memories(catalog.host.data / "memory", LedgerMemoryLog(ledger), catalog.host.embeddings, rebuild)


async def _watch(host: Host) -> None:
    async for _ in changes(lambda: host.catalog.watched, asyncio.Event()):
        try:
            await host.reload()
        # One bad edit must never end the watching that would notice its correction.
        except Exception:
            log.exception("the files could not be reloaded; what runs goes on")


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
