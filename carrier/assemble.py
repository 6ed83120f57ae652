"""The one place where implementations are chosen: turns definitions into living parts."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from carrier import registry
from carrier.analytics import EventLog, Stats, stats
from carrier.errors import ActionError, CarrierError
from carrier.functions import find
from carrier.interfaces import (
    Action,
    Client,
    Embedder,
    Given,
    Memories,
    MemoryLog,
    Model,
    PastResult,
    StoreGiven,
    Toolbox,
    Turn,
    Waiting,
)
from carrier.ledger import approvals, goals, later, learned, people, results, summaries
from carrier.ledger.rooms import END_OF_TIME
from carrier.media.checks import kind_of, post_faults
from carrier.media.darkroom import Darkroom
from carrier.media.hosting.nowhere import Nowhere
from carrier.memory.embeddings import MiniLM
from carrier.models.choosing import choose
from carrier.models.loading import close_connections
from carrier.models.opening import Models
from carrier.posting import Outlet
from carrier.runtime.colleagues import Colleagues
from carrier.runtime.drafting import Drafting
from carrier.runtime.knowledge import Documents
from carrier.runtime.runtime import AgentRuntime, Parts
from carrier.runtime.turns import Turns
from carrier.templates import Templates
from carrier.types.agents import ActionDefinition, Agent
from carrier.types.clients import ClientDefinition, StoreDefinition
from carrier.types.memory import Goal, Memory, Recalled, Summary
from carrier.types.models import Choice, ModelProfile
from carrier.types.parts import PartUse
from carrier.types.posts import Fault, PostKind
from carrier.types.talk import Line, Message, Person

if TYPE_CHECKING:
    from carrier.clients.discord.inviting import Invitation


async def _untold(client: str, text: str) -> None:
    pass


@dataclass(frozen=True)
class Workshop:
    """What parts are made with: the few things of the host that they are handed."""

    turns: Turns
    alone: Callable[[], AbstractAsyncContextManager[None]]
    secrets: Callable[[], Collection[str]]
    port: Callable[[], int]
    colleagues: Colleagues
    models: Models = field(default_factory=Models)
    data: Path = Path()
    """Where parts may keep files of their own."""
    drafting: Drafting | None = None
    """What posts are made with; None where there are no schedules."""
    tell: Callable[[str, str], Awaitable[None]] = _untold
    """Tells a client's operator something, by the client's name."""

    @property
    def given(self) -> Given:
        return Given(
            recent=self._recent,
            secrets=self.secrets,
            now=lambda: datetime.now(UTC),
            people=self._people,
            facts=self._facts,
            documents=self._documents,
            goals=self._goals,
            summary=self._summary,
            said=self._said,
            waiting=self._waiting,
            results=self._results,
            colleague=self.colleagues.agent,
            ask=self.colleagues.ask,
            view=self.turns.abilities.view,
            act=self._act,
            data=self.data,
            tell=self.tell,
        )

    @cached_property
    def documents(self) -> Documents:
        """What agents were given to read."""
        return Documents(self.turns.ledger, self.turns.memories)

    async def _recent(self, turn: Turn, most: int) -> list[Line]:
        return await self.turns.windows.recent(turn.agent, turn.message, most)

    async def _people(self, turn: Turn, most: int) -> list[Person]:
        before = turn.message.at or END_OF_TIME
        query = partial(people.present, agent=turn.agent.name, room=turn.message.room, before=before, most=most)
        return await self.turns.ledger.read(query)

    async def _facts(self, turn: Turn, about: Sequence[Person], most: int) -> list[Memory]:
        room = turn.message.room if turn.agent.memory.scope == "room" else ""
        ids = {person.id for person in about}
        here = turn.message.room
        query = partial(learned.about, agent=turn.agent.name, people=ids, room=room, most=most, here=here)
        return await self.turns.ledger.read(query)

    async def _documents(self, turn: Turn, text: str, most: int) -> list[Recalled]:
        return await self.documents.recall(turn.agent, text, most)

    async def _goals(self, agent: Agent, room: str, people: Collection[str]) -> list[Goal]:
        kept = await self.turns.ledger.read(partial(goals.about, agent=agent.name, room=room, people=people))
        told = goals.told_in(room, kept) if agent.memory.scope == "room" else kept
        return list(goals.together(agent.goals, told).values())

    async def _summary(self, agent: Agent, room: str) -> Summary | None:
        return await self.turns.ledger.read(partial(summaries.get, agent=agent.name, room=room))

    async def _said(self, agent: Agent, room: str, after: int, through: int) -> list[Line]:
        said = partial(summaries.said, agent=agent.name, room=room, after=after, through=through)
        return await self.turns.ledger.read(said)

    async def _waiting(self, turn: Turn) -> list[Waiting]:
        return await self.turns.ledger.read(partial(later.waiting, agent=turn.agent.name, room=turn.message.room))

    async def _results(self, turn: Turn, most: int, seconds: float) -> list[PastResult]:
        here = partial(results.earlier, agent=turn.agent.name, room=turn.message.room)
        now = self.turns.ledger.clock.tick()
        return await self.turns.ledger.read(partial(here, now=now, most=most, seconds=seconds))

    async def _act(self, action: str, message: Message, arguments: Mapping[str, Any]) -> object:
        """Where somebody had to approve it first, at the message that led to that."""
        if message.kind == "approval":
            cause = await self.turns.ledger.read(partial(approvals.cause, message=message))
            if cause is None:
                raise ActionError("the message that led to it is no more")
            message = cause
        return await self.turns.abilities.act(action, message, arguments)

    # --- an agent

    async def runtime(self, agent: Agent, environment: Mapping[str, str]) -> tuple[AgentRuntime, Mapping[str, Choice]]:
        """A living agent, and which models it uses and why; raises what its parts raise when they cannot be made."""
        models: dict[Literal["large", "small"], tuple[Model, Choice]] = {
            "large": await self._model(agent.model, agent.name, environment),
            "small": await self._model(agent.small, agent.name, environment),
        }
        # Operators' code is imported here, and may take its time.
        parts = await asyncio.to_thread(self._parts, agent, {size: model for size, (model, _) in models.items()})
        instead = {
            budget.name: (await self._model(budget.instead, agent.name, environment))[0]
            for budget in agent.budgets
            if budget.instead
        }
        runtime = AgentRuntime(agent, replace(parts, instead=instead), self.turns, self.alone, self.drafting)
        await runtime.open()
        return runtime, {size: choice for size, (_, choice) in models.items()}

    async def _model(self, profile: ModelProfile, agent: str, environment: Mapping[str, str]) -> tuple[Model, Choice]:
        return await self.models.open(profile, agent, environment, self.port())

    def _parts(self, agent: Agent, models: Mapping[Literal["large", "small"], Model]) -> Parts:
        evaluators = {
            use.name: self._part(registry.EVALUATORS, registry.EVALUATOR_TYPES, use) for use in agent.evaluators
        }
        stages = {name: _stage(part) for name, part in evaluators.items()}
        return Parts(
            models=models,
            providers={use.name: self._part(registry.PROVIDERS, registry.PROVIDER_TYPES, use) for use in agent.context},
            actions={it.name: self._action(it) for it in agent.actions if it.type not in registry.TOOLBOX_TYPES},
            toolboxes=[self._toolbox(it) for it in agent.actions if it.type in registry.TOOLBOX_TYPES],
            gates={name: part for name, part in evaluators.items() if stages[name] == "reply"},
            checks={name: part for name, part in evaluators.items() if stages[name] == "message"},
            reflections={name: part for name, part in evaluators.items() if stages[name] == "after"},
            templates=Templates(agent.sources),
        )

    def _part(self, kind: Mapping[str, str], types: Mapping[str, str], use: PartUse) -> Any:
        if use.definition:
            make: Any = registry.find(types, use.definition.type)
            return make(use.definition, self.given)
        make = registry.find(kind, use.name)
        return make(_settings(make, use.settings), self.given)

    def _action(self, definition: ActionDefinition) -> Action:
        built_in = definition.type == "built-in"
        make: Any = registry.find(registry.ACTION_TYPES, definition.entrypoint if built_in else definition.type)
        action: Action = make(definition, self.given)
        return action

    def _toolbox(self, definition: ActionDefinition) -> Toolbox:
        make: Any = registry.find(registry.TOOLBOX_TYPES, definition.type)
        toolbox: Toolbox = make(definition, self.given)
        return toolbox

    # --- a client

    def client(self, definition: ClientDefinition) -> Client:
        make = find(registry.CLIENTS, definition.type, definition.file)
        client: Client = make(definition.name, _settings(make, definition.settings), self.given)
        return client


def _stage(evaluator: object) -> str:
    return "after" if hasattr(evaluator, "every") else getattr(evaluator, "stage", "reply")


def open_outlet(client: Client, data: Path) -> Outlet | None:
    """Where posts of a client go out; None if it publishes nothing, or nothing could be fetched from anywhere."""
    publisher, block = getattr(client, "publisher", None), getattr(client, "media_host", None)
    if publisher is None or not (block or publisher.takes_videos):
        return None
    make: Any = registry.find(registry.MEDIA_HOSTS, block.type) if block else Nowhere
    return Outlet(publisher, make(block), data, getattr(client, "slots", ()), getattr(client, "resend", False))


def parameters_of(action: ActionDefinition) -> Mapping[str, object]:
    """What an action takes, as a JSON Schema; operators' code is imported for it. Raises UnknownPart."""
    make: Any = registry.find(registry.ACTION_TYPES, action.type)
    made: Action = make(replace(action, examples=()), Given(_no_lines, secrets=tuple, now=partial(datetime.now, UTC)))
    return made.parameters


