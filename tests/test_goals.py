"""Goals of an agent, a room or a person: set and noted by an action or after a talk, each change with its source."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carrier.actions.set_goal import SetGoal
from carrier.evaluators.goals import Goals as Noting
from carrier.ledger import goals as rows
from carrier.ledger.tables import goal_changes
from carrier.runtime.jobs import Jobs
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import ActionDefinition, Agent, MemorySettings
from carrier.types.memory import Goal, GoalChange
from carrier.types.parts import TemplateFile
from carrier.types.talk import Ended

LAUNCH = Goal("launch", "Open the bar", ("paint", "stock"))
ALL = {"whose": ["room", "person", "agent"]}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def act(host: LittleHost, agent: Agent = AGENT, room: str = "@anna", settings: Any = None, **call: Any) -> Ended:
    """What came of a call of `set_goal`, in a turn for Anna."""
    action = SetGoal(ActionDefinition("set_goal", "built-in", settings=settings), host.given)
    host.add(agent, ListedModel(calls("set_goal", **call), "Done."), actions=[action])
    return await host.ask(room=room)


async def told(host: LittleHost, agent: Agent = AGENT, room: str = "api/@anna", person: str = "api:anna") -> list[Goal]:
    return await host.given.goals(agent, room, [person])


async def sources(host: LittleHost) -> list[tuple[str, str]]:
    query = select(goal_changes.c.name, goal_changes.c.source).order_by(goal_changes.c.at)
    return [tuple(row) for row in await host.ledger.read(lambda it: it.execute(query).all())]


async def test_a_goal_is_set_and_goes_on_step_by_step(host: LittleHost) -> None:
    await act(host, do="set", goal="party", description="Anna's party", steps=["guests", "cake"])
    await act(host, do="progress", goal="party", step="guests", note="nine are coming")

    assert await told(host) == [
        Goal("party", "Anna's party", ("guests", "cake"), ("guests",), "nine are coming", "room", "api/@anna")
    ]
    assert await sources(host) == [("party", "api:m1"), ("party", "api:m2")]


@pytest.mark.parametrize("do", ["done", "drop"])
async def test_a_goal_that_is_reached_or_dropped_is_told_no_more(host: LittleHost, do: str) -> None:
    await act(host, do="set", goal="party", description="Anna's party")
    await act(host, do=do, goal="party")
    again = await act(host, do="progress", goal="party", note="?")

    assert await told(host) == []
    assert "no goal 'party' is open that you may change" in again.results[0].text
    assert (await act(host, do="set", goal="party", description="Another one")).results[0].ok


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ({"do": "set", "goal": "party", "description": "Again"}, "there is a goal 'party' already"),
        ({"do": "set", "goal": "new"}, "`description` is missing"),
        ({"do": "progress", "goal": "prty", "note": "x"}, "there are party"),
        ({"do": "progress", "goal": "party"}, "say what has come of it"),
        ({"do": "progress", "goal": "party", "step": "wine"}, "no step 'wine'; its steps are cake"),
        ({"do": "set", "goal": "me", "description": "x", "whose": "agent"}, "wrong arguments: whose"),
        ({"do": "done", "goal": "launch"}, "no goal 'launch' is open that you may change"),
    ],
)
async def test_what_cannot_be_is_told_and_changes_nothing(host: LittleHost, call: dict[str, str], reason: str) -> None:
    agent = replace(AGENT, goals=(LAUNCH,))
    await act(host, agent, do="set", goal="party", description="Anna's party", steps=["cake"])
    before = await told(host, agent)

    ended = await act(host, agent, **call)

    assert not ended.results[0].ok
    assert reason in ended.results[0].text
    assert await told(host, agent) == before


async def test_only_so_many_are_open_at_once(host: LittleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST", 1)
    await act(host, do="set", goal="one", description="One")

    assert "1 goals are open already" in (await act(host, do="set", goal="two", description="Two")).results[0].text


# --- who is told -----------------------------------------------------------------------------------------------------


async def test_a_rooms_goals_are_told_there_and_a_persons_where_memory_reaches(host: LittleHost) -> None:
    wide = replace(AGENT, memory=MemorySettings(scope="agent"))
    await act(host, do="set", goal="party", description="The room's")
    await act(host, do="set", goal="diet", description="Anna's", whose="person")

    assert [goal.name for goal in await told(host)] == ["party", "diet"]
    assert await told(host, room="api/bar") == []
    assert [goal.name for goal in await told(host, wide, room="api/bar")] == ["diet"]
    assert await told(host, wide, room="api/bar", person="api:ben") == []


async def test_progress_of_the_files_goals_is_kept_until_their_words_change(host: LittleHost) -> None:
    agent = replace(AGENT, goals=(LAUNCH,))
    await act(host, agent, settings=ALL, do="progress", goal="launch", step="paint", note="green")

    assert await told(host, agent) == [replace(LAUNCH, done=("paint",), note="green")]
    assert await told(host, replace(AGENT, goals=(replace(LAUNCH, steps=("rest",)),))) == [
        replace(LAUNCH, steps=("rest",))
    ]


async def test_what_was_noted_of_an_agents_own_goal_is_no_other_rooms_business(host: LittleHost) -> None:
    agent = replace(AGENT, goals=(LAUNCH,))
    await act(host, agent, settings=ALL, do="progress", goal="launch", step="paint", note="Anna pays")

    assert await told(host, agent, room="api/bar") == [replace(LAUNCH, done=("paint",))]
    await act(host, agent, room="bar", settings=ALL, do="progress", goal="launch", step="stock")
    assert await told(host, agent, room="api/bar") == [replace(LAUNCH, done=("paint", "stock"))]


# --- after a conversation --------------------------------------------------------------------------------------------


async def noted(host: LittleHost, answer: str, said: Sequence[str] = ("I painted it.", "All is green.")) -> ListedModel:
    """What the evaluator makes of a conversation, when its model answers so."""
    template = "{% for goal in goals %}{{ goal.name }}: {{ goal.description }}\n{% endfor %}"
    agent = replace(AGENT, goals=(LAUNCH,))
    small = ListedModel(answer)
    runtime = host.add(
        agent,
        ListedModel(),
        small,
        reflections={"goals": Noting(Noting.Settings.model_validate({"every": 2}), host.given)},
    )
    runtime.agent = replace(
        runtime.agent,
        templates={**runtime.agent.templates, "goals": "goals.j2"},
        sources={**runtime.agent.sources, "goals.j2": TemplateFile("goals.j2", template)},
    )
    for text in said:
        await host.ask(text)
    jobs = Jobs(host.ledger, host.memories, host.agents.get)
    while await jobs.run_due():
        pass
    return small


async def test_a_conversation_moves_the_goals_it_speaks_of(host: LittleHost) -> None:
    small = await noted(host, "- launch: step 1 done\n**launch**: looks good\nbuy: boots\nnonsense\nlaunch: step 9")

    asked = small.requests[0]
    assert (asked.purpose, asked.prompt.system) == ("goals", "launch: Open the bar\n")
    assert asked.prompt.conversation[0].text == "Anna: I painted it.\nAnna: All is green."
    assert await told(host, replace(AGENT, goals=(LAUNCH,))) == [replace(LAUNCH, done=("paint",), note="looks good")]
    assert await sources(host) == [("launch", "api:m2"), ("launch", "api:m2")]


async def test_a_goal_that_was_reached_meanwhile_stays_so(host: LittleHost) -> None:
    agent = replace(AGENT, goals=(LAUNCH,))
    await noted(host, "launch: done\nlaunch: still open")

    assert await told(host, agent) == []


async def test_the_same_change_is_made_once(host: LittleHost) -> None:
    change = GoalChange("party", "set", "room", "api/@anna", "Anna's party")
    changed = rows.Changed("turn/action/00/00/deed/00", "tifa", change, "api/@anna", "api:m1")
    write = partial(rows.change, clock=host.ledger.clock, changed=changed)

    await host.ledger.write(write)
    await host.ledger.write(write)

    assert await sources(host) == [("party", "api:m1")]
