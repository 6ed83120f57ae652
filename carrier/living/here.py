"""What lives here now: the agents, the clients, and what the files said when they were last made equal to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from carrier.config.catalog import Catalog, HostSettings
from carrier.config.planning import BEFORE_A_RESTART
from carrier.errors import UnknownAgent
from carrier.interfaces import Client
from carrier.runtime.runtime import AgentRuntime
from carrier.runtime.supervisor import LivingClient
from carrier.types.agents import Agent
from carrier.types.clients import ClientDefinition
from carrier.types.models import Choice, Tool
from carrier.types.schedules import Schedule


@dataclass(frozen=True)
class LivingAgent:
    """An agent that answers, and which models it uses and why."""

    runtime: AgentRuntime
    models: Mapping[str, Choice]

    @property
    def agent(self) -> Agent:
        return self.runtime.agent


@dataclass(eq=False)
class Here:
    """Looked up by everybody by name, at the moment it is needed; `Living` alone changes it."""

    catalog: Catalog
    """What was last made to live; at first, what will be."""
    agents: dict[str, LivingAgent] = field(default_factory=dict)
    clients: dict[str, LivingClient] = field(default_factory=dict)
    at_start: HostSettings = field(init=False)

    def __post_init__(self) -> None:
        self.at_start = self.catalog.host

    # --- the host

    @property
    def settings(self) -> HostSettings:
        """What counts now: some of it changes with a restart only."""
        kept: dict[str, Any] = {key: getattr(self.at_start, key) for key in BEFORE_A_RESTART}
        return replace(self.catalog.host, **kept)

    @property
    def waits_for_restart(self) -> tuple[str, ...]:
        """The keys of carrier.yaml whose value counts from the next start only."""
        wanted = self.catalog.host
        return tuple(key for key in sorted(BEFORE_A_RESTART) if getattr(wanted, key) != getattr(self.at_start, key))

    def schedules(self) -> Mapping[str, Schedule]:
        return self.catalog.schedules

    # --- agents

    def agent(self, name: str) -> LivingAgent:
        """Raises UnknownAgent."""
        if name not in self.agents:
            raise UnknownAgent(name, sorted(self.agents))
        return self.agents[name]

    def runtime(self, name: str) -> AgentRuntime | None:
        return self.agents[name].runtime if name in self.agents else None

    def definition(self, name: str) -> Agent | None:
        return self.agents[name].agent if name in self.agents else None

    def tool(self, agent: str, action: str) -> Tool | None:
        """What an agent has under the name of an action."""
        runtime = self.runtime(agent)
        return runtime.tool(action) if runtime else None

    def definitions(self) -> Mapping[str, Agent]:
        return {name: living.agent for name, living in self.agents.items()}

    # --- clients

    def client(self, name: str) -> Client | None:
        return self.clients[name].client if name in self.clients else None

    def client_definition(self, name: str) -> ClientDefinition:
        """The client of that name, as it lives or is about to; one without any rules for a door such as the API."""
        living = self.clients.get(name)
        return living.definition if living else self.catalog.clients.get(name, ClientDefinition(name, ""))

    def is_dry(self, client: str) -> bool:
        """Whether nothing is to be sent there."""
        return self.client_definition(client).rules.dry_run

    def more_to_send(self, client: str) -> None:
        """Tell a client's sender that rows wait for it."""
        if client in self.clients:
            self.clients[client].sender.wake.set()
