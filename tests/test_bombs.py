"""Bombs: files and templates made to hang the host or to fill it end soon, with a problem and its line."""

import re
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr

from carrier.config.diagnostics import rendering
from carrier.config.reading import natural, read
from carrier.errors import TemplateError
from carrier.templates import Templates
from carrier.testing.limited import Outcome, outcomes
from carrier.types.memory import Memory
from carrier.types.parts import TemplateFile

SECONDS = 2
MEGABYTES = 256

# --- Jinja -------------------------------------------------------------------------------------------------


def growing(do: str, start: str = "text") -> str:
    """A thousand rounds that each make more of what the last one made."""
    return (
        "{% set it = namespace(a=" + start + ", b=" + start + ") %}\n{% for i in range(1000) %}\n"
        "{% set it.a = " + do + " %}\n{% endfor %}\n{% if it.a == it.b %}{{ it.a }}{% endif %}"
    )


TEMPLATES = {
    # calls
    "macro calls itself": "{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}",
    "macro calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}\n{{ m(60) }}"
    ),
    "macro calls itself often": (
        "{% macro m(n) %}{% for i in range(n) %}{{ m(n - 1) }}{% endfor %}{% endmacro %}\n{{ m(30) }}"
    ),
    "two macros call each other": (
        "{% macro a(n) %}{% if n %}{{ b(n - 1) }}{{ b(n - 1) }}{% endif %}{% endmacro %}\n"
        "{% macro b(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}\n{{ a(60) }}"
    ),
    "call block in itself": (
        "{% macro m(n) %}{{ caller(n) }}{% endmacro %}\n{% macro k(n) %}{% if n %}"
        "{% call(x) m(n) %}{{ k(x - 1) }}{{ k(x - 1) }}{% endcall %}{% endif %}{% endmacro %}\n{{ k(60) }}"
    ),
    "block in itself": "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "recursive loop": "{% for x in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "recursive loop over much": (
        "{% for x in range(100000) recursive %}{% if loop.depth == 1 %}{{ loop(range(100000)) }}{% endif %}{% endfor %}"
    ),
    "includes itself": "\n{% include 'chat.j2' %}",
    "includes itself twice": "{% if n is not defined or n < 60 %}{% set n = (n|default(0)) + 1 %}"
    "{% include 'chat.j2' %}{% include 'chat.j2' %}{% endif %}",
    "includes another that includes it": "{% include 'circle.j2' %}",
    "extends itself": "{% extends 'chat.j2' %}",
    "imports itself": "\n{% import 'chat.j2' as again %}",
    "includes one of many": "{% for i in range(100000) %}{% include 'one.j2' %}{% endfor %}",
    "looks for many": "{% include ['nope'] * 190000 ignore missing %}{% include ['nope'] * 190000 %}",
    # loops
    "loops in loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "loops with much within": "{% set big %}{% for a in range(99999) %}"
    + "{% if a %}x{% endif %}" * 800
    + "{% endfor %}{% endset %}",
    "loops that say nothing": "{% for a in range(99999) %}" + "{% if a %}{% endif %}" * 2000 + "{% endfor %}",
    "range without end": "{{ range(10**9) }}",
    "pairs of all": "{% for a in range(99999) if range(99999)|sum %}{% endfor %}",
    # texts
    "text times much": "{{ 'a' * 10**9 }}",
    "much times text": "{{ 10**9 * 'a' }}",
    "list times much": "{{ [1] * 10**9 }}",
    "plus": growing("it.a + it.a"),
    "tilde": growing("it.a ~ it.a"),
    "tilde with list": growing("it.a ~ [it.a, it.a]"),
    "set block": growing("i %}{% set x %}{{ it.b }}{{ it.b }}{% endset %}{% set it.b = x"),
    "set blocks beside each other": "".join(
        "{% set a" + str(n) + " %}{{ text * 1900 }}{{ " + str(n) + " }}{% endset %}" for n in range(900)
    ),
    "slices beside each other": "{% set t = text * 1900 %}"
    + "".join("{% set a" + str(n) + "=t[" + str(n) + ":] %}" for n in range(900)),
    "many pieces aside": (
        "{% set t = text * 1900 %}{% set x %}{% for i in range(9999) %}{{ t ~ i }}{% endfor %}{% endset %}"
    ),
    "filter block": growing(
        "i %}{% set x %}{% filter replace('x', 'xx') %}{{ it.b }}{% endfilter %}{% endset %}{% set it.b = x"
    ),
    "macro makes more": "{% macro m(t) %}{{ t }}{{ t }}{% endmacro %}" + growing("m(it.a)"),
    "module that says much": "{% import 'much.j2' as m %}{{ m }}",
    "output": "{% for a in range(99999) %}{{ text }}{% endfor %}",
    "escape": growing("(it.a ~ '\"&<')|e|string"),
    "upper of ß": "{% set wide = 'ß' * 150000 %}\n{{ wide.upper() }}",
    "title": growing("(it.a ~ it.a)|title"),
    "replace nothing": growing("it.a|replace('', it.b)"),
    "replace each": growing("it.a|replace('x', it.a)"),
    "join": "{{ range(99999)|join(text) }}",
    "join doubles": growing("[it.a, it.a]|join"),
    "join of attributes": "{{ ([{'a': text * 900}] * 900)|join(',', attribute='a') }}",
    "percent wide": "{{ '%1000000000d' % 1 }}",
    "percent star": "{{ '%*d' % (1000000000, 1) }}",
    "percent precise": "{{ '%.1000000000f' % 1 }}",
    "percent by name": "{{ ('%(a)s' * 30000) % {'a': text * 1000} }}",
    "format": "{{ '{:>1000000000}'.format(1) }}",
    "format map": "{{ '{a:>1000000000}'.format_map({'a': 1}) }}",
    "format by item": "{{ 'a'['format'](1) }}",
    "ljust": "{{ 'a'.ljust(10**9) }}",
    "zfill": "{{ 'a'.zfill(10**9) }}",
    "expandtabs": "{{ '\t'.expandtabs(10**9) }}",
    "translate": "{{ text.translate({120: text * 1000}) }}",
    "encode": "{{ (text * 1000).encode('punycode') }}",
    "center": "{{ 'a'|center(10**9) }}",
    "indent wide": "{{ 'a'|indent(10**9, first=true) }}",
    "indent many lines": "{{ ('\n' * 190000)|indent(99, blank=true) }}",
    "wordwrap by one": "{{ (text * 1900)|wordwrap(1) }}",
    "wordwrap with much": "{{ (text * 100)|wordwrap(1, wrapstring=text * 1900) }}",
    "striptags": "{{ ('<!---->' * 20000)|striptags }}",
    "urlize": "{{ ('www.' * 20000)|urlize }}",
    "xmlattr": "{{ {'a': text * 1900}|xmlattr }}",
    "truncate": "{{ (text * 1900)|truncate(1, end=text * 1900) }}",
    "trim": "{% for i in range(99) %}{{ ('ab' * 90000)|trim('b' * 90000 ~ 'a') }}{% endfor %}",
    "strip": "{% for i in range(99) %}{{ ('ab' * 90000).strip('b' * 90000 ~ 'a') }}{% endfor %}",
    "rfind": "{% for i in range(99) %}{{ ('a' * 190000).rfind('b' ~ 'a' * 90000) }}{% endfor %}",
    "find in a loop": "{% for i in range(99999) %}{% if ('a' * 90000 ~ 'b') in text * 1000 %}{% endif %}{% endfor %}",
    "strftime": "{{ now.strftime('%1000d' * 30000) }}",
    "lipsum": "{{ lipsum(n=100000) }}",
    # numbers
    "power of power": "{{ 9**(9**9) }}",
    "squares": growing("it.a * it.a", "2"),
    "squares by power": growing("it.a ** 2", "2"),
    "shown in hex": "{{ ('f' * 190000)|int(base=16) }}",
    "round far": "{{ 9|round(10**9, 'ceil') }}",
    "round far down": "{{ 9|round(-10**9) }}",
    "bytes of a number": "{{ (5).to_bytes(10**9, 'big') }}",
    "sum of texts": "{{ ([text * 1000] * 1000)|sum(start='') }}",
    "same hash": "{{ range(0, 99999 * 2305843009213693951, 2305843009213693951)|unique|list }}",
    # values
    "lists in lists": growing("[it.a, it.a]", "1"),
    "lists in lists compared": growing("[it.a, it.a] %}{% set it.b = [it.b, it.b]", "1"),
    "tuples in tuples": growing("(it.a, it.a)", "1"),
    "maps in maps": growing("{'a': it.a, 'b': it.a}", "1"),
    "dicts in dicts": growing("dict(a=it.a, b=it.a)", "1"),
    "tuples as keys": growing("(it.a, it.a) %}{% set k = {it.a: 1}", "1"),
    "namespaces in namespaces": growing("namespace(a=it.a, b=it.a)", "1") + "{{ it }}" + "{{ it.a.nope }}",
    "groups of groups": growing("it.a|groupby(1)|list", "[[1, 1], [1, 1]]"),
    "list doubles": growing("it.a + it.a", "[1]"),
    "list of one long text": "{{ [text * 1900] * 1900 }}",
    "list of what is given": "{% set many = [given] * 150000 %}{{ many }}",
    "list of a macro": "{% macro " + "m" * 9000 + "() %}{% endmacro %}{{ [" + "m" * 9000 + "] * 150000 }}",
    "text of what is given": "{% set many = [given] * 150000 %}{{ many|upper }}",
    "all of many": "{{ range(9999)|map('string')|map('replace', '', text * 10)|list }}",
    "sort of sort": "{% for i in range(999) %}{{ range(30000)|sort|reverse|first }}{% endfor %}",
    "unique of many": "{% for i in range(999) %}{{ range(30000)|unique|list|length }}{% endfor %}",
    "in of many": "{% set many = range(30000)|list %}{% for i in many %}{% if -1 in many %}{% endif %}{% endfor %}",
    "in as a test": "{% set many = range(30000)|list %}{{ many|map('string')|select('in', many)|list }}",
    "maps of maps": "{{ range(30000)" + "|map('string')" * 50 + "|list }}",
    "attributes of attributes": (
        "{% set it = namespace() %}{% set it.a = it %}{% set path = 'a' ~ '.a' * 90000 %}"
        "{{ ([it] * 99999)|map(attribute=path)|list }}"
    ),
    "tojson deep": growing("[it.a, it.a]|tojson", "'\"'"),
    "tojson wide": "{{ ([[1]] * 9999)|tojson(indent=10**6) }}",
    "tojson of one long text": "{{ ([text * 1900] * 1900)|tojson }}",
    "urlencode of one long text": "{{ ([['a', text * 1900]] * 1900)|urlencode }}",
    "sum of nothing": "{% for i in range(999) %}{% if range(60000)|sum %}{% endif %}{% endfor %}",
    "sum of lists": "{{ ([[1]] * 90000)|sum(start=[]) }}",
    "cycle": "{% for i in range(99999) %}{{ loop.cycle(*([text] * 900)) }}{% endfor %}",
    "changed": ("{% set many = [0] * 90000 %}{% for i in range(99999) %}{{ loop.changed(many) }}{% endfor %}"),
    "arguments": (
        "{% macro m() %}{{ varargs|length }}{% endmacro %}{% for i in range(99999) %}{{ m(*([1] * 1900)) }}{% endfor %}"
    ),
    # sources
    "brackets": "\n{{ " + "(" * 90_000,
    "lists of lists": "{{ " + "[" * 900 + "]" * 900 + " }}",
    "maps of maps written out": "{{ " * 30_000,
    "minus minus": "{{ " + "-" * 90_000 + "1 }}",
    "not not": "{{ " + "not " * 20_000 + "1 }}",
    "dots": "{{ text" + ".a" * 40_000 + " }}",
    "plus plus": "{{ " + "1+" * 40_000 + "1 }}",
    "filters": "{{ text" + "|e" * 40_000 + " }}",
    "ifs": "{% if 1 %}" * 9_000 + "{% endif %}" * 9_000,
    "fors": "{% for i in x %}" * 40 + "{% endfor %}" * 40,
    "outputs": "{{ a }}" * 4_900,
    "names": "".join(f"{{% set a{n} = 1 %}}" for n in range(1_600)) + "{{ nope }}",
    "names within ifs": "".join(f"{{%if 1%}}{{%set a{n}=1%}}{{%endif%}}" for n in range(980)) + "{{ nope }}",
    "names for parts": "".join(f"{{% set a{n} = 1 %}}" for n in range(1_900)) + "{% include 'one.j2' %}" * 1_900,
    "elifs": "{% if nope %}" + "{% elif nope %}" * 2_400 + "{% endif %}",
    "blocks": "".join(f"{{% block a{n} %}}{{% endblock %}}" for n in range(3_000)) + "{{ nope }}",
    "macros": "".join(f"{{% macro a{n}(b) %}}{{% endmacro %}}" for n in range(2_400)) + "{{ nope }}",
    "digits": "\n{{ " + "9" * 90_000 + " }}",
    "digits with lines": "\n{{ " + "9_" * 45_000 + " }}",
    "a quote that does not end": "{{ '" + "a\\" * 40_000,
    "a comment that does not end": "{#" * 40_000,
    "raw that does not end": "{% raw %}" + "{% " * 30_000,
    "blanks": "{%" + " " * 90_000,
    "a long name": "{{ " + "a" * 90_000 + " }}",
    "a long source": "a" * 1_000_000,
    "escaped": "{% autoescape true %}{{ text }}{% endautoescape %}",
    # the sandbox
    "class": "{{ ''.__class__.__mro__ }}",
    "attr": "{{ text|attr('__class__') }}",
    "map attr": "{{ [text]|map(attribute='__class__')|first }}",
    "globals": "{{ range.__globals__ }}",
    "append": "{{ values.append(1) }}",
    "self": "{{ self.__init__.__globals__ }}",
    "path": "{{ folder.joinpath('secret').read_text() }}",
    "secret": "{{ key.get_secret_value() }}",
}
OTHERS = {
    "circle.j2": "{% include 'chat.j2' %}{% include 'chat.j2' %}",
    "one.j2": "{% if 1 %}{% endif %}",
    "much.j2": "{% for a in range(99999) %}" + "{% if a %}x{% endif %}" * 800 + "{% endfor %}",
}


