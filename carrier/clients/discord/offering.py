"""Actions as commands: what Discord is told of each, and what somebody has filled in."""

from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any

from carrier.config.models.discord import command_name
from carrier.quoting import shortened
from carrier.types.models import Tool

TEXT, WHOLE, FLAG, NUMBER = 3, 4, 5, 10
_KINDS = {"string": TEXT, "integer": WHOLE, "boolean": FLAG, "number": NUMBER}
MOST, DESCRIPTION_CHARS, NAME_CHARS = 25, 100, 32
"""Of options and of choices; of what is said of one; of a name."""
TEXT_CHARS, MOST_EXACT = 6000, 2**53
"""The longest text and the largest number that Discord lets anybody fill in."""


def command(tool: Tool) -> dict[str, Any] | None:
    """An action as Discord offers it; None: it needs what nobody can fill in there."""
    schema: Mapping[str, Any] = tool.parameters
    required = set(schema.get("required", ()))
    options = list(_options(schema.get("properties", {}), required))
    if required - {name for name, _ in options} or len(required) > MOST:
        return None
    told = sorted((option for _, option in options), key=lambda option: not option["required"])
    return {
        "name": command_name(tool.name),
        "type": 1,
        "description": _described(tool.description) or tool.name,
        "options": told[:MOST],
    }


def _options(properties: Mapping[str, Any], required: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What can be filled in, by the parameter's name."""
    taken: set[str] = set()
    for name, told in properties.items():
        form = _form(told)
        kind = _KINDS.get(form.get("type", ""))
        if not kind or not _can_be_called(name) or name.lower() in taken:
            continue
        taken.add(name.lower())
        option = {"type": kind, "name": name.lower(), "description": _described(str(told.get("description") or name))}
        yield name, option | {"required": name in required} | (_choices(kind, form) or _limits(kind, form))


def _can_be_called(name: str) -> bool:
    return name.replace("-", "_").isidentifier() and len(name) <= NAME_CHARS


def _form(told: Mapping[str, Any] | bool) -> Mapping[str, Any]:
    """The one form that a value may have, beside being left out; empty where there are several."""
    parts = told.get("anyOf") or [told] if isinstance(told, Mapping) else []
    forms = [part for part in parts if isinstance(part, bool) or part.get("type") != "null"]
    if len(forms) != 1 or isinstance(forms[0], bool):
        return {}
    types = forms[0].get("type", "")
    single = [types] if isinstance(types, str) else [kind for kind in types if kind != "null"]
    return {**forms[0], "type": single[0]} if len(single) == 1 else {}


def _choices(kind: int, form: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to choose from; empty where not all of it is something that Discord can offer."""
    values = [value for value in form.get("enum", ()) if value is not None]
    if not 0 < len(values) <= MOST or not all(_can_be_chosen(kind, value) for value in values):
        return {}
    return {"choices": [{"name": str(value), "value": value} for value in values]}


def _can_be_chosen(kind: int, value: object) -> bool:
    if kind == TEXT:
        return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= DESCRIPTION_CHARS
    allowed = {WHOLE: int, NUMBER: int | float}.get(kind)
    return allowed is not None and isinstance(value, allowed) and not isinstance(value, bool)


def _limits(kind: int, form: Mapping[str, Any]) -> dict[str, Any]:
    """How long a text or how large a number may be, as far as Discord can see to it."""
    least, most = ("minLength", "maxLength") if kind == TEXT else ("minimum", "maximum")
    found = {"min": form.get(least), "max": form.get(most)}
    if kind == TEXT:
        lengths = {end: min(int(length), TEXT_CHARS) for end, length in found.items() if length}
        return {f"{end}_length": length for end, length in lengths.items()}
    rounded = {"min": ceil, "max": floor}
    return {
        f"{end}_value": rounded[end](number) if kind == WHOLE else number
        for end, number in found.items()
        if number is not None and abs(number) <= MOST_EXACT and kind != FLAG
    }


def _described(text: str) -> str:
    return shortened(" ".join(text.split()), DESCRIPTION_CHARS)


def arguments(tool: Tool, options: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody has filled in, by the action's own names."""
    properties: Any = tool.parameters.get("properties", {})
    names = {name.lower(): name for name in reversed(properties)}
    return {names.get(name, name): value for name, value in options.items()}
