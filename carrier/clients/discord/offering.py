"""Actions as commands: what Discord is told of each, and what somebody has filled in."""

from collections.abc import Iterator, Mapping
from typing import Any

from carrier.config.models.discord import command_name
from carrier.types.models import Tool

TEXT, WHOLE, FLAG, NUMBER = 3, 4, 5, 10
_KINDS = {"string": TEXT, "integer": WHOLE, "boolean": FLAG, "number": NUMBER}
MOST, DESCRIPTION_CHARS, NAME_CHARS = 25, 100, 32
"""Of options and of choices; of what is said of one; of a name."""


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
        "description": _cut(tool.description) or tool.name,
        "options": told[:MOST],
    }


def _options(properties: Mapping[str, Any], required: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What can be filled in, by the parameter's name."""
    for name, told in properties.items():
        kind = _KINDS.get(_type(told))
        if not kind or not name.replace("-", "_").isidentifier() or len(name) > NAME_CHARS:
            continue
        option = {"type": kind, "name": name.lower(), "description": _cut(str(told.get("description") or name))}
        yield name, option | {"required": name in required} | _choices(kind, told.get("enum", ()))


def _choices(kind: int, allowed: Any) -> dict[str, Any]:
    if kind == FLAG or not 0 < len(allowed) <= MOST:
        return {}
    return {"choices": [{"name": str(value)[:DESCRIPTION_CHARS], "value": value} for value in allowed]}


def _type(told: Mapping[str, Any]) -> str:
    """The one type that a value may have, beside being left out."""
    types: set[str] = set()
    for part in told.get("anyOf") or [told]:
        kind = part.get("type", "")
        types.update([kind] if isinstance(kind, str) else kind)
    types.discard("null")
    return types.pop() if len(types) == 1 else ""


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= DESCRIPTION_CHARS else f"{text[: DESCRIPTION_CHARS - 1]}…"


def arguments(tool: Tool, options: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody has filled in, by the action's own names."""
    properties: Any = tool.parameters.get("properties", {})
    names = {name.lower(): name for name in properties}
    return {names.get(name, name): value for name, value in options.items()}
