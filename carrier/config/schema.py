"""JSON Schemas out of the models, for editors; `python -m carrier.config.schema` writes them into `schemas/`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from carrier.config import models

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def main(folder: Path) -> None:
    """Write every schema into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, "utf-8")


def texts() -> dict[str, str]:
    """Each schema's file by its name."""
    return {f"{name}.schema.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of the host, of each kind of document, and of documents of any kind."""
    each = {"host": models.Host, **models.KINDS}
    return {**{name: _schema(model) for name, model in each.items()}, "document": _any_kind()}


def _schema(model: type[models.Described]) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=_Generator)
    return {"$schema": DIALECT, **_open_to_own_keys(schema)}


def _any_kind() -> dict[str, Any]:
    """The kind says which schema counts; a document without one is an agent."""
    otherwise: dict[str, Any] = {"$ref": "agent.schema.json"}
    for kind in models.KINDS:
        says_so = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
        otherwise = {"if": says_so, "then": {"$ref": f"{kind}.schema.json"}, "else": otherwise}
    kinds = {"kind": {"enum": list(models.KINDS)}}
    return {"$schema": DIALECT, "title": "Document", "type": "object", "properties": kinds, **otherwise}


class _Generator(GenerateJsonSchema):
    """As pydantic says it, but a number or a flag may also be a variable."""

    def int_schema(self, schema: Any) -> dict[str, Any]:
        return {"anyOf": [super().int_schema(schema), _VARIABLE]}

    def float_schema(self, schema: Any) -> dict[str, Any]:
        return {"anyOf": [super().float_schema(schema), _VARIABLE]}

    def bool_schema(self, schema: Any) -> dict[str, Any]:
        return {"anyOf": [super().bool_schema(schema), _VARIABLE]}


def _open_to_own_keys(schema: Any) -> Any:
    """The same with keys that start with `x-` allowed in every map."""
    if isinstance(schema, list):
        return [_open_to_own_keys(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    opened = {key: _open_to_own_keys(item) for key, item in schema.items()}
    if opened.get("additionalProperties") is False:
        opened["patternProperties"] = {"^x-": {}}
    return opened


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas"))
