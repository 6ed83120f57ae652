"""Objects of other formats read into fields of ours and written back, so that nothing they hold is lost.

A part says how some keys of theirs and some fields of ours mean the same. What a part would write differently, and
what no part knows, is kept as it was; it goes back wherever the fields still say what they said then.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carrier.config.cards.errors import CardError

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Keys of theirs that say the same as fields of ours; `get` leaves out what they do not say, as does `put`."""

    keys: tuple[str, ...]
    fields: tuple[str, ...]
    get: Callable[[Data], dict[str, Any]]
    put: Callable[[Data], dict[str, Any]]
    mend: Callable[[Data, Data], dict[str, Any]] | None = None
    """`put` for what is edited: it is given what was kept as well, and leaves as much of it as it can."""


@dataclass(frozen=True, slots=True)
class Form:
    """An object of another format: its parts, and what each such object holds where it says nothing else."""

    parts: tuple[Part, ...]
    required: Data = field(default_factory=dict)

    def read(self, data: Data) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields of ours, and what has to be kept beside them."""
        full = {**self.required, **data}
        fields: dict[str, Any] = {}
        known: set[str] = set()
        for part in self.parts:
            said = _only(full, part.keys)
            found = part.get(said)
            fields |= found
            if same({**_only(self.required, part.keys), **part.put(found)}, said):
                known |= said.keys()
        rest = {key: value for key, value in full.items() if key not in known and not self._usual(key, value)}
        without = [key for key in self.required if key not in data]
        return fields, {name: kept for name, kept in (("data", rest), ("without", without)) if kept}

    def write(self, fields: Data, kept: Data) -> dict[str, Any]:
        """The object again, with what the fields say now."""
        rest = {**self.required, **as_map(kept.get("data"))}
        data = dict(rest)
        for part in self.parts:
            kept_keys, wanted = _only(rest, part.keys), _only(fields, part.fields)
            if not same(part.get(kept_keys), wanted):
                put = part.mend(kept_keys, wanted) if part.mend else part.put(wanted)
                said = {**_only(self.required, part.keys), **put}
                data = {**{key: value for key, value in data.items() if key not in part.keys}, **said}
        without = kept.get("without")
        without = without if isinstance(without, list) else []
        return {key: value for key, value in data.items() if key not in without or not self._usual(key, value)}

    def _usual(self, key: str, value: object) -> bool:
        return key in self.required and same(self.required[key], value)


def same(one: object, other: object) -> bool:
    """Whether two values are the same in JSON: 1 is neither true nor 1.0, and the order of keys is nothing."""
    return one is other or _written(one) == _written(other)


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _only(data: Data, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: data[key] for key in keys if key in data}


def as_map(value: object) -> Data:
    return value if isinstance(value, Mapping) else {}


# --- what YAML of ours cannot say ------------------------------------------------------------------------------------

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029]")
_LINE_BREAKS = "\x85\u2028\u2029"


def can_be_said(value: object) -> bool:
    """Whether a file of ours can hold the value: control characters, halves of characters and the key << it cannot."""
    if isinstance(value, str):
        return not _NO_TEXT.search(value)
    if isinstance(value, Mapping):
        return all(key != "<<" and can_be_said(key) and can_be_said(item) for key, item in value.items())
    return all(map(can_be_said, value)) if isinstance(value, list) else True


def keeping(kept: Data) -> Data | str:
    """What is kept as a file of ours can hold it: as a JSON text, where nothing else will do."""
    return kept if can_be_said(kept) else json.dumps(kept)


def kept_in(value: object) -> Data:
    """What `keeping` was given."""
    try:
        return as_map(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError):
        return {}


def clean(value: str) -> str:
    """The text without what a file of ours cannot hold."""
    return _NO_TEXT.sub(lambda found: "\n" if found[0] in _LINE_BREAKS else "", value)


def mended(
    raw: Sequence[Any], wanted: Sequence[Any], get: Callable[[Any], Any], put: Callable[[Any], Any]
) -> list[Any]:
    """A list with what is wanted: as it was where it still says so, newly written where not."""
    left = [(get(item), item) for item in raw]
    items = []
    for value in wanted:
        found = next((each for each in left if same(each[0], value)), None)
        if found:
            left.remove(found)
        items.append(found[1] if found else put(value))
    return items


# --- the parts there are ---------------------------------------------------------------------------------------------


def one(key: str, field: str, get: Callable[[Any, str], Any], put: Callable[[Any], Any] = lambda value: value) -> Part:
    """One key for one field; `get` gives None for nothing."""

    def got(said: Data) -> dict[str, Any]:
        value = get(said.get(key), key)
        return {} if value is None else {field: value}

    return Part((key,), (field,), got, lambda fields: {key: put(fields[field])} if field in fields else {})


def text(value: Any, key: str) -> str | None:
    """A text, or None where there is none."""
    if value is not None and not isinstance(value, str):
        raise CardError(f"{key}: this has to be a text")
    return clean(value or "") or None


def texts(value: Any, key: str) -> list[str] | None:
    """A list of texts; a single one may stand for it."""
    if isinstance(value, str):
        return [clean(value)] if value else None
    return [clean(item) for item in items(value, key, str, "a list of texts")] or None


def items(value: Any, key: str, kind: type | tuple[type, ...], noun: str) -> list[Any]:
    """A list of such things; None is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise CardError(f"{key}: this has to be {noun}")
    return list(value)


def flag(value: Any, key: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise CardError(f"{key}: this has to be true or false")
    return value


def number(value: Any, key: str) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise CardError(f"{key}: this has to be a number")
    return None if value is None else int(value)


def mapping(value: Any, key: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise CardError(f"{key}: this has to be a map of keys to values")
    return dict(value or {})
