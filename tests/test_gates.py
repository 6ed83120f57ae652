"""The gates that come with Carrier: each finds what it is for, in disguise too, and shows no part of it beforehand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from carrier.evaluators.findings import Folded, struck
from carrier.evaluators.forbidden import Forbidden
from carrier.evaluators.length import Length
from carrier.evaluators.links import Links, host_of
from carrier.evaluators.mentions import Mentions
from carrier.evaluators.no_secrets import NoSecrets
from carrier.evaluators.personal_data import PersonalData
from carrier.interfaces import Gate
from carrier.runtime.writing import MOST_SAID
from carrier.testing.turns import MESSAGE, TurnMaker

KINDS: Mapping[str, Any] = {
    "length": Length,
    "forbidden": Forbidden,
    "links": Links,
    "mentions": Mentions,
    "no_secrets": NoSecrets,
    "personal_data": PersonalData,
}
SECRET = "canary-7f3a9b21"


def gate(kind: str, **settings: Any) -> Gate:
    made: Gate = KINDS[kind](KINDS[kind].Settings(**settings), TurnMaker(secrets=(SECRET,)).given())
    return made


async def left_of(made: Gate, text: str, said: str = "Hello") -> str:
    verdict = await made(TurnMaker().turn(message=replace(MESSAGE, text=said)), text)
    assert verdict.held == ""
    return verdict.text


# --- all of them ---------------------------------------------------------------------------------------------------

FOUND: list[tuple[str, dict[str, Any], str]] = [
    ("length", {"max_chars": 40}, "One sentence. And " + "another word, " * 20),
    ("forbidden", {"words": ["corneo"]}, "He works for Corneo, they say.\nYes."),
    ("links", {}, "See [the bank](https://evil.test/?q=1) at once. Yes."),
    ("mentions", {}, "Hear, @everyone in here. Yes."),
    ("no_secrets", {}, f"It is {SECRET}, of course. Yes."),
    ("personal_data", {}, "Write to barret@avalanche.example at once. Yes."),
]


@pytest.mark.parametrize(("kind", "settings", "text"), FOUND, ids=[kind for kind, _, _ in FOUND])
@pytest.mark.parametrize(("on_found", "attempts"), [("revise", 3), ("hold", 0)])
async def test_what_is_found_is_held_or_written_anew_where_the_settings_say_so(
    kind: str, settings: dict[str, Any], text: str, on_found: str, attempts: int
) -> None:
    made = gate(kind, **settings, on_found=on_found, attempts=3)

    verdict = await made(TurnMaker().turn(), text)

    assert (verdict.text, verdict.attempts) == ("", attempts)
    assert verdict.held
    assert SECRET not in verdict.held
    assert (await made(TurnMaker().turn(), "Hello.")).text == "Hello."


@pytest.mark.parametrize(("kind", "settings", "text"), FOUND, ids=[kind for kind, _, _ in FOUND])
async def test_what_is_shown_of_a_growing_text_is_the_beginning_of_what_is_said(
    kind: str, settings: dict[str, Any], text: str
) -> None:
    made = gate(kind, **settings)
    whole = await left_of(made, text)

    shown = [made.preview(text[:end]) or "" for end in range(len(text) + 1)]

    assert whole != text
    assert [part for part in shown if not whole.startswith(part)] == []


@pytest.mark.parametrize(("kind", "settings", "text"), FOUND, ids=[kind for kind, _, _ in FOUND])
def test_nothing_of_a_text_is_shown_once_it_is_known_to_be_held(kind: str, settings: dict[str, Any], text: str) -> None:
    assert gate(kind, **settings, on_found="hold").preview(text + "\n") == ""


@pytest.mark.parametrize(("kind", "settings"), [(kind, settings) for kind, settings, _ in FOUND])
@given(text=st.text())
def test_no_text_breaks_a_gate(kind: str, settings: dict[str, Any], text: str) -> None:
    made = gate(kind, **settings)

    assert (made.preview(text) or "") is not None


# --- each ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Short.", "Short."),
        ("x" * 40, "x" * 40),
        ("This one ends here. " + "This one goes on and on", "This one ends here. This one goes on …"),
        ("x" * 25 + ". " + "y" * 50, "x" * 25 + ". …"),
        ("x" * 100, "x" * 38 + " …"),
    ],
)
async def test_a_text_is_cut_where_it_hurts_least(text: str, expected: str) -> None:
    assert await left_of(gate("length", max_chars=40), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don Corneo waits.", "[…] waits."),
        ("don   CORNEO", "[…]"),
        ("Don Cor\u200bneo", "[…]"),
        ("\uff24on Corneo", "[…]"),
        ("Don Corneos friend", "Don Corneos friend"),
        ("shin-ra", "[…]"),
        ("call 555-1234 now", "call […] now"),
        ("x" * 990 + " 555-1234 " + "y" * 3000 + " 555-4321", "x" * 990 + " […] " + "y" * 3000 + " […]"),
    ],
)
async def test_forbidden_words_and_patterns_are_struck_out(text: str, expected: str) -> None:
    made = gate("forbidden", words=["Don Corneo", "shin-ra"], patterns=[r"555-\d{4}"])

    assert await left_of(made, text) == expected


@pytest.mark.parametrize("settings", [{}, {"patterns": ["(a+)+$"]}, {"patterns": ["("]}, {"words": [""]}])
def test_what_forbids_nothing_or_takes_too_long_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Forbidden.Settings(**settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@everyone", "everyone"),
        ("@Here!", "here!"),
        ("x@everyone", "xeveryone"),
        ("\uff20everyone", "everyone"),
        ("<@&118>", "[role]"),
        ("<!channel> <!here|here>", "channel here"),
        ("<!subteam^S1|team>", "[role]"),
        ("<@118> and <@!119>", "<@118> and <@!119>"),
        ("bob@here.example", "bob@here.example"),
        ("@everyones", "@everyones"),
    ],
)
async def test_nobody_is_called_up_in_numbers(text: str, expected: str) -> None:
    assert await left_of(gate("mentions"), text) == expected


async def test_who_may_be_called_up_is_up_to_the_operator() -> None:
    assert await left_of(gate("mentions", allow=["here"]), "@here @everyone <@118>") == "@here everyone [somebody]"


OUT = "[link to evil.test left out]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://evil.test/x", "https://evil.test/x"),
        ("[evil.test](https://evil.test/x)", "[evil.test](https://evil.test/x)"),
        ("[https://evil.test](https://evil.test/?a=b)", "[https://evil.test](https://evil.test/?a=b)"),
        (
            "[here](#part) and [there](/page) or [mail](mailto:a@b.c)",
            "[here](#part) and [there](/page) or [mail](mailto:a@b.c)",
        ),
        ("[bank](https://evil.test/?q=1)", f"bank {OUT}"),
        ("[https://bank.example](https://evil.test/)", f"https://bank.example {OUT}"),
        ("[not evil.test](https://evil.test/)", f"not evil.test {OUT}"),
        ("![](https://evil.test/?q=secret)", OUT),
        ("![evil.test](https://evil.test/?q=secret)", f"evil.test {OUT}"),
        ('[bank](<https://evil.test/> "title")', f"bank {OUT}"),
        ("[bank](https://bank.example@evil.test/)", f"bank {OUT}"),
        ("[bank](https:\\\\evil.test/)", f"bank {OUT}"),
        ("[bank](//evil.test/)", f"bank {OUT}"),
        ("[bank](HTTPS://EVIL.test/)", f"bank {OUT}"),
        ("[bank](https://\uff45vil.test/)", f"bank {OUT}"),
        ("[bank](https://%65vil.test/)", f"bank {OUT}"),
        ("[bank](javascript:alert(1))", "bank [link to an unknown place left out]"),
        ("[bank](data:text/html,x)", "bank [link to an unknown place left out]"),
        ("[the bank][1]\n\n[1]: https://evil.test/", f"[the bank][1]\n\n1 {OUT}"),
        ('<a href="https://evil.test/">bank</a>', f"bank {OUT}"),
        ("<https://evil.test/|bank>", f"bank {OUT}"),
        ('<img src="https://evil.test/?q=1">', "[link to an unknown place left out]"),
        ("[a [b](https://evil.test/)", f"[a b {OUT}"),
    ],
)
async def test_no_link_leads_elsewhere_than_it_says(text: str, expected: str) -> None:
    assert await left_of(gate("links"), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://example.com/x and [more](https://docs.example.com/y)",
            "https://example.com/x and [more](https://docs.example.com/y)",
        ),
        ("![logo](https://example.com/x.png)", "![logo](https://example.com/x.png)"),
        ("https://evil.test/x is bad", f"{OUT} is bad"),
        ("<https://evil.test/x>", OUT),
        ("www.evil.test/x", "[link to www.evil.test left out]"),
        ("https://example.com.evil.test/", "[link to example.com.evil.test left out]"),
        ("https://example.com@evil.test/", OUT),
        ("https://xexample.com/", "[link to xexample.com left out]"),
        ("ftp://evil.test/", OUT),
    ],
)
async def test_with_hosts_no_other_is_linked_to(text: str, expected: str) -> None:
    assert await left_of(gate("links", hosts=["example.com", "*.example.com"]), text) == expected


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example:8443/x", "a.example"),
        ("https://u:p@a.example/x", "a.example"),
        ("https:///a.example/", "a.example"),
        ("https://a.example./", "a.example"),
        ("https://[::1]/", "::1"),
        ("https://[", "an unknown place"),
        ("nonsense", "an unknown place"),
    ],
)
def test_where_a_url_leads(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to barret.w@avalanche.example.", "Write to [email]."),
        ("Call +47 22 33 44 55, or 0047 22334455.", "Call [phone], or [phone]."),
        ("Call 22 33 44 55 or 555-123-4567.", "Call [phone] or [phone]."),
        ("Card 4111 1111 1111 1111, or 5500-0055-5555-5559", "Card [card], or [card]"),
        ("To NO93 8601 1117 947 or DE89370400440532013000.", "To [iban] or [iban]."),
        ("Order 1234567890123 of 2026-11-21 14:05, 3 x 120", "Order 1234567890123 of 2026-11-21 14:05, 3 x 120"),
        ("Version 10.11.12.13, room 1180000000000000001", "Version 10.11.12.13, room 1180000000000000001"),
        ("Card 4111 1111 1111 1112", "Card 4111 1111 1111 1112"),
        ("bar@seventh.heaven.example", "bar@seventh.heaven.example"),
    ],
)
async def test_what_reaches_people_is_struck_out(text: str, expected: str) -> None:
    assert await left_of(gate("personal_data", allow=["bar@seventh.heaven.example"]), text) == expected


async def test_what_somebody_has_said_may_be_said_back_to_them() -> None:
    said = "My number is +47 22334455."

    assert await left_of(gate("personal_data"), "So it is +47 22 33 44 55?", said) == "So it is +47 22 33 44 55?"


async def test_only_the_kinds_that_are_named_are_looked_for() -> None:
    assert await left_of(gate("personal_data", kinds=["card"]), "a@b.example") == "a@b.example"


@pytest.mark.parametrize(
    "text",
    [
        "canary-7f3a9b21",
        "CANARY-7F3A9B21",
        "c a n a r y - 7 f 3 a 9 b 2 1",
        "c\u200banary-7f3a\u200d9b21",
        "can**ary**-7f3a_9b21",
        "\uff43anary-7f3a9b21",
        "12b9a3f7-yranac",
        "63616e617279376633613962323 1",
        "63616e6172792d3766336139623231",
        "canary\n7f3a\n9b21",
    ],
)
async def test_a_secret_is_found_however_it_is_spelt(text: str) -> None:
    assert await left_of(gate("no_secrets"), f"It is {text}.") == "It is [secret]."


async def test_words_that_are_planted_in_a_prompt_do_not_leave() -> None:
    made = gate("no_secrets", canaries=["the moon is in the seventh house"])

    assert await left_of(made, "They say: The Moon is in the 7th, no, seventh house.") != ""
    assert await left_of(made, "They say: the moon is in the Seventh House!") == "They say: [secret]!"


@pytest.mark.parametrize("part", ["<a href=x>", "[a", "[a](", "@", "![](", "1 ", "NO93 ", "a@", "<", "aé", "https://"])
@pytest.mark.timeout(20)
async def test_the_longest_text_is_judged_as_any_other(part: str) -> None:
    text = part * (MOST_SAID // len(part))

    for kind, settings, _ in FOUND:
        made = gate(kind, **settings)
        assert (await left_of(made, text)).startswith(made.preview(text) or "")


# --- finding -------------------------------------------------------------------------------------------------------


@given(st.text())
def test_what_is_folded_knows_where_it_stood(text: str) -> None:
    folded = Folded(text)

    for place in range(len(folded.text)):
        start, end = folded.span(place, place + 1)
        assert end == start + 1
        assert folded.text[place] in Folded(text[start:end]).text


def test_places_that_overlap_are_struck_once() -> None:
    assert struck("abcdefgh", [(4, 6), (1, 3), (2, 5)], "*") == "a*gh"
