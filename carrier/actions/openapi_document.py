"""OpenAPI documents: read with bounds, and taken apart into operations with one JSON Schema each."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from carrier.config.models.patterns import refusal

BYTES = 5 * 1024 * 1024
NODES = 500_000
DEPTH = 100
"""Levels of a document."""
OPERATIONS = 1000
SCHEMA_NODES = 2000
"""Values in the schema of one operation: what is past that may be anything."""
SCHEMA_DEPTH = 30
VALUE = 4000
"""Characters of a default, or of all that a value may be one of."""
DESCRIPTION = 1000
"""Characters."""

METHODS = ("get", "head", "post", "put", "patch", "delete")
NOT_THE_MODELS = frozenset(
    (
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
    )
)
"""Headers that a parameter may not set."""


class Unusable(Exception):
    """A document, or an operation in it, that no action can be made of."""


@dataclass(frozen=True, slots=True)
class Value:
    """Where an argument goes."""

    argument: str
    name: str
    place: Literal["path", "query", "header", "body"]
    style: str = ""
    explode: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    server: str
    path: str
    description: str
    schema: Mapping[str, object]
    values: tuple[Value, ...] = ()
    body: Value | None = None


# --- reading -----------------------------------------------------------------------------------------------------


def read(text: str) -> dict[str, Any]:
    """The document, JSON or YAML; raises Unusable."""
    if len(text) > BYTES:
        raise Unusable(f"more than {BYTES:,} characters")
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else _Yaml(text).document()
    except (ValueError, RecursionError) as error:
        raise Unusable(f"this cannot be read: {str(error)[:200]}") from error
    if not isinstance(document, dict) or not re.match(r"3\.\d", str(document.get("openapi", ""))):
        raise Unusable("this is no OpenAPI document of version 3")
    return document


class _Yaml:
    """Builds plain values out of libyaml's events; aliases, tags and merge keys are not followed."""

    def __init__(self, text: str):
        import yaml

        self._yaml: Any = yaml
        self._events = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        self._nodes = 0

    def document(self) -> object:
        try:
            for event in self._events:
                if isinstance(event, self._yaml.DocumentStartEvent):
                    return self._value(next(self._events), 0)
        except self._yaml.YAMLError as error:
            raise ValueError(" ".join(str(error).split())) from error
        raise ValueError("the file is empty")

    def _value(self, event: Any, level: int) -> object:
        self._nodes += 1
        if self._nodes > NODES or level > DEPTH:
            raise ValueError(f"more than {NODES:,} values, or {DEPTH} levels")
        if isinstance(event, self._yaml.ScalarEvent):
            return _scalar(event.value) if event.implicit[0] else event.value
        if isinstance(event, self._yaml.SequenceStartEvent):
            return [self._value(item, level + 1) for item in self._until(self._yaml.SequenceEndEvent)]
        if isinstance(event, self._yaml.MappingStartEvent):
            keys = self._until(self._yaml.MappingEndEvent)
            return {self._key(key): self._value(next(self._events), level + 1) for key in keys}
        raise ValueError(f"line {event.start_mark.line + 1}: aliases are not followed")

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _key(self, event: Any) -> str:
        if not isinstance(event, self._yaml.ScalarEvent):
            raise ValueError(f"line {event.start_mark.line + 1}: a key has to be a single word or text")
        return str(event.value)


_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}


def _scalar(written: str) -> object:
    if written in _WORDS:
        return _WORDS[written]
    if re.fullmatch(r"[-+]?[0-9]{1,400}", written):
        return int(written)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", written):
        return float(written)
    return written


# --- its operations ----------------------------------------------------------------------------------------------


def operations(
    document: Mapping[str, Any], server: str = "", headers: Collection[str] = ()
) -> tuple[dict[str, Operation], dict[str, str]]:
    """The operations by name, and why others are left out.

    `server` is where they are served if not where it says, `headers` are sent anyway and asked of nobody.
    """
    found: dict[str, Operation] = {}
    left_out: dict[str, str] = {}
    unasked = NOT_THE_MODELS | {name.lower() for name in headers}
    for path, item in _map(document.get("paths")).items():
        item = _resolved(document, item)
        for method in METHODS:
            if not isinstance(item.get(method), Mapping) or len(found) >= OPERATIONS:
                continue
            name = _name(item[method], method, path, found)
            try:
                found[name] = _operation(document, path, item, method, server, unasked)
            except Unusable as error:
                left_out[name] = str(error)
    if not found:
        raise Unusable(next(iter(left_out.values()), "it describes no operation"))
    return found, left_out


