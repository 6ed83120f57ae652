"""A turn that was cut off goes on from its journal: nothing is paid for, done or said again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from carrier.interfaces import Turn, Verdict
from carrier.ledger.turns import journal_of
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, Judging, LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.models import ActionCall, Completion, Request
from carrier.types.talk import Message

MESSAGE = Message("chat", "1", "chat/a", "chat:anna", "Roll!", sender_name="Anna", to="tifa")


class Killed(BaseException):
    """The end of a process, as far as one turn can tell."""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def cut_off(host: LittleHost) -> None:
    """Begin the turn, which does not survive."""
    with pytest.raises(Killed):
        await host.answer(MESSAGE)


async def roll(turn: Turn) -> str:
    return "4"


async def test_the_prompt_is_composed_once(host: LittleHost) -> None:
    host.add(model=ListedModel(Killed()), chat="as it was")
    await cut_off(host)
    model = ListedModel("Four.")
    host.add(model=model, chat="as it is now")

    await host.answer(MESSAGE)

    assert model.requests[0].prompt.system == "as it was"


async def test_an_answer_that_is_journaled_is_not_asked_for_again(host: LittleHost) -> None:
    async def die(turn: Turn, text: str) -> Verdict:
        raise Killed

    host.add(model=ListedModel("Paid for."), gates={"die": Judging(die)})
    await cut_off(host)
    model = ListedModel("not asked")
    host.add(model=model)

    ended = await host.answer(MESSAGE)

    assert (ended.texts, model.requests) == (("Paid for.",), [])
    assert ended.model == "listed/model"


async def test_an_action_that_has_ended_is_not_run_again(host: LittleHost) -> None:
    ran: list[str] = []

    async def count(turn: Turn) -> str:
        ran.append("ran")
        return "4"

    host.add(model=ListedModel(calls("roll"), Killed()), actions=[Doing("roll", count)])
    await cut_off(host)
    model = ListedModel("A four.")
    host.add(model=model, actions=[Doing("roll", count)])

    ended = await host.answer(MESSAGE)

    assert (ran, ended.texts) == (["ran"], ("A four.",))
    assert model.requests[0].prompt.conversation[-1].text == "4"
    assert [result.status for result in ended.results] == ["done"]


@pytest.mark.parametrize(
    ("repeat", "runs", "status"), [("never", 1, "in doubt"), ("safe", 2, "done"), ("keyed", 2, "done")]
)
async def test_an_action_that_was_cut_off_follows_its_rule(
    host: LittleHost,
    caplog: pytest.LogCaptureFixture,
    repeat: Literal["never", "safe", "keyed"],
    runs: int,
    status: str,
) -> None:
    ran: list[str] = []

    async def die_once(turn: Turn) -> str:
        ran.append("ran")
        if len(ran) == 1:
            raise Killed
        return "4"

    action = Doing("roll", die_once, repeat)
    host.add(model=ListedModel(calls("roll")), actions=[action])
    await cut_off(host)
    model = ListedModel("So it is.")
    host.add(model=model, actions=[action])

    ended = await host.answer(MESSAGE)

    assert (len(ran), [result.status for result in ended.results]) == (runs, [status])
    came = model.requests[0].prompt.conversation[-1].text
    assert ("may or may not have taken effect" in came) == (status == "in doubt")
    assert ("is not run again" in caplog.text) == (status == "in doubt")


async def test_an_action_that_was_cut_off_and_is_gone_since_is_in_doubt(host: LittleHost) -> None:
    async def die(turn: Turn) -> None:
        raise Killed

    host.add(model=ListedModel(calls("roll")), actions=[Doing("roll", die, "safe")])
    await cut_off(host)
    host.add(model=ListedModel("I cannot say."))

    assert [result.status for result in (await host.answer(MESSAGE)).results] == ["in doubt"]


async def test_an_action_that_was_cut_off_and_takes_other_arguments_since_is_not_run_again(host: LittleHost) -> None:
    async def die(turn: Turn) -> None:
        raise Killed

    host.add(model=ListedModel(calls("roll")), actions=[Doing("roll", die, "safe")])
    await cut_off(host)
    sides = {"type": "object", "required": ["sides"]}
    host.add(model=ListedModel("I cannot say."), actions=[Doing("roll", roll, "safe", sides)])

    [result] = (await host.answer(MESSAGE)).results

    assert (result.status, result.text) == ("failed", "wrong arguments: 'sides' is a required property")


async def test_an_action_asked_for_before_and_taken_away_since_is_not_run(host: LittleHost) -> None:
    host.add(model=ListedModel(calls("roll"), Killed()))
    await cut_off(host)
    host.add(model=ListedModel("I cannot."), actions=[Doing("roll", roll)])

    [result] = (await host.answer(MESSAGE)).results

    assert (result.status, result.text) == ("failed", "there is no action 'roll'; there are none")


async def test_of_calls_side_by_side_those_that_ended_are_not_run_again(host: LittleHost) -> None:
    ran: list[str] = []

    async def look(turn: Turn) -> str:
        ran.append("look")
        return "seen"

    async def die_once(turn: Turn) -> str:
        ran.append("die")
        while "action/00/00" not in await journaled(host, turn):  # noqa: ASYNC110
            await asyncio.sleep(0)
        if ran.count("die") == 1:
            raise Killed
        return "lived"

    actions = [Doing("look", look, "safe"), Doing("die", die_once, "safe")]
    both = Completion("", (ActionCall("1", "look", {}), ActionCall("2", "die", {})))
    host.add(model=ListedModel(both), actions=actions)
    await cut_off(host)
    host.add(model=ListedModel("Both."), actions=actions)

    ended = await host.answer(MESSAGE)

    assert ran == ["look", "die", "die"]
    assert [result.text for result in ended.results] == ["seen", "lived"]


async def journaled(host: LittleHost, turn: Turn) -> list[str]:
    """What has ended in the journal of a turn."""
    entries = await host.ledger.read(partial(journal_of, turn=turn.once.key.partition("/action")[0]))
    return [name for name, entry in entries.items() if entry.ended]


async def test_what_an_action_said_is_said_once_with_its_end(host: LittleHost) -> None:
    async def announce(turn: Turn) -> str:
        await turn.say("Rolling …")
        return "4"

    host.add(model=ListedModel(calls("roll"), Killed()), actions=[Doing("roll", announce)])
    await cut_off(host)
    assert await host.lines("chat/a") == ["Roll!", "Rolling …"]
    host.add(model=ListedModel("A four."), actions=[Doing("roll", announce)])

    ended = await host.answer(MESSAGE)

    assert ended.texts == ("Rolling …", "A four.")
    assert await host.lines("chat/a") == ["Roll!", "Rolling …", "A four."]


async def test_what_an_action_said_and_did_not_end_is_not_said(host: LittleHost) -> None:
    async def die(turn: Turn) -> None:
        await turn.say("Rolling …")
        raise Killed

    host.add(model=ListedModel(calls("roll")), actions=[Doing("roll", die)])
    await cut_off(host)
    host.add(model=ListedModel("It is in doubt."), actions=[Doing("roll", die)])

    assert (await host.answer(MESSAGE)).texts == ("It is in doubt.",)


async def test_what_a_part_asked_and_worked_out_is_not_asked_and_worked_out_again(host: LittleHost) -> None:
    worked: list[str] = []

    async def work() -> str:
        worked.append("worked")
        return "worked out"

    async def think(turn: Turn) -> str:
        known = await turn.once("known", work, str)
        asked = await turn.ask_model("", "what do you think?", purpose="think")
        if len(worked) == 1 and not survived:
            raise Killed
        return f"{known}, {asked}"

    survived: list[str] = []
    small = ListedModel("a thought", "not asked")
    action = Doing("think", think, "safe")
    host.add(model=ListedModel(calls("think")), small=small, actions=[action])
    await cut_off(host)
    survived.append("yes")
    host.add(model=ListedModel("I thought."), small=small, actions=[action])

    ended = await host.answer(MESSAGE)

    assert ended.results[0].text == "worked out, a thought"
    assert (len(worked), len(small.requests)) == (1, 1)


async def test_a_part_gets_back_its_own_answer_however_the_others_were_scheduled(host: LittleHost) -> None:
    async def ask(turn: Turn, name: str) -> str:
        return await turn.ask_model("", name, purpose=name)

    async def one(turn: Turn) -> str:
        return await ask(turn, "one")

    async def two(turn: Turn) -> str:
        return await ask(turn, "two")

    class Dying(ListedModel):
        async def complete(self, request: Request) -> Completion:
            if request.purpose == "chat":
                raise Killed
            return Completion(f"{request.purpose}'s")

    async def die(turn: Turn) -> str:
        await ask(turn, "three")
        raise Killed

    host.add(model=Dying(), providers={"one": one, "two": two, "three": die})
    await cut_off(host)
    model = ListedModel("fine")
    host.add(model=model, providers={"two": two, "one": one}, chat="{{ one }} {{ two }}")

    await host.answer(MESSAGE)

    assert model.requests[-1].prompt.system == "one's two's"


async def test_a_message_that_was_answered_is_not_answered_again(host: LittleHost) -> None:
    model = ListedModel("Once.")
    host.add(model=model)
    await host.answer(MESSAGE)

    again = await host.answer(MESSAGE)

    assert (again.texts, len(model.requests)) == (("Once.",), 1)


async def test_another_life_on_the_same_ledger_goes_on_with_it(tmp_path: Path) -> None:
    async with little_host(tmp_path) as first:
        first.add(model=ListedModel(calls("roll"), Killed()), actions=[Doing("roll", roll)])
        await cut_off(first)

    async with little_host(tmp_path) as second:
        model = ListedModel("A four.")
        second.add(replace(AGENT, revision="r2"), model=model)
        ended = await second.answer(MESSAGE)

    assert (ended.texts, [result.text for result in ended.results]) == (("A four.",), ["4"])
    assert len(model.requests) == 1