async def _no_lines(turn: Turn, most: int) -> list[Line]:
    return []


open_models = Models
"""What makes the models of a host, given the project's folder."""
open_darkroom = Darkroom
"""What makes of the operator's files what goes out, given the project's folder and the data folder."""
choose_model = choose
"""What a model's profile comes down to, and why."""
close_models = close_connections
"""Lets go of what vendors' models keep open; for the end of a host."""


def discord_invitation(client: ClientDefinition, actions: Collection[str]) -> "Invitation":
    """The link that invites a client's bot; raises CarrierError for its token."""
    from carrier.clients.discord.inviting import invitation
    from carrier.config.models.discord import DiscordSettings

    try:
        return invitation(DiscordSettings.model_validate(client.settings), actions)
    except ValueError as error:
        raise CarrierError(f"{client.name}: token: {error}") from error


def event_log(data: Path) -> Callable[[Iterable[Mapping[str, Any]]], None]:
    """Writes events down for good; call it in a thread."""
    return EventLog(data / "events").append


def read_stats(data: Path, agent: str | None, days: int) -> Stats:
    """What the event log of the last days says."""
    return stats(data / "events", agent, days)


def check_post(files: Sequence[Path], kind: PostKind | None = None, caption: str = "") -> tuple[Fault, ...]:
    """What Instagram would refuse or spoil; of the kind that the files look like where none is said."""
    return post_faults(kind or kind_of(files), files, caption=caption)


def open_memories(
    store: StoreDefinition, folder: Path, log: MemoryLog, embeddings: str, rebuild: Callable[[], Awaitable[object]]
) -> AbstractAsyncContextManager[Memories]:
    """The memory system, with the sentence model that comes with the install unless `embeddings` is none.

    Raises CarrierError where its store cannot be made.
    """
    embedder: Embedder | None = MiniLM() if embeddings == "builtin" else None
    try:
        make = find(registry.MEMORIES, store.type, store.file)
        made = make(_settings(make, store.settings), StoreGiven(folder, log, embedder, rebuild))
    # The store may be a stranger's, which does whatever it likes while it is made.
    except Exception as error:
        raise CarrierError(f"memory: {store.type} cannot be made: {type(error).__name__}: {error}") from error
    opened: AbstractAsyncContextManager[Memories] = made
    return opened


def _settings(part: Any, written: Mapping[str, object]) -> Any:
    """The settings as the part wants them; None for one that takes none."""
    return part.Settings.model_validate(written) if hasattr(part, "Settings") else None
