"""Makes what lives equal to a catalog: the new is made and proven while the old serves, then they change places."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from carrier.assemble import Workshop
from carrier.config.catalog import Catalog, Refused, ServerSettings
from carrier.config.planning import Difference, difference
from carrier.errors import CarrierError
from carrier.living.clients import Clients
from carrier.living.here import Here, LivingAgent
from carrier.living.reloading import Reloads
from carrier.types.agents import Agent
from carrier.types.clients import ClientDefinition

log = logging.getLogger(__name__)

CLOSING_SECONDS = 10.0
"""How long what agents hold open may take to close at the end of a host."""
MAKING_SECONDS = 20.0
"""How long the making of an agent may take: operators' own code is imported then."""


class Door(Protocol):
    """Where a host listens."""

    server: ServerSettings

    async def move(self, server: ServerSettings) -> None:
        """Listen there from now on; raises CarrierError, and stays where it is, when that cannot be."""


Version = Agent | ClientDefinition | ServerSettings
V = TypeVar("V", Agent, ClientDefinition)
T = TypeVar("T")


@dataclass(frozen=True)
class Broken:
    """A version that did not come to life, and why; it is tried again when it changes."""

    kind: str
    """`agent`, `client`, or `host` for where it listens."""
    name: str
    version: Version
    reason: str
    refused: tuple[Refused, ...] = ()
    """The files that are to blame, as they were."""

    def is_as_it_was(self, catalog: Catalog) -> bool:
        """Whether a newer reading has nothing new to try."""
        wanted = self.version in (*catalog.agents.values(), *catalog.clients.values(), catalog.host.server)
        return wanted or any(each.file in catalog.degraded for each in self.refused)