GIVEN: dict[str, object] = {
    "text": "x" * 100,
    "values": [],
    "given": Memory("1", "tifa", "room", "anna", "fact", "y" * 50_000, 0),
    "now": datetime(2026, 11, 21),
    "folder": Path(),
    "key": SecretStr("secret"),
}


def render(name: str) -> str:
    """What the template says goes wrong with it; called in a process of its own."""
    sources = {"chat.j2": TEMPLATES[name], **OTHERS}
    files = {each: TemplateFile(each, source) for each, source in sources.items()}
    try:
        return f"rendered: {Templates(files).render('chat.j2', GIVEN)[:100]}"
    except TemplateError as error:
        return str(error)


@cache
def rendered() -> dict[str, Outcome]:
    return outcomes(__file__, "render", list(TEMPLATES))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_is_a_bomb_ends_soon_and_says_where(name: str) -> None:
    outcome = rendered()[name]

    assert re.match(r"[a-z.0-9]+:[0-9]+: (?!MemoryError)[^\n]{1,600}$", outcome.result)
    assert outcome.seconds < SECONDS
    assert outcome.megabytes < MEGABYTES


# --- YAML ----------------------------------------------------------------------------------------------------


def ladder(rung: str, first: str = "&a0 x", rungs: int = 500) -> str:
    """Each line repeats the one before it."""
    return f"a0: {first}\n" + "".join(f"a{n}: &a{n} {rung.replace('*', f'*a{n - 1}')}\n" for n in range(1, rungs))


