"""An agent that is asked whether it answers: off the intake's path, once, and silent whenever that is not clear."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from carrier.errors import ModelError
from carrier.ledger.intake import take_in
from carrier.runtime import runtime as runtime_module
from carrier.testing.models import Answer, ListedModel
from carrier.testing.runtimes import LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import AgentLimits, Words
from carrier.types.models import Completion, Request
from carrier.types.talk import Ended, Message

DECIDING = replace(AGENT, respond="decide", words=Words(failed="Sorry."))


def said(id: str, text: str = "Is it open?") -> Message:
    return Message("dc", id, "dc/bar", "dc:anna", text, sender_name="Anna", to="tifa", addressed=False)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def test_the_small_model_is_asked_with_its_own_template_and_what_was_said(host: LittleHost) -> None:
    small = ListedModel("NO", "YES")
    template = "{% for line in lines %}{{ line.sender_name }}: {{ line.text }} {% endfor %}{{ message.text }}"
    host.add(DECIDING, small=small, decide=template)

    first = await host.answer(said("1", "Nice weather."))
    second = await host.answer(said("2"))

    request = small.requests[1]
    assert (first.outcome, second.texts) == ("silent", ("you said: Is it open?",))
    assert (request.purpose, request.agent, request.tools) == ("decide", "tifa", ())
    assert request.prompt.system == "Anna: Nice weather. Is it open?"
    assert [(said.name, said.text) for said in request.prompt.conversation] == [("Anna", "Is it open?")]


async def hang(request: Request) -> Completion:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    "answer",
    ["", "Perhaps.", "I would say yes", ModelError("small", "busy"), ZeroDivisionError(), hang],
    ids=["nothing", "perhaps", "a sentence", "down", "a fault", "late"],
)
async def test_what_is_not_clear_is_silence(host: LittleHost, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_module, "DECIDE_SECONDS", 0.05)
    model = ListedModel()
    host.add(DECIDING, model=model, small=ListedModel(answer))

    ended = await host.answer(said("1"))

    assert (ended.outcome, ended.texts, model.requests) == ("silent", (), [])


async def test_a_turn_too_short_to_decide_in_is_silent_too(host: LittleHost) -> None:
    host.add(replace(DECIDING, limits=AgentLimits(turn=0.05)), small=ListedModel(hang))

    assert (await host.answer(said("1"))).texts == ()


async def test_a_template_that_fails_or_is_not_there_is_silence(host: LittleHost) -> None:
    runtime = host.add(DECIDING, decide="{{ 1 // 0 }}")
    assert (await host.answer(said("1"))).outcome == "silent"

    runtime.agent = replace(runtime.agent, templates={"chat": "chat.j2"})

    assert (await host.answer(said("2"))).outcome == "silent"


async def test_who_is_addressed_answers_without_being_asked(host: LittleHost) -> None:
    small = ListedModel()
    host.add(DECIDING, small=small)

    ended = await host.answer(said("1", "Tifa, is it open?"))

    assert (ended.texts, small.requests) == (("you said: Tifa, is it open?",), [])


class Killed(BaseException):
    """The end of a process, as far as one turn can tell."""


async def test_after_a_kill_nobody_is_asked_again(tmp_path: Path) -> None:
    async with little_host(tmp_path) as first:
        first.add(DECIDING, model=ListedModel(Killed()), small=ListedModel("YES"))
        with pytest.raises(Killed):
            await first.answer(said("1"))

    async with little_host(tmp_path) as second:
        small = ListedModel("NO")
        second.add(DECIDING, small=small)
        ended: Ended = await second.answer(said("1"))

    assert (ended.texts, small.requests) == (("you said: Is it open?",), [])


async def test_an_agent_that_is_told_meanwhile_never_to_answer_is_not_asked(host: LittleHost) -> None:
    small = ListedModel("YES")
    runtime = host.add(replace(DECIDING, respond="never"), small=small)
    agents = {"tifa": "asks"}
    await host.ledger.write(partial(take_in, clock=host.ledger.clock, message=said("1"), agents=agents))  # type: ignore[arg-type]

    await runtime.turn("dc:1")

    assert small.requests == []
    assert await host.lines("dc/bar") == ["Is it open?"]
