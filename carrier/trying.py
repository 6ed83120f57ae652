"""Tries agents out: each case of their tests is talked through with a host of its own, and held against its words."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import Connection, select

from carrier.api.asking import Pending, ask
from carrier.config import models
from carrier.config.catalog import Catalog
from carrier.config.reading import natural
from carrier.config.revisions import digest
from carrier.errors import CarrierError, UnknownAgent
from carrier.functions import is_in_a_file
from carrier.host import Host, running
from carrier.ledger import jobs
from carrier.ledger.forms import load
from carrier.ledger.tables import facts
from carrier.ledger.turns import journal_of
from carrier.lock import locked
from carrier.runtime.state import written
from carrier.types.agents import Agent
from carrier.types.memory import Memory
from carrier.types.models import ActionResult, ModelProfile, Prompt
from carrier.types.parts import PartFile
from carrier.types.talk import Ended, Message

CLIENT = "api"
"""Who asks there waits for the answer, and nothing is sent anywhere."""
AT_ONCE = 4
"""Agents that are tried side by side."""
GRACE_SECONDS = 5.0
"""Beyond the time of a turn, to end it and to say so."""
FACTS_SECONDS = 30.0
"""How long facts are waited for, which are found after the answer."""
MOMENT = 0.01
"""How often is looked for what nobody tells."""
FLAGS = re.IGNORECASE | re.MULTILINE
"""As in scripts."""


class Trial(NamedTuple):
    """A case to be tried."""

    test: models.Test
    name: str
    case: models.Case
    catalog: Catalog
    """What a host of its own runs on."""


@dataclass(frozen=True, slots=True)
class Miss:
    """Something that is not as expected."""

    what: str
    """The key of `expect` that was not met."""
    expected: str
    came: str


@dataclass(frozen=True, slots=True)
class Missed:
    """The turn that is not as expected."""

    turn: int
    """Counted from 1."""
    speaker: str
    say: str
    misses: tuple[Miss, ...]
    prompt: str
    """What the model was told."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a case."""

    agent: str
    test: str
    case: str
    model: str
    """Which model answered last."""
    seconds: float
    missed: Missed | None = None
    error: str = ""
    """Why it could not be tried to its end."""
    log: tuple[str, ...] = ()
    """What the host warned of meanwhile."""

    @property
    def ok(self) -> bool:
        return not (self.missed or self.error)


def trials(catalog: Catalog, agents: Sequence[str] = (), model: str = "") -> list[Trial]:
    """All cases of the agents' tests, or of everybody's, agent by agent; `model` overrules what the tests say.

    Raises CarrierError where there is no such agent, no test of it, or no such model.
    """
    unknown = [name for name in agents if name not in catalog.agents]
    if unknown:
        raise UnknownAgent(unknown[0], sorted(catalog.agents))
    tests = [test for test in catalog.tests.values() if test.agent in (agents or catalog.agents)]
    untested = sorted(set(agents) - {test.agent for test in tests})
    if untested or not tests:
        raise CarrierError(f"there is no test of {', '.join(untested) or 'any agent'}; a document of kind test is one")
    return [
        Trial(test, name, case, _only(catalog, test, model))
        for test in sorted(tests, key=lambda test: (test.agent, test.name))
        for name, case in test.cases.items()
    ]


async def tried(todo: Sequence[Trial], told: Callable[[Tried], None]) -> list[Tried]:
    """What came of each; `told` at once when its case ends.

    Agents are tried side by side, unless a model is asked that could be disturbed by the end of another's host.
    """
    at_once = asyncio.Semaphore(AT_ONCE if all(_is_offline(trial) for trial in todo) else 1)
    with _listening():
        by_agent = groupby(todo, key=lambda trial: trial.test.agent)
        found = await asyncio.gather(*(_of_agent(list(cases), at_once, told) for _, cases in by_agent))
    return [each for one in found for each in one]


async def _of_agent(cases: Sequence[Trial], at_once: asyncio.Semaphore, told: Callable[[Tried], None]) -> list[Tried]:
    found: list[Tried] = []
    async with at_once:
        for trial in cases:
            found.append(await asyncio.create_task(_try(trial)))
            told(found[-1])
    return found


# --- what a case runs on ----------------------------------------------------------------------------------------------