class Living:
    """What runs: agents and clients by name, and the door. `become` is the one way in which it changes."""

    def __init__(self, here: Here, workshop: Workshop, clients: Clients, reloads: Reloads):
        self._here, self.agents = here, here.agents
        self.clients = clients
        self.door: Door | None = None
        self.broken: list[Broken] = []
        self._workshop, self._reloads = workshop, reloads
        self.retiring: set[asyncio.Task[None]] = set()
        """Agents that were swapped out and still have a turn under way, or something open."""
        self._made: dict[str, LivingAgent] = {}
        """Agents that do not answer yet."""
        self.ran: Mapping[Path, str] = {}
        """The files behind what runs, or ran when the last host ended, each with the digest of its content."""

    async def become(
        self, catalog: Catalog, again: Callable[[], Awaitable[Catalog]], swapped: Callable[[], None]
    ) -> None:
        """Make what lives equal to a catalog, and say when the agents are `swapped`.

        When something does not come to life, the files that are to blame are refused, and read `again`: as they last
        were good. Raises Overtaken while nothing is swapped yet.
        """
        while failed := await self._prepare(catalog):
            self.broken += failed
            if any(each.refused for each in failed):
                catalog = await again()
        await self._swap(catalog, swapped)

    async def close(self) -> None:
        await self.clients.close()
        self._retire(self.agents.values())
        if self.retiring:
            await asyncio.wait(self.retiring, timeout=CLOSING_SECONDS)

    def _retire(self, agents: Iterable[LivingAgent]) -> None:
        """Have them close what they hold open when their last turn has ended."""
        for agent in agents:
            closing = asyncio.create_task(agent.runtime.close(), name=f"{agent.agent.name} retires")
            self.retiring.add(closing)
            closing.add_done_callback(self.retiring.discard)

    # --- made and proven

    async def _prepare(self, catalog: Catalog) -> list[Broken]:
        """Make all that is new while the old serves; returns what could not be made."""
        clients = self._clients_to_do(catalog)
        failed = [*await self._make_agents(catalog), *await self._prove_clients(catalog, clients)]
        self._reloads.stop_if_newer()
        # Last, and only if all else is well, what has to stop the old one first.
        failed = failed or [*await self._move_door(catalog), *await self._swap_lonely(catalog, clients)]
        return [replace(each, refused=tuple(self._to_blame(catalog, each))) for each in failed]

    async def _make_agents(self, catalog: Catalog) -> list[Broken]:
        failed: list[Broken] = []
        todo = self._agents_to_do(catalog)
        for agent in (*todo.new, *todo.changed):
            self._reloads.stop_if_newer()
            if agent.name not in self._made or self._made[agent.name].agent != agent:
                failed += await _tried(catalog, "agent", agent.name, agent, self._make(agent, catalog))
        return failed

    async def _make(self, agent: Agent, catalog: Catalog) -> None:
        try:
            async with asyncio.timeout(MAKING_SECONDS):
                made = LivingAgent(*await self._workshop.runtime(agent, catalog.environment))
            if agent.name in self._made:
                self._retire([self._made[agent.name]])
            self._made[agent.name] = made
        except TimeoutError as error:
            raise CarrierError(f"its parts could not be made within {MAKING_SECONDS:g} s") from error

    async def _prove_clients(self, catalog: Catalog, todo: Difference[ClientDefinition]) -> list[Broken]:
        proofs = [
            _tried(catalog, "client", each.name, each, self.clients.prove(each)) for each in (*todo.new, *todo.changed)
        ]
        failed = await self._reloads.unless_newer(_gathered(proofs))
        return [broken for one in failed for broken in one]

    async def _move_door(self, catalog: Catalog) -> list[Broken]:
        wanted = catalog.host.server
        if not self.door or self.door.server == wanted or self._is_broken(wanted):
            return []
        return await _tried(catalog, "host", "server", wanted, self.door.move(wanted))

    async def _swap_lonely(self, catalog: Catalog, todo: Difference[ClientDefinition]) -> list[Broken]:
        return [
            broken
            for each in todo.changed
            if self.clients.is_alone(each.name)
            for broken in await _tried(catalog, "client", each.name, each, self.clients.swap_in(each.name))
        ]

    def _to_blame(self, catalog: Catalog, broken: Broken) -> Iterator[Refused]:
        """The files it rests on whose content is new; none where nothing ran before that could run again."""
        known = {(refused.file, refused.digest) for each in self.broken for refused in each.refused}
        for file in self._rests(catalog, broken):
            digest = catalog.digests.get(file)
            if self.ran and digest and digest != self.ran.get(file) and (file, digest) not in known:
                yield Refused(file, digest, f"{broken.kind} {broken.name}: {broken.reason}")

    def _rests(self, catalog: Catalog, broken: Broken) -> Sequence[Path]:
        return (catalog.path,) if broken.kind == "host" else catalog.rests.get((broken.kind, broken.name), ())

    # --- swapped

    async def _swap(self, catalog: Catalog, swapped: Callable[[], None]) -> None:
        agents, clients = self._agents_to_do(catalog), self._clients_to_do(catalog)
        # Together, with no await in between: no message finds one of them new and another one old.
        self._here.catalog, self.ran = catalog, catalog.digests
        retired = [self.agents[name] for name in (*(it.name for it in agents.changed), *agents.gone)]
        for agent in (*agents.new, *agents.changed):
            self.agents[agent.name] = self._made[agent.name]
            log.info("%s: live, with %s", agent.name, self.agents[agent.name].models["large"].use)
        for name in agents.gone:
            del self.agents[name]
            log.info("%s: gone", name)
        self.clients.follow(catalog.clients)
        # What was made and overtaken never answers.
        retired += [made for name, made in self._made.items() if self.agents.get(name) is not made]
        self._made.clear()
        swapped()
        self._retire(retired)
        for name in clients.gone:
            await self.clients.remove(name)
        await _gathered([self.clients.swap_in(each.name) for each in (*clients.new, *clients.changed)])
        await self.clients.let_go()

    def _agents_to_do(self, catalog: Catalog) -> Difference[Agent]:
        return self._without_broken(difference({name: it.agent for name, it in self.agents.items()}, catalog.agents))

    def _clients_to_do(self, catalog: Catalog) -> Difference[ClientDefinition]:
        # Who was turned away may be let in now: what was wrong may have been mended on the platform.
        runs = {name: it.definition for name, it in self.clients.living.items() if it.state != "unauthorized"}
        return self._without_broken(difference(runs, catalog.clients))

    def _without_broken(self, todo: Difference[V]) -> Difference[V]:
        """What did not come to life is not tried again: what ran before goes on."""
        return replace(
            todo,
            new=tuple(each for each in todo.new if not self._is_broken(each)),
            changed=tuple(each for each in todo.changed if not self._is_broken(each)),
        )

    def _is_broken(self, version: Version) -> bool:
        return any(broken.version == version for broken in self.broken)


async def _tried(catalog: Catalog, kind: str, name: str, version: Version, work: Awaitable[None]) -> list[Broken]:
    """Empty if the work could be done."""
    try:
        await work
    # Operators' own code is imported here, and a client may be anybody's: whatever it raises, the others go on.
    except (Exception, SystemExit) as error:
        reason = _without(catalog.secrets, f"{type(error).__name__}: {error}")
        log.error("%s %s: its new version does not come to life: %s", kind, name, reason)
        return [Broken(kind, name, version, reason)]
    return []


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


async def _gathered(works: Iterable[Awaitable[T]]) -> list[T]:
    return await asyncio.gather(*works)
