"""Keys of which a block has exactly one: the rule, and how a JSON Schema says it."""

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel


def only_one(block: BaseModel, keys: Iterable[str]) -> None:
    """Raises ValueError unless exactly one of the keys is written."""
    written = [key for key in keys if key in block.model_fields_set]
    if len(written) != 1:
        raise ValueError(f"exactly one of {', '.join(keys)} belongs here, not {' and '.join(written) or 'none'}")


def one_of(*keys: str) -> dict[str, Any]:
    """The same as a JSON Schema."""
    return {"oneOf": [written(key) for key in keys]}


def at_most_one_of(*keys: str) -> dict[str, Any]:
    return {"oneOf": [*(written(key) for key in keys), {"not": {"anyOf": [written(key) for key in keys]}}]}


def short(pattern: str, **rules: Any) -> Callable[[dict[str, Any]], None]:
    """A change of a block's JSON Schema: one word may stand for the block, to which rules may be added."""

    def change(schema: dict[str, Any]) -> None:
        block = {**schema, **rules}
        schema.clear()
        schema["anyOf"] = [{"type": "string", "pattern": pattern}, block]

    return change


def needs(key: str, other: str) -> dict[str, Any]:
    """The JSON Schema of a block in which one key asks for another."""
    return {"if": written(key), "then": written(other)}


def where(key: str, value: str, then: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a block to which more applies where a key says something."""
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def none_of(*keys: str) -> dict[str, Any]:
    """The JSON Schema of a block in which none of the keys is written."""
    return {"properties": {key: {"type": "null"} for key in keys}}


def written(key: str) -> dict[str, Any]:
    """The JSON Schema of a block in which the key is written; `~` is as if it were not."""
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}
