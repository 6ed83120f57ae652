"""Jinja in a sandbox: templates that name their line when they fail, and cannot grow without end.

What a guard here cannot bound is time spent in a template that calls itself; templates are the operator's own,
and the text of a message never becomes one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from traceback import walk_tb
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, TemplateNotFound, TemplateSyntaxError, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import Environment
from jinja2.exceptions import SecurityError
from jinja2.filters import do_indent
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_environment

from carrier.errors import TemplateError
from carrier.types import TemplateFile

LIMIT = 200_000
"""Characters that a template, or a value within one, may grow to."""
ROUNDS = 100_000
"""Rounds that all loops of one rendering may take together."""


class Templates:
    """Some templates with all they include, by name; each is compiled once."""

    def __init__(self, sources: Mapping[str, TemplateFile], limit: int = LIMIT):
        self._sources = sources
        self._limit = limit
        self._environment = _SANDBOX.overlay(loader=_Sources(sources))

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Fill in a template; raises TemplateError with the template and the line where it failed."""
        rounds = _rounds.set(count(1))
        try:
            return _bounded(self._environment.get_template(name).generate(values), self._limit)
        # A template may raise whatever the values it touches can.
        except Exception as error:
            raise self._explained(error, name, values) from error
        finally:
            _rounds.reset(rounds)

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
            return TemplateError(error.name or name, error.lineno, error.message or "is no template")
        template, line = self._place(error, name)
        if isinstance(error, TemplateNotFound):
            return TemplateError(
                template, line, f"there is no template {error.name!r}; there are {_listed(self._sources)}"
            )
        if isinstance(error, UndefinedError) and str(error).endswith("is undefined"):
            return TemplateError(template, line, f"{error}; there are {_listed(values)}")
        return TemplateError(template, line, str(error) or type(error).__name__)

    def _place(self, error: Exception, name: str) -> tuple[str, int]:
        frames = ((frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__))
        return ([(name, 1)] + [(file, line) for file, line in frames if file in self._sources])[-1]


@lru_cache(maxsize=2048)
def phrase(text: str) -> Callable[[Mapping[str, object]], str]:
    """A short text with variables, ready to be filled in; raises TemplateError if it is no template."""
    _outline("phrase", text)
    templates = Templates({"phrase": TemplateFile("phrase", text)})
    return lambda values: templates.render("phrase", values)


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
        tree = _SANDBOX.parse(source, name)
        stored = frozenset(_stored(tree))
        return _Outline(tuple(_variables(tree)), stored, tuple(_references(tree)))
    except TemplateSyntaxError as error:
        raise TemplateError(name, error.lineno, error.message or "is no template") from error
    # Brackets without end, numbers without end.
    except (RecursionError, ValueError) as error:
        raise TemplateError(name, 1, f"is no template: {error}") from error


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
    return _SANDBOX.compile(source, name, name)


class _Sources(BaseLoader):
    """Templates out of a mapping; two agents with the same text share its code."""

    def __init__(self, sources: Mapping[str, TemplateFile]):
        self._sources = sources

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:
        if name not in self._sources:
            raise TemplateNotFound(name)
        code = _compiled(name, self._sources[name].source)
        return environment.template_class.from_code(environment, code, {} if globals is None else globals)


# --- the sandbox -------------------------------------------------------------------------------------------------

_rounds: ContextVar[Iterator[int]] = ContextVar("rounds")

_GROWING = frozenset(
    {"center", "expandtabs", "format", "format_map", "join", "ljust", "replace", "rjust", "translate", "zfill"}
)
_LEFT_OUT = ("attr", "batch", "center", "format", "pprint", "random", "slice", "urlize", "xmlattr")
_WIDE_FORMAT = re.compile(r"%[^a-zA-Z%]*(\d{4}|\*)")


def _bounded(pieces: Iterable[str], limit: int = LIMIT) -> str:
    """The pieces as one text; stops as soon as they are too many."""
    kept, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > limit:
            raise SecurityError(f"the text grows past {limit} characters")
        kept.append(piece)
    return "".join(kept)


class _Generator(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.concat(map(str, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")


class _Sandbox(ImmutableSandboxedEnvironment):
    code_generator_class = _Generator
    concat = staticmethod(_bounded)
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
        tree.set_environment(self)
        return tree

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        grows = isinstance(obj, str) and attr in _GROWING
        return not grows and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Never: `format` can pad without end, so it is refused as every other attribute that is not safe."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _check_growth(operator, left, right)
        return super().call_binop(context, operator, left, right)


def _check_growth(operator: str, left: Any, right: Any) -> None:
    if operator == "**":
        too_much = abs(left) > 10**6 or abs(right) > 64
    elif operator == "*":
        too_much = _size(left) * _times(right) > LIMIT or _size(right) * _times(left) > LIMIT
    elif operator == "+":
        too_much = _size(left) + _size(right) > LIMIT
    else:
        too_much = isinstance(left, str) and bool(_WIDE_FORMAT.search(left))
    if too_much:
        raise SecurityError(f"{operator!r} makes a value that is too large for a template")


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _times(value: object) -> int:
    return value if isinstance(value, int) else 0


def _counted(items: Iterable[object]) -> Iterator[object]:
    rounds = _rounds.get()
    for item in items:
        if next(rounds) > ROUNDS:
            raise SecurityError(f"the loops take more than {ROUNDS} rounds")
        yield item


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    if _size(width) > 100 or _times(width) > 100:
        raise SecurityError("indent takes at most 100 characters")
    return do_indent(text, width, first, blank)


@pass_environment
def _join(environment: Environment, items: Iterable[object], separator: str = "", attribute: str | None = None) -> str:
    parts = [str(environment.getattr(item, attribute) if attribute else item) for item in items]
    return _bounded(piece for part in parts for piece in (separator, part))[len(separator) :]


def _replace(text: object, old: str, new: str, count: int = -1) -> str:
    _check_growth("*", new, str(text).count(old))
    return str(text).replace(old, new, count)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _sandbox() -> _Sandbox:
    sandbox = _Sandbox(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False)
    sandbox.globals = {name: sandbox.globals[name] for name in ("range", "dict", "namespace")}
    for name in _LEFT_OUT:
        del sandbox.filters[name]
    sandbox.filters.update(counted=_counted, indent=_indent, join=_join, replace=_replace)
    return sandbox


_SANDBOX = _sandbox()
