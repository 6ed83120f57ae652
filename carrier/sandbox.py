"""The sandbox of our templates: each step of a rendering counts against one budget, and no value grows past a bound.

Whatever may loop, call, walk a sequence or make a value passes through here. So no single step can take long or
fill the memory, and between two steps the budget says whether the rendering may go on.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MappingView
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, time
from functools import wraps
from pathlib import PurePath
from time import perf_counter, thread_time
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.filters import do_indent, do_round, do_tojson, do_urlencode, make_attrgetter
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_environment, pass_eval_context
from pydantic import SecretStr

from carrier.dates import day
from carrier.quoting import quoted

LIMIT = 200_000
"""Characters of a text, or characters and items of a value, that a template may make."""
STEPS = 100_000
"""Loop rounds, calls, filters, comparisons and made items of one rendering."""
SECONDS = 1.0
"""Of the processor's time, for one rendering: what a busy machine does beside it is not the template's fault."""

SOURCE = 100_000
"""Characters of a template's source."""
NODES = 5_000
"""Names, operators, tags and pieces of text in it."""
NESTING = 60
LOOPS = 15
"""One within the other."""
PAIRS = 20_000
"""Of a part and a variable: each part is handed each variable by name."""

BITS = 4096
"""Of a whole number."""
WORD = 1000
"""Characters of an argument that a text is searched for, or filled up with."""
PAGE = 20_000
"""Characters of a text, for filters that look at each more than once."""


class Budget:
    """What is left of one rendering."""

    def __init__(self) -> None:
        self._left = STEPS
        self._began = thread_time()
        self._until = perf_counter() + SECONDS

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise SecurityError(f"this takes more than {STEPS:,} steps")
        if perf_counter() > self._until:
            self._ask_for_time()

    def _ask_for_time(self) -> None:
        used = thread_time() - self._began
        if used > SECONDS:
            raise SecurityError(f"this takes longer than {SECONDS:g} s")
        self._until = perf_counter() + SECONDS - used


_budget: ContextVar[Budget] = ContextVar("budget")


@contextmanager
def budget() -> Iterator[None]:
    """A rendering with a budget of its own."""
    token = _budget.set(Budget())
    try:
        yield
    finally:
        _budget.reset(token)


def bounded(pieces: Iterable[str], limit: int = LIMIT) -> str:
    """The pieces as one text; stops as soon as they are too many."""
    kept, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > limit:
            raise SecurityError(f"the text grows past {limit:,} characters")
        kept.append(piece)
    return "".join(kept)


def counted(items: Iterable[object]) -> Iterator[object]:
    """The same items, a step each."""
    spend = _budget.get().spend
    for item in items:
        spend(1)
        yield item


def ticked(value: Any) -> Any:
    """The value, at the cost of a step."""
    _budget.get().spend(1)
    return value


def made(value: Any) -> Any:
    """A value that a template has just made, at the cost of what it holds."""
    items, characters = (1, len(value)) if type(value) is str else _size(value)
    if characters > LIMIT:
        raise SecurityError(_TOO_LARGE)
    _budget.get().spend(items + characters // 100)
    return value


def told(value: Any) -> str:
    """The text of a value."""
    if isinstance(value, str):
        text = value
    else:
        if isinstance(value, _CONTAINERS):
            _size(value, whole=True)
        text = str(value)
    _budget.get().spend(1 + len(text) // 100)
    return text


# --- how large a value is ---------------------------------------------------------------------------------------

_CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, Mapping, MappingView)
_TOO_LARGE = f"this grows past {LIMIT:,} characters or items"


def _size(value: object, whole: bool = False) -> tuple[int, int]:
    """The items and characters of a value, as often as they stand in it; raises SecurityError past the limit.

    An object counts as one item; on the `whole`, with what it says of itself.
    """
    items, characters, todo = 0, 0, [value]
    while todo:
        value = todo.pop()
        items += 1
        if isinstance(value, str | bytes):
            characters += len(value)
        elif isinstance(value, int):
            characters += _digits(value)
        elif isinstance(value, Mapping):
            todo += value
            todo += value.values()
        elif isinstance(value, _CONTAINERS):
            todo += value
        elif whole:
            characters += len(repr(value))
        if items + characters + len(todo) > LIMIT:
            raise SecurityError(_TOO_LARGE)
    return items, characters


def _digits(number: int) -> int:
    if number.bit_length() > BITS:
        raise SecurityError("this number is too large for a template")
    return number.bit_length() // 3


def _check_growth(operator: str, left: Any, right: Any) -> None:
    """Refuses what would be too large before it is made."""
    if operator == "**":
        too_much = isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > BITS
    elif operator == "*":
        too_much = _length(left) * _times(right) > LIMIT or _length(right) * _times(left) > LIMIT
    elif operator == "+":
        too_much = _length(left) + _length(right) > LIMIT
    else:
        too_much = isinstance(left, bytes) or (isinstance(left, str) and _length_of_form(left, right) > LIMIT)
    if too_much:
        raise SecurityError(f"{operator!r} makes a value that is too large for a template")


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple) else 0


