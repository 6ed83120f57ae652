"""A resolved object as YAML, each value with the place that it came from."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

WIDEST = 60
"""Where the places stand at most; beside a longer line they follow it."""


@dataclass(frozen=True, slots=True)
class Leaf:
    value: object
    origin: str


def shown_text(values: Sequence[dict[str, Any]]) -> str:
    """Values with their `path` and `origin`, as one YAML document."""
    lines = list(_lines(_tree(values)))
    widest = max((len(text) for text, origin in lines if origin and len(text) <= WIDEST), default=0)
    return "\n".join(f"{text.ljust(widest)}  # {origin}" if origin else text for text, origin in lines)


def _tree(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for each in values:
        *above, last = re.findall(r"\[\d+\]|[^.\[]+", each["path"])
        branch = tree
        for part in above:
            branch = branch.setdefault(part, {})
        branch[last] = Leaf(each["value"], each["origin"])
    return tree


def _lines(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each line, and the place to tell beside it."""
    for part, below in tree.items():
        if part.startswith("["):
            yield from _item(below)
        elif isinstance(below, Leaf):
            yield f"{part}: {_written(below.value)}", below.origin
        else:
            yield f"{part}:", ""
            yield from ((f"  {text}", origin) for text, origin in _lines(below))


def _item(below: Any) -> Iterator[tuple[str, str]]:
    lines = [(_written(below.value), below.origin)] if isinstance(below, Leaf) else _lines(below)
    for number, (text, origin) in enumerate(lines):
        yield f"{'  ' if number else '- '}{text}", origin


def _written(value: object) -> str:
    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()
