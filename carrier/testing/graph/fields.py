"""The little language of `fields`: `id,caption,comments{id,text},mentioned_comment.comment_id(17){text}`."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from carrier.testing.graph.errors import GraphError, Refusal, wrong_parameter

_TOKEN = re.compile(r"\s*([\w-]+|[.,(){}])")


@dataclass(frozen=True, slots=True)
class Field:
    """One that is asked for, with what stands in its brackets."""

    name: str
    arguments: tuple[tuple[str, str], ...] = ()
    fields: "tuple[Field, ...]" = ()


View = Mapping[str, Callable[[Field], Any]]
"""An object as it can be asked for: what makes each of its fields. One that comes out as None is left out."""


def parse(text: str) -> tuple[Field, ...]:
    """Raises GraphError where it makes no sense."""
    words = _TOKEN.findall(text)
    if "".join(words) != re.sub(r"\s+", "", text):
        raise _senseless(text)
    try:
        fields = _list(words)
    except IndexError:
        raise _senseless(text) from None
    if words:
        raise _senseless(text)
    return fields


def _list(words: list[str]) -> tuple[Field, ...]:
    fields = []
    while words and words[0] != "}":
        fields.append(_one(words))
        if words and words[0] == ",":
            words.pop(0)
    return tuple(fields)


def _one(words: list[str]) -> Field:
    name, arguments = words.pop(0), []
    inner: tuple[Field, ...] = ()
    while words and words[0] == ".":
        _, argument, _, value, _ = (words.pop(0) for _ in range(5))
        arguments.append((argument, value))
    if words and words[0] == "{":
        words.pop(0)
        inner = _list(words)
        words.pop(0)
    return Field(name, tuple(arguments), inner)


def _senseless(text: str) -> GraphError:
    return GraphError(Refusal(2500, f"Syntax error in fields: {text!r}"))


def select(view: View, fields: tuple[Field, ...], known: Collection[str], kind: str) -> dict[str, Any]:
    """What was asked for of an object, and its id; raises GraphError for a field that nothing of its kind has."""
    for field in fields:
        if field.name not in view and field.name not in known:
            said = f"Tried accessing nonexisting field ({field.name}) on node type ({kind})"
            raise GraphError(wrong_parameter(said))
    asked = {field.name: view[field.name](field) for field in fields if field.name in view}
    whole = {**asked, "id": view["id"](Field("id"))}
    return {name: value for name, value in whole.items() if value is not None}
