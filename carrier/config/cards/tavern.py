"""Tavern cards: V1 and V2 as malfoyslastname/character-card-spec-v2 has them, V3 as kwaroran/character-card-spec-v3.

V1 is an object of six texts. V2 and V3 hold the character under `data`, beside `spec` and `spec_version`; many
programs repeat the texts of V1 beside them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from carrier.config.cards.forms import (
    Data,
    Form,
    Part,
    can_be_said,
    clean,
    flag,
    items,
    keeping,
    kept_in,
    mapping,
    number,
    one,
    same,
    text,
    texts,
)
from carrier.config.models.patterns import refusal

V1_KEYS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
SPECS = {"card-v2": ("chara_card_v2", "2.0"), "card-v3": ("chara_card_v3", "3.0")}
BEYOND = "carrier"
"""The key of `extensions` for what is ours alone."""
KEPT = "imported"
"""The key of our `extensions` for what is kept of a card."""

_TEXTS: Data = dict.fromkeys(V1_KEYS, "")
_LISTS: Data = {"alternate_greetings": [], "tags": []}
_NOTES: Data = dict.fromkeys(
    ("creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version"), ""
)
_REQUIRED: Mapping[str, Data] = {
    "card-v1": _TEXTS,
    "card-v2": {**_TEXTS, **_NOTES, **_LISTS, "extensions": {}},
    "card-v3": {**_TEXTS, **_NOTES, **_LISTS, "extensions": {}, "group_only_greetings": []},
}


def form(format: str, name: str) -> Form:
    """The parts of a character of that name: of the card itself in V1, of its `data` from V2 on."""
    parts = (
        _NAME,
        one("description", "bio", texts, "\n".join),
        one("personality", "personality", text),
        one("scenario", "scenario", text),
        _examples(name),
    )
    if format == "card-v1":
        return Form((*parts, _FIRST_GREETING), _REQUIRED[format])
    more = (_GREETINGS, one("system_prompt", "system", text), _book(format), _EXTENSIONS)
    return Form((*parts, *more), _REQUIRED[format])


def envelope(format: str) -> Form:
    """What stands beside `data`."""
    spec, version = SPECS[format]
    return Form((), {"spec": spec, "spec_version": version})


# --- names, greetings, extensions ------------------------------------------------------------------------------------


def _called(said: Data) -> dict[str, Any]:
    name = text(said.get("nickname"), "nickname") or text(said.get("name"), "name")
    return {"display_name": name} if name else {}


_NAME = Part(
    ("name", "nickname"),
    ("display_name",),
    _called,
    lambda fields: {"name": fields["display_name"]} if fields else {},
)


def _greetings(said: Data) -> dict[str, Any]:
    first = text(said.get("first_mes"), "first_mes")
    others = texts(said.get("alternate_greetings"), "alternate_greetings")
    return {"greetings": [*([first] if first else []), *(others or [])]} if first or others else {}


def _their_greetings(fields: Data) -> dict[str, Any]:
    first, *others = fields.get("greetings") or [""]
    return {"first_mes": first, "alternate_greetings": others} if fields else {}


_GREETINGS = Part(("first_mes", "alternate_greetings"), ("greetings",), _greetings, _their_greetings)
_FIRST_GREETING = one("first_mes", "greetings", texts, lambda greetings: greetings[0] if greetings else "")


def _extensions(value: Any, key: str) -> dict[str, Any] | None:
    found = mapping(value, key)
    return found if found and KEPT not in found and can_be_said(found) else None


_EXTENSIONS = one("extensions", "extensions", _extensions)


# --- examples --------------------------------------------------------------------------------------------------------

_START = re.compile(r"^[ \t]*<START>[ \t]*\n?", re.MULTILINE | re.IGNORECASE)


def _examples(name: str) -> Part:
    def get(value: Any, key: str) -> list[Any] | None:
        blocks = [block for block in _START.split(text(value, key) or "") if block.strip()]
        return [_exchanges(block, name) for block in blocks] or None

    return one("mes_example", "message_examples", get, _their_examples)


def _exchanges(block: str, name: str) -> list[dict[str, str]]:
    """What somebody said with what was answered; a line without a speaker goes on with what stands above it."""
    found: list[dict[str, str]] = []
    for side, said in _turns(block.strip("\n").split("\n"), name):
        if side == "user" or not found or "agent" in found[-1]:
            found.append({})
        found[-1][side] = said
    return found


def _turns(lines: Iterable[str], name: str) -> Iterator[tuple[str, str]]:
    speaker = re.compile(rf"(?:(\{{\{{user\}}\}}|<USER>)|\{{\{{char\}}\}}|<BOT>|{re.escape(name)}):[ ]?", re.IGNORECASE)
    side, said = "agent", list[str]()
    for line in lines:
        found = speaker.match(line)
        if found and said:
            yield side, "\n".join(said)
            said = []
        if found:
            side = "user" if found[1] else "agent"
        said.append(line[found.end() :] if found else line)
    yield side, "\n".join(said)


def _their_examples(conversations: Iterable[Iterable[Mapping[str, str]]]) -> str:
    speakers = {"user": "{{user}}", "agent": "{{char}}"}
    blocks = (
        [f"{speakers[side]}: {each[side]}" for each in exchanges for side in speakers if side in each]
        for exchanges in conversations
    )
    return "\n".join(line for block in blocks for line in ("<START>", *block))


# --- the lorebook ----------------------------------------------------------------------------------------------------

_CHARACTERS = 4
"""Of a token."""


def _book(format: str) -> Part:
    """The book and each of its entries are forms of their own, and keep their own."""
    book = Form((_DEPTH, _BUDGET, _entries(format)), {"extensions": {}, "entries": []})

    def get(value: Any, key: str) -> dict[str, Any] | None:
        return None if value is None else read_kept(book, mapping(value, key))

    return one("character_book", "lorebook", get, lambda fields: write_kept(book, fields))


def _entries(format: str) -> Part:
    required = {"keys": [], "content": "", "extensions": {}, "enabled": True, "insertion_order": 100}
    entry = Form(_ENTRY, {**required, "use_regex": False} if format == "card-v3" else required)

    def get(value: Any, key: str) -> list[Any] | None:
        return [read_kept(entry, each) for each in items(value, key, dict, "a list of entries")] or None

    return one("entries", "entries", get, lambda entries: [write_kept(entry, each) for each in entries])


def read_kept(form: Form, data: Data) -> dict[str, Any]:
    """The fields, with what has to be kept under their `extensions`."""
    fields, kept = form.read(data)
    return {**fields, "extensions": {**fields.get("extensions", {}), KEPT: keeping(kept)}} if kept else fields


def write_kept(form: Form, fields: Data) -> dict[str, Any]:
    extensions = dict(fields.get("extensions") or {})
    kept = kept_in(extensions.pop(KEPT, {}))
    others = {key: value for key, value in fields.items() if key != "extensions"}
    return form.write({**others, "extensions": extensions} if extensions else others, kept)


def _within(most: int, per: int = 1) -> Any:
    """A number of theirs as one of ours that its field can take."""

    def get(value: Any, key: str) -> int | None:
        found = number(value, key)
        return None if found is None else max(0, min(found * per, most))

    return get


_DEPTH = one("scan_depth", "depth", _within(100))
_BUDGET = one("token_budget", "characters", _within(100_000, _CHARACTERS), lambda value: value // _CHARACTERS)


def _keys(value: Any, key: str) -> list[str] | None:
    if isinstance(value, str):
        return [each.strip() for each in clean(value).split(",") if each.strip()] or None
    return texts(value, key)


def _matched(said: Data) -> dict[str, Any]:
    """The keys; an entry with a pattern that is not taken is there, and not enabled."""
    keys, regex = _keys(said.get("keys"), "keys"), flag(said.get("use_regex"), "use_regex")
    enabled = flag(said.get("enabled"), "enabled")
    if regex and any(refusal(key) for key in keys or ()):
        enabled = False
    fields = {"keys": keys, "regex": regex or None, "enabled": None if enabled is not False else False}
    return {name: value for name, value in fields.items() if value is not None}


def _their_matching(fields: Data) -> dict[str, Any]:
    names = {"keys": "keys", "regex": "use_regex", "enabled": "enabled"}
    return {names[field]: value for field, value in fields.items()}


def _secondary(said: Data) -> dict[str, Any]:
    keys = _keys(said.get("secondary_keys"), "secondary_keys") if said.get("selective") is True else None
    return {"secondary_keys": keys} if keys else {}


def _place(value: Any, key: str) -> str | None:
    return {"before_char": "before", "after_char": "after"}.get(value) if isinstance(value, str) else None


_ENTRY = (
    Part(("keys", "use_regex", "enabled"), ("keys", "regex", "enabled"), _matched, _their_matching),
    Part(
        ("selective", "secondary_keys"),
        ("secondary_keys",),
        _secondary,
        lambda fields: {"selective": True, **fields} if fields else {},
    ),
    one("content", "content", text),
    one("constant", "constant", flag),
    one("case_sensitive", "case_sensitive", flag),
    one("insertion_order", "order", number),
    one("position", "position", _place, lambda place: f"{place}_char"),
    one("name", "name", text),
    one("comment", "comment", text),
    _EXTENSIONS,
)


def refused(fields: Data) -> Iterator[str]:
    """Of a lorebook that was just read: which entries are not enabled because of a pattern, and why."""
    for at, entry in enumerate(fields.get("lorebook", {}).get("entries", ()), 1):
        reasons = {key: refusal(key) for key in entry.get("keys", ()) if entry.get("regex")}
        for key, reason in reasons.items():
            if reason:
                yield f"entry {at} of the lorebook is not enabled: the pattern {key[:60]!r} is not taken: {reason}"


def copies(top: Data, data: Data) -> list[str]:
    """The keys that stand beside `data` with the very value they have within it."""
    return [key for key in top if key in data and same(top[key], data[key])]
