"""A scripted model answers by the first rule that fits, and the same request always alike."""

from pathlib import Path

import pytest

from carrier.errors import ModelError
from carrier.models.default_script import DEFAULT_SCRIPT
from carrier.models.scripted import ScriptedModel
from carrier.templates import Templates
from carrier.types.characters import Character, Example
from carrier.types.models import ActionCall, Completion, Prompt, Request, Said, Script, ScriptRule, ScriptStep, Tool
from carrier.types.parts import TemplateFile

ROLL = Tool("roll_dice", "Roll some dice", {"type": "object"})


def says(*variants: str) -> tuple[tuple[ScriptStep, ...], ...]:
    return tuple((ScriptStep(say=variant),) for variant in variants)


def model(*rules: ScriptRule) -> ScriptedModel:
    return ScriptedModel("scripted/test", Script("test", rules))


def user(text: str, name: str = "Anna") -> Said:
    return Said("user", text, name)


def own(text: str) -> Said:
    return Said("assistant", text)


def results(*names: str, text: str = "4") -> list[Said]:
    """One round: the call of some actions, and their results."""
    calls = tuple(ActionCall(f"c-{name}", name, {}) for name in names)
    return [Said("assistant", "", calls=calls), *(Said("tool", text, name, call_id=f"c-{name}") for name in names)]


def request(*conversation: Said, system: str = "", purpose: str = "chat", tools: tuple[Tool, ...] = (ROLL,)) -> Request:
    return Request(Prompt(system, conversation), tools, purpose, "tifa")


async def test_the_first_rule_that_fits_answers_with_its_named_groups() -> None:
    scripted = model(
        ScriptRule(when=(r"my name is (?P<name>\w+)",), steps=says("Hello {{ name }}, or {{ user }}.")),
        ScriptRule(steps=says("What?")),
    )

    heard = await scripted.complete(request(user("Well, MY NAME IS Aerith!")))
    other = await scripted.complete(request(user("Hm")))

    assert heard.text == "Hello Aerith, or Anna."
    assert other.text == "What?"


async def test_the_newest_thing_told_wins() -> None:
    scripted = model(
        ScriptRule(when=("my name",), given=r"my name is (?P<name>\w+)", steps=says("{{ name }}")),
        ScriptRule(steps=says("not told")),
    )
    system = "Memories:\n- Anna: my name is Ann"

    recalled = await scripted.complete(request(user("what is my name?"), system=system))
    corrected = await scripted.complete(
        request(user("my name is Anna"), own("Good."), user("what is my name?"), system=system)
    )
    never = await scripted.complete(request(user("what is my name?")))

    assert (recalled.text, corrected.text, never.text) == ("Ann", "Anna", "not told")


async def test_what_a_person_says_now_is_not_what_the_model_was_told() -> None:
    scripted = model(ScriptRule(given="secret", steps=says("told")), ScriptRule(steps=says("not told")))

    answer = await scripted.complete(request(user("secret")))

    assert answer.text == "not told"


async def test_variants_are_used_one_after_the_other() -> None:
    scripted = model(ScriptRule(when=("^hi",), steps=says("one", "two")), ScriptRule(steps=says("other")))
    said = [user("hi"), own("one"), user("what?"), own("other"), user("hi"), own("two"), user("hi")]

    answers = [(await scripted.complete(request(*said[: end + 1]))).text for end in (0, 4, 6)]

    assert answers == ["one", "two", "one"]


async def test_a_call_is_made_and_its_result_is_told() -> None:
    arguments = {"dice": "{{ dice }}", "label": "{{ dice }} dice", "keep": {"best": ["{{ dice }}", True]}}
    scripted = model(
        ScriptRule(when=(r"roll (?P<dice>\d+)",), steps=((ScriptStep(call="roll_dice", arguments=arguments),),)),
        ScriptRule(after="roll_dice", steps=says("You got {{ result }}.")),
        ScriptRule(when=("roll",), steps=says("never reached")),
    )

    asked = await scripted.complete(request(user("roll 3")))
    told = await scripted.complete(request(user("roll 3"), *results("roll_dice", text="4, 4, 4")))

    assert [(call.name, dict(call.arguments)) for call in asked.calls] == [
        ("roll_dice", {"dice": 3, "label": "3 dice", "keep": {"best": [3, True]}})
    ]
    assert (told.text, told.calls) == ("You got 4, 4, 4.", ())


