"""Who answers a message, by what was said, where, and what is known there: the rules alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from carrier.ledger.intake import Place
from carrier.ledger.known import Known
from carrier.runtime.deciding import admits, decide, meant, offered, rules_in, says_yes, standing
from carrier.testing.turns import AGENT
from carrier.types.agents import Agent
from carrier.types.characters import Character
from carrier.types.clients import Access, ClientDefinition, ClientRules, RoomRules, Route
from carrier.types.talk import Message, Respond

TIFA = AGENT
AERITH = replace(AGENT, name="aerith", character=Character("aerith", "Aerith Gainsborough", username="flower_girl"))
AGENTS = {"tifa": TIFA, "aerith": AERITH}
NOTHING = Known(0)
SHARED = RoomRules(agents=("tifa", "aerith"))


def said(text: str = "Hello", **more: Any) -> Message:
    given: dict[str, Any] = {"room": "dc/12", "addressed": False, "within": ("category:3", "guild:4")}
    return Message("dc", "1", sender="discord:7", text=text, **{**given, **more})


def client(*routes: Route, **rules: Any) -> ClientDefinition:
    return ClientDefinition("dc", "discord", "tifa", rules=ClientRules(routes, **rules))


# --- the place -------------------------------------------------------------------------------------------------

ROOM, THREAD = Route("room:12", RoomRules(("aerith",))), Route("room:99", RoomRules(respond="always"))
CATEGORY = Route("category:3", RoomRules(("cloud",), respond="decide", prompt="Be short."))
GUILD = Route("guild:4", RoomRules(("barret",), respond="never", actions=("dice",), prompt="Be loud."))


@pytest.mark.parametrize(
    ("routes", "message", "expected"),
    [
        ((), said(), RoomRules(("tifa",))),
        ((ROOM,), said(room="dc/13"), RoomRules(("tifa",))),
        ((ROOM,), said(), RoomRules(("aerith",))),
        ((GUILD, CATEGORY, ROOM), said(), RoomRules(("aerith",), "decide", ("dice",), "Be short.")),
        ((CATEGORY, GUILD), said(), RoomRules(("cloud",), "decide", ("dice",), "Be short.")),
        ((GUILD,), said(within=()), RoomRules(("tifa",))),
        ((ROOM, THREAD), said(room="dc/99", within=("room:12", "guild:4")), RoomRules(("aerith",), "always")),
        ((Route("room:@7", RoomRules(("aerith",))),), said(room="dc/@7"), RoomRules(("aerith",))),
        ((Route("guild:12", RoomRules(("aerith",))),), said(), RoomRules(("tifa",))),
    ],
    ids=[
        "no routes", "another room", "a room", "what a room does not say", "a category before a guild",
        "no guild", "a thread before its room", "a direct message", "an id of another kind",
    ],
)  # fmt: skip
def test_of_all_routes_the_nearest_place_says_each_thing(
    routes: tuple[Route, ...], message: Message, expected: RoomRules
) -> None:
    message = replace(message, room=message.room)
    assert rules_in(client(*routes), message) == expected


def test_a_client_without_an_agent_has_only_what_its_routes_name() -> None:
    nobody = ClientDefinition("dc", "discord", rules=ClientRules((ROOM,)))

    assert rules_in(nobody, said()).agents == ("aerith",)
    assert rules_in(nobody, said(room="dc/13")).agents == ()


def test_a_room_may_offer_some_of_the_actions() -> None:
    rules = RoomRules(actions=("dice", "github/get_*"))

    assert [offered(rules, name) for name in ("dice", "github/get_issue", "github/delete")] == [True, True, False]
    assert offered(RoomRules(), "anything")
    assert not offered(RoomRules(actions=()), "anything")


# --- who is meant ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "tifa, are you there?",
        "TIFA!",
        "Hello @Tifa.",
        "that is Tifa's bar",
        "what would *tifa* say",
        "> a quote\nTifa, is that so?",
    ],
)
def test_a_name_as_a_word_is_meant(text: str) -> None:
    assert meant(said(text), ("tifa",), AGENTS) == {"tifa"}


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "antifa",
        "tifas",
        "tifa_2 was here",
        "> tifa, are you there?\nno idea",
        "   > tifa",
        "see https://example.org/tifa",
        "write to tifa@example.org",
    ],
)
def test_a_name_within_a_word_a_quote_or_an_address_is_not(text: str) -> None:
    assert meant(said(text), ("tifa",), AGENTS) == set()


@pytest.mark.parametrize(
    ("name", "text", "is_meant"),
    [
        ("Zoë", "zoë?", True),
        ("Zoë", "zoe\u0308?", True),
        ("Straße", "STRASSE, hallo", True),
        ("Ольга", "ОЛЬГА!", True),
        ("Ольга", "Ольгами", False),
        ("Aerith Gainsborough", "aerith  gainsborough, hi", True),
        ("Aerith Gainsborough", "Gainsborough?", False),
        ("राम", "राम, नमस्ते", True),
        ("राम", "रामायण", False),
        ("ティファ", "ティファさん、こんにちは", True),
        ("ティファ", "ティファニーで朝食を", False),
        ("小明", "小明你好", True),
        ("ไทฟา", "สวัสดีไทฟา", True),
        ("🎲", "🎲", False),
        ("", "", False),
    ],
)
def test_words_are_those_of_the_language(name: str, text: str, is_meant: bool) -> None:
    agent = replace(AGENT, name="x", character=Character("x", name))

    assert bool(meant(said(text), ("x",), {"x": agent})) == is_meant


@pytest.mark.parametrize("text", ["a@" * 4000, "\n" * 8000, " >" * 4000, "@" * 8000, "\ufdfa" * 8000, "\u0301" * 8000])
def test_no_text_takes_long_to_look_through(text: str) -> None:
    assert meant(said(text), ("tifa",), AGENTS) == set()


@pytest.mark.parametrize(
    ("message", "replied_to", "expected"),
    [
        (said("Hello"), "", set()),
        (said("Hello", addressed=True), "", {"tifa"}),
        (said("Hello", direct=True), "", {"tifa"}),
        (said("flower_girl, hello", addressed=True), "", {"aerith"}),
        (said("tifa and aerith!"), "", {"tifa", "aerith"}),
        (said("Why?", addressed=True), "aerith", {"aerith"}),
        (said("Tifa, why?"), "aerith", {"tifa", "aerith"}),
        (said("Why?"), "barret", set()),
    ],
    ids=["nobody", "a mention", "direct", "with a name", "two names", "a reply", "a reply and a name", "a stranger's"],
)
def test_of_several_the_one_who_is_named_or_answered_is_meant_and_else_the_first(
    message: Message, replied_to: str, expected: set[str]
) -> None:
    assert meant(message, ("tifa", "aerith"), AGENTS, replied_to) == expected


# --- what it is to each ------------------------------------------------------------------------------------------


def place(
    message: Message,
    rules: RoomRules = SHARED,
    agents: Mapping[str, Agent] = AGENTS,
    known: Known = NOTHING,
    handed_over: Mapping[str, str] | None = None,
    **of_client: Any,
) -> dict[str, Place]:
    return decide(message, client(**of_client), rules, agents, handed_over or {}, known)


@pytest.mark.parametrize(
    ("respond", "text", "tifa", "aerith"),
    [
        ("addressed", "Hello", "heard", "heard"),
        ("addressed", "Hello, Tifa", "waiting", "heard"),
        ("always", "Hello", "waiting", "waiting"),
        ("always", "Hello, Tifa", "waiting", "waiting"),
        ("decide", "Hello", "asks", "asks"),
        ("decide", "Hello, Tifa", "waiting", "heard"),
        ("never", "Hello, Tifa", "heard", "heard"),
    ],
)
def test_a_place_says_when_its_agents_answer(respond: Respond, text: str, tifa: Place, aerith: Place) -> None:
    assert place(said(text), replace(SHARED, respond=respond)) == {"tifa": tifa, "aerith": aerith}


def test_a_place_that_does_not_say_when_leaves_it_to_each_agent() -> None:
    agents = {"tifa": replace(TIFA, respond="always"), "aerith": replace(AERITH, respond="never")}

    assert place(said("Aerith Gainsborough?"), agents=agents) == {"tifa": "waiting", "aerith": "heard"}


def test_an_agent_that_is_away_keeps_what_may_be_for_it() -> None:
    gone = {"tifa": TIFA}

    assert place(said("Hello"), agents=gone)["aerith"] == "away"
    assert place(said("Hello"), replace(SHARED, respond="never"), gone)["aerith"] == "heard"
    assert place(said("Why?"), agents=gone, known=Known(0, replied_to="aerith"))["aerith"] == "waiting"


def test_what_an_agent_was_asked_for_by_name_is_for_it_alone() -> None:
    assert place(said("aerith?", to="tifa", addressed=True)) == {"tifa": "waiting"}
    assert place(said("nobody", to="tifa")) == {"tifa": "heard"}


def test_who_took_a_conversation_over_answers_and_the_other_one_hears() -> None:
    places = place(said("Tifa?", addressed=True), handed_over={"tifa": "billing"})

    assert places == {"tifa": "heard", "aerith": "heard", "billing": "waiting"}


@pytest.mark.parametrize(
    ("bots", "text", "enough", "expected"),
    [
        ("none", "Tifa?", False, "heard"),
        ("addressed", "Tifa?", False, "waiting"),
        ("addressed", "Hello", False, "heard"),
        ("all", "Hello", False, "waiting"),
        ("all", "Hello", True, "heard"),
        ("addressed", "Tifa?", True, "heard"),
    ],
)
def test_a_bot_is_answered_as_far_as_the_operator_lets_it(bots: Any, text: str, enough: bool, expected: Place) -> None:
    rules = RoomRules(("tifa",), respond="always")
    asked: list[tuple[str, int]] = []

    def has_answered(agent: str, times: int) -> bool:
        asked.append((agent, times))
        return enough

    known, access = Known(0, has_answered=has_answered), Access(bots=bots)

    assert place(said(text, bot=True), rules, known=known, access=access, bot_turns=3) == {"tifa": expected}
    assert set(asked) <= {("tifa", 3)}


def test_a_person_is_answered_however_often() -> None:
    known = Known(0, has_answered=lambda agent, times: True)

    assert place(said("Tifa?"), RoomRules(("tifa",)), known=known) == {"tifa": "waiting"}


@pytest.mark.parametrize(("age", "expected"), [(59, "waiting"), (61, "heard")])
def test_what_comes_in_too_late_is_heard(age: int, expected: Place) -> None:
    message = said("Tifa?", created_at=1_000_000)

    found = place(message, RoomRules(("tifa",)), known=Known(1_000_000 + age * 1_000_000), max_age=60.0)

    assert found == {"tifa": expected}
    assert place(replace(message, created_at=0), known=Known(2**60), max_age=60.0)["tifa"] == "waiting"


# --- when its turn comes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unsure", "respond", "there", "text", "expected"),
    [
        ("", "addressed", None, "Hello", "waiting"),
        ("", "never", None, "Tifa?", "heard"),
        ("", "always", "never", "Tifa?", "heard"),
        ("", "never", "always", "Tifa?", "waiting"),
        ("asks", "decide", None, "Hello", "asks"),
        ("asks", "never", None, "Hello", "heard"),
        ("away", "addressed", None, "Hello", "heard"),
        ("away", "addressed", None, "Tifa?", "waiting"),
        ("away", "decide", None, "Hello", "asks"),
        ("away", "decide", "always", "Hello", "waiting"),
    ],
)
def test_by_the_time_of_its_turn_the_files_may_say_something_else(
    unsure: str, respond: Respond, there: Respond | None, text: str, expected: Place
) -> None:
    rules = RoomRules(respond=there)

    assert standing(replace(TIFA, respond=respond), said(text), rules, unsure) == expected


@pytest.mark.parametrize("kind", ["approval", "schedule"])
def test_what_nobody_said_is_done_whatever_the_agent_answers(kind: Any) -> None:
    assert standing(replace(TIFA, respond="never"), said(kind=kind), RoomRules(respond="never")) == "waiting"


@pytest.mark.parametrize(
    ("answer", "wants"),
    [("YES", True), ("yes.", True), ("**Yes**, it is for me", True), ("no", False), ("", False), ("Yesterday", False),
     ("I am not sure: yes or no?", False)],
)  # fmt: skip
def test_only_a_clear_yes_of_the_model_is_one(answer: str, wants: bool) -> None:
    assert says_yes(answer) == wants


# --- who is heard ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "message", "is_heard"),
    [
        (Access(), said(), True),
        (Access(deny_users=("7",)), said(), False),
        (Access(users=("7",)), said(), True),
        (Access(users=("8",)), said(), False),
        (Access(roles=("5",)), said(roles=("4", "5")), True),
        (Access(roles=("5",)), said(), False),
        (Access(users=("8",), roles=("5",)), said(roles=("5",)), True),
        (Access(users=("7",), deny_users=("7",)), said(), False),
        (Access(guilds=("4",)), said(), True),
        (Access(guilds=()), said(), False),
        (Access(guilds=()), said(direct=True, within=()), True),
        (Access(dms=False), said(direct=True, within=()), False),
        (Access(rooms=("12",)), said(), True),
        (Access(rooms=("13",)), said(), False),
        (Access(rooms=("13",)), said(within=("room:13", "guild:4")), True),
        (Access(rooms=("13",)), said(direct=True, within=()), True),
    ],
)
def test_who_is_heard(access: Access, message: Message, is_heard: bool) -> None:
    assert admits(access, message) == is_heard