def _times(value: object) -> int:
    return value if isinstance(value, int) else 0


_WIDE_PLACE = re.compile(r"%[^a-zA-Z%]*(\d{3}|\*)")


def _length_of_form(form: str, values: object) -> int:
    """How long `form % values` may become: a value may stand in it as often as it has places."""
    if _WIDE_PLACE.search(form):
        return LIMIT + 1
    return len(form) + form.count("%") * (100 + sum(_size(values, whole=True)))


# --- what may be called ------------------------------------------------------------------------------------------

_PLAIN = (str, int, float, bool, tuple, type(None))
_BOUND = (BuiltinMethodType, MethodType)
_LISTED: tuple[tuple[Any, str], ...] = (
    (
        str,
        "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower "
        "isnumeric isprintable isspace istitle isupper lower lstrip partition removeprefix removesuffix rfind rindex "
        "rpartition rsplit rstrip split splitlines startswith strip swapcase title upper",
    ),
    ((list, tuple), "count index"),
    (Mapping, "get items keys values"),
    ((date, time), "astimezone date isoformat isoweekday replace strftime time timestamp tzname utcoffset weekday"),
    ((bytes, complex, float, int, set, frozenset, PurePath, SecretStr), ""),
)
_METHODS = [(types, frozenset(names.split())) for types, names in _LISTED]
"""All else of these types could grow without end, or leave the sandbox."""


def _may_call(owner: object, method: str) -> bool:
    """Whether a template may have a method; one of an object that is none of these types is the operator's own."""
    return all(method in names for types, names in _METHODS if isinstance(owner, types))


def _check_words(arguments: Iterable[object]) -> None:
    if any(isinstance(argument, str) and len(argument) > WORD for argument in arguments):
        raise SecurityError(f"an argument here has at most {WORD:,} characters")


# --- the environment -----------------------------------------------------------------------------------------------


