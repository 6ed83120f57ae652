"""While its models are down or its budget is spent, an agent that waits answers later: in order, once, and all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carrier.api.calling import Caller, calling
from carrier.errors import ModelError
from carrier.interfaces import ModelState
from carrier.models.breaker import FAILURES, FIRST_PAUSE
from carrier.models.guarded import Guarded, Shared
from carrier.models.opening import Models
from carrier.runtime.watchers import Piece
from carrier.testing.hosts import MOMENT, host_process, running_host, until
from carrier.testing.models import ListedModel, VirtualClock, calls
from carrier.testing.projects import project
from carrier.testing.runtimes import Doing, LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import Budget, Words
from carrier.types.models import ModelLimits, ModelProfile, Prompt, Request, Said, Usage
from carrier.types.talk import Lane, Message

WAITING = replace(AGENT, when_down="wait", words=Words(failed="Later, please."))
CLOUD = replace(AGENT, name="cloud")
LANE = Lane("tifa", "api/@anna")
NEVER = 3600.0
REQUEST = Request(Prompt("Be kind.", (Said("user", "hello"),)))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path, at_once=2) as host:
        yield host


def down(again_in: float) -> ModelError:
    return ModelError("listed/model", "it is down", "fall back", kind="down", retry_after=again_in)


async def waits(host: LittleHost) -> None:
    await until(lambda: bool(host.inbox.waits.by_lane) and not host.inbox.lanes.running)


# --- the lane ----------------------------------------------------------------------------------------------------


async def test_what_waits_is_answered_in_order_when_a_model_answers_again(host: LittleHost) -> None:
    model = ListedModel(down(0.01), down(0.01))
    host.add(WAITING, model)
    first, second = host.message("one"), host.message("two")

    async with host.answering():
        await host.inbox.take_in(first)
        await host.inbox.take_in(second)
        await host.answered(second)

    assert await host.lines() == ["one", "you said: one", "two", "you said: two"]
    assert [request.prompt.conversation[-1].text for request in model.requests] == ["one", "one", "one", "two"]
    assert not host.inbox.waits.by_lane


async def test_a_lane_that_waits_takes_no_turn_from_the_others(tmp_path: Path) -> None:
    async with little_host(tmp_path, at_once=1) as host:
        host.add(WAITING, ListedModel(down(NEVER)))
        host.add(CLOUD)
        asked = host.message("Hello", room="@barret", to="cloud")

        async with host.answering():
            await host.inbox.take_in(host.message("one"))
            await waits(host)
            await host.inbox.take_in(host.message("two"))
            await host.inbox.take_in(asked)
            ended = await host.answered(asked)

        assert ended.texts == ("you said: Hello",)
        assert (host.inbox.waits.by_lane[LANE].reason, host.inbox.lanes.length(LANE)) == (
            "listed/model: it is down",
            2,
        )


async def test_an_agent_that_does_not_wait_says_its_words_at_once(host: LittleHost) -> None:
    host.add(replace(WAITING, when_down="say"), ListedModel(down(NEVER)))

    ended = await host.ask("one")

    assert (ended.outcome, ended.texts) == ("failed", ("Later, please.",))


async def test_nothing_waits_for_what_does_not_pass(host: LittleHost) -> None:
    host.add(WAITING, ListedModel(ModelError("listed/model", "it will not speak of this", "stop", kind="policy")))

    ended = await host.ask("one")

    assert (ended.outcome, ended.texts) == ("failed", ("Later, please.",))


async def test_what_was_done_before_the_model_went_down_is_not_done_again(host: LittleHost) -> None:
    done = []

    async def roll(turn: object) -> str:
        done.append("rolled")
        return "4"

    host.add(WAITING, ListedModel(calls("roll_dice"), down(0.01), "a four"), actions=[Doing("roll_dice", roll)])
    asked = host.message("roll")

    async with host.answering():
        await host.inbox.take_in(asked)
        ended = await host.answered(asked)

    assert (ended.texts, done) == (("a four",), ["rolled"])


async def test_a_budget_that_is_spent_is_waited_for_until_it_has_room(host: LittleHost) -> None:
    budget = Budget("team", ("tifa",), tokens=50, per=NEVER)
    model = ListedModel(replace(calls("x"), text="dear", calls=(), usage=Usage(tokens_in=50)))
    host.add(replace(WAITING, budgets=(budget,)), model)
    first, second = host.message("1"), host.message("2")

    async with host.answering():
        await host.inbox.take_in(first)
        await host.answered(first)
        await host.inbox.take_in(second)
        await waits(host)
        reason = host.inbox.waits.by_lane[LANE].reason
        host.add(replace(WAITING, budgets=(replace(budget, tokens=1000),)), model)
        host.inbox.changed()
        ended = await host.answered(second)

    assert (reason, ended.texts) == ("scripted/default: the budget team is spent", ("you said: 2",))


async def test_a_budget_of_one_turn_never_has_room_again_and_is_not_waited_for(host: LittleHost) -> None:
    host.add(replace(WAITING, budgets=(Budget("turn", ("tifa",), tokens=1),)))

    assert (await host.ask("x" * 100)).outcome == "failed"


async def test_what_was_shown_of_an_answer_that_broke_off_is_taken_back(host: LittleHost) -> None:
    host.add(WAITING, ListedModel(["half an ", down(0.01)], "a whole answer"))
    asked = host.message("Hello")
    shown: list[Piece] = []

    with host.watchers.watch(f"{asked.id}@tifa", streaming=True) as watcher:
        async with host.answering():
            await host.inbox.take_in(asked)
            await watcher.ended
        while watcher.pieces and not watcher.pieces.empty():
            shown.append(watcher.pieces.get_nowait())

    assert shown[:2] == [Piece("half an "), Piece("", replace=True)]
    assert "".join(piece.text for piece in shown[2:]) == "a whole answer"


async def test_what_waited_for_too_long_is_heard_and_the_event_says_so(host: LittleHost) -> None:
    host.turns = replace(host.turns, too_old=lambda message: message.text == "old")
    model = ListedModel()
    host.add(WAITING, model)

    old, new = await host.ask("old"), await host.ask("new")

    assert (old.outcome, new.outcome, len(model.requests)) == ("silent", "answered", 1)
    assert await host.lines() == ["old", "new", "you said: new"]


# --- another life ------------------------------------------------------------------------------------------------


async def test_another_life_on_the_same_ledger_waits_and_answers_in_order(tmp_path: Path) -> None:
    messages: list[Message] = []
    async with little_host(tmp_path) as host, host.answering():
        host.add(WAITING, ListedModel(down(NEVER)))
        messages += [host.message("one"), host.message("two")]
        for message in messages:
            await host.inbox.take_in(message)
        await waits(host)

    async with little_host(tmp_path) as host, host.answering():
        host.add(WAITING, ListedModel(down(0.01)))
        await host.inbox.resume()
        await host.answered(messages[1])

        assert await host.lines() == ["one", "you said: one", "two", "you said: two"]


FILES = {
    "carrier.yaml": """
