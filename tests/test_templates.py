"""Templates: what they render, how they fail, and what they cannot do."""

import time

import pytest

from carrier.errors import TemplateError
from carrier.templates import Templates, includes, phrase, reason, variables
from carrier.types import Line, TemplateFile


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


DOUBLING = "{% set box = namespace(text='0123456789') %}{% for i in range(40) %}{% set DO %}{% endfor %}"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10**9 }}",
        "{{ 10**9 * 'a' }}",
        "{{ [1] * 10**9 }}",
        "{{ 9**9**9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '{a:>1000000000}'.format_map({'a': 1}) }}",
        "{{ 'a'['format'](1) }}",
        "{{ 'a'.ljust(10**9) }}",
        "{{ 'a'.zfill(10**9) }}",
        "{{ 'a'.replace('a', text) }}",
        "{{ 'a'|center(10**9) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ 'a'|indent(10**9, first=true) }}",
        "{{ range(10**9) }}",
        "{{ range(100000)|join(text) }}",
        "{{ (text * 1000)|replace('x', text) }}",
        "{{ lipsum(n=100000) }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ text }}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        DOUBLING.replace("DO", "box.text = box.text + box.text"),
        DOUBLING.replace("DO", "box.text = box.text ~ box.text"),
        DOUBLING.replace("DO", "box.text %}{{ box.text }}{{ box.text }}{% endset"),
        DOUBLING.replace("DO", "box.text = [box.text, box.text]|join"),
        "{{ ''.__class__.__mro__ }}",
        "{{ text|attr('__class__') }}",
        "{{ again.__globals__ }}",
        "{{ values.append(1) }}",
        "{{ self.__init__.__globals__ }}",
    ],
)
def test_a_template_cannot_grow_without_end_nor_leave_the_sandbox(source: str) -> None:
    began = time.perf_counter()

    with pytest.raises(TemplateError):
        rendered(source, text="x" * 100, values=[])

    assert time.perf_counter() - began < 2


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
