"""Documents laid over one another: what is said once, for many, each value with the file and line it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carrier.config.reading import Document, Place, Plain, Trail

NEVER_INHERITED = frozenset({"name", "kind", "extends", "display_name", "formerly", "enabled"})
"""What a document says for itself alone."""

ALWAYS_ADD_UP = frozenset({("permissions", "ask"), ("permissions", "deny")})
"""Lists that no layer takes away from."""

INHERITED = "inherited"
"""As an entry of a list: here stands what the weaker layers have."""


def laid(layers: Sequence[Document]) -> Document:
    """One document out of several, from the weakest to the strongest, which gives its file.

    Maps merge key by key, lists and scalars are replaced, and `~` goes back to the built-in value.
    """
    merged, *stronger = layers
    for layer in stronger:
        merged = _over(merged, layer)
    return merged


def settled(document: Document) -> Document:
    """The same without the word for what is inherited, where there was nothing to inherit."""
    if not _is_open(document.data):
        return document
    new = _New()
    data = new.copy(_Part(document, ()), ())
    assert isinstance(data, dict)
    return Document(document.file, data, new.values, new.keys, frozenset(new.filled))


def _is_open(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_is_open(item) for item in value.values())
    return isinstance(value, list) and any(is_inherited(item) or _is_open(item) for item in value)


def within(document: Document, path: Trail) -> Document:
    """What stands at a path, as a document of its own."""
    part = _Part(document, path)
    new = _New()
    data = new.copy(part, ())
    assert isinstance(data, dict)
    return Document(document.file, data, new.values, new.keys, frozenset(new.filled))


def without(document: Document, names: frozenset[str]) -> Document:
    """The same without these keys at its top."""
    if not names & document.data.keys():
        return document
    data = {key: value for key, value in document.data.items() if key not in names}
    return Document(document.file, data, document.values, document.keys, document.filled)


@dataclass(frozen=True, slots=True)
class _Part:
    """A value of a document."""

    document: Document
    path: Trail

    @property
    def value(self) -> object:
        value: object = self.document.data
        for step in self.path:
            value = value[step]  # type: ignore[index]
        return value

    def at(self, step: str | int) -> "_Part":
        return _Part(self.document, (*self.path, step))

    @property
    def place(self) -> Place:
        values, path = self.document.values, self.path
        while path not in values:
            path = path[:-1]
        return values[path]


@dataclass(slots=True)
class _New:
    """The places of a document in the making."""

    values: dict[Trail, Place] = field(default_factory=dict)
    keys: dict[Trail, Place] = field(default_factory=dict)
    filled: set[Trail] = field(default_factory=set)

    def copy(self, part: _Part, to: Trail) -> object:
        value = part.value
        self._note(part, to)
        if isinstance(value, Mapping):
            return {key: self._copy_key(part.at(key), (*to, key)) for key in value}
        if isinstance(value, list):
            items = [part.at(number) for number, item in enumerate(value) if not is_inherited(item)]
            return [self.copy(item, (*to, number)) for number, item in enumerate(items)]
        return value

    def _copy_key(self, part: _Part, to: Trail) -> object:
        if part.path in part.document.keys:
            self.keys[to] = part.document.keys[part.path]
        return self.copy(part, to)

    def _note(self, part: _Part, to: Trail) -> None:
        self.values[to] = part.place
        if part.path in part.document.filled:
            self.filled.add(to)

    def merge(self, weak: _Part, strong: _Part, to: Trail) -> object:
        below, above = weak.value, strong.value
        if isinstance(below, Mapping) and isinstance(above, Mapping):
            return self._merge_maps(weak, strong, to)
        if to in ALWAYS_ADD_UP or (isinstance(below, list) and isinstance(above, list)):
            return self._merge_lists(weak, strong, to)
        return self.copy(strong, to)

    def _merge_maps(self, weak: _Part, strong: _Part, to: Trail) -> dict[str, object]:
        self._note(strong, to)
        below, above = weak.value, strong.value
        assert isinstance(below, Mapping)
        assert isinstance(above, Mapping)
        merged: dict[str, object] = {}
        for key in dict.fromkeys((*below, *above)):
            where = (*to, key)
            if key not in above:
                merged[key] = self._copy_key(weak.at(key), where)
            elif key not in below:
                merged[key] = self._copy_key(strong.at(key), where)
            elif above[key] is not None or where in ALWAYS_ADD_UP:
                self.keys[where] = strong.document.keys.get(strong.at(key).path) or strong.place
                merged[key] = self.merge(weak.at(key), strong.at(key), where)
            elif kept := self._what_stays(weak.at(key), where):
                merged[key] = kept
        return merged

    def _what_stays(self, weak: _Part, to: Trail) -> dict[str, object]:
        """What a `~` in a stronger layer does not take away."""
        below = weak.value
        stays = [key for key in below if (*to, key) in ALWAYS_ADD_UP] if isinstance(below, Mapping) else []
        self._note(weak, to)
        return {key: self._copy_key(weak.at(key), (*to, key)) for key in stays}

    def _merge_lists(self, weak: _Part, strong: _Part, to: Trail) -> list[object]:
        self._note(strong, to)
        merged: list[object] = []
        for part in _entries(weak, strong, to):
            merged.append(self.copy(part, (*to, len(merged))))
        return merged


def _over(weak: Document, strong: Document) -> Document:
    new = _New()
    data = new.merge(_Part(weak, ()), _Part(strong, ()), ())
    assert isinstance(data, dict)
    return Document(strong.file, data, new.values, new.keys, frozenset(new.filled))


def _entries(weak: _Part, strong: _Part, to: Trail) -> list[_Part]:
    """The entries of the stronger list, and of the weaker one where it says so."""
    below, above = _items(weak), _items(strong)
    if to in ALWAYS_ADD_UP:
        return [*below, *(part for part in above if not is_inherited(part.value))]
    entries: list[_Part] = []
    for part in above:
        if not is_inherited(part.value):
            entries.append(part)
        else:
            # Once: twice in each of thirty documents would be a thousand million entries.
            entries, below = [*entries, *below], []
    return entries


def _items(part: _Part) -> list[_Part]:
    value = part.value
    if isinstance(value, list):
        return [part.at(number) for number in range(len(value))]
    return [] if value is None else [part]


def is_inherited(value: object) -> bool:
    """Whether an entry of a list is the word for what the weaker layers have; in quotes it is a text like others."""
    return isinstance(value, Plain) and value == INHERITED
