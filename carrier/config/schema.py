"""JSON Schemas out of the models, for editors; `python -m carrier.config.schema` writes them into `schemas/`."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from carrier.config import models
from carrier.config.models.values import DURATION, PERIOD, SIZE, duration, size

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IN_PLACE = ("media_host",)
"""Kinds that stand within other documents only."""

Schema = dict[str, Any]


def main(folder: Path) -> None:
    """Write every schema into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, "utf-8")


def texts() -> dict[str, str]:
    """Each schema's file by its name."""
    return {f"{name}.schema.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}


@cache
def schemas() -> dict[str, Schema]:
    """The schema of the host, of each kind, and of documents of any kind."""
    each = {kind: _kind(kind) for kind in ("host", *models.KINDS, *IN_PLACE)}
    return {**each, "document": _any_kind()}


def _any_kind() -> Schema:
    """The kind says which schema counts; a document without one is an agent."""
    refs = {kind: {"$ref": f"{kind}.schema.json"} for kind in models.KINDS}
    kinds = {"kind": {"enum": list(models.KINDS)}}
    chosen = _chosen("kind", refs, refs["agent"])
    return {"$schema": DIALECT, "title": "Document", "type": "object", "properties": kinds, **chosen}


def _kind(kind: str) -> Schema:
    types = models.types_of(kind)
    classes = {type: models.block_for(kind, type) for type in ("", *types)}
    wanted: list[tuple[type[BaseModel], Literal["validation"]]]
    wanted = [(block, "validation") for block in dict.fromkeys(classes.values()) if block]
    made, shared = models_json_schema(wanted, schema_generator=_Generator)
    refs = {type: made[block, "validation"] for type, block in classes.items() if block}
    definitions = {name: _for_yaml(schema) for name, schema in sorted(shared.get("$defs", {}).items())}
    for name in {ref["$ref"].rpartition("/")[2] for ref in refs.values()} if kind in models.KINDS else ():
        definitions[name] = _unless_inherited(definitions[name])
    head = {"$schema": DIALECT, "$defs": definitions}
    return {**head, **(_of_types(kind, types, refs) if types else refs[""])}


def _of_types(kind: str, types: tuple[str, ...], refs: dict[str, Schema]) -> Schema:
    """The type says which definition counts, and a client may be of a type of one's own."""
    known: Schema = {"enum": list(types)}
    own = {"type": "string", "pattern": ":"}
    type = {"anyOf": [known, own]} if kind == "client" else known
    usual = models.block_for(kind, "")
    must = [_unless_inherited({"required": ["type"]})] if usual and usual.model_fields["type"].is_required() else []
    chosen = _chosen("type", {type: refs[type] for type in types}, {"if": _EXTENDS, "else": refs[""]})
    return {"type": "object", "properties": {"type": type}, "allOf": [*must, chosen]}


_EXTENDS: Schema = {"required": ["extends"]}
_OFF: Schema = {"properties": {"enabled": {"enum": [False, "false"]}}, "required": ["enabled"]}


_SHAPE = ("title", "description", "type", "properties", "patternProperties", "additionalProperties")


def _unless_inherited(schema: Schema) -> Schema:
    """The same, but what extends another may leave its rules to it, and what is not enabled its keys to others."""
    shape = {key: item for key, item in schema.items() if key in _SHAPE}
    rules = {key: rule for key, rule in schema.items() if key not in (*_SHAPE, "required")}
    must = {"if": _OFF, "else": {"required": schema["required"]}} if "required" in schema else {}
    whole = [each for each in (must, rules) if each]
    return {**shape, "if": _EXTENDS, "else": {"allOf": whole}} if whole else schema


def _chosen(key: str, refs: dict[str, Schema], otherwise: Schema) -> Schema:
    """One schema for each word that may stand at the key, and one for where it says something else."""
    chosen = otherwise
    for word, schema in reversed(refs.items()):
        says_so = {"properties": {key: {"const": word}}, "required": [key]}
        chosen = {"if": says_so, "then": schema, "else": chosen}
    return chosen


# --- what a file may say, beside what a model takes -------------------------------------------------------------------

_TEXT = ["string", "number", "boolean"]
_NULL = {"type": "null"}
_VARIABLE = r"\$\{"
_BOOLEAN = {"type": "string", "pattern": rf"^([tT]rue|TRUE|[fF]alse|FALSE)$|{_VARIABLE}"}
_NUMBER = {"type": "string", "pattern": rf"^[-+]?[0-9]*\.?[0-9]+$|{_VARIABLE}"}


class _Generator(GenerateJsonSchema):
    """As pydantic says it, but a number or a flag may also be a variable, and a text look like a number."""

    def str_schema(self, schema: Any) -> Schema:
        return {**super().str_schema(schema), "type": _TEXT}

    def int_schema(self, schema: Any) -> Schema:
        return {"anyOf": [super().int_schema(schema), _NUMBER]}

    def float_schema(self, schema: Any) -> Schema:
        return {"anyOf": [super().float_schema(schema), _NUMBER]}

    def bool_schema(self, schema: Any) -> Schema:
        return {"anyOf": [super().bool_schema(schema), _BOOLEAN]}

    def literal_schema(self, schema: Any) -> Schema:
        found = super().literal_schema(schema)
        return found if "const" in found else {"anyOf": [found, {"type": "string", "pattern": _VARIABLE}]}

    def tuple_schema(self, schema: Any) -> Schema:
        found = super().tuple_schema(schema)
        items = found.get("items", {})
        either = items if items.get("type") == _TEXT else {"anyOf": [items, {"const": "inherited"}]}
        return {**found, "items": either}

    def dict_schema(self, schema: Any) -> Schema:
        names = self.generate_inner(schema.get("keys_schema", {"type": "str"}))
        values = self.generate_inner(schema.get("values_schema", {"type": "any"}))
        return {"type": "object", "propertyNames": names, "additionalProperties": values}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: Any) -> Schema:
        found = super().tagged_union_schema(schema)
        return {"anyOf": found["oneOf"]}

    def default_schema(self, schema: Any) -> Schema:
        found = super().default_schema(schema)
        written = {DURATION: duration, PERIOD: duration, SIZE: size}.get(found.get("pattern", ""))
        return {**found, "default": written(found["default"])} if written and "default" in found else found

    def encode_default(self, default: Any) -> Any:
        return super().encode_default(_written(default))


