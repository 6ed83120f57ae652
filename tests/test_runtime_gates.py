"""Everything that leaves passes the gates, also what is shown of it while it grows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from carrier.errors import ModelError
from carrier.evaluators.no_secrets import NoSecrets
from carrier.interfaces import Turn, Verdict
from carrier.runtime.evaluating import MOST_SHOWN
from carrier.runtime.watchers import Piece
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, Judging, LittleHost, little_host
from carrier.testing.turns import AGENT, TurnMaker
from carrier.types.agents import Words
from carrier.types.talk import Ended, Message

CAREFUL = replace(AGENT, words=Words(failed="Sorry.", held="I may not say."))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def passes(turn: Turn, text: str) -> Verdict:
    return Verdict(text)


async def holds(turn: Turn, text: str) -> Verdict:
    return Verdict("", held="too rude")


async def breaks(turn: Turn, text: str) -> Verdict:
    raise RuntimeError("a bug")


async def shouts(turn: Turn, text: str) -> Verdict:
    return Verdict(text.upper())


async def exclaims(turn: Turn, text: str) -> Verdict:
    return Verdict(text + "!")


async def test_gates_change_a_text_one_after_the_other(host: LittleHost) -> None:
    host.add(model=ListedModel("hello"), gates={"a": Judging(exclaims), "b": Judging(shouts)})

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("answered", ("HELLO!",))
    assert await host.lines() == ["Hello", "HELLO!"]


@pytest.mark.parametrize("judge", [holds, breaks], ids=["held", "broken"])
async def test_what_a_gate_does_not_let_pass_is_answered_with_the_operator_s_words(
    host: LittleHost, judge: object
) -> None:
    host.add(CAREFUL, model=ListedModel("a secret"), gates={"gate": Judging(judge), "after": Judging(shouts)})  # type: ignore[arg-type]

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("held", ("I may not say.",))


async def test_the_operator_s_own_words_need_no_gate(host: LittleHost) -> None:
    host.add(CAREFUL, model=ListedModel(ModelError("x/y", "no")), gates={"gate": Judging(holds)})

    assert (await host.ask()).texts == ("Sorry.",)


async def test_a_gate_that_may_ask_a_model_sees_the_turn_and_the_text(host: LittleHost) -> None:
    seen: list[str] = []

    async def judge(turn: Turn, text: str) -> Verdict:
        seen.append(f"{turn.message.text} / {text}")
        return Verdict(await turn.ask_model("nicer", text, purpose="nicer"))

    host.add(model=ListedModel("no."), small=ListedModel("No, thank you."), gates={"nicer": Judging(judge)})

    assert (await host.ask("Tea?")).texts == ("No, thank you.",)
    assert seen == ["Tea? / no."]


async def test_a_text_of_which_nothing_is_left_is_silence(host: LittleHost) -> None:
    async def strikes(turn: Turn, text: str) -> Verdict:
        return Verdict("")

    host.add(model=ListedModel("hush"), gates={"gate": Judging(strikes)})

    ended = await host.ask()

    assert (ended.outcome, ended.texts) == ("silent", ())


# --- written anew ----------------------------------------------------------------------------------------------


def fussy(attempts: int, *words: str) -> Judging:
    """Holds what has one of the words, and lets it be written anew."""

    async def judge(turn: Turn, text: str) -> Verdict:
        found = [word for word in words if word in text]
        return Verdict("", f"it says {found[0]}", attempts) if found else Verdict(text)

    return Judging(judge)


async def test_an_answer_is_written_anew_by_the_reason_it_was_held_for(host: LittleHost) -> None:
    model = ListedModel("damn it", "oh well")
    host.add(CAREFUL, model=model, gates={"polite": fussy(2, "damn"), "loud": Judging(shouts)})

    ended = await host.ask("Lost again?")

    assert (ended.outcome, ended.texts) == ("answered", ("OH WELL",))
    *_, message, draft, reason = model.requests[-1].prompt.conversation
    assert (message.text, draft.role, draft.text) == ("Lost again?", "assistant", "damn it")
    assert reason.text == "[Your answer was not sent: polite: it says damn. Write it anew, and nothing else.]"
    assert model.requests[-1].tools == ()


async def test_who_writes_an_answer_anew_is_told_once_what_was_done(host: LittleHost) -> None:
    async def roll(turn: Turn) -> str:
        return "4"

    model = ListedModel(calls("roll"), calls("roll"), "damn, four", "four")
    host.add(CAREFUL, model=model, gates={"polite": fussy(2, "damn")}, actions=[Doing("roll", roll)])

    ended = await host.ask("Roll twice.")

    assert ended.texts == ("four",)
    roles = [said.role for said in model.requests[-1].prompt.conversation]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant", "user"]


async def test_what_fails_after_all_attempts_is_held(host: LittleHost) -> None:
    model = ListedModel("damn", "damn you", "damn me", "fine")
    host.add(CAREFUL, model=model, gates={"polite": fussy(2, "damn")})

    ended = await host.ask()

    assert (ended.outcome, ended.texts, len(model.requests)) == ("held", ("I may not say.",), 3)


async def test_what_was_written_anew_passes_every_gate_again(host: LittleHost) -> None:
    model = ListedModel("damn", "a secret", "never sent")
    gates = {"secret": fussy(0, "secret"), "polite": fussy(2, "damn")}
    host.add(CAREFUL, model=model, gates=gates)

    ended = await host.ask()

    assert (ended.outcome, ended.texts, len(model.requests)) == ("held", ("I may not say.",), 2)


async def test_each_gate_has_attempts_of_its_own(host: LittleHost) -> None:
    model = ListedModel("damn", "meh", "damn", "meh", "good")
    host.add(CAREFUL, model=model, gates={"polite": fussy(2, "damn"), "keen": fussy(2, "meh")})

    assert (await host.ask()).texts == ("good",)


async def test_an_answer_that_comes_back_empty_is_held(host: LittleHost) -> None:
    host.add(CAREFUL, model=ListedModel("damn", " "), gates={"polite": fussy(2, "damn")})

    assert (await host.ask()).texts == ("I may not say.",)


async def test_a_model_that_writes_anew_knows_what_came_of_its_actions(host: LittleHost) -> None:
    async def roll(turn: Turn) -> str:
        return "a four"

    model = ListedModel(calls("roll"), "damn, four", "A four.")
    host.add(model=model, actions=[Doing("roll", roll)], gates={"polite": fussy(1, "damn")})

    assert (await host.ask()).texts == ("A four.",)
    assert [said.role for said in model.requests[-1].prompt.conversation] == [
        "user", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip


async def test_what_an_action_says_is_never_written_anew(host: LittleHost) -> None:
    async def speak(turn: Turn) -> str:
        await turn.say("damn")
        return "done"

    model = ListedModel(calls("speak"), "Done.")
    host.add(model=model, actions=[Doing("speak", speak)], gates={"polite": fussy(2, "damn")})

    assert (await host.ask()).texts == ("Done.",)
    assert len(model.requests) == 2


async def test_a_text_that_is_written_anew_is_not_shown_as_it_grows(host: LittleHost) -> None:
    gate = Judging(fussy(1, "damn").judge, lambda growing: None)
    host.add(model=ListedModel("damn it", "oh well"), gates={"polite": gate})

    pieces, ended = await read_along(host, host.message())

    assert (pieces, ended.texts) == ([], ("oh well",))


# --- before a model is asked -----------------------------------------------------------------------------------


async def test_a_message_that_a_check_holds_ends_the_turn_before_any_model(host: LittleHost) -> None:
    model = ListedModel()
    host.add(CAREFUL, model=model, checks={"calm": Judging(holds)})

    ended = await host.ask("you fool")

    assert (ended.outcome, ended.texts, model.requests) == ("held", ("I may not say.",), [])


async def test_a_gate_that_cannot_ask_its_model_says_why_and_no_more(
    host: LittleHost, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(turn: Turn, text: str) -> Verdict:
        raise ModelError("listed/model", "the budget team is spent", "stop")

    host.add(gates={"polite": Judging(ask)})

    assert (await host.ask()).outcome == "held"
    [record] = [each for each in caplog.records if "the gate polite failed" in each.message]
    assert "the budget team is spent" in record.message
    assert not record.exc_info


async def test_a_check_that_breaks_holds_the_message(host: LittleHost) -> None:
    model = ListedModel()
    host.add(CAREFUL, model=model, checks={"calm": Judging(breaks)})

    assert ((await host.ask()).texts, model.requests) == (("I may not say.",), [])


async def test_what_a_check_says_instead_passes_the_gates(host: LittleHost) -> None:
    async def instead(turn: Turn, text: str) -> Verdict:
        return Verdict("ask a doctor") if "pain" in text else Verdict(text)

    model = ListedModel("Hello.")
    host.add(CAREFUL, model=model, checks={"health": Judging(instead)}, gates={"loud": Judging(shouts)})

    assert (await host.ask("my pain")).texts == ("ASK A DOCTOR",)
    assert model.requests == []
    assert (await host.ask("hi")).texts == ("HELLO.",)


# --- streaming -------------------------------------------------------------------------------------------------


async def read_along(host: LittleHost, message: Message) -> tuple[list[Piece], Ended]:
    """What a watcher of the turn is shown, and how it ends."""
    with host.watchers.watch(f"{message.id}@tifa", streaming=True) as watcher:
        await host.answer(message)
        assert watcher.pieces is not None
        return [watcher.pieces.get_nowait() for _ in range(watcher.pieces.qsize())], await watcher.ended


def shown(pieces: list[Piece]) -> str:
    """What stands there when all pieces were read."""
    text = ""
    for piece in pieces:
        text = piece.text if piece.replace else text + piece.text
    return text


async def test_who_reads_along_sees_the_text_grow(host: LittleHost) -> None:
    host.add(model=ListedModel("one two three"))

    pieces, ended = await read_along(host, host.message())

    assert [piece.text for piece in pieces] == ["one", " two", " three"]
    assert ended.texts == ("one two three",)


async def test_of_a_text_without_bounds_the_beginning_is_judged_while_it_grows(host: LittleHost) -> None:
    judged: list[int] = []

    def shown(growing: str) -> str:
        judged.append(len(growing))
        return growing

    host.add(model=ListedModel(" ".join(["x" * 999] * 100)), gates={"gate": Judging(passes, shown)})

    pieces, ended = await read_along(host, host.message())

    assert max(judged) == sum(len(piece.text) for piece in pieces) < MOST_SHOWN + 1
    assert len(ended.texts[0]) > 4 * MOST_SHOWN


async def test_who_only_waits_is_shown_nothing_before_the_end(host: LittleHost) -> None:
    model = ListedModel("one two")
    host.add(model=model)
    message = host.message()
    with host.watchers.watch(f"{message.id}@tifa") as watcher:
        await host.answer(message)

        assert (await watcher.ended).texts == ("one two",)
        assert not host.watchers.streaming(f"{message.id}@tifa")


async def test_a_growing_text_shows_no_more_than_every_gate_allows(host: LittleHost) -> None:
    secret = "hunter2-hunter2"
    gate = NoSecrets(NoSecrets.Settings(), TurnMaker(secrets=[secret]).given())
    host.add(model=ListedModel(f"the word is {secret} indeed"), gates={"no_secrets": gate})

    pieces, ended = await read_along(host, host.message())

    assert ended.texts == ("the word is [secret] indeed",)
    assert all(secret not in piece.text for piece in pieces)
    assert ended.texts[0].startswith(shown(pieces))
    assert shown(pieces) != ""


def only_the_whole(growing: str) -> str | None:
    return None


def broken(growing: str) -> str | None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize("preview", [only_the_whole, broken])
async def test_a_gate_that_cannot_judge_a_part_shows_nothing_and_judges_the_whole(
    host: LittleHost, preview: object
) -> None:
    gates = {"open": Judging(passes), "gate": Judging(shouts, preview)}  # type: ignore[arg-type]
    host.add(model=ListedModel("one two"), gates=gates)

    pieces, ended = await read_along(host, host.message())

    assert (pieces, ended.outcome, ended.texts) == ([], "answered", ("ONE TWO",))


async def test_the_final_text_wins_over_what_was_shown(host: LittleHost) -> None:
    host.add(CAREFUL, model=ListedModel("one two"), gates={"late": Judging(holds)})

    pieces, ended = await read_along(host, host.message())

    assert shown(pieces) == "one two"
    assert ended.texts == ("I may not say.",)


async def test_words_before_an_action_are_taken_back(host: LittleHost) -> None:
    async def roll(turn: Turn) -> str:
        return "4"

    thinking = replace(calls("roll"), text="let me see")
    host.add(model=ListedModel(thinking, "A four."), actions=[Doing("roll", roll)])

    pieces, ended = await read_along(host, host.message())

    assert Piece("", replace=True) in pieces
    assert shown(pieces) == "A four."
    assert ended.texts == ("A four.",)


async def test_all_who_watch_hear_of_the_end_and_who_left_is_forgotten(host: LittleHost) -> None:
    host.add()
    message = host.message()
    turn = f"{message.id}@tifa"
    with host.watchers.watch(turn) as one, host.watchers.watch(turn, streaming=True) as two:
        with host.watchers.watch(turn):
            pass
        await host.answer(message)

        assert (await one.ended) == (await two.ended)
    assert not host.watchers.streaming(turn)