def _only(catalog: Catalog, test: models.Test, model: str) -> Catalog:
    """The agent, and whoever it may turn to, with the models of the test and nothing that acts by itself."""
    chosen = model or test.model or ""
    agents = {name: _with_model(catalog, name, chosen, test.timeout) for name in _circle(catalog, test.agent)}
    return replace(catalog, agents=agents, clients={}, schedules={}, accepted={}, problems=())


def _circle(catalog: Catalog, agent: str) -> list[str]:
    found, left = [], [agent]
    while left:
        name = left.pop()
        block = catalog.definitions["agent", name].block
        found.append(name)
        known = (*getattr(block, "delegates", ()), *getattr(block, "handoffs", ()))
        left += (other for other in known if other in catalog.agents and other not in (*found, *left))
    return found


def _with_model(catalog: Catalog, name: str, model: str, seconds: float) -> Agent:
    agent = catalog.agents[name]
    limits = replace(agent.limits, turn=min(agent.limits.turn, seconds))
    if model == models.OWN:
        return replace(agent, limits=limits)
    profile = _named(catalog, model) if model else _scripted(catalog, agent)
    return replace(agent, model=profile, small=replace(profile, name="small"), limits=limits)


def _scripted(catalog: Catalog, agent: Agent) -> ModelProfile:
    """What needs no model: the cassette or the script that the agent names, or the script of its own name."""
    use = agent.model.use
    if not use.startswith(OFFLINE):
        use = f"scripted/{agent.name if agent.name in catalog.scripts else 'default'}"
    return ModelProfile("large", use, scripts=catalog.scripts)


def _named(catalog: Catalog, name: str) -> ModelProfile:
    """A model of the host's by its name, or provider/model; no other is asked in its place."""
    host = catalog.definitions["host", "host"].block
    known: Mapping[str, models.Model] = host.models if isinstance(host, models.Host) else {}
    if name not in known and "/" not in name:
        raise CarrierError(f"no model is called {name!r}; there are {', '.join([*known, models.OWN])}")
    model = known.get(name) or models.Model(use=name)
    return ModelProfile(
        name=name,
        use=model.use,
        timeout=model.timeout,
        base_url=model.base_url,
        api_key=model.api_key or None,
        params={key: natural(value) for key, value in model.params.items()},
        scripts=catalog.scripts,
        file=_file(catalog, model.use),
    )


def _file(catalog: Catalog, use: str) -> PartFile | None:
    """The file that a model's code is in, if it is in one; raises OSError."""
    if not is_in_a_file(use):
        return None
    code = (catalog.root / use.rpartition(":")[0]).read_text("utf-8")
    return PartFile(catalog.root, code, digest(code.encode()))


OFFLINE = ("scripted/", "replay/")
"""Models that ask nobody."""


def _is_offline(trial: Trial) -> bool:
    used = (profile for agent in trial.catalog.agents.values() for profile in (agent.model, agent.small))
    return all(profile.use.startswith(OFFLINE) for profile in used)


# --- a case, talked through -------------------------------------------------------------------------------------------


async def _try(trial: Trial) -> Tried:
    heard: list[str] = []
    _heard.set(heard)
    talk = _Talk(trial)
    began, missed, error = time.perf_counter(), None, ""
    try:
        with TemporaryDirectory(prefix="carrier-test-", ignore_cleanup_errors=True) as folder:
            missed = await talk.through(Path(folder))
    # Whatever an agent's parts come up with, the other cases are tried.
    except Exception as reason:
        error = _told(reason)
    seconds = time.perf_counter() - began
    return Tried(trial.test.agent, trial.test.name, trial.name, talk.model, seconds, missed, error, tuple(heard))


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, CarrierError) else f"{type(error).__name__}: {error}"


