"""What a question may take is held before it is asked: turns side by side keep to a budget, and nothing leaks."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path

import pytest

from carrier.errors import ModelError
from carrier.ledger import spending, turns
from carrier.ledger.engine import open_ledger
from carrier.ledger.spending import Spent, Step
from carrier.metering import waste
from carrier.runtime import purses
from carrier.testing.hosts import running_host
from carrier.testing.models import ListedModel
from carrier.testing.projects import SMALL, project
from carrier.testing.runtimes import LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import Agent, Budget
from carrier.types.models import Completion, Image, ModelProfile, Prices, Prompt, Request, Said, Tool, Usage

DAY = 86400.0


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


def with_budget(budget: Budget) -> Agent:
    return replace(AGENT, budgets=(budget,))


# --- held --------------------------------------------------------------------------------

DEAR = Prices(read=0.001, written=0.01)
SAYS_ITS_LONGEST = ModelProfile("large", "openai/dear", params={"max_tokens": 50})


def slow(seed: int, longest: int = 50) -> Callable[[Request], Awaitable[Completion]]:
    """Answers of any length up to the longest, in any order."""
    chance = random.Random(seed)

    async def answer(request: Request) -> Completion:
        for _ in range(chance.randrange(60)):
            await asyncio.sleep(0)
        written = chance.randint(1, longest)
        return Completion("ok", usage=Usage(20, written, 20 * DEAR.read + written * DEAR.written), model="openai/dear")

    return answer


async def crowd(host: LittleHost, model: ListedModel, agent: Agent, people: int) -> list[str]:
    """How the turns ended of so many who speak at once, each in a room of their own."""
    host.add(agent, model)
    ended = await asyncio.gather(*(host.ask("Hello there", room=f"@{number}") for number in range(people)))
    return [each.outcome for each in ended]


async def taken(host: LittleHost) -> Spent:
    return await host.ledger.read(partial(spending.spent, agents=["tifa"]))


BUDGETS = [Budget("team", ("tifa",), cost=2.0, per=DAY), Budget("team", ("tifa",), tokens=400, per=DAY)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that does not fit does not wait long for those under way."""
    monkeypatch.setattr(purses, "HELD", 0.02)
    monkeypatch.setattr(purses, "PAUSE", 0.01)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("budget", BUDGETS, ids=["cost", "tokens"])
