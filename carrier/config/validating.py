"""Data held against a model: the block it stands for, or what is wrong with it, in an operator's words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from carrier.config import models
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.reading import Document, Trail
from carrier.config.values import Missing

B = TypeVar("B", bound=BaseModel)


MOST_ERRORS = 500
"""Problems of one document that are looked into: a hint takes a while to find."""


def breaks(problems: Sequence[Problem]) -> bool:
    """Whether any of these is more than a warning."""
    return any(problem.severity == "error" for problem in problems)


def validated(
    model: type[B],
    data: object,
    document: Document,
    missing: Sequence[Missing] = (),
    at: Trail = (),
    also: Sequence[str] = (),
) -> tuple[B | None, list[Problem]]:
    """The block that data stands for, and every problem with it.

    `at` is where in the document the data stands, `also` names keys that belong to somebody else. A value that is
    missing is not wrong as well.
    """
    try:
        block = model.model_validate(data)
    except ValidationError as error:
        unfilled = [each.path for each in missing]
        return None, [
            _problem(each, model, document, at, also)
            for each in _without_echoes(error.errors(include_url=False))[:MOST_ERRORS]
            if each["type"] == "extra_forbidden" or not _is_about((*at, *each["loc"]), unfilled)
        ]
    found = list(_secrets(block, at))
    unfilled = [each.path for each in missing]
    empty = [path for path, secret in found if not secret and not _is_about(path, unfilled)]
    written = [path for path, secret in found if secret and path not in document.filled]
    return block, [*(_empty(document, path) for path in empty), *(_written_out(document, path) for path in written)]


def _is_about(path: Trail, others: Sequence[Trail]) -> bool:
    return any(path[: len(other)] == other for other in others)


def _without_echoes(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without what only follows: a key is missing that is misspelt beside it, or unknown where a type is missing."""
    unknown = [each["loc"] for each in errors if each["type"] == "extra_forbidden"]
    missing = [each["loc"] for each in errors if each["type"] == "missing"]
    untyped = {loc[:-1] for loc in missing if loc[-1] == "type"}
    meant = {
        (*loc[:-1], key)
        for loc in unknown
        for key in get_close_matches(str(loc[-1]), [it[-1] for it in missing if it[:-1] == loc[:-1]], n=1)
    }
    follows = {*(loc for loc in unknown if loc[:-1] in untyped), *meant}
    return [each for each in errors if each["loc"] not in follows]


def _problem(
    error: Mapping[str, Any], model: type[BaseModel], document: Document, at: Trail, also: Sequence[str]
) -> Problem:
    loc: Trail = error["loc"]
    key = str(loc[-1]) if loc else ""
    if error["type"] == "extra_forbidden":
        known = [*_keys(model, loc[:-1]), *(also if len(loc) == 1 else ())]
        hint = _elsewhere(key, _blocks(model, loc[:-1])) or suggestion(key, [each for each in known if each != key])
        return document.problem_with_key((*at, *loc), "CAR011", f"unknown key {key!r}", hint)
    if error["type"] == "missing":
        return document.problem((*at, *loc[:-1]), "CAR012", f"{key!r} is missing", _described(model, loc))
    where = (*at, *(loc[:-1] if key == "[key]" else loc))
    complaint, hint = _complaint(error, document, where), _hint(error)
    about = where if key == "[key]" else _about(complaint, document, where)
    if about:
        return document.problem_with_key(about, "CAR013", complaint, hint)
    return document.problem(where, "CAR013", complaint, hint)


def _about(complaint: str, document: Document, path: Trail) -> Trail:
    """The key of the map there that a rule of several keys is about: the last one that it names."""
    known = document.known(path)
    words = re.findall(r"\w+", complaint.removeprefix(f"{document.key(path)}: ").partition("as in")[0])
    named = [(*known, word) for word in words if (*known, word) in document.keys]
    return named[-1] if named else ()