async def test_a_sequence_takes_a_step_for_each_round_of_results() -> None:
    steps = ((ScriptStep(call="roll_dice"), ScriptStep(call="roll_dice"), ScriptStep(say="done: {{ result }}")),)
    scripted = model(ScriptRule(when=("roll",), steps=steps), ScriptRule(steps=says("otherwise")))
    said = [user("before"), *results("roll_dice"), own("x"), user("roll"), *results("roll_dice"), *results("roll_dice")]

    first = await scripted.complete(request(*said[:5]))
    second = await scripted.complete(request(*said[:7]))
    third = await scripted.complete(request(*said))
    past = await scripted.complete(request(*said, *results("roll_dice", text="6")))

    assert [len(one.calls) for one in (first, second, third)] == [1, 1, 0]
    assert first.calls[0].id != second.calls[0].id
    assert (third.text, past.text) == ("done: 4", "done: 6")


async def test_a_rule_after_an_action_counts_only_that_actions_results() -> None:
    again = ((ScriptStep(call="roll_dice"), ScriptStep(say="twice is enough")),)
    scripted = model(ScriptRule(after="roll_dice", steps=again), ScriptRule(steps=says("otherwise")))

    once = await scripted.complete(request(user("go"), *results("other"), *results("roll_dice")))
    twice = await scripted.complete(request(user("go"), *results("roll_dice"), *results("roll_dice")))
    else_ = await scripted.complete(request(user("go"), *results("roll_dice"), *results("roll_dice", "other")))

    assert [call.name for call in once.calls] == ["roll_dice"]
    assert twice.text == "twice is enough"
    assert else_.text == "otherwise"


async def test_a_rule_without_conditions_has_the_last_word_but_never_calls_for_ever() -> None:
    talker = model(ScriptRule(steps=says("anything")))
    caller = model(ScriptRule(steps=((ScriptStep(call="roll_dice"),),)), ScriptRule(steps=says("that was it")))

    assert (await talker.complete(request(user("x"), *results("roll_dice")))).text == "anything"
    assert (await caller.complete(request(user("x")))).calls
    assert (await caller.complete(request(user("x"), *results("roll_dice")))).text == "that was it"


@pytest.mark.parametrize(
    ("fail", "remedy"),
    [("rate_limit", "retry"), ("timeout", "retry"), ("unavailable", "fall back"), ("bad_request", "stop")],
)
async def test_a_failure_says_what_may_help(fail: str, remedy: str) -> None:
    scripted = model(ScriptRule(steps=((ScriptStep(fail=fail),),)))

    with pytest.raises(ModelError, match="says the script 'test'") as failed:
        await scripted.complete(request(user("x")))

    assert failed.value.remedy == remedy


async def test_a_call_the_agent_may_not_make_is_an_error_that_names_it() -> None:
    scripted = model(ScriptRule(steps=((ScriptStep(call="launch"),),)))

    with pytest.raises(ModelError, match="'launch', which this agent may not use"):
        await scripted.complete(request(user("x")))


async def test_words_that_cannot_be_filled_in_are_an_error_that_quotes_them() -> None:
    scripted = model(ScriptRule(steps=says("Hello {{ nobody }}")))

    with pytest.raises(ModelError, match=r"says 'Hello {{ nobody }}': .*nobody"):
        await scripted.complete(request(user("x")))


async def test_no_fitting_rule_is_an_error_in_a_chat() -> None:
    scripted = model(ScriptRule(when=("hello",), steps=says("hi")))

    with pytest.raises(ModelError, match="no rule of the script 'test' fits 'goodbye'"):
        await scripted.complete(request(user("goodbye")))


