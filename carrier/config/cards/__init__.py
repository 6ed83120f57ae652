"""Characters from elsewhere: read into the fields of ours, and written back with nothing lost.

What our fields cannot say is kept under `extensions.imported`, and goes back into a file of the same format. Into
another format go the fields; what that one has no field for travels under its extensions, and comes back from there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from carrier.config import models
from carrier.config.cards import eliza, tavern
from carrier.config.cards.containers import as_archive, as_json, as_picture, is_picture, unpacked
from carrier.config.cards.errors import CardError
from carrier.config.cards.forms import Data, as_map, can_be_said, keeping, kept_in, same, text
from carrier.config.characters import vocabulary

__all__ = ["FORMATS", "Card", "CardError", "Format", "Written", "is_picture", "packed", "read", "write"]

Format = Literal["eliza", "card-v1", "card-v2", "card-v3"]
FORMATS: tuple[Format, ...] = ("eliza", "card-v1", "card-v2", "card-v3")

FIELDS = frozenset(models.Character.model_fields) - {*models.Described.model_fields, "kind", "card", "extensions"}
"""What a character says of itself."""


@dataclass(frozen=True, slots=True)
class Card:
    """A character from elsewhere, in fields of ours."""

    format: Format
    fields: Mapping[str, Any]
    left_out: tuple[str, ...] = ()
    """What was not taken over, a sentence each."""


@dataclass(frozen=True, slots=True)
class Written:
    """A character in another format."""

    data: Mapping[str, Any]
    left_out: tuple[str, ...] = ()
    """What the format has no place for."""


def read(content: bytes) -> Card:
    """The character in a file: JSON, PNG or CHARX; raises CardError, with a sentence that says why not."""
    data = unpacked(content)
    if not isinstance(data, dict):
        raise CardError("this is no character: a character is a map of keys to values")
    format = _format(data)
    card = _from_eliza(data) if format == "eliza" else _from_tavern(data, format)
    try:
        models.Character.model_validate(card.fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CardError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    return card


def write(fields: Mapping[str, Any], format: Format) -> Written:
    """The character in that format; `fields` are plain JSON values, as `characters.vocabulary` gives them."""
    kept = kept_in(as_map(fields.get("extensions")).get(tavern.KEPT))
    of_eliza = kept.get("format") == "eliza"
    if format == "eliza":
        written = _to_eliza(fields, kept if of_eliza else {})
    else:
        written = _to_tavern(fields, format, {} if of_eliza else kept)
    return Written(written.data, (*written.left_out, *_unsaid(fields, str(kept.get("format", "")), format)))


def packed(data: object, picture: bytes = b"", archive: bool = False) -> bytes:
    """The file: JSON, or a PNG with the card in this picture, or a CHARX archive."""
    if archive:
        return as_archive(data)
    if not picture:
        return as_json(data)
    return as_picture(picture, {"ccv3" if as_map(data).get("spec") == "chara_card_v3" else "chara": data})


def _format(data: Data) -> Format:
    spec = data.get("spec")
    if spec == tavern.SPECS["card-v2"][0]:
        return "card-v2"
    if spec == tavern.SPECS["card-v3"][0]:
        return "card-v3"
    if spec is not None:
        raise CardError(f"{str(spec)[:60]!r} is no card that can be read; there are chara_card_v2 and chara_card_v3")
    if eliza.OWN_KEYS & data.keys():
        return "eliza"
    if "name" in data and {*tavern.V1_KEYS[1:]} & data.keys():
        return "card-v1"
    raise CardError("this is neither an ElizaOS character nor a Tavern card")


def _unsaid(fields: Data, origin: str, format: Format) -> Iterator[str]:
    """Of the extensions, what does not go along."""
    narrow = format in ("eliza", "card-v1")
    if narrow and as_map(fields.get("extensions")).keys() - {tavern.KEPT}:
        yield "extensions"
    if origin not in ("", format) and (narrow or origin == "eliza"):
        yield f"what only {origin} says"


# --- ElizaOS ---------------------------------------------------------------------------------------------------------


def _from_eliza(data: Data) -> Card:
    data, secrets = eliza.without_secrets(data)
    shape = eliza.shape_of(data)
    data, beyond = _without_beyond(data, "settings", eliza.BEYOND)
    fields, kept = eliza.form(_named(data), shape).read(data)
    left_out = tuple(f"{path} is a secret, and belongs into .env" for path in secrets)
    return Card("eliza", _with_kept(beyond | fields, {"format": "eliza", "shape": shape, **kept}), left_out)


def _to_eliza(fields: Data, kept: Data) -> Written:
    shape = kept.get("shape")
    form = eliza.form(str(fields.get("display_name", "")), shape if shape in ("v0", "v1", "v2") else "v1")
    data = form.write(fields, kept)
    known = {field for part in form.parts for field in part.fields}
    return Written(_with_beyond(data, "settings", eliza.BEYOND, fields, known))


# --- Tavern cards ----------------------------------------------------------------------------------------------------


def _from_tavern(card: Data, format: Format) -> Card:
    if format == "card-v1":
        fields, kept = tavern.form(format, _named(card)).read(card)
        return Card(format, _with_kept(fields, {"format": format, **kept}))
    inner = card.get("data")
    if not isinstance(inner, dict):
        raise CardError("data: this has to be a map of keys to values")
    data, beyond = _without_beyond(inner, "extensions", tavern.BEYOND)
    fields, kept = tavern.form(format, _named(data)).read(data)
    fields = beyond | fields
    kept = {"format": format, **kept, **_around(card, inner, format)}
    return Card(format, _with_kept(fields, kept), tuple(tavern.refused(fields)))


def _around(card: Data, inner: Data, format: Format) -> dict[str, Any]:
    """What stands beside `data`: that it repeats some of it, and the rest."""
    top = {key: value for key, value in card.items() if key != "data"}
    copies = tavern.copies(top, inner)
    _, kept = tavern.envelope(format).read({key: value for key, value in top.items() if key not in copies})
    return {name: value for name, value in (("copies", copies), ("top", kept)) if value}


def _to_tavern(fields: Data, format: Format, kept: Data) -> Written:
    own = kept if kept.get("format") == format else {"data": kept.get("data")}
    extensions = {key: value for key, value in as_map(fields.get("extensions")).items() if key != tavern.KEPT}
    others = {key: value for key, value in fields.items() if key != "extensions"}
    said = {**others, "extensions": extensions} if extensions else others
    name = text(as_map(kept.get("data")).get("name"), "name") or fields.get("display_name", "")
    form = tavern.form(format, str(name))
    data = form.write(said, own)
    known = {field for part in form.parts for field in part.fields}
    if format == "card-v1":
        return Written(data if own is kept else {key: data[key] for key in tavern.V1_KEYS}, _lost(fields, known))
    data = _with_beyond(data, "extensions", tavern.BEYOND, fields, known)
    top = tavern.envelope(format).write({}, as_map(own.get("top")))
    copies = {key: data[key] for key in own.get("copies") or () if key in data}
    return Written({**copies, **top, "data": data})


def _lost(fields: Data, known: set[str]) -> tuple[str, ...]:
    greetings = ["greetings, all but the first"] if len(fields.get("greetings", ())) > 1 else []
    return (*sorted(field for field in fields if field not in known and field in FIELDS), *greetings)


# --- what is kept, and what one format says alone --------------------------------------------------------------------


def _named(data: Data) -> str:
    name = text(data.get("name"), "name")
    if not name:
        raise CardError("this character has no name")
    return name


def _with_kept(fields: Data, kept: Data) -> dict[str, Any]:
    return {**fields, "extensions": {**fields.get("extensions", {}), tavern.KEPT: keeping(kept)}}


def _with_beyond(data: Data, place: str, key: str, fields: Data, known: set[str]) -> dict[str, Any]:
    """The object with those fields that it has no keys for."""
    beyond = {field: value for field, value in fields.items() if field in FIELDS and field not in known}
    if not beyond:
        return dict(data)
    return {**data, place: {**as_map(data.get(place)), key: beyond}}


def _without_beyond(data: Data, place: str, key: str) -> tuple[Data, dict[str, Any]]:
    """The object without the fields that only we know, and these; left as it is if they are not what we write."""
    around = data.get(place)
    beyond = around.get(key) if isinstance(around, dict) else None
    if not isinstance(beyond, dict) or not beyond or not beyond.keys() <= FIELDS or not _is_ours(beyond):
        return data, {}
    others = {name: value for name, value in as_map(around).items() if name != key}
    if others:
        return {**data, place: others}, beyond
    return {name: value for name, value in data.items() if name != place}, beyond


def _is_ours(fields: Data) -> bool:
    try:
        return can_be_said(fields) and same(vocabulary(models.Character.model_validate(fields)), fields)
    except ValidationError:
        return False