class _Generator(CodeGenerator):
    def buffer(self, frame: Frame) -> None:
        frame.buffer = self.temporary_identifier()
        self.writeline(f"{frame.buffer} = environment.pile()")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.concat(map(environment.told, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        with self._through("ticked", any(not isinstance(operand.expr, nodes.Const) for operand in node.ops)):
            super().visit_Compare(node, frame)

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        with self._through("made", bool(node.items)):
            super().visit_List(node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        with self._through("made", bool(node.items) and node.ctx == "load"):
            super().visit_Tuple(node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        with self._through("made", bool(node.items)):
            super().visit_Dict(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        with self._through("made", isinstance(node.arg, nodes.Slice)):
            super().visit_Getitem(node, frame)

    @contextmanager
    def _through(self, function: str, needed: bool) -> Iterator[None]:
        self.write(f"environment.{function}(" if needed else "")
        yield
        self.write(")" if needed else "")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        # Nothing is worked out by the compiler, which has no budget.
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible()
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write("environment.told(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")


class _Template(Template):
    def make_module(
        self, vars: dict[str, Any] | None = None, shared: bool = False, locals: Mapping[str, Any] | None = None
    ) -> TemplateModule:
        context = self.new_context(vars, shared, locals)
        return TemplateModule(self, context, _Pile(self.root_render_func(context)))


class _Pile(list[str]):
    """The pieces of a text that is put aside; bounded from the first of them on."""

    def __init__(self, pieces: Iterable[str] = ()):
        super().__init__()
        self._room = LIMIT
        self.extend(pieces)

    def append(self, piece: str) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise SecurityError(f"the text grows past {LIMIT:,} characters")
        super().append(piece)

    def extend(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            self.append(piece)


class Sandbox(ImmutableSandboxedEnvironment):
    """Templates are compiled so that values pass through the functions above."""

    code_generator_class = _Generator
    template_class = _Template
    concat = staticmethod(bounded)
    pile = _Pile
    intercepted_binops = frozenset({"+", "*", "**", "%"})
    ticked, made, told = staticmethod(ticked), staticmethod(made), staticmethod(told)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > SOURCE:
            raise TemplateSyntaxError(f"is no template: it has more than {SOURCE:,} characters", 1, name)
        tree = _parsed(Parser(self, source, name, filename))
        _check_shape(tree)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
        tree.set_environment(self)
        return tree

    def _load_template(self, name: Any, globals: Any) -> Template:
        return super()._load_template(ticked(name), globals)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return super().getitem(obj, ticked(argument))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if type(value) in _PLAIN:
            return not attr.startswith("_")
        if type(value) in _BOUND and not _may_call(obj, attr):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Never: `format` can pad without end, so it is refused as every other method that is not listed."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _check_growth(operator, left, right)
        return made(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __callee: Any, *args: Any, **kwargs: Any) -> Any:
        _budget.get().spend(1)
        owner = getattr(__callee, "__self__", None)
        if isinstance(owner, str | date | time):
            _check_words((*args, *kwargs.values()))
        elif isinstance(__callee, LoopContext) and args:
            args = (counted(args[0]), *args[1:])
        result = super().call(__context, __callee, *args, **kwargs)
        return made(result) if isinstance(owner, str) or isinstance(result, str) else result


def _parsed(parser: Parser) -> nodes.Template:
    try:
        return parser.parse()
    # Brackets without end, numbers without end.
    except (RecursionError, ValueError) as error:
        reason = str(error).partition(";")[0]
        raise TemplateSyntaxError(f"is no template: {reason}", parser.stream.current.lineno, parser.name) from error


def _check_shape(tree: nodes.Template) -> None:
    """Refuses what takes a compiler too long, or is nested deeper than Python's own can follow."""
    todo: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    count = names = parts = 0
    while todo:
        node, depth, loops = todo.pop()
        count, loops = count + 1, loops + isinstance(node, nodes.For)
        names, parts = names + _is_set(node), parts + isinstance(node, _PARTS)
        if count > NODES or depth > NESTING or loops > LOOPS or names * parts > PAIRS:
            raise TemplateSyntaxError(
                f"is no template: it has more than {NODES:,} parts, or too many within each other", node.lineno
            )
        if isinstance(node, nodes.EvalContextModifier):
            raise TemplateSyntaxError("nothing is escaped here: a prompt is no page", node.lineno)
        todo += [(child, depth + 1, loops) for child in node.iter_child_nodes()]


_PARTS = (nodes.Block, nodes.FromImport, nodes.Import, nodes.Include)


def _is_set(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Macro | nodes.Import) or (isinstance(node, nodes.Name) and node.ctx != "load")


# --- the filters and tests -----------------------------------------------------------------------------------------

_LEFT_OUT = ("attr", "batch", "center", "format", "pprint", "random", "slice", "urlize", "xmlattr")
_OF_TEXT = (
    *("capitalize", "e", "escape", "forceescape", "indent", "lower", "quoted", "replace", "safe", "string"),
    "striptags",
    *("title", "trim", "truncate", "upper", "wordcount", "wordwrap"),
)
_LOOKING_TWICE = ("striptags", "wordwrap")
_WALKING = (
    *("groupby", "join", "list", "map", "max", "min", "reject", "rejectattr", "select", "selectattr", "sort"),
    *("sum", "unique"),
)
_PASSING_ON = ("d", "default", "first", "last", "max", "min")
_COMPARING = (
    *("!=", "<", "<=", "==", ">", ">=", "eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt"),
    "ne",
)


def _guarded(name: str, filter: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that is counted, with a bound to the text it is given and to what it makes."""
    place = 1 if hasattr(filter, "jinja_pass_arg") else 0

    @wraps(filter)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        before, value, others = args[:place], ticked(args[place]), args[place + 1 :]
        if name in _OF_TEXT:
            value = _short_enough(name, told(value), (*others, *kwargs.values()))
        elif name in _WALKING:
            value = counted(value)
        result = filter(*before, value, *others, **kwargs)
        return result if name in _PASSING_ON else made(result)

    return guarded


def _short_enough(name: str, text: str, arguments: Iterable[object]) -> str:
    if name in _LOOKING_TWICE and len(text) > PAGE:
        raise SecurityError(f"{name} takes at most {PAGE:,} characters")
    if name != "replace":
        _check_words(arguments)
    return text


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    margin = len(width) if isinstance(width, str) else width
    _check_growth("*", "\n" * (text.count("\n") + 1), margin)
    return do_indent(text, width, first, blank)


@pass_environment
def _join(environment: Sandbox, items: Iterable[object], separator: object = "", attribute: Any = None) -> str:
    part, between = make_attrgetter(environment, attribute), told(separator)
    return bounded(piece for item in items for piece in (between, told(part(item))))[len(between) :]


def _replace(text: str, old: object, new: object, count: int = -1) -> str:
    before, after = told(old), told(new)
    _check_growth("*", after, text.count(before))
    return text.replace(before, after, count)


def _round(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > 30:
        raise SecurityError("round takes a precision of at most 30")
    return do_round(value, precision, method)


@pass_environment
def _sum(environment: Sandbox, items: Iterable[object], attribute: Any = None, start: Any = 0) -> Any:
    part, total = make_attrgetter(environment, attribute), start
    for item in items:
        added: Any = part(item)
        _check_growth("+", total, added)
        total = made(total + added)
    return total


@pass_eval_context
def _tojson(context: Any, value: object, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= 8:
        raise SecurityError("tojson takes an indent of at most 8")
    _size(value, whole=True)
    return do_tojson(context, value, indent)


def _urlencode(value: Any) -> str:
    _size(value, whole=True)
    return do_urlencode(value)


def _compared(test: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, *others: test(ticked(value), *others)


class _Namespace(Namespace):
    def __repr__(self) -> str:
        # Two of them may hold each other, twice.
        return "<Namespace>"


def _sandbox() -> Sandbox:
    sandbox = Sandbox(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False, optimized=False
    )
    sandbox.globals = {
        "range": sandbox.globals["range"],
        "dict": lambda *args, **kwargs: made(dict(*args, **kwargs)),
        "namespace": _Namespace,
    }
    own = {"indent": _indent, "join": _join, "replace": _replace, "round": _round, "sum": _sum}
    own |= {"tojson": _tojson, "urlencode": _urlencode, "quoted": quoted, "day": day}
    filters = {name: filter for name, filter in (sandbox.filters | own).items() if name not in _LEFT_OUT}
    sandbox.filters = {name: _guarded(name, filter) for name, filter in filters.items()} | {"counted": counted}
    tests: dict[str, Any] = dict(sandbox.tests)
    sandbox.tests |= {name: _compared(test) for name, test in tests.items() if name in _COMPARING}
    sandbox.tests |= {"lower": lambda text: told(text).islower(), "upper": lambda text: told(text).isupper()}
    return sandbox


SANDBOX = _sandbox()