def _name(written: Mapping[str, Any], method: str, path: str, found: Mapping[str, object]) -> str:
    """Its operationId, else its method and path, as a word that is nobody else's."""
    wished = str(written.get("operationId") or f"{method}{path}")
    word = re.sub(r"[^A-Za-z0-9_-]+", "_", wished).strip("_")[:60] or method
    return next(name for name in (word, *(f"{word}_{n}" for n in range(2, OPERATIONS + 2))) if name not in found)


def _operation(
    document: Mapping[str, Any],
    path: str,
    item: Mapping[str, Any],
    method: str,
    server: str,
    unasked: Collection[str],
) -> Operation:
    written = item[method]
    schemas = _Schemas(document)
    values: dict[str, Value] = {}
    properties: dict[str, object] = {}
    required: list[str] = []
    for parameter in _parameters(document, item, written, unasked):
        value = _value(parameter, values)
        values[value.argument] = value
        properties[value.argument] = schemas.described(_schema_of(parameter), parameter.get("description"))
        if parameter.get("required") is True or value.place == "path":
            required.append(value.argument)
    if missing := set(re.findall(r"\{([^{}]*)\}", path)) - {each.name for each in values.values() if _in_path(each)}:
        raise Unusable(f"its path speaks of {', '.join(sorted(missing))}, which is no parameter")
    body = _body(document, written, values)
    if body:
        argument, content, is_required, description = body
        properties[argument.argument] = schemas.described(content, description)
        required += [argument.argument] if is_required else []
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Operation(
        method=method.upper(),
        server=_server(server, written, item, document),
        path=path,
        description=_description(written, method, path),
        schema=_checked(schema),
        values=tuple(values.values()),
        body=body[0] if body else None,
    )


def _in_path(value: Value) -> bool:
    return value.place == "path"


def _parameters(
    document: Mapping[str, Any], item: Mapping[str, Any], written: Mapping[str, Any], unasked: Collection[str]
) -> list[Mapping[str, Any]]:
    """Those of the path and of the operation, which come first; what a model cannot or may not say is left aside."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in [*_list(item.get("parameters")), *_list(written.get("parameters"))]:
        parameter = _resolved(document, each)
        place, name = str(parameter.get("in")), str(parameter.get("name"))
        if place in ("path", "query") or (place == "header" and name.lower() not in unasked):
            found[place, name] = parameter
    return list(found.values())


def _value(parameter: Mapping[str, Any], taken: Mapping[str, Value]) -> Value:
    place, name = parameter["in"], str(parameter["name"])
    style = str(parameter.get("style") or ("form" if place == "query" else "simple"))
    explode = parameter.get("explode", style in ("form", "deepObject")) is True
    return Value(_argument(name, place, taken), name, place, style, explode)


def _argument(name: str, place: str, taken: Mapping[str, Value]) -> str:
    """A word that every vendor takes for the name of an argument."""
    word = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:48] or place
    return next(each for each in (word, *(f"{word}_{place}{n}" for n in ("", *range(2, 1000)))) if each not in taken)


def _schema_of(parameter: Mapping[str, Any]) -> object:
    """A parameter's own, or that of the one form its content has."""
    if "content" in parameter:
        return next((_map(form).get("schema") for form in _map(parameter["content"]).values()), {})
    return parameter.get("schema", {})


_BODIES = (
    (r"application/(.+\+)?json", "json"),
    (r"application/x-www-form-urlencoded", "form"),
    (r"text/plain", "text"),
)


def _body(
    document: Mapping[str, Any], written: Mapping[str, Any], taken: Mapping[str, Value]
) -> tuple[Value, object, bool, object] | None:
    """Where the body goes, its schema, whether it has to be there and what it is for."""
    body = _resolved(document, written.get("requestBody"))
    forms = {str(kind).partition(";")[0].strip(): _map(form) for kind, form in _map(body.get("content")).items()}
    required = body.get("required") is True
    for pattern, style in _BODIES:
        for kind, form in forms.items():
            if re.fullmatch(pattern, kind):
                value = Value(_argument("body", "content", taken), "body", "body", style)
                return value, form.get("schema", {}), required, body.get("description")
    if required:
        raise Unusable(f"its body is {', '.join(forms) or 'not described'}, and JSON, a form or plain text can be sent")
    return None