async def test_however_many_ask_at_once_no_more_is_taken_than_the_budget(
    host: LittleHost, budget: Budget, seed: int
) -> None:
    model = ListedModel(*[slow(seed * 100 + number) for number in range(24)], prices=DEAR)

    outcomes = await crowd(host, model, replace(with_budget(budget), model=SAYS_ITS_LONGEST), 24)

    spent = await taken(host)
    assert "answered" in outcomes
    assert "failed" in outcomes
    assert spent.cost <= (budget.cost or inf)
    assert spent.tokens <= (budget.tokens or inf)
    assert (spent.held_cost, spent.held_tokens) == (0, 0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seed", range(2))
async def test_where_an_estimate_is_wrong_it_is_more_by_that_at_most(host: LittleHost, seed: int) -> None:
    wrong, others = Completion("ok", usage=Usage(20, 350)), [slow(seed * 100 + number) for number in range(23)]

    await crowd(host, ListedModel(wrong, *others), replace(with_budget(BUDGETS[1]), model=SAYS_ITS_LONGEST), 24)

    assert 400 - 50 < (await taken(host)).tokens <= 400 + 300


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("budget", BUDGETS, ids=["cost", "tokens"])
async def test_that_is_proof_of_something_more_is_taken_where_nothing_is_held(
    host: LittleHost, budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "reserve", lambda connection, clock, step, usage: None)
    model = ListedModel(*[slow(number) for number in range(24)], prices=DEAR)

    await crowd(host, model, replace(with_budget(budget), model=SAYS_ITS_LONGEST), 24)

    spent = await taken(host)
    assert spent.cost > budget.cost > 0 or spent.tokens > budget.tokens > 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seed", range(2))
async def test_where_no_longest_answer_is_said_it_is_more_by_one_answer_at_most(host: LittleHost, seed: int) -> None:
    agent = with_budget(Budget("team", ("tifa",), tokens=3000, per=DAY))
    model = ListedModel(*[slow(seed * 100 + number, longest=4000) for number in range(24)])

    await crowd(host, model, replace(agent, model=ModelProfile("large", "openai/dear", window=32_000)), 24)

    assert (await taken(host)).tokens <= 3000 + 4000


async def test_a_question_waits_while_those_under_way_hold_what_is_left(
    host: LittleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purses, "PAUSE", 0.01)
    agent = with_budget(Budget("team", ("tifa",), tokens=4500, per=DAY))

    outcomes = await crowd(host, ListedModel(*[slow(number) for number in range(12)]), agent, 12)

    assert outcomes == ["answered"] * 12


async def test_of_a_model_without_a_price_no_cost_is_held(host: LittleHost) -> None:
    held: list[Spent] = []

    async def look(request: Request) -> Completion:
        held.append(await taken(host))
        return Completion("ok")

    agent = with_budget(Budget("team", ("tifa",), cost=0.001, per=DAY))
    host.add(agent, ListedModel(look))
    free = await host.ask()
    host.add(agent, ListedModel(look, prices=DEAR))
    dear = await host.ask()

    assert (free.outcome, dear.outcome) == ("answered", "failed")
    assert [(spent.held_cost, spent.held_tokens > 0) for spent in held] == [(0.0, True)]


async def test_a_prompt_is_counted_with_its_pictures_and_its_tools() -> None:
    short = Prompt("", (Said("user", "Hi", images=(Image("image/png", data=b"x"),)),))
    tool = Tool("look", "x" * 400, {"type": "object"})

    def counted(*tools: Tool) -> int:
        return purses.question(Request(short, tools), SAYS_ITS_LONGEST, DEAR).needs.tokens_in

    assert counted() > 1500
    assert counted(tool) > counted() + 100


@pytest.mark.parametrize(
    ("longest", "needed", "held"),
    [((50, 90), 90, 90), ((50, 0), 0, 4000), ((0,), 0, 4000), ((50,), 50, 50)],
    ids=["of the fallback", "nobody says it of the fallback", "nobody says it", "said"],
)
def test_an_answer_is_as_long_as_the_models_may_make_it(longest: tuple[int, ...], needed: int, held: int) -> None:
    said = [{"max_tokens": most} if most else {} for most in longest]
    first, *others = [ModelProfile("large", "openai/dear", params=params) for params in said]
    asked = purses.question(Request(Prompt("", ())), replace(first, fallback=tuple(others)), DEAR)

    assert (asked.needs.tokens_out, asked.holds.tokens_out) == (needed, held)


# --- and given back --------------------------------------------------------------------------------------------------


async def hang(request: Request) -> Completion:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("answer", [ModelError("openai/dear", "down", "stop"), RuntimeError("broken")])
async def test_what_was_held_goes_back_when_no_answer_comes(host: LittleHost, answer: Exception) -> None:
    agent = replace(with_budget(Budget("team", ("tifa",), tokens=400, per=DAY)), model=SAYS_ITS_LONGEST)
    host.add(agent, ListedModel(answer, prices=DEAR))

    failed = await host.ask()

    assert failed.outcome == "failed"
    assert await taken(host) == Spent(0.0, 0, 1, 0.0, 0)


@pytest.mark.parametrize("last", [Completion("Hei.", usage=Usage(2, 1, 0.1)), ModelError("openai/dear", "no", "stop")])
async def test_answers_that_are_no_use_count_as_well(host: LittleHost, last: Completion | Exception) -> None:
    async def twice(request: Request) -> Completion:
        for usage in (Usage(20, 30, 0.5), Usage(20, 40, 0.7)):
            waste(usage)
        if isinstance(last, Exception):
            raise last
        return last

    host.add(with_budget(BUDGETS[1]), ListedModel(twice, prices=DEAR))

    ended = await host.ask()

    spent = await taken(host)
    answered = ended.outcome == "answered"
    assert (spent.tokens, spent.calls, spent.held_tokens) == (113 if answered else 110, 1, 0)
    assert spent.cost == pytest.approx(1.3 if answered else 1.2)


async def test_what_was_held_goes_back_when_its_turn_is_cut_off(host: LittleHost) -> None:
    asked = asyncio.Event()

    async def hang(request: Request) -> Completion:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    host.add(with_budget(Budget("team", ("tifa",), tokens=9000, per=DAY)), ListedModel(hang, prices=DEAR))
    turn = asyncio.create_task(host.ask())
    await asked.wait()
    held = await taken(host)
    turn.cancel()
    await asyncio.wait([turn])

    assert held.held_tokens > 4000
    # What was written before is there for whoever writes after it.
    assert await host.ledger.write(partial(spending.spent, agents=["tifa"])) == Spent(0.0, 0, 1, 0.0, 0)


async def test_a_question_that_was_not_asked_counts_for_nothing(host: LittleHost) -> None:
    agent = with_budget(Budget("often", ("tifa",), calls=1, per=DAY))
    host.add(agent, ListedModel("Hei."))

    outcomes = [(await host.ask()).outcome for _ in range(3)]

    assert outcomes == ["answered", "failed", "failed"]
    assert (await taken(host)).calls == 1


async def test_the_model_that_goes_on_holds_what_it_may_take(host: LittleHost) -> None:
    held: list[Spent] = []

    async def look(request: Request) -> Completion:
        held.append(await taken(host))
        return Completion("ok")

    cheap = ModelProfile("cheap", "openai/cheap", params={"max_tokens": 70})
    agent = with_budget(Budget("team", ("tifa",), tokens=1, per=DAY, instead=cheap))
    host.add(agent, ListedModel("never"), instead={"team": ListedModel(look, prices=DEAR)})

    await host.ask()

    assert held[0].held_tokens > 70
    assert held[0].held_cost > 0.7


KILLED = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from carrier.testing.models import ListedModel
from carrier.testing.runtimes import little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import Budget

async def hang(request):
    print("asked", flush=True)
    await asyncio.Event().wait()

async def main():
    async with little_host(Path(sys.argv[1])) as host:
        host.add(replace(AGENT, budgets=(Budget("team", ("tifa",), tokens=5000, per=86400.0),)), ListedModel(hang))
        await host.answer(host.message(platform_id="killed"))

asyncio.run(main())
"""


async def test_what_a_killed_process_held_is_free_in_its_next_life(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(tmp_path), stdout=PIPE)
    assert process.stdout
    await process.stdout.readline()
    process.kill()
    await process.wait()

    async with little_host(tmp_path) as host:
        left = await taken(host)
        await host.ledger.write(spending.give_all_back)
        free = await taken(host)
        host.add(
            with_budget(Budget("team", ("tifa",), tokens=5000, per=DAY)),
            ListedModel(Completion("Hei.", usage=Usage(tokens_in=7))),
        )
        resumed = await host.answer(host.message(platform_id="killed"))
        settled = await taken(host)

    assert left.held_tokens > 4000
    assert free == Spent(0.0, 0, 1, 0.0, 0)
    assert (resumed.outcome, settled) == ("answered", Spent(0.0, 7, 1, 0.0, 0))


async def test_a_host_begins_with_nothing_held(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", SMALL)
    async with open_ledger(files.data / "ledger.db") as ledger:
        start = partial(turns.start, clock=ledger.clock, turn="t", agent="tifa", name="model/00", kind="model")
        await ledger.write(start)
        hold = partial(spending.reserve, clock=ledger.clock, step=Step("t", "model/00"), usage=Usage(500, 50, 0.5))
        await ledger.write(hold)

    async with running_host(files) as opened:
        left = await opened.host.ledger.read(partial(spending.spent, agents=["tifa"]))

    assert left == Spent(0.0, 0, 1, 0.0, 0)