class _Talk:
    """A conversation with an agent."""

    def __init__(self, trial: Trial):
        self._trial = trial
        self.model = ""

    async def through(self, folder: Path) -> Missed | None:
        """Until a turn is not as expected."""
        catalog = replace(self._trial.catalog, host=replace(self._trial.catalog.host, data=folder))
        with locked(folder):
            async with running(catalog, catalog.environment, watch=False) as host:
                if host.broken:
                    raise CarrierError("; ".join(f"{each.kind} {each.name}: {each.reason}" for each in host.broken))
                host.memories.open()
                for number, turn in enumerate(self._trial.case.turns, start=1):
                    if missed := await self._turn(host, number, turn):
                        return missed
        return None

    async def _turn(self, host: Host, number: int, turn: models.Turn) -> Missed | None:
        message = self._message(number, turn)
        ended = await ask(host, message, self._trial.test.timeout + GRACE_SECONDS)
        if isinstance(ended, Pending):
            late = Miss("timeout", f"an answer within {self._trial.test.timeout:g} s", "none")
            return Missed(number, message.sender_name, message.text, (late,), await _prompt(host, ended.turn))
        self.model = ended.model or self.model
        misses = (*_misses(turn.expect, ended), *await _not_stored(host, ended.agent, turn.expect.stored))
        if not misses:
            return None
        return Missed(number, message.sender_name, message.text, misses, await _prompt(host, ended.turn))

    def _message(self, number: int, turn: models.Turn) -> Message:
        case = self._trial.case
        speaker = turn.speaker or case.speaker
        return Message(
            client=CLIENT,
            platform_id=f"turn-{number}",
            room=f"{CLIENT}/{case.room or '@' + case.speaker}",
            sender=f"{CLIENT}:{speaker}",
            sender_name=speaker,
            text=str(turn.say),
            kind="api",
            to=self._trial.test.agent,
            created_at=time.time_ns() // 1000,
        )


async def _prompt(host: Host, turn: str) -> str:
    """What the model was told in a turn; empty where it did not come so far."""
    journal = await host.ledger.read(partial(journal_of, turn=turn))
    return written(load(Prompt, journal["prompt"].value)) if "prompt" in journal else ""


# --- held against what was expected -----------------------------------------------------------------------------------


def _misses(expect: models.Expect, ended: Ended) -> Iterator[Miss]:
    text = "\n".join(ended.texts)
    if ended.outcome not in ((expect.outcome,) if expect.outcome else ("answered", "silent")):
        yield Miss("outcome", expect.outcome or "answered or silent", ended.outcome)
    yield from (Miss("text", pattern, text) for pattern in expect.text if not _found(pattern, text))
    yield from (Miss("not_text", pattern, text) for pattern in expect.not_text if _found(pattern, text))
    if expect.actions is not None and not _as_expected(expect.actions, ended.results):
        came = [_shown(result.call.name, result.call.arguments) for result in ended.results]
        yield Miss("actions", _listed(_shown(*_call(each)) for each in expect.actions), _listed(came))


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, FLAGS) is not None


def _as_expected(expected: Sequence[models.Call], results: Sequence[ActionResult]) -> bool:
    calls = [(result.call.name, result.call.arguments) for result in results]
    return len(calls) == len(expected) and all(
        came == name and all(key in given and given[key] == value for key, value in arguments.items())
        for (name, arguments), (came, given) in zip(map(_call, expected), calls, strict=True)
    )


def _call(expected: models.Call) -> tuple[str, Mapping[str, object]]:
    ((name, arguments),) = expected.items()
    return str(name), {key: natural(value) for key, value in (arguments or {}).items()}


def _shown(name: str, arguments: Mapping[str, object]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def _listed(calls: Iterable[str]) -> str:
    return ", ".join(calls) or "none"


async def _not_stored(host: Host, agent: str, patterns: Collection[str]) -> list[Miss]:
    if not patterns:
        return []
    await _reflected(host)
    kept = await host.ledger.read(partial(_facts, agent=agent))
    came = "\n".join(kept) or "nothing"
    return [Miss("stored", pattern, came) for pattern in patterns if not any(_found(pattern, fact) for fact in kept)]


async def _reflected(host: Host) -> None:
    """Until what is due after the turn is done; what failed and is tried again later is not waited for."""
    until = time.monotonic() + FACTS_SECONDS
    while time.monotonic() < until:
        due = await host.ledger.read(jobs.next_due)
        if due is None or due > host.ledger.clock.tick():
            return
        await asyncio.sleep(MOMENT)


def _facts(connection: Connection, agent: str) -> list[str]:
    holding = select(facts.c.body).where(facts.c.agent == agent, facts.c.until == 0)
    rows = connection.execute(holding.order_by(facts.c.at)).scalars()
    return [load(Memory, body).text for body in rows]


# --- what a host warns of ---------------------------------------------------------------------------------------------

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)
"""Where the warnings of a case go; all that its host starts has it."""


class _Ear(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        heard = _heard.get()
        if heard is not None:
            heard.append(record.getMessage())


@contextmanager
def _listening() -> Iterator[None]:
    """Warnings are told with the case they belong to."""
    ear, log = _Ear(logging.WARNING), logging.getLogger("carrier")
    log.addHandler(ear)
    try:
        yield
    finally:
        log.removeHandler(ear)