MB = 1_000_000
FILES: dict[str, str | bytes] = {
    # what is repeated
    "aliases, exponential": ladder("[*, *]"),
    "aliases, ten times each": ladder("[*,*,*,*,*,*,*,*,*,*]", rungs=9),
    "aliases, quadratic": f"a: &a [{'x,' * 900}]\nb: [{'*a,' * 100_000}]\n",
    "aliases in maps": ladder("{ a: *, b: * }"),
    "aliases, deeper each time": ladder("[[[[[*]]]]]"),
    "aliases of a long text": f"a: &a {'x' * 60_000}\nb: [{'*a,' * 10_000}]\n",
    "aliases of aliases in many documents": "---\n".join([ladder("[*, *]", rungs=12)] * 40),
    "alias as a key": "a: &a x\n*a : y\n? *a\n: z\n",
    "alias in itself": "a: &a [*a]\n",
    "alias in itself by a map": "a: &a { b: { c: *a } }\n",
    "aliases of nothing": "a: [" + "*nothing, " * 90_000 + "]\n",
    "merges": ladder("{ <<: [*, *] }", "&a0 { k: v }"),
    "merge of itself": "a: &a\n  <<: *a\n",
    "merges of many": "a: &a { k: v }\nb:\n" + "  <<: *a\n" * 90_000,
    "anchors": "".join(f"a{n}: &a{n} x\n" for n in range(60_000)),
    "anchors of one name": "a: [" + "&a x, " * 150_000 + "]\n",
    "an anchor with a long name": f"a: &{'a' * MB} x\na: 1\n",
    "an alias with a long name": f"a: *{'a' * MB}\n",
    # what is deep
    "lists": "a: " + "[" * 500_000,
    "lists that end": "a: " + "[" * 500_000 + "]" * 500_000,
    "maps": "a: " + "{ a: " * 200_000,
    "items": "- " * 500_000,
    "keys": "? " * 500_000,
    "keys of keys": "{? " * 300_000,
    "keys by indentation": "\n".join(" " * n + "a:" for n in range(1_400)),
    "lists by indentation": "a:\n" + "\n".join(" " * n + "-" for n in range(1_400)),
    "brackets of both kinds": "a: " + "[{" * 300_000,
    "ends without beginnings": "a: " + "]" * MB,
    # what is much
    "entries": "a: [" + "1," * 500_000 + "]\n",
    "empty entries": "a: [" + "," * 500_000 + "]\n",
    "pairs": "a: [" + "a: b, " * 160_000 + "]\n",
    "keys beside each other": "".join(f"k{n}:\n" for n in range(100_000)),
    "one key again and again": "a: 1\n" * 100_000,
    "one key again and again in a list": "a: { " + "b: 1, " * 100_000 + "}\n",
    "documents": "---\na: 1\n" * 100_000,
    "empty documents": "---\n" * 200_000,
    "ends of documents": "...\n" * 200_000,
    "lines": "\n" * MB + "a: [",
    "too many bytes": b"a: " + b"x" * (2 * MB),
    # what is long
    "a long text": f"a: {'x' * MB}\na: 1\n",
    "a long key": f"{'k' * MB}: 1\n",
    "a long key in quotes": f"'{'k' * MB}': 1\n",
    "a long key by question mark": f"? {'k' * 900_000}\n: 1\na: [",
    "a long key twice": f"? {'k' * 450_000}\n: 1\n? {'k' * 450_000}\n: 2\n",
    "a long word and a colon": "a: " + "b: " * 300_000,
    "a quote that does not end": f"a: '{'x' * MB}\n",
    "two quotes that do not end": f'a: "{"x" * MB}\n',
    "quotes": "a: " + "''" * 500_000 + "'",
    "escapes": 'a: "' + "\\\\" * 500_000,
    "blanks": "a: x" + " " * MB + "#y\n",
    "blanks and a tag": "a:" + " " * MB + "!x\n",
    "blanks, then a hash, many times": "a: x\n" + "a: x #y\n" * 120_000,
    "hashes in one line": "a: [" + "x #y " * 200_000 + "]\n",
    "hashes in quotes": "a: [" + "'x #y', z, " * 90_000 + "]\n",
    "comments": "# x\n" * 250_000,
    "one long comment": "#" + "x" * MB,
    "tabs": "a:\n" + "\t" * MB + "b: 1\n",
    "tabs between": "a:" + "\t" * MB + "[",
    "line breaks in quotes": "a: '" + "\n" * MB,
    "carriage returns": b"a: [" + b"\r" * MB,
    "a block with a huge indentation": "a: |9999999999\n  x\n",
    "a block with two indentations": "a: |99\n  x\n",
    "a block of blanks": "a: |\n" + " " * MB + "\nx\n",
    "a block that is indented less and less": "a: |\n" + "\n".join(" " * (1_300 - n) + "x" for n in range(1_300)),
    "folds": "a: >\n" + "  x\n\n" * 200_000 + "b",
    "secrets": "token" * 200_000 + ": x\n\t- y",
    "brackets and dollars": "a: @" + "[" * MB,
    "colons in a line": "a: b" + ": c" * 300_000,
    # what is a tag, a directive, a number
    "tags": "a: [" + "!!str x, " * 100_000 + "]\n",
    "a tag that runs": "a: !!python/object/apply:os.system [id]\n",
    "a long tag": f"a: !{'t' * MB} x\n",
    "a tag of signs": "a: !<" + "%41" * 300_000 + "> x\n",
    "tags for a prefix": "".join(f"%TAG !e{n}! tag:x,2000:\n" for n in range(30_000)) + "---\na: 1\n---\n- x\n",
    "directives": "%A b\n" * 150_000 + "---\na: [\n",
    "a version of its own": "%YAML 999999999999.1\n---\na: 1\n",
    "another version": "%YAML 3.0\n---\na: 1\n",
    "versions": "%YAML 1.1\n" * 90_000 + "---\na: 1\n",
    # what is no text
    "NUL": b"a: 1\nb: \0",
    "NULs": b"\0" * MB,
    "NUL by an escape": 'a: "\\0"\n',
    "a control character": "a: 1\nb: \x9b\n",
    "half a character": b"a: \xf0\x9f\n",
    "a surrogate": b"a: \xed\xa0\x80\n",
    "a surrogate by an escape": 'a: "\\ud800"\n',
    "beyond the last character": 'a: "\\U00110000"\n',
    "a line break of another kind": "a: x\u2028y: z\n",
    "UTF-16": "a: 1\n".encode("utf-16"),
    "UTF-16 without a mark": "a: 1\n".encode("utf-16-be"),
    "UTF-32": "a: 1\n".encode("utf-32"),
    "marks": b"\xef\xbb\xbf" * 300_000,
    "a program": b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 900,
    "random": bytes(n * n * 31 % 251 for n in range(251)) * 2_000,
}

