"""Templates: they name their line when they fail, and what they may take is bounded.

They are the operator's own; the text of a message never becomes one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from traceback import walk_tb
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, Template, TemplateNotFound, TemplateSyntaxError, UndefinedError, nodes
from jinja2.environment import Environment
from jinja2.meta import find_undeclared_variables

from carrier.errors import TemplateError
from carrier.sandbox import LIMIT, SANDBOX, bounded, budget
from carrier.types.parts import TemplateFile

MAY_BE_LEFT_OUT = ("facts", "goals", "knowledge", "memories", "recent_actions", "room", "summary")
"""Providers whose words templates may use without being given them: there are none then."""
MESSAGE = 500
"""Characters of what a template's error says."""


class Templates:
    """Some templates with all they include, by name; each is compiled once."""

    def __init__(self, sources: Mapping[str, TemplateFile], limit: int = LIMIT):
        self._sources = sources
        self._limit = limit
        self._environment = SANDBOX.overlay(loader=_Sources(sources))

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Fill in a template; raises TemplateError with the template and the line where it failed."""
        try:
            with budget():
                return bounded(self._environment.get_template(name).generate(values), self._limit)
        # A template may raise whatever the values it touches can.
        except Exception as error:
            raise self._explained(error, name, values) from error

    def undeclared(self, name: str) -> list[tuple[str, str, int]]:
        """The variables that have to be given, as (variable, template, line), includes too."""
        return list(dict.fromkeys(self._free(name, frozenset(), frozenset())))

    def _free(self, name: str, given: frozenset[str], seen: frozenset[str]) -> Iterator[tuple[str, str, int]]:
        if name in seen or name not in self._sources:
            return
        outline = _outline(name, self._sources[name].source)
        for variable, line in outline.variables:
            if variable not in given:
                yield variable, name, line
        # An included template sees what the one around it has set.
        for part in outline.includes:
            yield from self._free(part, given | outline.stored, seen | {name})

    def _explained(self, error: Exception, name: str, values: Mapping[str, object]) -> TemplateError:
        if isinstance(error, TemplateSyntaxError):
            return TemplateError(error.name or name, error.lineno, _short(error.message or "is no template"))
        template, line = self._place(error, name)
        if isinstance(error, TemplateNotFound):
            return TemplateError(
                template, line, f"there is no template {_short(error.name)!r}; there are {_listed(self._sources)}"
            )
        if isinstance(error, UndefinedError) and str(error).endswith("is undefined"):
            return TemplateError(template, line, f"{_short(error)}; there are {_listed(values)}")
        if isinstance(error, MemoryError):
            return TemplateError(template, line, "this takes too much memory")
        if isinstance(error, RecursionError):
            return TemplateError(template, line, "this comes back to itself too often")
        return TemplateError(template, line, _short(error))

    def _place(self, error: Exception, name: str) -> tuple[str, int]:
        frames = ((frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__))
        return ([(name, 1)] + [(file, line) for file, line in frames if file in self._sources])[-1]


@lru_cache(maxsize=2048)
def phrase(text: str) -> Callable[[Mapping[str, object]], str]:
    """A short text with variables, ready to be filled in; raises TemplateError if it is no template."""
    _outline("phrase", text)
    templates = Templates({"phrase": TemplateFile("phrase", text)})
    return lambda values: templates.render("phrase", values)


@lru_cache(maxsize=2048)
def value(text: str) -> Callable[[Mapping[str, object]], object]:
    """The same, but what a text that is one expression and nothing else comes to keeps its type."""
    filled = phrase(text)
    if not (expression := _lone_expression(text)):
        return filled
    keeping = phrase(f"{{{{ {_KEEP}(({expression})) }}}}")

    def kept(values: Mapping[str, object]) -> object:
        # First as it is written, for an error that speaks of nothing else.
        filled(values)
        found: list[object] = []
        keeping({**values, _KEEP: found.append})
        return found[0]

    return kept


_KEEP = "kept" + "_" * 64
"""Longer than the name of any parameter."""


def _lone_expression(text: str) -> str:
    body, text = SANDBOX.parse(text.strip(), "phrase").body, text.strip()
    whole = text.startswith("{{") and text.endswith("}}") and len(body) == 1 and isinstance(body[0], nodes.Output)
    lone = whole and len(getattr(body[0], "nodes", ())) == 1
    return text[2:-2].removeprefix("-").removesuffix("-") if lone else ""


@lru_cache(maxsize=2048)
def address(text: str) -> Callable[[Mapping[str, object]], str]:
    """A phrase for a URL: what each expression comes to is percent-encoded, so that it stays where it stands."""
    _outline("phrase", text)
    tokens = list(SANDBOX.lex(text))
    return phrase("".join(_encoding(tokens, at) for at in range(len(tokens))))


def _encoding(tokens: Sequence[tuple[int, str, str]], at: int) -> str:
    line, token, written = tokens[at]
    if token == "variable_begin":
        return f"{written} (("
    if token != "variable_end":
        return written
    if _ends_in_urlencode(tokens[:at]):
        raise TemplateError("phrase", line, "`| urlencode` is left out here: what stands in a URL is encoded anyway")
    return f") | string | urlencode | replace('/', '%2F')) {written}"


def _ends_in_urlencode(tokens: Sequence[tuple[int, str, str]]) -> bool:
    words = [written for _, token, written in tokens if token != "whitespace"]
    return words[-2:] == ["|", "urlencode"]


def variables(source: str, name: str = "phrase") -> set[str]:
    """The variables a template needs, its includes left aside; raises TemplateError if it is no template."""
    return {variable for variable, _ in _outline(name, source).variables}


def includes(source: str, name: str = "template") -> set[str]:
    """The templates that this one cannot do without; raises TemplateError if it is no template."""
    return set(_outline(name, source).includes)


def reason(error: TemplateError) -> str:
    """What went wrong, without the place."""
    return str(error).removeprefix(f"{error.template}:{error.line}: ")


# --- reading -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outline:
    """What there is to know of a template without running it."""

    variables: tuple[tuple[str, int], ...]
    stored: frozenset[str]
    includes: tuple[str, ...]


@lru_cache(maxsize=2048)
def _outline(name: str, source: str) -> _Outline:
    try:
        tree = SANDBOX.parse(source, name)
        stored = frozenset(_stored(tree))
        return _Outline(tuple(_variables(tree)), stored, tuple(_references(tree)))
    except TemplateSyntaxError as error:
        raise TemplateError(name, error.lineno, _short(error.message or "is no template")) from error


def _variables(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    lines: dict[str, int] = {}
    for node in tree.find_all(nodes.Name):
        lines.setdefault(node.name, node.lineno)
    # Jinja does not see that a block may use what its template defines around it.
    for variable in sorted(find_undeclared_variables(tree) - set(_defined(tree.body))):
        yield variable, lines.get(variable, 1)


def _stored(tree: nodes.Template) -> Iterator[str]:
    yield from (node.name for node in tree.find_all(nodes.Name) if node.ctx != "load")
    yield from _defined(tree.body)


def _defined(body: Iterable[nodes.Node]) -> Iterator[str]:
    for node in body:
        if isinstance(node, nodes.Macro):
            yield node.name
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in node.names)
        elif isinstance(node, nodes.Assign | nodes.AssignBlock):
            yield from (name.name for name in node.find_all(nodes.Name) if name.ctx == "store")


def _references(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all((nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)):
        if not getattr(node, "ignore_missing", False):
            yield _written_name(getattr(node, "template", None), node.lineno)


def _written_name(node: object, line: int) -> str:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return node.value
    raise TemplateSyntaxError("write out the name of the template", line)


@lru_cache(maxsize=2048)
def _compiled(name: str, source: str) -> CodeType:
    return SANDBOX.compile(source, name, name)


class _Sources(BaseLoader):
    """Templates out of a mapping; two agents with the same text share its code."""

    def __init__(self, sources: Mapping[str, TemplateFile]):
        self._sources = sources

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:
        if name not in self._sources:
            raise TemplateNotFound(name)
        code = _compiled(name, self._sources[name].source)
        return environment.template_class.from_code(environment, code, {} if globals is None else globals)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _short(reason: object) -> str:
    text = str(reason) or type(reason).__name__
    return text if len(text) <= MESSAGE else f"{text[:MESSAGE]}…"
