"""Templates: what they render, how they fail, and what they cannot do."""

import time
from datetime import datetime

import pytest

from carrier.errors import TemplateError
from carrier.templates import Templates, includes, phrase, reason, variables
from carrier.types.parts import TemplateFile
from carrier.types.talk import Line


def templates(**sources: str) -> Templates:
    files = {f"{name}.j2": source for name, source in sources.items()}
    return Templates({name: TemplateFile(name, source) for name, source in files.items()})


def rendered(source: str, **values: object) -> str:
    return templates(chat=source).render("chat.j2", values)


def test_blocks_leave_no_lines_behind() -> None:
    source = "A\n{% for line in lines %}\n  {% if line %}\n- {{ line }}\n  {% endif %}\n{% endfor %}\nB\n"

    assert rendered(source, lines=["x", "", "y"]) == "A\n- x\n- y\nB"


def test_what_is_rendered_is_not_escaped() -> None:
    assert rendered("{{ text }}", text="<b> & {{ not a template }}") == "<b> & {{ not a template }}"


def test_values_may_be_objects_and_loops_know_where_they_are() -> None:
    lines = [Line("1", "Ann", "Hi", 0, False), Line("2", "Bob", "Ho", 1, True)]

    source = "{% for line in lines %}{{ loop.index }}/{{ loop.length }} {{ line.sender_name|upper }} {% endfor %}"

    assert rendered(source, lines=lines) == "1/2 ANN 2/2 BOB "


def test_a_template_includes_others_and_gives_them_what_it_set() -> None:
    both = templates(chat="{% set who = 'you' %}{% include 'part.j2' %}", part="Hello {{ who }}, {{ name }}")

    assert both.render("chat.j2", {"name": "Tifa"}) == "Hello you, Tifa"


def test_a_template_may_extend_and_import() -> None:
    several = templates(
        chat="{% extends 'base.j2' %}{% from 'words.j2' import shout %}{% block body %}{{ shout('hi') }}{% endblock %}",
        base="[{% block body %}{% endblock %}]",
        words="{% macro shout(text) %}{{ text|upper }}!{% endmacro %}",
    )

    assert several.render("chat.j2", {}) == "[HI!]"
    assert several.undeclared("chat.j2") == []


