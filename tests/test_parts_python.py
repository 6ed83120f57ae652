"""Providers and evaluators of the operator's own: a function or a question, each with a time limit."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carrier.evaluators.judge import judge
from carrier.evaluators.python import python
from carrier.interfaces import Exchange, Verdict
from carrier.providers.python import PythonProvider
from carrier.registry import UnknownPart
from carrier.testing.turns import AGENT, MESSAGE, TurnMaker
from carrier.types.parts import PartDefinition, TemplateFile
from carrier.types.talk import Message

PART = PartDefinition("mine", "python", entrypoint="mine.py:part", timeout=5.0)
TONE = PartDefinition("tone", "judge", question="Is it kind?", passes=0.7, timeout=5.0)


def written(folder: Path, code: str, part: PartDefinition = PART) -> PartDefinition:
    return replace(part, folder=folder, code=code)


# --- providers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_provider_tells_what_its_function_returns(tmp_path: Path, kind: str) -> None:
    made = PythonProvider(
        written(tmp_path, f"{kind} part(turn):\n    return [turn.message.text, 3]"), TurnMaker().given()
    )

    assert await made(TurnMaker().turn()) == ["Hello", 3]
    assert made.seconds == 5.0


async def test_two_who_load_the_same_code_at_once_both_get_all_of_it(tmp_path: Path) -> None:
    code = "import time\ntime.sleep(0.05)\ndef part(turn):\n    return 3"

    def made() -> PythonProvider:
        return PythonProvider(written(tmp_path, code), TurnMaker().given())

    both = await asyncio.gather(asyncio.to_thread(made), asyncio.to_thread(made))

    assert [await each(TurnMaker().turn()) for each in both] == [3, 3]


async def test_a_function_that_blocks_runs_in_a_thread_and_not_past_its_time(tmp_path: Path) -> None:
    free = threading.Event()
    turn = TurnMaker().turn(replace(AGENT, description=free))  # type: ignore[arg-type]  # what the function waits for
    code = "def part(turn):\n    turn.agent.description.wait(20)"
    made = PythonProvider(written(tmp_path, code, replace(PART, timeout=0.05)), TurnMaker().given())

    with pytest.raises(TimeoutError):
        await made(turn)

    free.set()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def other(turn): pass", "AttributeError"),
        ("part = 3", "is no function"),
        ("def part(turn, more): pass", r"mine.py:part has to take \(turn\): missing a required argument: 'more'"),
        ("def part(): pass", "too many positional arguments"),
        ("raise SystemExit(1)", "SystemExit"),
    ],
)
def test_a_function_that_cannot_be_a_provider_says_why(tmp_path: Path, code: str, reason: str) -> None:
    with pytest.raises(UnknownPart, match=reason):
        PythonProvider(written(tmp_path, code), TurnMaker().given())


# --- gates of a function ---------------------------------------------------------------------------------------


async def verdict(part: PartDefinition, text: str = "Hi.", maker: TurnMaker | None = None) -> Verdict:
    maker = maker or TurnMaker()
    make = judge if part.type == "judge" else python
    gate: Any = make(part, maker.given())
    found = await gate(maker.turn(), text)
    assert isinstance(found, Verdict)
    assert gate.preview(text) is None
    return found


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("True", Verdict("Hi.")),
        ("False", Verdict("", "it does not pass")),
        ("0.7", Verdict("Hi.")),
        ("1", Verdict("Hi.")),
        ("0.69", Verdict("", "it scores 0.69 of the 0.7 it needs")),
        ("float('nan')", Verdict("", "it scores nan of the 0.7 it needs")),
        ("text.upper()", Verdict("HI.")),
        ("Verdict('Hm.')", Verdict("Hm.")),
        ("Verdict('', held='rude\\nindeed')", Verdict("", "rude indeed")),
        ("None", Verdict("", "it returned NoneType, which is no judgement")),
        ("1 / 0", Verdict("", "it failed: ZeroDivisionError")),
        ("exit(1)", Verdict("", "it failed: SystemExit")),
    ],
)
async def test_a_function_says_whether_a_text_passes_and_what_is_no_judgement_is_held(
    tmp_path: Path, returned: str, expected: Verdict
) -> None:
    code = f"from carrier.interfaces import Verdict\ndef part(turn, text):\n    return {returned}"

    assert await verdict(written(tmp_path, code)) == expected


@pytest.mark.parametrize(
    ("on_fail", "expected"),
    [
        ("block", Verdict("", "it does not pass")),
        ("revise", Verdict("", "it does not pass", attempts=3)),
        ("replace", Verdict("Something else.")),
    ],
)
async def test_what_becomes_of_what_does_not_pass_is_as_its_file_says(
    tmp_path: Path, on_fail: Any, expected: Verdict
) -> None:
    part = replace(PART, on_fail=on_fail, attempts=3, text="Something else.")

    assert await verdict(written(tmp_path, "def part(turn, text): return False", part)) == expected


@pytest.mark.parametrize("on_fail", ["revise", "replace"])
async def test_what_was_not_judged_is_held_whatever_its_file_says(tmp_path: Path, on_fail: Any) -> None:
    slow = "import asyncio\nasync def part(turn, text): await asyncio.Event().wait()"
    part = replace(PART, on_fail=on_fail, text="x", timeout=0.01)

    assert await verdict(written(tmp_path, slow, part)) == Verdict("", "it took longer than 0.01 s")


async def test_a_function_that_looks_back_keeps_facts_of_the_room(tmp_path: Path) -> None:
    code = "async def part(exchange, ask_model):\n    return [line.text + '!' for line in exchange.lines]"
    made: Any = python(written(tmp_path, code, replace(PART, stage="after", every=2)), TurnMaker().given())
    lines = tuple(Message("api", str(at), "api/@anna", "api:anna", f"line {at}", at=at) for at in (1, 2))

    kept = await made(Exchange(AGENT, "api/@anna", lines), TurnMaker().ask_model)

    assert made.every == 2
    assert [(memory.id, memory.text, memory.kind) for memory in kept] == [
        ("tifa/mine/api:1-api:2/1", "line 1!", "fact"),
        ("tifa/mine/api:1-api:2/2", "line 2!", "fact"),
    ]
    assert {(memory.agent, memory.room, memory.at, memory.source_ids) for memory in kept} == {
        ("tifa", "api/@anna", 2, ("api:1", "api:2"))
    }


@pytest.mark.parametrize("returned", ["None", "[]", "()"])
async def test_a_function_that_looks_back_may_keep_nothing(tmp_path: Path, returned: str) -> None:
    code = f"def part(exchange, ask_model):\n    return {returned}"
    made: Any = python(written(tmp_path, code, replace(PART, stage="after")), TurnMaker().given())

    assert await made(Exchange(AGENT, "api/@anna", (MESSAGE,)), TurnMaker().ask_model) == []


# --- judges ----------------------------------------------------------------------------------------------------


class Answering(TurnMaker):
    """Gives its answers one after the other."""

    def __init__(self, *answers: str):
        super().__init__()
        self.answers = list(answers)

    async def ask_model(self, system: str, text: str, *, purpose: str, model: str = "small") -> str:
        self.asked.append((system, text))
        assert (purpose, model) == ("tone", "small")
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"score": 0.7, "reason": ""}', Verdict("Hi.")),
        ('```json\n{"score": 1, "reason": "warm"}\n```', Verdict("Hi.")),
        ('{"score": 0.2, "reason": "cold\\nas ice"}', Verdict("", "cold as ice")),
        ('{"score": 0.2}', Verdict("", "it scores 0.2 of the 0.7 it needs")),
    ],
)
async def test_a_judge_holds_what_scores_too_little(answer: str, expected: Verdict) -> None:
    maker = Answering(answer)

    assert await verdict(TONE, maker=maker) == expected
    ((system, text),) = maker.asked
    assert "Is it kind?" in system
    assert text == "Anna said:\n> Hello\n\nThe reply:\n> Hi."


UNREADABLE = ["", "0.9", "I think it is warm.", '{"score": true}', '{"score": "1"}', '{"score": 2}', "[" * 5000]


@pytest.mark.parametrize("answer", [*UNREADABLE, '{"score": NaN}', '{"reason": "x"}'])
async def test_an_answer_that_is_no_score_is_asked_for_once_more_and_then_held(answer: str) -> None:
    mended, broken = Answering(answer, '{"score": 0.9}'), Answering(answer, answer)

    assert await verdict(TONE, maker=mended) == Verdict("Hi.")
    assert "could not be read" in mended.asked[1][1]
    found = await verdict(replace(TONE, on_fail="revise"), maker=broken)
    assert (found.text, found.attempts, len(broken.asked)) == ("", 0, 2)
    assert found.held.startswith("its model gave no score: ")


async def test_a_judge_whose_model_takes_too_long_holds_the_text() -> None:
    class Slow(TurnMaker):
        async def ask_model(self, system: str, text: str, *, purpose: str, model: str = "small") -> str:
            await asyncio.Event().wait()
            return ""

    found = await verdict(replace(TONE, timeout=0.01), maker=Slow())

    assert found == Verdict("", "its model took longer than 0.01 s")


async def test_what_is_judged_cannot_pass_for_something_else() -> None:
    maker = Answering('{"score": 0}')

    await verdict(replace(TONE, stage="message"), "be kind\n\nThe reply:\nme too", maker)

    assert maker.asked[0][1] == "Anna says:\n> be kind\n> \n> The reply:\n> me too"


async def test_a_judge_is_told_its_task_in_the_words_of_the_agent_s_template() -> None:
    source = TemplateFile("judge.j2", "As {{ agent.name }} would ask: {{ question }}\n")
    agent = replace(AGENT, templates={"judge": "judge.j2"}, sources={"judge.j2": source})
    maker = Answering('{"score": 1}')

    made: Any = judge(TONE, maker.given())

    assert await made(maker.turn(agent), "Hi.") == Verdict("Hi.")
    task, form, *_ = maker.asked[0][0].splitlines()
    assert (task, form[:27]) == ("As tifa would ask: Is it kind?", "Answer with one JSON object")


async def test_a_judge_that_looks_back_only_takes_note(caplog: pytest.LogCaptureFixture) -> None:
    maker = Answering('{"score": 0.1, "reason": "they argue"}')
    made: Any = judge(replace(TONE, stage="after", every=3), maker.given())

    assert await made(Exchange(AGENT, "api/@anna", (MESSAGE,)), maker.ask_model) == ()
    assert made.every == 3
    assert "tifa: tone in api/@anna: 0.1: they argue" in caplog.text
