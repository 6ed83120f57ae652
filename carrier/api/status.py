"""How a host stands, in one value: for the API, the banner and `carrier-host status`."""

from collections.abc import Iterator
from dataclasses import dataclass

from carrier import __version__
from carrier.host import Host
from carrier.interfaces import MemoryState, ModelState
from carrier.ledger.handovers import Handover
from carrier.ledger.mutes import Mute
from carrier.living.here import LivingAgent
from carrier.runtime.supervisor import LivingClient
from carrier.scheduler.listing import state_of
from carrier.scheduler.scheduler import Standing


@dataclass(frozen=True, slots=True)
class AgentStatus:
    name: str
    display_name: str
    description: str
    model: str
    why: str
    """Why it uses this model."""
    revision: str
    waiting: int
    """Messages that wait for an answer."""


@dataclass(frozen=True, slots=True)
class ClientStatus:
    name: str
    type: str
    agent: str
    state: str
    problem: str
    dry_run: bool
    """Nothing is sent."""


@dataclass(frozen=True, slots=True)
class MuteStatus:
    """A room where nobody answers."""

    room: str
    until: float | None
    """Seconds since 1970; None: until it is unmuted."""
    by: str


@dataclass(frozen=True, slots=True)
class WaitingLane:
    """A room whose messages wait for a model, by its agent's wish."""

    agent: str
    room: str
    reason: str
    until: float
    """When a model is asked again, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class HandoverStatus:
    room: str
    agent: str
    """Whose place it is."""
    answers: str
    """Who answers there now."""
    until: float
    """When that ends if nobody speaks, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    name: str
    agent: str
    state: str
    troubled: bool
    """One failed or was missed, and none was done since."""
    waiting: int
    """Slots whose words wait for approval."""
    next: str
    """When there is something to do next; empty: not known, or never."""


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    at: float
    ok: bool
    reason: str
    """Why what runs is not all that the files say."""


@dataclass(frozen=True, slots=True)
class Status:
    name: str
    version: str
    revision: str
    agents: tuple[AgentStatus, ...]
    clients: tuple[ClientStatus, ...]
    models: tuple[ModelState, ...]
    waits: tuple[WaitingLane, ...]
    muted: tuple[MuteStatus, ...]
    schedules: tuple[ScheduleStatus, ...]
    held: str
    """Why schedules take nothing in, where the clock cannot be right."""
    parked: dict[str, str]
    """Clients that wait for a secret, and which."""
    broken: dict[str, str]
    """What did not come to life in its newest version, and why."""
    degraded: tuple[str, ...]
    """What runs in an older version than its files say."""
    restart: tuple[str, ...]
    """Keys of carrier.yaml whose new value counts from the next start."""
    absent: dict[str, int]
    """Agents that are not here, and how many messages wait for them."""
    handovers: tuple[HandoverStatus, ...]
    """Rooms where an agent answers in another's place."""
    problems: tuple[str, ...]
    """All that is wrong with the files, as the last reading found it."""
    reloaded_at: float
    last_reload: ReloadStatus
    memory: MemoryState
    stopping: bool


def status(host: Host) -> Status:
    lanes, waits = host.inbox.lanes, host.inbox.waits.by_lane
    return Status(
        name=host.settings.name,
        version=__version__,
        revision=host.catalog.revision,
        agents=tuple(_agent(living, lanes.waiting_for(name)) for name, living in sorted(host.agents.items())),
        clients=tuple(_client(living) for _, living in sorted(host.clients.items())),
        models=host.models,
        waits=tuple(WaitingLane(*lane, wait.reason, wait.until) for lane, wait in sorted(waits.items())),
        muted=tuple(mute_status(mute) for mute in host.mutes.now.values()),
        schedules=tuple(_schedules(host)),
        held=host.calendar.scheduler.held,
        parked=dict(host.catalog.parked),
        broken={broken.name: broken.reason for broken in host.broken},
        degraded=degraded(host),
        restart=host.here.waits_for_restart,
        absent={name: lanes.waiting_for(name) for name in lanes.agents() if name not in host.agents},
        handovers=tuple(map(handover_status, host.handovers.lasting)),
        problems=tuple(str(problem) for problem in host.catalog.problems),
        reloaded_at=host.last_reload.at,
        last_reload=ReloadStatus(host.last_reload.at, host.last_reload.ok, host.last_reload.reason),
        memory=host.memories.state(),
        stopping=host.stopping,
    )


def handover_status(handover: Handover) -> HandoverStatus:
    return HandoverStatus(handover.room, handover.owner, handover.holder, handover.until / 1_000_000)


def degraded(host: Host) -> tuple[str, ...]:
    """What lives though its files say something else, which is broken or did not come to life."""
    broken = {(each.kind, each.name) for each in host.broken}
    living = [*(("agent", name) for name in host.agents), *(("client", name) for name in host.clients)]
    return tuple(sorted({name for kind, name in living if host.catalog.stale(kind, name) or (kind, name) in broken}))


def _agent(living: LivingAgent, waiting: int) -> AgentStatus:
    agent, choice = living.agent, living.models["large"]
    name = agent.character.display_name
    return AgentStatus(agent.name, name, agent.description, choice.use, choice.why, agent.revision, waiting)


def _client(living: LivingClient) -> ClientStatus:
    definition = living.definition
    return ClientStatus(
        definition.name, definition.type, definition.agent, living.state, living.problem, definition.rules.dry_run
    )


def mute_status(mute: Mute) -> MuteStatus:
    return MuteStatus(mute.room, mute.until / 1_000_000 if mute.until else None, mute.by)


def _schedules(host: Host) -> Iterator[ScheduleStatus]:
    here = host.calendar.scheduler.here()
    for name, schedule in sorted(host.catalog.schedules.items()):
        standing = host.calendar.scheduler.standing.get(name, Standing(name))
        state = state_of(schedule, standing, name in here)
        upcoming = standing.next.isoformat(timespec="seconds") if standing.next else ""
        yield ScheduleStatus(name, schedule.agent, state, standing.troubled, standing.waiting, upcoming)