@pytest.mark.parametrize(
    ("chat", "part", "place", "message"),
    [
        ("{{ a }}\n{{ b }}", "", ("chat.j2", 2), "'b' is undefined; there are a, text"),
        ("{% include 'part.j2' %}", "\n\n{{ c }}", ("part.j2", 3), "'c' is undefined; there are a, text"),
        ("\n{{ text.nope }}", "", ("chat.j2", 2), "'str object' has no attribute 'nope'"),
        ("\n{{ 1 / 0 }}", "", ("chat.j2", 2), "division by zero"),
        ("\n{{ text + 1 }}", "", ("chat.j2", 2), "can only concatenate"),
        ("x\n{% if %}", "", ("chat.j2", 2), "Expected an expression"),
        ("x\n{{ a|shout }}", "", ("chat.j2", 2), "No filter named 'shout'"),
        ("x\n{% include 'nope.j2' %}", "", ("chat.j2", 2), "no template 'nope.j2'; there are chat.j2, part.j2"),
        ("{% include 'part.j2' %}", "{% for %}", ("part.j2", 1), "Expected an expression"),
    ],
)
def test_a_template_that_fails_names_itself_its_line_and_what_there_is(
    chat: str, part: str, place: tuple[str, int], message: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        templates(chat=chat, part=part).render("chat.j2", {"a": 1, "text": "x"})

    assert (raised.value.template, raised.value.line) == place
    assert message in reason(raised.value)
    assert str(raised.value) == f"{place[0]}:{place[1]}: {reason(raised.value)}"


def test_undeclared_variables_are_found_with_template_and_line() -> None:
    several = templates(
        chat="{% set own = 1 %}{{ own }}\n{{ a }}{% for x in b %}{{ loop.index }}{% endfor %}{% include 'part.j2' %}",
        part="{{ own }}\n{{ c }}{% macro m(d) %}{{ d }}{{ e }}{% endmacro %}{{ range(3) }}{% include 'chat.j2' %}",
    )

    found = several.undeclared("chat.j2")

    assert found == [("a", "chat.j2", 2), ("b", "chat.j2", 2), ("c", "part.j2", 2), ("e", "part.j2", 2)]


def test_includes_are_told_by_name_and_have_to_be_written_out() -> None:
    assert includes("{% include 'a.j2' %}{% import 'b.j2' as b %}{% include 'c.j2' ignore missing %}") == {
        "a.j2",
        "b.j2",
    }
    with pytest.raises(TemplateError, match="write out the name"):
        includes("{% include chosen %}")


def test_a_phrase_is_filled_in_again_and_again() -> None:
    hello = phrase("Hello {{ name }}")

    assert [hello({"name": name}) for name in ("Ann", "Bob")] == ["Hello Ann", "Hello Bob"]
    assert variables("{{ a }}{% set b = 1 %}{{ b }}{{ c.d }}") == {"a", "c"}


def test_a_phrase_that_is_none_fails_before_it_is_used() -> None:
    with pytest.raises(TemplateError, match="phrase:1: "):
        phrase("Hello {{ name")


@pytest.mark.parametrize("source", ["{{ " + "(" * 100_000, "{{ " + "9" * 100_000 + " }}"], ids=["brackets", "digits"])
def test_what_no_parser_can_take_is_no_template(source: str) -> None:
    with pytest.raises(TemplateError, match="phrase:1: is no template"):
        phrase(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ words | join(', ') }} {{ lines | join('+', attribute='text') }} {{ 7 | string ~ 1 }}", "b, a, c Hi+Ho 71"),
        (
            "{{ words | sort | first }}{{ words | reverse | list }}{{ words | sort(reverse=true) | last }}",
            "a['c', 'a', 'b']a",
        ),
        ("{{ words | map('upper') | list }} {{ words | select('eq', 'a') | list }}", "['B', 'A', 'C'] ['a']"),
        ("{% for by, them in lines | groupby('own') %}{{ by }}{{ them | length }} {% endfor %}", "False1 True1 "),
        (
            "{{ lines | selectattr('own') | map(attribute='text') | first }} {{ [3, 1] | sum }} {{ [3, 1] | max }}",
            "Ho 4 3",
        ),
        (
            "{{ [[1], [2]] | sum(start=[]) }} {{ lines | sum(attribute='at') }} {{ [1, 1] | unique | list }}",
            "[1, 2] 1 [1]",
        ),
        (
            "{{ 'a b'|title }} {{ ' x '|trim }} {{ 'a-b'|replace('-', '+') }} {{ 'abc'|truncate(1, true, '…', 0) }}",
            "A B x a+b …",
        ),
        (
            "{{ 'a\nb' | indent(2) }} {{ 'a b' | wordwrap(1) }} {{ 'a b' | wordcount }} {{ '<b>a</b>' | striptags }}",
            "a\n  b a\nb 2 a",
        ),
        (
            "{{ {'b': 1, 'a': [2]} | tojson }} {{ {'b': 1} | dictsort }} {{ 'ø/' | urlencode }}",
            '{"a": [2], "b": 1} [(\'b\', 1)] %C3%B8/',
        ),
        (
            "{{ 2.567 | round(1) }} {{ '%s is %d' % ('a', 1) }} {{ 'x' * 3 }} {{ 2 ** 10 }} {{ '12' | int + 1 }}",
            "2.6 a is 1 xxx 1024 13",
        ),
        (
            "{{ nope | default('none') }} {{ 'a' in words }} {{ 'A' is lower }} {{ 'a' is in words }} {{ 1 < 2 < 3 }}",
            "none True False True True",
        ),
        (
            "{{ 'a,b'.split(',') }} {{ 'a'.islower() }} {{ {}.get(1, 2) }} {{ words.index('a') }} {{ 'abc'[1:] }}",
            "['a', 'b'] True 2 1 bc",
        ),
        (
            "{% set n = namespace(a=[]) %}{% for w in words %}{% set n.a = n.a + [w] %}{% endfor %}{{ n.a | length }}",
            "3",
        ),
        ("{% macro m(a, b=2) %}{{ a }}{{ b }}{{ caller() }}{% endmacro %}{% call m(1) %}!{% endcall %}", "12!"),
        ("{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}", "123"),
        ("{% set x %}a{{ words[0] }}{% endset %}{{ x }} {% filter upper %}b{{ x }}{% endfilter %}", "ab BAB"),
        (
            "{{ now.strftime('%Y') }} {{ now.date().isoformat() }} {{ range(3) | list }} {{ dict(a=1) }}",
            "2026 2026-11-21 [0, 1, 2] {'a': 1}",
        ),
        (
            "{% for w in words %}{{ loop.cycle('x', 'y') }}{{ loop.last }}{% else %}none{% endfor %}",
            "xFalseyFalsexTrue",
        ),
    ],
)
def test_what_an_ordinary_template_does_is_done(source: str, text: str) -> None:
    lines = [Line("1", "Ann", "Hi", 0, False), Line("2", "Bob", "Ho", 1, True)]
    values = {"words": ["b", "a", "c"], "lines": lines, "now": datetime(2026, 11, 21)}

    assert rendered(source, **values) == text


def test_many_rounds_and_much_text_are_no_bomb() -> None:
    source = "{% for n in range(5000) %}{{ n }} {{ text | upper }}{% if n in [1, 2] %}!{% endif %}{% endfor %}"

    assert rendered(source, text="x" * 20).count("X" * 20) == 5000


def test_what_comes_back_to_itself_is_told_so() -> None:
    with pytest.raises(TemplateError, match=r"chat\.j2:[13]: this comes back to itself too often"):
        rendered("{% macro m() %}\n\n{{ m() }}{% endmacro %}{{ m() }}")


def test_an_error_is_told_in_a_few_words() -> None:
    with pytest.raises(TemplateError) as raised:
        rendered("{{ " + "x" * 90_000 + " }}")

    assert len(str(raised.value)) < 1000


def test_a_long_text_that_is_given_is_no_bomb() -> None:
    assert len(rendered("{{ text ~ '!' }}", text="x" * 150_000)) == 150_001


def test_the_same_text_is_compiled_once_whoever_uses_it() -> None:
    source = "{% for a in b %}{{ a }}{% endfor %}" * 200
    began = time.perf_counter()
    rendered(source, b=[1])
    first = time.perf_counter() - began

    began = time.perf_counter()
    rendered(source, b=[1])

    assert time.perf_counter() - began < first