def _elsewhere(key: str, blocks: Sequence[type[BaseModel]]) -> str:
    """Where the key belongs, if that is certain."""
    if key != key.strip():
        return "it begins or ends with what looks like a space and is none; indent with plain spaces"
    fields = (field for each in blocks for field in _fields(each) if get_origin(field[1].annotation) is None)
    owners = [name for name, field in fields if any(key in dict(_fields(part)) for part in models.parts(field))]
    return f"it belongs under {owners[0]!r}" if len(owners) == 1 else ""


_EXPECTED = {
    "literal_error": "{expected}",
    "model_type": "a map of keys to values",
    "dict_type": "a map of keys to values",
    "tuple_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "greater_than": "more than {gt:.15g}",
    "greater_than_equal": "at least {ge:.15g}",
    "less_than": "less than {lt:.15g}",
    "less_than_equal": "at most {le:.15g}",
    "too_long": "at most {max_length} long",
    "string_pattern_mismatch": "text of the form {pattern}",
}
"""What a value has to be, by the name of the rule that it broke."""


def _complaint(error: Mapping[str, Any], document: Document, path: Trail) -> str:
    key = document.key(path)
    subject = f"{key}: " if key else ""
    context = error.get("ctx", {})
    if error["type"] in _EXPECTED:
        return f"{subject}this has to be {_EXPECTED[error['type']].format(**context)}"
    return f"{subject}{context.get('error') or error['msg']}"


_QUOTES = tuple("„“”«»\u201a\u2018\u2019\u2039\u203a")
"""Which word processors write, in German and Norwegian above all."""


def _hint(error: Mapping[str, Any]) -> str:
    written = error["input"]
    if not isinstance(written, str):
        return ""
    if written.startswith(_QUOTES):
        return f"{written[0]} is no quotation mark in YAML; write ' or \""
    return "write [ before it and ] after it" if error["type"] == "tuple_type" else ""


def _described(model: type[BaseModel], path: Trail) -> str:
    """What the language says of a key, to go on with after a semicolon."""
    fields = (field for each in _blocks(model, path[:-1]) for name, field in _fields(each) if name == path[-1])
    found = next((field.description for field in fields if field.description), "")
    return found[:1].lower() + found[1:]


def _keys(model: type[BaseModel], path: Trail) -> list[str]:
    """The keys that could stand there."""
    return sorted({name for each in _blocks(model, path) for name, _ in _fields(each)})


def _blocks(model: type[BaseModel], path: Trail) -> list[type[BaseModel]]:
    """The blocks that could stand there."""
    candidates = [model]
    for part in path:
        fields = [field for each in candidates for name, field in _fields(each) if name == part]
        candidates = [part for field in fields for part in models.parts(field)] or candidates
    return candidates


def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return [(field.alias or name, field) for name, field in model.model_fields.items()]


def without_what_is_wrong(model: type[B], data: Mapping[str, object]) -> B | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = {each["loc"][0] for each in error.errors(include_url=False) if each["loc"]}
    try:
        return model.model_validate({key: value for key, value in data.items() if key not in wrong})
    except ValidationError:
        return None


# --- secrets --------------------------------------------------------------------------------------------------------


def secrets_in(value: object) -> Iterator[str]:
    """Every secret that a block holds."""
    return (secret for _, secret in _secrets(value, ()) if secret)


def _secrets(value: object, at: Trail) -> Iterator[tuple[Trail, str]]:
    if isinstance(value, SecretStr):
        yield at, value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), (*at, field.alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(item, (*at, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _secrets(item, (*at, number))


def _empty(document: Document, path: Trail) -> Problem:
    return document.problem(path, "CAR013", f"{path[-1]}: a secret is not empty", "write ${NAME}, and set it in .env")


def _written_out(document: Document, path: Trail) -> Problem:
    hint = "put it into .env and write ${NAME}"
    problem = document.problem(path, "CAR017", f"{path[-1]}: a secret is written out here", hint)
    return replace(problem, severity="warning")