def _written(default: object) -> object:
    """A default as a file would say it."""
    if isinstance(default, models.Entry):
        return default.name
    if isinstance(default, tuple):
        return [_written(item) for item in default]
    return {} if isinstance(default, BaseModel) else default


def _for_yaml(schema: Schema) -> Schema:
    """The same with what holds of every file: `x-` keys, `~` for what is not written, variables within words."""
    changed = {key: _within(key, item) for key, item in schema.items() if not _says_nothing(key, item)}
    if changed.get("additionalProperties") is False:
        changed["patternProperties"] = {"^x-": {}}
    if "pattern" in changed and _VARIABLE not in changed["pattern"]:
        changed["pattern"] += f"|{_VARIABLE}"
    if "properties" in changed and "type" in changed:
        must = changed.get("required", ())
        fields = changed["properties"].items()
        changed["properties"] = {key: item if key in must else _or_null(item) for key, item in fields}
    return changed


def _within(key: str, item: Any) -> Any:
    if key in ("$defs", "properties", "patternProperties"):
        return {name: _for_yaml(schema) for name, schema in item.items()}
    if key in ("anyOf", "oneOf", "allOf"):
        return [_for_yaml(schema) for schema in item]
    return _for_yaml(item) if isinstance(item, dict) and key != "default" else item


def _says_nothing(key: str, item: object) -> bool:
    return key == "default" and item in ("", [], {}, None)


def _or_null(schema: Schema) -> Schema:
    if not schema.keys() & {"type", "anyOf", "oneOf", "$ref", "const", "enum"}:
        return schema
    if isinstance(schema.get("type"), list):
        return {**schema, "type": [*schema["type"], "null"]}
    told = {key: item for key, item in schema.items() if key in ("description", "default")}
    rest = {key: item for key, item in schema.items() if key not in told}
    either = rest["anyOf"] if rest.keys() == {"anyOf"} else [rest]
    return {"anyOf": [*(each for each in either if each != _NULL), _NULL], **told}


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas"))
