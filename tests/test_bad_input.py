"""Whatever a model answers and an action does, the turn ends, the operator's words are said, and its event says why."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from carrier.testing.openai_server import Answer
from tests.served import SECRET, Served, result, served

# litellm's own, in each streamed chunk.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carrier.models.guarded.FIRST_PAUSE", 0.001)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as host:
        yield host


def calling(name: str, arguments: str = "{}") -> Answer:
    return Answer(calls=((name, arguments),))


# --- a model's answer ------------------------------------------------------------------------------------------

BAD_ANSWERS: dict[str, tuple[Answer, str]] = {
    "a page": (Answer(body="<html>Bad gateway</html>"), "an answer that makes no sense"),
    "json of something else": (Answer(body='{"weather": "fine"}'), "an answer that makes no sense"),
    "half an answer": (Answer("I would say that", cut=True), "it broke off"),
    "half a call": (calling("boom", '{"si'), "it called an action with broken JSON"),
    "a call with a list": (calling("boom", "[1, 2]"), "it called an action with something else than named arguments"),
    "a call of nothing": (calling("", "{}"), "it called an action without a name that could be one"),
    "ten megabytes": (Answer("x" * 10_000_000), "an answer of more than 2,000,000 characters"),
    "a hundred calls": (Answer(calls=(("boom", "{}"),) * 100), "it asked for 100 actions at once"),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
async def test_an_answer_that_is_none_ends_in_the_operator_s_words(host: Served, case: str) -> None:
    answer, reason = BAD_ANSWERS[case]
    host.answers(*[answer] * 3)

    ended = await host.ask()

    assert (ended["outcome"], ended["text"], ended["actions"]) == ("failed", "I lost my thread.", [])
    event = await host.event(ended["turn"])
    assert event["outcome"] == "failed"
    assert reason in event["error"]
    host.server.answers.clear()
    assert (await host.ask("And now?"))["text"] == "you said: And now?"


async def test_an_answer_that_is_none_may_be_better_the_next_time(host: Served) -> None:
    host.answers(calling("boom", '{"si'), Answer("All is well."))

    ended = await host.ask()

    assert (ended["outcome"], ended["text"]) == ("answered", "All is well.")
    assert (await host.event(ended["turn"]))["error"] == ""


BAD_STREAMS: dict[str, tuple[Answer, str]] = {
    "without an end": (Answer("x" * 100_000 + " ", endless=True), "its answer has no end"),
    "broken off": (Answer("I would say that and more", cut=True), "broke off"),
    "of ten megabytes": (Answer("x" * 10_000_000), "its answer has no end"),
    "of half a call": (calling("boom", '{"si'), "it called an action with broken JSON"),
}


@pytest.mark.parametrize("case", BAD_STREAMS)
async def test_a_stream_that_is_no_answer_ends_in_the_operator_s_words(host: Served, case: str) -> None:
    answer, reason = BAD_STREAMS[case]
    host.answers(*[answer] * 3)

    ended = await host.stream()

    assert (ended["outcome"], ended["text"]) == ("failed", "I lost my thread.")
    assert reason in (await host.event(ended["turn"]))["error"]
    host.server.answers.clear()
    assert (await host.stream("And now?"))["text"] == "you said: And now?"


async def test_an_answer_of_nothing_is_silence(host: Served) -> None:
    host.answers(Answer(""))

    ended = await host.ask()

    assert (ended["outcome"], ended["text"]) == ("silent", "")
    assert (await host.event(ended["turn"]))["outcome"] == "silent"


async def test_an_unknown_tool_is_told_to_the_model_and_the_turn_goes_on(host: Served) -> None:
    host.answers(calling("fly"))

    ended = await host.ask()

    assert result(ended["text"]).startswith("[failed] there is no action 'fly'; there are boom,")
    assert (await host.event(ended["turn"]))["actions"] == [{"name": "fly", "status": "failed"}]


# --- what comes of an action -------------------------------------------------------------------------------------

BAD_ACTIONS = {
    "boom": ("failed", "[failed] boom failed: RuntimeError: it went off"),
    "hang": ("in doubt", "[in doubt] hang was stopped half-way: it took longer than 0.05 s"),
    "hang_in_a_thread": (
        "in doubt",
        "[in doubt] hang_in_a_thread took longer than 0.05 s; it goes on and may still take effect",
    ),
    "huge": ("done", "x" * 20_000 + " … (cut off)"),
    "odd": ("done", """["<class 'object'>", [1, 2], NaN, "b'bytes'"]"""),
    "faulty/die": ("in doubt", "[in doubt] faulty/die was called, and its result is not known: it ended with code 3"),
    "faulty/garbage": ("done", "after all"),
}


@pytest.mark.parametrize("name", BAD_ACTIONS)
async def test_whatever_an_action_does_the_model_reads_what_came_of_it(host: Served, name: str) -> None:
    """The server says what it was told last, which is the result."""
    status, text = BAD_ACTIONS[name]
    host.answers(calling(name.replace("/", "_")))

    ended = await host.ask()

    assert (ended["outcome"], result(ended["text"])) == ("answered", text)
    assert (await host.event(ended["turn"]))["actions"] == [{"name": name, "status": status}]


async def test_a_secret_that_an_action_tells_does_not_leave(host: Served, caplog: pytest.LogCaptureFixture) -> None:
    host.answers(calling("tell_secret"))

    ended = await host.ask()

    assert result(ended["text"]) == "the key is [secret]"
    assert SECRET not in str(await host.event(ended["turn"])) + caplog.text