version: 1
server: { port: 0 }
embeddings: { use: none }
memory: { type: carrier.testing.memories:in_a_list }
models: { large: { use: "models/unwell.py:Unwell", limits: { requests: 600/min } } }
""",
    "agents.d/tifa.yaml": "character: { bio: Waits. }\nwhen_down: wait\ncontext: [recent_messages]\n",
    "models/unwell.py": '''
"""A model that is down in the first life of its host."""

from pathlib import Path

from carrier.errors import ModelError
from carrier.types.models import Completion

WELL = Path(__file__).parent.parent / "well"


class Unwell:
    def __init__(self, profile, environment):
        self.name = profile.use

    async def complete(self, request):
        if not WELL.exists():
            raise ModelError(self.name, "it is unwell", "fall back", kind="down", retry_after=3600.0)
        return Completion(f"you said: {request.prompt.conversation[-1].text}", model=self.name)

    async def stream(self, request):
        whole = await self.complete(request)
        yield whole.text
        yield whole
''',
    "templates/chat.j2": "You are {{ agent.name }}.\n",
}


async def test_a_host_that_is_killed_while_a_lane_waits_answers_it_in_its_next_life(tmp_path: Path) -> None:
    demo = project(tmp_path / "demo", FILES)
    async with host_process(demo) as running:
        async with running.call() as caller:
            asking = asyncio.create_task(caller.client.post("/tifa/message", json={"text": "Hello"}))
            now = await told(caller, "/status", lambda now: bool(now["waits"]))
            asking.cancel()
        await running.kill()
    (demo.folder / "well").touch()

    async with running_host(demo), calling(demo.data) as caller:
        said = await told(caller, "/tifa/history", lambda said: len(said["lines"]) == 2)
        later = await caller.get("/status")

    assert [(it["agent"], it["room"]) for it in now["waits"]] == [("tifa", "api/@user")]
    assert "it is unwell" in now["waits"][0]["reason"]
    assert [line["text"] for line in said["lines"]] == ["Hello", "you said: Hello"]
    assert (later["waits"], [it["breaker"] for it in later["models"]]) == ([], ["closed", "closed"])


async def told(caller: Caller, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the host says there once this holds."""
    async with asyncio.timeout(20):
        while not holds(now := await caller.get(path)):  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)
        return now


# --- how models stand --------------------------------------------------------------------------------------------


async def test_how_a_model_stands_is_told_while_it_is_down_and_when_it_is_back() -> None:
    limits, model = ModelLimits(requests=60.0), ListedModel(*[down(0.0)] * FAILURES)
    async with VirtualClock() as clock:
        shared = Shared.of(model.name, limits, clock)
        guarded = Guarded(model, 60.0, shared, clock)
        for _ in range(FAILURES):
            with pytest.raises(ModelError):
                await guarded.complete(REQUEST)
        unwell = shared.state("large", model.name, limits)
        await clock.sleep(unwell.again_in)
        await guarded.complete(REQUEST)
        well = shared.state("large", model.name, limits)

    assert unwell == ModelState("large", "listed/model", "open", FAILURES, FIRST_PAUSE, 0, FAILURES, 0.0, limits)
    assert (well.breaker, well.failures, well.again_in, well.requests) == ("closed", 0, 0.0, FAILURES + 1)


async def test_only_the_models_that_living_agents_use_are_told_of() -> None:
    models, profile = Models(), ModelProfile("large", "openai/tiny", base_url="http://127.0.0.1:1/v1")
    auto = ModelProfile("small", "auto")
    for each in (profile, replace(profile, name="gone"), auto):
        await models.open(each, "tifa", {"OPENAI_API_KEY": "none"}, 0)

    told = [(state.profile, state.model) for state in models.states([profile, auto])]

    assert told == [("large", "openai/tiny"), ("small", "openai/gpt-5.4-mini")]
