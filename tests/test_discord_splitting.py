"""The splitter of Discord: nothing too long, nothing empty, nothing lost, every fence with its end."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carrier.clients.discord.splitting import CLOSES, FENCE, LIMIT, pieces

_PARTS = st.one_of(
    st.sampled_from(
        ["```", "```py\n", "\n```\n", "````", "`", "``", "\n", "\n\n", " ", "    ", ". ", "\u200d", "\ufe0f"]
    ),
    st.sampled_from(
        ["```" + "x" * 60 + "\n", "e\u0301", "👩🏽\u200d🚀", "<@1180000000000000001>", "https://example.com/a"]
    ),
    st.text(max_size=40),
    st.integers(1, 3000).map(lambda n: "a" * n),
    st.integers(1, 2500).map(lambda n: " " * n),
    st.integers(1, 300).map(lambda n: "word " * n),
    st.integers(1, 300).map(lambda n: "A sentence. " * n),
    st.integers(1, 300).map(lambda n: "    line = 1\n" * n),
    st.integers(1, 2500).map(lambda n: "`" * n),
)
TEXTS = st.lists(_PARTS, max_size=30).map("".join)


def holds(text: str, limit: int) -> None:
    found = pieces(text, limit)
    assert "".join(piece.said for piece in found) == (text if text.strip() else "")
    for piece in found:
        assert piece.text.strip(), "an empty message"
        assert len(piece.text) <= limit, "too long"
        assert piece.text.count(FENCE) % 2 == 0, "a fence without its end"
        assert piece.text.strip() == piece.text, "what Discord would take away"
        assert piece.said.strip() in piece.text
        assert re.fullmatch(r"(```[A-Za-z0-9_+\-.#]{0,32}\n)?", piece.opens)
        assert piece.closes in ("", CLOSES)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, st.sampled_from([LIMIT, 200]))
def test_any_text_arrives_whole_in_good_pieces(text: str, limit: int) -> None:
    holds(text, limit)


@pytest.mark.torture
@pytest.mark.timeout(600)
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, st.sampled_from([LIMIT, 200]))
def test_ten_thousand_texts_arrive_whole_in_good_pieces(text: str, limit: int) -> None:
    holds(text, limit)


def texts(text: str, limit: int = 200) -> list[str]:
    return [piece.text for piece in pieces(text, limit)]


def test_what_fits_is_one_message() -> None:
    assert texts("a" * LIMIT, LIMIT) == ["a" * LIMIT]
    assert texts("  Hello.\n\n") == ["Hello."]


@pytest.mark.parametrize("blank", ["", " ", "\n\n\n", " " * 5000])
def test_what_says_nothing_is_no_message(blank: str) -> None:
    assert pieces(blank) == []


@pytest.mark.parametrize("between", ["\n\n", "\n", ". ", " "], ids=["paragraphs", "lines", "sentences", "words"])
def test_a_text_is_cut_between_its_parts(between: str) -> None:
    first, second = "a" * 120, "b" * 120

    assert texts(first + between + second) == [(first + between).strip(), second]


def test_a_paragraph_goes_before_a_later_word() -> None:
    assert texts("a" * 110 + "\n\n" + "b " * 60) == ["a" * 110, ("b " * 60).strip()]


def test_a_word_that_is_too_long_is_cut() -> None:
    assert "".join(texts("a" * 500)) == "a" * 500


def test_a_sign_of_several_code_points_stays_whole() -> None:
    assert all(not message.startswith(("\u0301", "\u200d")) for message in texts("e\u0301" * 300))


def test_a_code_block_goes_on_in_its_language() -> None:
    first, *_, last = texts("```py\n" + "print('hello')\n" * 30 + "```\nThat is all.")

    assert first.startswith("```py\nprint")
    assert first.endswith("print('hello')\n```")
    assert last.startswith("```py\nprint")
    assert last.endswith("```\nThat is all.")


def test_a_code_block_that_fits_is_not_torn() -> None:
    block = "```py\n" + "x = 1\n" * 20 + "```"

    assert texts("Look. " * 25 + "\n" + block) == [("Look. " * 25).strip(), block]


def test_the_indentation_of_code_survives_the_cut() -> None:
    code = "    indented = True\n" * 30

    assert all("```\n    indented" in message for message in texts("```\n" + code + "```"))


def test_a_long_info_string_is_no_language() -> None:
    messages = texts("```" + "x" * 100 + "\n" + "line\n" * 80 + "```")

    assert messages[1].startswith("```\nline")


def test_a_fence_without_its_end_gets_one() -> None:
    assert texts("```py\nx = 1") == ["```py\nx = 1\n```"]