NUMBERS = {
    "digits": "9" * 900_000,
    "digits with a point": "9" * 900_000 + ".5",
    "a small number": "." + "0" * 900_000 + "1",
    "an exponent": "1e999999999",
    "an exponent below": "1e-999999999",
    "a long exponent": "1e" + "9" * 900_000,
    "hex": "0x" + "f" * 900_000,
    "octal": "0o" + "7" * 900_000,
    "minutes": "59:" * 300_000 + "59",
    "underlines": "1_" * 450_000 + "1",
    "a day that is none": "2024-13-45",
    "a year": "9" * 900_000 + "-01-01T00:00:00Z",
    "signs": "+-" * 450_000,
    "points": "." * 900_000,
    "infinity": "-.inf" * 180_000,
}
"""They are read as text or as numbers, and neither takes long."""


def problems(name: str) -> str:
    """The first and the last problem of a file and how many there are; called in a process of its own."""
    content = FILES[name]
    content = content if isinstance(content, bytes) else content.encode()
    found = read(content, "x.yaml").problems
    shown = rendering(found, lambda file: content.decode("utf-8", "replace"))
    return f"{len(found)} in {len(shown)}: {found[0] if found else ''}"


def value(name: str) -> str:
    """The type of a value; called in a process of its own."""
    (document,) = read(f"a: {NUMBERS[name]}\n".encode(), "x.yaml").documents
    return type(natural(document.data["a"])).__name__


@cache
def refused() -> dict[str, Outcome]:
    return outcomes(__file__, "problems", list(FILES))


@cache
def valued() -> dict[str, Outcome]:
    return outcomes(__file__, "value", list(NUMBERS))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_a_bomb_ends_soon_with_a_problem_and_its_line(name: str) -> None:
    outcome = refused()[name]

    told = re.match(r"(\d+) in (\d+): x.yaml:\d+:\d+: CAR0(0[2-9]|13) ", outcome.result)
    assert told, outcome.result
    assert int(told[1]) <= 51
    assert int(told[2]) <= 51 * 1000
    assert outcome.seconds < SECONDS
    assert outcome.megabytes < MEGABYTES


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_a_bomb_is_read_soon(name: str) -> None:
    outcome = valued()[name]

    assert outcome.result in ("str", "float")
    assert outcome.seconds < SECONDS
    assert outcome.megabytes < MEGABYTES
