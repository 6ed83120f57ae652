"""ElizaOS characters: JSON of the shapes that elizaOS/eliza has had, `packages/core/src/types` of v0.1 to v2.

They differ in how they write an example: `[{user, content}]` at first, then `[{name, content}]`, then
`{examples: [{name, content}]}`. Keys that only that program knows, such as plugins and settings, are kept as they are.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from carrier.config import models
from carrier.config.cards.forms import Data, Form, Part, can_be_said, clean, items, mapping, mended, one, text, texts

Shape = Literal["v0", "v1", "v2"]

OWN_KEYS = frozenset(
    {"adjectives", "bio", "clients", "lore", "messageExamples", "modelProvider", "plugins", "postExamples", "style"}
    | {"settings", "system", "templates", "topics", "username"}
)
"""Keys by which such a character is known."""

BEYOND = "carrier"
"""The key of `settings` for what is ours alone."""

_USER, _AGENT = "{{user1}}", "{{agentName}}"
_OURS = {_USER: "{{user}}", _AGENT: "{{char}}", "{{name}}": "{{char}}"}
_THEIRS = {"{{user}}": _USER, "{{char}}": _AGENT}
_STYLES = ("all", "chat", "post")


def form(name: str, shape: Shape) -> Form:
    """The parts of a character of that name."""
    return Form(
        (
            one("name", "display_name", text),
            one("username", "username", text),
            one("system", "system", _text, _theirs),
            *(one(key, key, _texts, _theirs) for key in ("bio", "lore")),
            *(one(key, key, texts) for key in ("topics", "adjectives")),
            one("postExamples", "post_examples", _texts, _theirs),
            one("style", "style", _style, _theirs),
            one("knowledge", "knowledge", _knowledge, _their_knowledge),
            _examples(name, shape),
        ),
        {"bio": []},
    )


def shape_of(data: Data) -> Shape:
    """How the character writes an example; the most common way where it has none."""
    first = next(iter(_raw(data)), None)
    if isinstance(first, dict):
        return "v2"
    return "v0" if first and isinstance(first[0], dict) and "user" in first[0] else "v1"


# --- words -----------------------------------------------------------------------------------------------------------


def _text(value: Any, key: str) -> str | None:
    found = text(value, key)
    return found and _renamed(found, _OURS)


def _texts(value: Any, key: str) -> list[str] | None:
    found = texts(value, key)
    return found and [_renamed(each, _OURS) for each in found]


def _theirs(value: Any) -> Any:
    if isinstance(value, str):
        return _renamed(value, _THEIRS)
    if isinstance(value, dict):
        return {key: _theirs(item) for key, item in value.items()}
    return [_theirs(item) for item in value]


def _renamed(value: str, names: dict[str, str]) -> str:
    """The text with the places for names as the other program writes them."""
    for old, new in names.items():
        value = value.replace(old, new)
    return value


def _style(value: Any, key: str) -> dict[str, list[str]] | None:
    styles = mapping(value, key)
    found = {name: _texts(styles.get(name), f"{key}.{name}") for name in _STYLES}
    return {name: lines for name, lines in found.items() if lines} or None


# --- knowledge -------------------------------------------------------------------------------------------------------


def _knowledge(value: Any, key: str) -> list[Any] | None:
    known = items(value, key, (str, dict), "a list of texts, or of objects with a path or a directory")
    return [piece for each in known if (piece := _piece(each))] or None


def _piece(known: str | dict[str, Any]) -> Any:
    if isinstance(known, str):
        return {"text": clean(known)}
    item = known.get("item")
    if isinstance(item, dict):
        known = {str(item.get("case")): item.get("value")}
    path, folder = known.get("path"), known.get("directory")
    if isinstance(path, str) and _inside(path):
        return path
    return f"{folder.rstrip('/')}/**/*" if isinstance(folder, str) and _inside(folder) else None


def _inside(path: str) -> bool:
    return bool(path) and models.is_inside(path) and can_be_said(path)


def _their_knowledge(known: Iterable[Any]) -> list[Any]:
    return [each["text"] if isinstance(each, dict) else {"path": each} for each in known]


# --- examples --------------------------------------------------------------------------------------------------------

_CONVERSATIONS = "a list of conversations"
_LINES = "a list of objects with a name and a content"


def _examples(name: str, shape: Shape) -> Part:
    """Each conversation is read and written for itself, so that one that is edited leaves the others as they were."""

    def exchanges(raw: Any) -> list[dict[str, str]]:
        return list(_exchanges(_lines(raw), name))

    def conversation(wanted: Any) -> Any:
        return _conversation(wanted, name, shape)

    def get(said: Data) -> dict[str, Any]:
        found = [exchanges(each) for each in _raw(said)]
        return {"message_examples": found} if found else {}

    def mend(said: Data, fields: Data) -> dict[str, Any]:
        wanted = fields.get("message_examples")
        return {"messageExamples": mended(_raw(said), wanted, exchanges, conversation)} if wanted else {}

    return Part(("messageExamples",), ("message_examples",), get, lambda fields: mend({}, fields), mend)


def _raw(said: Data) -> list[Any]:
    return items(said.get("messageExamples"), "messageExamples", (list, dict), _CONVERSATIONS)


def _lines(raw: Any) -> list[dict[str, Any]]:
    listed = raw.get("examples") if isinstance(raw, dict) else raw
    return items(listed, "messageExamples", dict, _LINES)


def _exchanges(lines: Iterable[dict[str, Any]], name: str) -> Iterator[dict[str, str]]:
    """What somebody said with what was answered to it; what one side says in a row is one text."""
    said: dict[str, list[str]] = {"user": [], "agent": []}
    for line in lines:
        side = "agent" if _speaker(line) in (name, _AGENT, "{{name}}", "{{char}}") else "user"
        if side == "user" and said["agent"]:
            yield _exchange(said)
            said = {"user": [], "agent": []}
        said[side].append(_said(line))
    if said["user"] or said["agent"]:
        yield _exchange(said)


def _exchange(said: dict[str, list[str]]) -> dict[str, str]:
    return {side: "\n".join(lines) for side, lines in said.items() if lines}


def _speaker(line: dict[str, Any]) -> str:
    return text(line.get("name", line.get("user")), "messageExamples.name") or ""


def _said(line: dict[str, Any]) -> str:
    content = line.get("content")
    if isinstance(content, str):
        return _renamed(clean(content), _OURS)
    return _text(mapping(content, "messageExamples.content").get("text"), "messageExamples.content.text") or ""


def _conversation(exchanges: Iterable[dict[str, str]], name: str, shape: Shape) -> Any:
    key = "user" if shape == "v0" else "name"
    speakers = {"user": _USER, "agent": name or _AGENT}
    lines = [
        {key: speakers[side], "content": {"text": _renamed(exchange[side], _THEIRS)}}
        for exchange in exchanges
        for side in speakers
        if side in exchange
    ]
    return {"examples": lines} if shape == "v2" else lines


# --- secrets ---------------------------------------------------------------------------------------------------------

_SECRET = re.compile(
    r"(?:^|_|(?<=[a-z])(?=[A-Z]))(?i:secret|token|password|passphrase|credentials?|api_?key)$|(?:_(?i:key)|[a-z]Key)$"
)


def without_secrets(data: Data) -> tuple[dict[str, Any], list[str]]:
    """The character without its secrets, and where they stood."""
    left_out: list[str] = []
    kept = _kept(dict(data), "", left_out)
    return kept, left_out


def _kept(value: Any, path: str, left_out: list[str]) -> Any:
    if isinstance(value, list):
        return [_kept(item, path, left_out) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        at = f"{path}.{key}".removeprefix(".")
        if key == "secrets" or (_SECRET.search(key) and isinstance(item, str) and item):
            left_out += _within(item, at)
        else:
            kept[key] = _kept(item, at, left_out)
    return kept


def _within(secret: Any, at: str) -> list[str]:
    return [f"{at}.{key}" for key in secret] if isinstance(secret, dict) and secret else [at]
