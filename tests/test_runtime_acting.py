"""The action manager: whatever happens in an action, the model is told and the turn goes on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from carrier.actions.ignore import Ignore
from carrier.errors import ActionError, InDoubt
from carrier.interfaces import Turn, Verdict
from carrier.runtime.acting import MOST_CALLS, TOO_MANY
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, Judging, LittleHost, little_host
from carrier.testing.turns import AGENT, TurnMaker
from carrier.types.agents import AgentLimits
from carrier.types.clients import RoomRules
from carrier.types.models import ActionCall, Completion

SIDES = {"type": "object", "properties": {"sides": {"type": "integer"}}, "required": ["sides"]}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def roll(turn: Turn, sides: int = 6) -> object:
    return {"rolled": 4, "of": sides}


async def told(host: LittleHost, action: Doing, call: Completion) -> tuple[str, str]:
    """The status of a call, and what the model reads of it."""
    model = ListedModel(call, "I see.")
    host.add(model=model, actions=[action])
    ended = await host.ask()
    assert ended.texts == ("I see.",)
    return ended.results[0].status, model.requests[-1].prompt.conversation[-1].text


async def test_the_model_reads_what_came_of_its_call(host: LittleHost) -> None:
    model = ListedModel(calls("roll", sides=20), "A four.")
    host.add(model=model, actions=[Doing("roll", roll, parameters=SIDES, description="Rolls a die.")])

    ended = await host.ask()

    [asked, came] = model.requests[-1].prompt.conversation[-2:]
    assert ended.texts == ("A four.",)
    assert [(tool.name, tool.description) for tool in model.requests[0].tools] == [("roll", "Rolls a die.")]
    assert asked.calls == (ActionCall("call-roll", "roll", {"sides": 20}),)
    assert (came.role, came.name, came.call_id, came.text) == ("tool", "roll", "call-roll", '{"rolled": 4, "of": 20}')


async def test_calls_of_one_answer_run_one_after_the_other(host: LittleHost) -> None:
    order: list[str] = []

    async def note(turn: Turn, text: str) -> str:
        order.append(f"{text}, after {len(turn.results)}")
        return text

    both = Completion("", (ActionCall("1", "note", {"text": "a"}), ActionCall("2", "note", {"text": "b"})))
    model = ListedModel(both, "done")
    host.add(model=model, actions=[Doing("note", note)])
    ended = await host.ask()

    assert order == ["a, after 0", "b, after 1"]
    assert [result.text for result in ended.results] == ["a", "b"]
    assert [said.call_id for said in model.requests[-1].prompt.conversation[-2:]] == ["1", "2"]


def several(*names: str) -> Completion:
    return Completion("", tuple(ActionCall(str(number), name, {}) for number, name in enumerate(names)))


async def test_calls_that_only_read_run_side_by_side_and_their_results_keep_their_order(host: LittleHost) -> None:
    begun, second = [0], asyncio.Event()

    async def look(turn: Turn) -> int:
        begun[0] += 1
        number = begun[0]
        if number == 2:
            second.set()
        await second.wait()
        return number

    model = ListedModel(several("look", "look"), "done")
    host.add(model=model, actions=[Doing("look", look, "safe")])

    ended = await host.ask()

    assert [result.text for result in ended.results] == ["1", "2"]
    assert [said.call_id for said in model.requests[-1].prompt.conversation[-2:]] == ["0", "1"]


async def test_what_may_not_be_repeated_waits_for_all_before_it_and_all_after_wait_for_it(host: LittleHost) -> None:
    order: list[str] = []

    def noting(name: str) -> Doing:
        async def note(turn: Turn) -> str:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends, after {len(turn.results)}")
            return name

        return Doing(name, note, "never" if name == "write" else "safe")

    model = ListedModel(several("read", "write", "look"), "done")
    host.add(model=model, actions=[noting("read"), noting("write"), noting("look")])

    await host.ask()

    assert order == [
        "read begins", "read ends, after 0", "write begins", "write ends, after 1", "look begins", "look ends, after 2",
    ]  # fmt: skip


async def test_what_runs_side_by_side_is_said_in_the_order_of_the_calls(host: LittleHost) -> None:
    second_spoke = asyncio.Event()

    async def first(turn: Turn) -> None:
        await second_spoke.wait()
        await turn.say("first")

    async def second(turn: Turn) -> None:
        await turn.say("second")
        second_spoke.set()

    model = ListedModel(several("first", "second"), "done")
    host.add(model=model, actions=[Doing("first", first, "safe"), Doing("second", second, "safe")])

    assert (await host.ask()).texts == ("first", "second", "done")


async def test_of_one_answer_only_so_many_calls_run(host: LittleHost) -> None:
    ran: list[str] = []

    async def run(turn: Turn) -> None:
        ran.append("ran")

    model = ListedModel(several(*["run"] * 40), "done")
    host.add(model=model, actions=[Doing("run", run)])

    await host.ask()

    assert len(ran) == MOST_CALLS
    assert model.requests[-1].prompt.conversation[-1].text == f"[failed] {TOO_MANY}"


async def test_an_action_that_is_not_there_is_told_to_the_model(host: LittleHost) -> None:
    assert await told(host, Doing("roll", roll), calls("fly")) == (
        "failed",
        "[failed] there is no action 'fly'; there are roll",
    )


async def test_wrong_arguments_are_told_to_the_model_and_nothing_is_run(host: LittleHost) -> None:
    ran: list[int] = []

    async def run(turn: Turn, sides: int) -> None:
        ran.append(sides)

    status, text = await told(host, Doing("roll", run, parameters=SIDES), calls("roll", sides="many"))

    assert (status, text) == ("failed", "[failed] wrong arguments: sides: 'many' is not of type 'integer'")
    assert ran == []


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ActionError("the dice are lost"), "failed", "[failed] the dice are lost"),
        (InDoubt("it was cut off"), "in doubt", "[in doubt] it was cut off"),
        (RuntimeError("password=1234"), "failed", "[failed] roll failed: RuntimeError"),
    ],
    ids=["its own error", "in doubt", "any other"],
)
async def test_an_action_that_fails_is_told_to_the_model(
    host: LittleHost, error: Exception, status: str, text: str
) -> None:
    async def fail(turn: Turn) -> None:
        raise error

    assert await told(host, Doing("roll", fail), calls("roll")) == (status, text)


def circle() -> object:
    ring: list[object] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        (Path("a/b"), '"a/b"'),
        (circle(), "[" * 30 + '"…"' + "]" * 30),
        ("x" * 30_000, "x" * 20_000 + " … (cut off)"),
        ({1}, "[1]"),
        ({"a": ["x" * 30_000]}, '{"a": ["' + "x" * 19_992 + " … (cut off)"),
        ([0] * 10**7, "[" + "0, " * 6_666 + "0 … (cut off)"),
    ],
    ids=["nothing", "a lone surrogate", "no JSON", "a circle", "too much", "a set", "too much within", "too many"],
)
async def test_whatever_an_action_returns_the_model_can_read(host: LittleHost, value: object, text: str) -> None:
    async def give(turn: Turn) -> object:
        return value

    assert await told(host, Doing("give", give), calls("give")) == ("done", text)


async def test_the_last_time_the_model_is_asked_it_may_only_speak(host: LittleHost) -> None:
    model = ListedModel(calls("roll"), calls("roll"), "Enough.")
    host.add(replace(AGENT, limits=AgentLimits(steps=3)), model=model, actions=[Doing("roll", roll)])

    ended = await host.ask()

    assert [bool(request.tools) for request in model.requests] == [True, True, False]
    assert (ended.texts, len(ended.results)) == (("Enough.",), 2)


async def test_a_model_that_calls_to_the_last_ends_in_silence(host: LittleHost) -> None:
    model = ListedModel(*[calls("roll")] * 3)
    host.add(replace(AGENT, limits=AgentLimits(steps=3)), model=model, actions=[Doing("roll", roll)])

    ended = await host.ask()

    assert (ended.outcome, len(ended.results), len(model.requests)) == ("silent", 2, 3)


async def test_an_agent_that_ignores_says_nothing(host: LittleHost) -> None:
    model = ListedModel(calls("ignore"), "not asked")
    host.add(model=model, actions=[Ignore(None, TurnMaker().given())])

    ended = await host.ask()

    assert (ended.outcome, ended.texts, len(model.requests)) == ("silent", (), 1)


# --- say -------------------------------------------------------------------------------------------------------


async def announce(turn: Turn) -> str:
    await turn.say("Rolling …")
    await turn.say("Still rolling …")
    return "4"


async def test_what_an_action_says_is_said_before_the_answer_in_order(host: LittleHost) -> None:
    host.add(model=ListedModel(calls("roll"), "A four."), actions=[Doing("roll", announce)])

    ended = await host.ask(client="chat")

    assert ended.texts == ("Rolling …", "Still rolling …", "A four.")
    assert await host.lines("chat/@anna") == ["Hello", "Rolling …", "Still rolling …", "A four."]
    assert host.told_to_send == ["chat", "chat"]


async def test_what_is_said_in_the_tenth_step_stands_after_what_was_said_before(host: LittleHost) -> None:
    async def count(turn: Turn) -> None:
        await turn.say(str(len(turn.results)))

    model = ListedModel(*[calls("count")] * 12, "done")
    host.add(replace(AGENT, limits=AgentLimits(steps=20)), model=model, actions=[Doing("count", count)])

    await host.ask()

    assert await host.lines() == ["Hello", *map(str, range(12)), "done"]


async def test_what_an_action_that_fails_had_said_is_said_all_the_same(host: LittleHost) -> None:
    async def fail(turn: Turn) -> None:
        await turn.say("I try …")
        raise ActionError("no luck")

    host.add(model=ListedModel(calls("try"), "It did not work."), actions=[Doing("try", fail)])

    assert (await host.ask()).texts == ("I try …", "It did not work.")


async def test_what_an_action_says_passes_the_gates_one_by_one(host: LittleHost) -> None:
    async def judge(turn: Turn, text: str) -> Verdict:
        verdict = await turn.ask_model("may it pass?", text, purpose="judge")
        return Verdict(text) if verdict == "yes" else Verdict("", held="no")

    host.add(
        model=ListedModel(calls("roll"), "A four."),
        small=ListedModel("no", "yes", "yes"),
        actions=[Doing("roll", announce)],
        gates={"judge": Judging(judge)},
    )

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("answered", ("Still rolling …", "A four."))


async def test_a_schema_that_refers_elsewhere_has_nothing_fetched(host: LittleHost) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    asked: list[bytes] = []
    async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        elsewhere = {"type": "object", "properties": {"sides": {"$ref": f"http://127.0.0.1:{port}/schema"}}}

        status, text = await told(host, Doing("roll", roll, parameters=elsewhere), calls("roll", sides=6))

    assert (status, asked) == ("failed", [])
    assert "cannot be checked" in text


async def test_what_a_room_does_not_offer_is_not_there(host: LittleHost) -> None:
    host.rules = RoomRules(actions=("whis*",))
    model = ListedModel(calls("shout"), "Then not.")
    host.add(model=model, actions=[Doing("shout", roll), Doing("whisper", roll)])

    [result] = (await host.ask()).results

    assert [tool.name for tool in model.requests[0].tools] == ["whisper"]
    assert (result.status, result.text) == ("failed", "there is no action 'shout'; there are whisper")
