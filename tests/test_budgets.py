"""What models may take within a time is looked at before each of them is asked."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carrier.config.catalog import load
from carrier.interfaces import Turn, Verdict
from carrier.ledger.engine import Clock
from carrier.testing.models import ListedModel, calls
from carrier.testing.projects import SMALL, write
from carrier.testing.runtimes import Doing, Judging, LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import Agent, Budget
from carrier.types.models import Completion, ModelProfile, Usage

DAY = 86400.0


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


def costing(text: str, cost: float = 0.0, tokens: int = 0) -> Completion:
    return Completion(text, usage=Usage(tokens_in=tokens, cost=cost), model="openai/dear")


def with_budget(*budgets: Budget, name: str = AGENT.name) -> Agent:
    return replace(AGENT, budgets=budgets, name=name)


@pytest.mark.parametrize(
    ("budget", "answer"),
    [
        (Budget("team", ("tifa",), cost=1.0, per=DAY), costing("dear", cost=1.0)),
        (Budget("team", ("tifa",), tokens=500, per=DAY), costing("long", tokens=500)),
        (Budget("team", ("tifa",), calls=1, per=DAY), costing("often")),
    ],
    ids=["cost", "tokens", "calls"],
)
async def test_what_is_spent_stops_the_next_question(host: LittleHost, budget: Budget, answer: Completion) -> None:
    model = ListedModel(answer, "never")
    host.add(with_budget(budget), model)

    first, second = await host.ask("one"), await host.ask("two")

    assert (first.outcome, second.outcome) == ("answered", "failed")
    assert len(model.requests) == 1


async def test_a_question_that_does_not_fit_any_more_is_not_asked(host: LittleHost) -> None:
    model = ListedModel("never")
    host.add(with_budget(Budget("small", ("tifa",), tokens=100, per=DAY)), model)

    ended = await host.ask("x" * 900)

    assert (ended.outcome, model.requests) == ("failed", [])


async def test_a_budget_has_room_again_when_its_time_has_passed(host: LittleHost) -> None:
    now = 1_800_000_000_000_000
    host.ledger.clock = Clock(now=lambda: now)
    model = ListedModel(costing("dear", cost=1.0), "Hei.")
    host.add(with_budget(Budget("team", ("tifa",), cost=1.0, per=DAY)), model)

    outcomes = []
    for hours in (0, 1, 22, 2):
        now += hours * 3_600_000_000
        outcomes.append((await host.ask(f"after {hours} more hours")).outcome)

    assert outcomes == ["answered", "failed", "failed", "answered"]
    assert len(model.requests) == 2


async def test_a_question_is_counted_with_the_longest_answer_it_may_get(host: LittleHost) -> None:
    large = ModelProfile("large", "scripted/default", params={"max_tokens": 90})
    agent = with_budget(Budget("small", ("tifa",), tokens=100, per=DAY))
    model = ListedModel("Hei.", "never")

    host.add(agent, model)
    short = await host.ask("x" * 60)
    host.add(replace(agent, model=large), model)
    long = await host.ask("x" * 60)

    assert (short.outcome, long.outcome, len(model.requests)) == ("answered", "failed", 1)


async def test_a_budget_is_shared_by_all_who_name_it_and_by_no_others(host: LittleHost) -> None:
    team = Budget("team", ("tifa", "cloud"), cost=1.0, per=DAY)
    host.add(with_budget(team, name="cloud"), ListedModel(costing("dear", cost=1.0)))
    host.add(with_budget(team), ListedModel("never"))
    host.add(with_budget(Budget("own", ("aerith",), cost=1.0, per=DAY), name="aerith"), ListedModel("Hei."))

    await host.ask("one", to="cloud")
    tifa, aerith = await host.ask("two"), await host.ask("three", to="aerith")

    assert (tifa.outcome, aerith.outcome) == ("failed", "answered")


async def test_a_turn_has_a_budget_of_its_own(host: LittleHost) -> None:
    async def nothing(turn: Any) -> str:
        return "nothing"

    first = replace(calls("look"), usage=Usage(tokens_in=500))
    model = ListedModel(first, "Hei.")
    host.add(with_budget(Budget("turn", ("tifa",), tokens=500)), model, actions=[Doing("look", nothing)])

    spent, fresh = await host.ask("one"), await host.ask("two")

    assert (spent.outcome, fresh.outcome) == ("failed", "answered")
    assert len(model.requests) == 2


async def test_a_turn_asks_so_many_times_as_its_budget_says(host: LittleHost) -> None:
    async def nothing(turn: Any) -> str:
        return "nothing"

    model = ListedModel(calls("look"), calls("look"), "never")
    host.add(with_budget(Budget("turn", ("tifa",), calls=2)), model, actions=[Doing("look", nothing)])

    assert (await host.ask()).outcome == "failed"
    assert len(model.requests) == 2


async def test_what_a_gate_asks_counts_as_a_question_of_its_turn(host: LittleHost) -> None:
    async def ask(turn: Turn, text: str) -> Verdict:
        return Verdict(await turn.ask_model("Is it kind?", text, purpose="kind"))

    small = ListedModel("Yes.")
    host.add(with_budget(Budget("own", ("tifa",), calls=1)), ListedModel("Hei."), small, gates={"kind": Judging(ask)})

    assert ((await host.ask()).outcome, small.requests) == ("held", [])


async def test_another_model_goes_on_where_the_budget_says_so(host: LittleHost) -> None:
    cheap = ListedModel("from the cheap one")
    budget = Budget("team", ("tifa",), cost=1.0, per=DAY, instead=ModelProfile("cheap", "scripted/default"))
    host.add(with_budget(budget), ListedModel(costing("dear", cost=2.0)), instead={"team": cheap})

    first, second = await host.ask("one"), await host.ask("two")

    assert (first.texts, second.texts) == (("dear",), ("from the cheap one",))


async def test_an_operator_is_told_once_when_a_budget_runs_low(
    host: LittleHost, caplog: pytest.LogCaptureFixture
) -> None:
    model = ListedModel(costing("dear", cost=0.85), costing("a"), costing("b"))
    host.add(with_budget(Budget("team", ("tifa",), cost=1.0, per=DAY)), model)

    for text in ("one", "two", "three"):
        await host.ask(text)

    assert [record.message for record in caplog.records if "budget" in record.message] == [
        "tifa: the budget team is spent to 85 %"
    ]


# --- from the files ------------------------------------------------------------------------------------------------

HOST = """\
budgets: { team: { cost: 20 USD/month, tokens: 60k/day, when_spent: small } }
models: { small: ollama/llama3.2 }
"""


def test_budgets_come_from_the_host_and_from_the_agent(tmp_path: Path) -> None:
    own = "character: { bio: x }\nbudgets: [team, { tokens: 9k/turn, calls: 20/day }]\n"
    before = load(write(tmp_path, {**SMALL, "carrier.yaml": HOST, "agents.d/tifa.yaml": own}), {})
    write(tmp_path, {"agents.d/hello.yaml": "character: { bio: x }\nbudgets: [team]\n"})

    after = load(before.path, {}, before)

    assert before.problems == after.problems == ()
    cost, tokens, turn, calls = before.agents["tifa"].budgets
    assert (cost.name, cost.cost, cost.per, cost.agents) == ("team", 20.0, 2592000.0, ("tifa",))
    assert (tokens.tokens, tokens.per) == (60_000, DAY)
    assert cost.instead is not None
    assert cost.instead.use == "ollama/llama3.2"
    assert (turn.tokens, turn.per, turn.instead) == (9_000, 0.0, None)
    assert (calls.calls, calls.per, calls.tokens) == (20, DAY, 0)
    assert after.agents["tifa"].budgets[0].agents == ("hello", "tifa")


def test_an_agent_does_not_go_on_without_a_budget_that_is_no_more(tmp_path: Path) -> None:
    text = "character: { bio: x }\nbudgets: [team]\n"
    before = load(write(tmp_path, {**SMALL, "carrier.yaml": HOST, "agents.d/tifa.yaml": text}), {})
    write(tmp_path, {"carrier.yaml": "name: demo\n"})

    after = load(before.path, {}, before)

    assert [each.code for each in after.problems] == ["CAR039"]
    assert after.agents["tifa"].budgets == before.agents["tifa"].budgets