def _server(server: str, written: Mapping[str, Any], item: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    if server:
        return server
    for level in (written, item, document):
        for each in _list(level.get("servers"))[:1]:
            url = str(_map(each).get("url", ""))
            for name, variable in _map(_map(each).get("variables")).items():
                url = url.replace(f"{{{name}}}", str(_map(variable).get("default", "")))
            if re.match("https?://", url):
                return url
    raise Unusable("it does not say where it is served: write `server`")


def _description(written: Mapping[str, Any], method: str, path: str) -> str:
    said = [str(written[key]).strip() for key in ("summary", "description") if written.get(key)]
    return "\n".join(dict.fromkeys(said))[:DESCRIPTION] or f"{method.upper()} {path}"


def _checked(schema: dict[str, object]) -> dict[str, object]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Unusable(f"its schema is wrong: {error.message[:200]}") from error
    return schema


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _resolved(document: Mapping[str, Any], value: object) -> Mapping[str, Any]:
    """A map, or the one that its $ref leads to within the document."""
    seen = 0
    while isinstance(value, Mapping) and "$ref" in value:
        value, seen = _at(document, str(value["$ref"])), seen + 1
        if seen > SCHEMA_DEPTH:
            raise Unusable("a $ref leads back to itself")
    return _map(value)


def _at(document: Mapping[str, Any], reference: str) -> object:
    if not reference.startswith("#/"):
        raise Unusable(f"{reference[:100]} leads out of the document, and only #/… is followed")
    value: object = document
    for step in reference[2:].split("/"):
        value = _map(value).get(unquote(step).replace("~1", "/").replace("~0", "~"))
        if value is None:
            raise Unusable(f"{reference[:100]} leads nowhere")
    return value


# --- schemas -----------------------------------------------------------------------------------------------------

_PLAIN = frozenset(
    (
        "type",
        "format",
        "enum",
        "const",
        "default",
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
    )
)
"""Keywords that are taken as they stand."""


class _Schemas:
    """Writes schemas out whole; what comes back to itself, or is past the bounds, may be anything."""

    def __init__(self, document: Mapping[str, Any]):
        self._document = document
        self._left = SCHEMA_NODES

    def described(self, schema: object, description: object) -> dict[str, object]:
        written = self.written(schema)
        return {**written, "description": str(description)[:DESCRIPTION]} if description else written

    def written(self, schema: object, within: tuple[str, ...] = ()) -> dict[str, object]:
        self._left -= 1
        if not isinstance(schema, Mapping) or self._left < 0 or len(within) > SCHEMA_DEPTH:
            return {}
        if "$ref" in schema:
            reference = str(schema["$ref"])
            if reference in within:
                return {}
            return self.written(_at(self._document, reference), (*within, reference))
        within = (*within, "")
        found: dict[str, object] = {key: each for key, each in schema.items() if key in _PLAIN and _is_short(each)}
        if schema.get("description"):
            found["description"] = str(schema["description"])[:DESCRIPTION]
        if isinstance(schema.get("pattern"), str) and not refusal(schema["pattern"]):
            found["pattern"] = schema["pattern"]
        found |= _exclusive(schema) | self._parts(schema, within)
        return _or_null(found) if schema.get("nullable") is True else found

    def _parts(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, object]:
        found: dict[str, object] = {}
        if isinstance(schema.get("properties"), Mapping):
            wanted = {name: each for name, each in schema["properties"].items() if not _map(each).get("readOnly")}
            found["properties"] = {name: self.written(each, within) for name, each in wanted.items()}
            found["required"] = [name for name in wanted if name in _list(schema.get("required"))]
        if "items" in schema:
            found["items"] = self.written(schema["items"], within)
        if isinstance(schema.get("additionalProperties"), bool):
            found["additionalProperties"] = schema["additionalProperties"]
        elif "additionalProperties" in schema:
            found["additionalProperties"] = self.written(schema["additionalProperties"], within)
        for key in ("allOf", "anyOf", "oneOf"):
            if _list(schema.get(key)):
                found[key] = [self.written(each, within) for each in schema[key]]
        return found


def _is_short(value: object) -> bool:
    try:
        return len(json.dumps(value)) <= VALUE
    except RecursionError:
        return False


def _exclusive(schema: Mapping[str, Any]) -> dict[str, object]:
    """A bound that is not included: a number, or in older documents a flag beside the bound."""
    found: dict[str, object] = {}
    for key, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        said = schema.get(key)
        if said is True and bound in schema:
            found[key] = schema[bound]
        elif isinstance(said, int | float) and not isinstance(said, bool):
            found[key] = said
    return found


def _or_null(schema: dict[str, object]) -> dict[str, object]:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:  # type: ignore[operator]
        schema["enum"] = [*schema["enum"], None]  # type: ignore[misc]
    return schema