async def test_a_purpose_the_script_does_not_know_is_answered_with_nothing() -> None:
    scripted = model(ScriptRule(steps=says("chatting")), ScriptRule(purpose="judge", steps=says("0.9")))

    assert (await scripted.complete(request(user("x"), purpose="facts"))).text == ""
    assert (await scripted.complete(request(user("x"), purpose="judge"))).text == "0.9"


async def test_the_same_request_gets_the_same_answer_whole_or_streamed() -> None:
    def ask() -> Request:
        return request(user("one two"), own("three"), user("four"), system="five six")

    scripted = model(ScriptRule(steps=says("first\n  words", "second  words\nand more ")))
    whole = await scripted.complete(ask())

    *pieces, last = [piece async for piece in scripted.stream(ask())]

    assert last == whole
    assert isinstance(last, Completion)
    assert "".join(map(str, pieces)) == whole.text == "second  words\nand more "
    assert len(pieces) == 4
    assert (whole.usage.tokens_in, whole.usage.tokens_out, whole.usage.cost) == (6, 4, 0.0)
    assert whole.model == "scripted/test"


# --- the default script --------------------------------------------------------------------------------------

SYSTEM = "You are Hello.\nGreets everyone and keeps it short.\n\nAnswer briefly."


async def default(*conversation: Said, purpose: str = "chat", system: str = SYSTEM) -> str:
    answer = await ScriptedModel("scripted/default", DEFAULT_SCRIPT).complete(
        request(*conversation, system=system, purpose=purpose)
    )
    return answer.text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Who are you?", "I am Hello. Greets everyone and keeps it short. No model is configured for me"),
        ("hi!", "Hello, Anna! Ask me who I am"),
        ("My name is Jean-Luc.", "Nice to meet you, Jean-Luc."),
        ("Are you a bot?", "No model is configured for me"),
        ("What is my name?", "You have not told me your name yet."),
        ("Explain gravity", "I heard you, but no model is configured"),
        ("", "I heard you, but no model is configured"),
        ("Thanks", "You are welcome."),
        ("bye", "Goodbye"),
    ],
)
async def test_without_a_script_an_agent_is_polite_and_honest(text: str, answer: str) -> None:
    assert (await default(user(text))).startswith(answer)


@pytest.mark.parametrize("told", ['- Anna said: "Hi, my name is Anna."', "- Anna: is called Anna"])
async def test_without_a_script_an_agent_still_remembers_a_name(told: str) -> None:
    assert await default(user("Do you remember my name?"), system=f"{SYSTEM}\n{told}") == "You told me: it is Anna."


async def test_without_a_script_facts_are_names() -> None:
    assert await default(user("Ben: hm\nAnna: my name is Anna"), purpose="facts") == "Anna: is called Anna"
    assert await default(user("Ben: hm"), purpose="facts") == ""


async def test_without_a_script_an_agent_knows_itself_from_the_shipped_template() -> None:
    folder = Path(__file__).parent.parent / "templates"
    sources = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.j2")}
    templates = Templates({name: TemplateFile(name, source) for name, source in sources.items()})
    character = Character(
        "tifa",
        "Tifa",
        bio=("Keeps a bar.", "It is called Seventh Heaven."),
        adjectives=("warm", "blunt"),
        message_examples=((Example("my name is Bob", "Hello, Bob."),),),
    )
    values = {"agent": None, "message": None, "character": character, "time": "noon", "actions": (), "memories": ()}

    system = templates.render(
        "chat.j2",
        {
            **values,
            **dict.fromkeys(("recent_messages", "recent_actions", "facts", "goals", "knowledge", "summary"), ()),
        },
    )

    assert (await default(user("Who are you?"), system=system)).startswith("I am Tifa. Keeps a bar. No model")
    assert await default(user("What is my name?"), system=system) == "You have not told me your name yet."
