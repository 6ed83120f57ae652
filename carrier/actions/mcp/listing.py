"""What a server says of its tools, checked: a tool that could not be called safely is left out."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from carrier.actions.answers import Hide
from carrier.config.models.patterns import refusal

if TYPE_CHECKING:
    from mcp import Tool

MOST_TOOLS = 1_000
LONGEST_SCHEMA = 100_000
"""Characters, as JSON."""
LONGEST_DESCRIPTION = 8_000
DEEPEST = 100
MOST_VISITS = 20_000
"""Of parts of a schema, in holding one value of each kind against it."""

NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool, as far as an agent has to know it."""

    name: str
    description: str
    parameters: Mapping[str, object]
    repeat: Literal["never", "keyed", "safe"] = "never"
    consequential: bool = False
    """Its server says that it destroys."""


def listed(tools: Iterable["Tool"], hide: Hide) -> tuple[tuple[Listed, ...], tuple[str, ...]]:
    """The tools that can be used, and why others cannot."""
    found: dict[str, Listed] = {}
    problems = []
    for tool in tools:
        if problem := _problem(tool, found):
            problems.append(problem)
        else:
            described = _readable(hide(tool.description or tool.title or ""))
            found[tool.name] = Listed(tool.name, described, _tamed(tool.input_schema), _repeat(tool), _destroys(tool))
    return tuple(found.values()), tuple(problems)


def _problem(tool: "Tool", found: Mapping[str, Listed]) -> str:
    if not NAME.fullmatch(tool.name):
        return f"{tool.name[:40]!r} is no name for a tool"
    if tool.name in found:
        return f"{tool.name} is listed twice"
    reason = wrong_schema(tool.input_schema)
    return f"{tool.name} has parameters that cannot be checked: {reason}" if reason else ""


def wrong_schema(schema: Mapping[str, Any]) -> str:
    """Why a schema cannot be used; empty: it can."""
    # Heavy enough to wait for the first server.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        if len(json.dumps(schema)) > LONGEST_SCHEMA:
            return f"they take more than {LONGEST_SCHEMA:,} characters"
        if schema.get("type", "object") != "object":
            return f"they are of the type {schema['type']!r}, not an object"
        Draft202012Validator.check_schema(dict(schema))
        return _wrong_reference(schema)
    except SchemaError as error:
        return error.message[:200]
    except RecursionError:
        return "they are nested too deeply"


def _wrong_reference(schema: Mapping[str, Any]) -> str:
    """Why its references cannot be followed: they lead elsewhere, or one value would be looked at again and again."""
    todo: list[tuple[Mapping[str, Any], tuple[int, ...]]] = [(part, ()) for part in schemas(schema)]
    visits = 0
    while todo:
        part, above = todo.pop()
        visits += 1
        if id(part) in above or len(above) > DEEPEST or visits > MOST_VISITS:
            return "they refer to themselves without end"
        # One that leads elsewhere would be fetched from there.
        if "$dynamicRef" in part or ("$ref" in part and _at(str(part["$ref"]), schema) is None):
            return f"the reference {str(part.get('$ref', '$dynamicRef'))[:100]!r} leads nowhere"
        todo += [(each, (*above, id(part))) for each in _in_place(part, schema) if isinstance(each, Mapping)]
    return ""


def _in_place(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[object]:
    """The schemas that a value has to be held against when it is held against this one."""
    if "$ref" in part:
        yield _at(str(part["$ref"]), schema)
    for word in ("allOf", "anyOf", "oneOf"):
        yield from part.get(word, ())
    yield from (part[word] for word in ("not", "if", "then", "else") if word in part)


def _at(place: str, schema: Mapping[str, Any]) -> Any:
    """What a pointer as `#/$defs/place` points to; None: nothing within this schema."""
    head, *steps = place.split("/")
    found: Any = schema
    for step in (step.replace("~1", "/").replace("~0", "~") for step in steps):
        if isinstance(found, list):
            found = found[int(step)] if step.isdecimal() and int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, Mapping) else None
    return found if head == "#" and isinstance(found, Mapping | bool) else None


_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Hold schemas under names of the writer's own."""
_DATA = ("enum", "const", "default", "examples")


def schemas(schema: object) -> Iterator[Mapping[str, Any]]:
    """Each schema in a schema, itself first."""
    todo = [schema]
    while todo:
        each = todo.pop()
        if isinstance(each, Mapping):
            yield each
            for key, value in each.items():
                if key not in _DATA:
                    todo += value.values() if key in _NAMED and isinstance(value, Mapping) else [value]
        elif isinstance(each, list):
            todo += each


def _tamed(schema: Mapping[str, Any]) -> Mapping[str, object]:
    """The schema without what the check of a call could be held up by: the server checks those words itself."""
    copy: dict[str, Any] = {"type": "object", **json.loads(json.dumps(schema))}
    for part in schemas(copy):
        assert isinstance(part, dict)
        for word in ("$schema", "$id", "$anchor", "$dynamicAnchor", "$vocabulary"):
            part.pop(word, None)
        if isinstance(part.get("pattern"), str) and refusal(part["pattern"]):
            del part["pattern"]
        if any(refusal(pattern) for pattern in part.get("patternProperties", ())):
            del part["patternProperties"]
            part.pop("additionalProperties", None)
    return copy


def _repeat(tool: "Tool") -> Literal["never", "keyed", "safe"]:
    hints = tool.annotations
    if hints and hints.read_only_hint:
        return "safe"
    return "keyed" if hints and hints.idempotent_hint else "never"


def _destroys(tool: "Tool") -> bool:
    return bool(tool.annotations and tool.annotations.destructive_hint)


def _readable(text: str) -> str:
    kept = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t").strip()
    return kept[:LONGEST_DESCRIPTION]
