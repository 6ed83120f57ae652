"""The loop, from a message to an answer: what is asked, what is said, and how it ends when something fails."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from carrier.errors import ActionError, ModelError
from carrier.interfaces import Turn, Verdict
from carrier.ledger.events import waiting as waiting_events
from carrier.runtime import state as state_module
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, Judging, LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import AgentLimits, MemorySettings, Words
from carrier.types.memory import Memory
from carrier.types.models import Completion, Request
from carrier.types.talk import Attachment

SORRY = replace(AGENT, words=Words(failed="Sorry."))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


def last(model: ListedModel) -> Request:
    return model.requests[-1]


def test_code_written_by_users_is_given_ten_things_at_most() -> None:
    assert len(fields(Turn)) <= 10


# --- composing -------------------------------------------------------------------------------------------------


async def test_a_message_is_answered_with_the_template_the_window_and_itself(host: LittleHost) -> None:
    model = ListedModel("Evening.", "Again?")
    host.add(model=model, chat="You are {{ agent.character.display_name }}.")

    first, second = await host.ask("Hello"), await host.ask("Hello again")

    prompt = last(model).prompt
    assert (first.texts, second.texts) == (("Evening.",), ("Again?",))
    assert prompt.system == "You are Tifa."
    assert [(said.role, said.name, said.text) for said in prompt.conversation] == [
        ("user", "Anna", "Hello"),
        ("assistant", "", "Evening."),
        ("user", "Anna", "Hello again"),
    ]


async def test_the_window_is_as_long_as_the_agent_says(host: LittleHost) -> None:
    model = ListedModel()
    host.add(replace(AGENT, memory=MemorySettings(recent=3)), model=model)

    for n in range(5):
        await host.ask(f"{n}")

    assert [said.text for said in last(model).prompt.conversation] == ["you said: 2", "3", "you said: 3", "4"]


async def test_who_asks_for_more_lines_than_another_gets_them(host: LittleHost) -> None:
    seen: list[int] = []

    async def more(turn: Turn) -> None:
        seen.append(len(await host.turns.windows.recent(turn.agent, turn.message, 100)))

    host.add(replace(AGENT, memory=MemorySettings(recent=2)), providers={"more": more})

    for _ in range(4):
        await host.ask()

    assert seen == [0, 2, 4, 6]


async def test_the_text_of_a_file_can_be_read_in_the_prompt(host: LittleHost) -> None:
    model = ListedModel()
    host.add(model=model)
    files = (Attachment("list.txt", "text/plain", 4, text="eggs"), Attachment("cat.png", "image/png", 9))

    await host.ask("What is on it?", attachments=files)

    assert last(model).prompt.conversation[-1].text == "What is on it?\n\n[file list.txt]\n> eggs\n\n[file cat.png]"


async def test_a_provider_that_fails_is_empty_and_the_turn_goes_on(host: LittleHost) -> None:
    async def weather(turn: Turn) -> str:
        raise RuntimeError("no network")

    model = ListedModel()
    host.add(model=model, providers={"weather": weather}, chat="Weather: {{ weather.today }}{{ weather }}.")

    ended = await host.ask()

    assert (ended.outcome, last(model).prompt.system) == ("answered", "Weather: .")


async def test_a_provider_that_takes_too_long_is_empty_and_the_others_are_not(
    host: LittleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "SECONDS", 0.02)

    async def slow(turn: Turn) -> str:
        await asyncio.Event().wait()
        return "never"

    async def quick(turn: Turn) -> str:
        return "here"

    model = ListedModel()
    host.add(model=model, providers={"slow": slow, "quick": quick}, chat="{{ slow }}{{ quick }}")
    await host.ask()

    assert last(model).prompt.system == "here"


async def test_what_comes_up_in_memory_is_not_told_twice(host: LittleHost) -> None:
    recalled: list[str] = []

    async def memories(turn: Turn) -> None:
        recalled.extend(it.memory.text for it in await turn.recall(turn.message.text))

    agent = replace(AGENT, memory=MemorySettings(recent=2))
    host.add(agent, providers={"memories": memories})
    for text in ("my name is Anna", "the weather is fine", "tea please"):
        await host.ask(text)
    recalled.clear()

    await host.ask("what is my name and the tea")

    assert recalled == [
        "my name is Anna",
        "you said: my name is Anna",
        "the weather is fine",
        "you said: the weather is fine",
    ]


@pytest.mark.parametrize(
    ("scope", "found"),
    [("room", {"here"}), ("user", {"here", "there"}), ("agent", {"here", "there", "other"})],
)
async def test_recall_stays_within_its_scope(host: LittleHost, scope: str, found: set[str]) -> None:
    recalled: set[str] = set()

    async def memories(turn: Turn) -> None:
        recalled.update(it.memory.id for it in await turn.recall("likes tea"))

    agent = replace(AGENT, memory=MemorySettings(recent=0, scope=scope))  # type: ignore[arg-type]
    host.add(agent, providers={"memories": memories})
    for id, agent_name, room, entity in (
        ("here", "tifa", "api/@anna", "api:anna"),
        ("there", "tifa", "api/elsewhere", "api:anna"),
        ("other", "tifa", "api/@ben", "api:ben"),
        ("stranger's", "cloud", "api/@anna", "api:anna"),
    ):
        host.memories.put([Memory(id, agent_name, room, entity, "fact", "likes tea", at=1)])

    await host.ask("who?")

    assert recalled == found


async def test_the_prompt_can_be_looked_at_without_asking_or_storing_anything(host: LittleHost) -> None:
    model = ListedModel()
    runtime = host.add(model=model)
    await host.ask("Hello")

    prompt = await runtime.render(replace(host.message("What now?"), at=host.ledger.clock.tick()))

    assert prompt.splitlines() == [
        *("You are tifa.", "", "--- conversation ---"),
        *("Anna: Hello", "assistant: you said: Hello", "Anna: What now?"),
    ]
    assert len(model.requests) == 1
    assert await host.lines() == ["Hello", "you said: Hello"]


# --- ending ----------------------------------------------------------------------------------------------------


async def test_a_model_that_fails_is_answered_with_the_operator_s_words(host: LittleHost) -> None:
    host.add(SORRY, model=ListedModel(ModelError("openai/gpt", "too many requests")))

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("failed", ("Sorry.",))


async def test_a_fault_of_our_own_is_answered_with_the_operator_s_words_too(host: LittleHost) -> None:
    host.add(SORRY, model=ListedModel(ZeroDivisionError()))

    assert (await host.ask()).texts == ("Sorry.",)
    assert (await host.ask()).outcome == "answered"


async def test_without_words_a_failure_is_silent(host: LittleHost) -> None:
    host.add(model=ListedModel(ModelError("openai/gpt", "no")))

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("failed", ())


async def test_a_turn_that_takes_too_long_ends_with_the_operator_s_words_and_the_lane_goes_on(
    host: LittleHost,
) -> None:
    async def hang(request: Request) -> Completion:
        await asyncio.Event().wait()
        raise AssertionError

    host.add(replace(SORRY, limits=AgentLimits(turn=0.5)), model=ListedModel(hang))
    slow, next_one = host.message("slow"), host.message("next")
    async with host.answering():
        await host.inbox.take_in(slow)
        await host.inbox.take_in(next_one)

        assert (await host.answered(slow)).texts == ("Sorry.",)
        assert (await host.answered(next_one)).texts == ("you said: next",)
    [first, _] = [json.loads(body) for _, body in await host.ledger.read(waiting_events)]
    assert first["error"] == "it took longer than 0.5 s"


async def test_a_turn_whose_time_runs_out_while_it_is_closed_has_been_closed_once(host: LittleHost) -> None:
    free, held = threading.Event(), []

    async def hold_the_ledger(turn: Turn, text: str) -> Verdict:
        held.append(host.ledger.submit(lambda connection: free.wait(20)))
        # Later than the turn's own end, which began before.
        asyncio.get_running_loop().call_later(0.5, free.set)
        return Verdict(text)

    agent = replace(SORRY, limits=AgentLimits(turn=0.5))
    host.add(agent, model=ListedModel("In time."), gates={"slow": Judging(hold_the_ledger)})

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("answered", ("In time.",))
    assert host.reflections_due == [False]
    assert len(await host.ledger.read(waiting_events)) == 1


async def test_a_turn_that_ends_within_an_action_is_told_of_without_it(host: LittleHost) -> None:
    async def hang(turn: Turn) -> None:
        await asyncio.Event().wait()

    host.add(
        replace(SORRY, limits=AgentLimits(turn=0.05)),
        model=ListedModel(calls("hang")),
        actions=[Doing("hang", hang)],
    )

    ended = await host.ask()

    assert (ended.outcome, ended.texts, ended.results) == ("failed", ("Sorry.",), ())


async def test_a_template_that_fails_ends_the_turn_with_words(host: LittleHost) -> None:
    host.add(SORRY, chat="{{ 1 // 0 }}")

    assert (await host.ask()).outcome == "failed"


async def test_an_agent_that_never_answers_is_silent_without_asking_a_model(host: LittleHost) -> None:
    model = ListedModel()
    runtime = host.add(model=model)
    message = host.message()
    await host.inbox.take_in(message)
    host.add(replace(runtime.agent, respond="never"), model=model)

    ended = await host.answer(message)

    assert (ended.outcome, ended.texts, model.requests) == ("silent", (), [])


async def test_an_empty_answer_is_silence(host: LittleHost) -> None:
    host.add(model=ListedModel("  \n"))

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("silent", ())
    assert await host.lines() == ["Hello"]


async def test_only_a_client_s_words_have_to_be_sent(host: LittleHost) -> None:
    host.add(model=ListedModel("one", "two"))

    await host.ask(client="api")
    assert host.told_to_send == []
    await host.ask(client="chat")
    assert host.told_to_send == ["chat"]


async def test_each_turn_leaves_an_event_with_what_it_took(host: LittleHost) -> None:
    async def roll(turn: Turn) -> str:
        return "6"

    agent = replace(AGENT, revision="r7")
    host.add(agent, model=ListedModel(calls("roll"), "A six."), actions=[Doing("roll", roll)])
    await host.ask()

    [(id, body)] = await host.ledger.read(waiting_events)
    event = json.loads(body)
    assert id == event["id"] == "api:m1@tifa"
    assert {key: event[key] for key in ("agent", "client", "room", "model", "outcome", "revision", "error")} == {
        "agent": "tifa",
        "client": "api",
        "room": "api/@anna",
        "model": "listed/model",
        "outcome": "answered",
        "revision": "r7",
        "error": "",
    }
    assert (event["tokens_in"], event["tokens_out"], event["cost"]) == (4, 2, 1.0)
    assert event["actions"] == [{"name": "roll", "status": "done"}]
    assert {"queue", "compose", "generate", "act", "evaluate", "total"} <= event["ms"].keys()


# --- what a turn gives to parts ----------------------------------------------------------------------------------


async def test_a_part_asks_the_small_model_unless_it_says_so(host: LittleHost) -> None:
    large, small = ListedModel("big", "answer"), ListedModel("little")
    heard: list[str] = []

    async def curious(turn: Turn) -> None:
        heard.append(await turn.ask_model("be short", "why?", purpose="why"))
        heard.append(await turn.ask_model("be long", "why?", purpose="why", model="large"))

    host.add(model=large, small=small, providers={"curious": curious})
    await host.ask()

    assert heard == ["little", "big"]
    assert (small.requests[0].purpose, small.requests[0].prompt.system) == ("why", "be short")


async def test_what_is_kept_under_a_name_is_worked_out_once(host: LittleHost) -> None:
    worked: list[int] = []

    async def work() -> int:
        worked.append(1)
        return 42

    async def counting(turn: Turn) -> list[int]:
        return [await turn.once("answer", work, int), await turn.once("answer", work, int)]

    model = ListedModel()
    host.add(model=model, providers={"one": counting, "two": counting}, chat="{{ one }} {{ two }}")
    ended = await host.ask()

    assert (ended.outcome, last(model).prompt.system) == ("answered", "[42, 42] [42, 42]")
    assert len(worked) == 2, "each part has names of its own"


async def test_only_an_action_may_say_something_beside_the_answer(host: LittleHost) -> None:
    refused: list[str] = []

    async def talkative(turn: Turn) -> None:
        try:
            await turn.say("psst")
        except ActionError as error:
            refused.append(str(error))

    host.add(providers={"talkative": talkative})
    await host.ask()

    assert refused == ["only an action may say something beside the answer"]
    assert await host.lines() == ["Hello", "you said: Hello"]


async def test_a_fact_that_a_part_keeps_can_be_recalled_at_once_and_waits_for_the_store(host: LittleHost) -> None:
    async def note(turn: Turn) -> str:
        await turn.remember("likes tea")
        return "noted"

    host.add(model=ListedModel(calls("note"), "ok"), actions=[Doing("note", note)])
    await host.ask()

    [fact] = [memory for memory in host.memories.kept.values() if memory.kind == "fact"]
    assert (fact.text, fact.entity, fact.source_ids) == ("likes tea", "api:anna", ("api:m1",))
