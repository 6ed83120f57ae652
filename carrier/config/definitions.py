"""Documents held against the models: what each of them defines, or what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from carrier.config import models
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.reading import Document, Trail
from carrier.config.values import Missing, Variables

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Definition:
    """A valid document: its block is what its file says, with the variables filled in."""

    kind: str
    name: str
    block: models.Host | models.Document
    document: Document
    missing: tuple[Missing, ...] = ()
    """Of a client only: what it waits for."""
    draft: bool = False
    """Something in it is wrong and left out: good for finding what else is wrong, and for nothing more."""

    def problem(self, path: Trail, code: str, message: str, hint: str = "") -> Problem:
        return self.document.problem(path, code, message, hint)


def host(document: Document, variables: Variables) -> tuple[Definition | None, list[Problem]]:
    """What carrier.yaml says, or a draft of it with what is wrong."""
    written = str(document.data.get("kind") or "host")
    if written != "host":
        return None, [
            document.problem(("kind",), "CAR014", f"carrier.yaml holds the host, not a document of kind {written!r}")
        ]
    return _defined(document, models.Host, "host", "host", variables)


def define(document: Document, kind: str, name: str, variables: Variables) -> tuple[Definition | None, list[Problem]]:
    """What a document of a folder says, or a draft of it with what is wrong.

    `kind` and `name` are those of a document that does not say its own.
    """
    written = str(document.data.get("kind") or kind)
    if written not in models.KINDS:
        hint = suggestion(written, list(models.KINDS))
        return None, [document.problem(("kind",), "CAR014", f"{written!r} is no kind of document for this place", hint)]
    return _defined(document, models.KINDS[written], written, name, variables)


def _defined(
    document: Document, model: type[models.Host | models.Document], kind: str, name: str, variables: Variables
) -> tuple[Definition | None, list[Problem]]:
    filled = variables.fill(document)
    waits = [missing for missing in filled.missing if kind == "client" and missing.path[0] not in model.model_fields]
    unset = [missing for missing in filled.missing if missing not in waits]
    block, wrong = validated(model, filled.document.data, filled.document, filled.missing)
    problems = [*filled.problems, *(document.problem(each.path, "CAR010", each.reason) for each in unset), *wrong]
    whole = block or _without_what_is_wrong(model, filled.document.data)
    if whole is None:
        return None, problems
    problems += _misnamed(whole, name, filled.document)
    definition = Definition(kind, whole.name or name, whole, filled.document, tuple(waits), draft=breaks(problems))
    return definition, problems


def breaks(problems: Sequence[Problem]) -> bool:
    """Whether any of these is more than a warning."""
    return any(problem.severity == "error" for problem in problems)


def _without_what_is_wrong(model: type[B], data: Mapping[str, object]) -> B | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = {each["loc"][0] for each in error.errors(include_url=False) if each["loc"]}
    try:
        return model.model_validate({key: value for key, value in data.items() if key not in wrong})
    except ValidationError:
        return None


def _misnamed(block: models.Described, name: str, document: Document) -> Iterator[Problem]:
    hint = "write `name:`"
    if not block.name and not name:
        yield document.problem((), "CAR016", "only the first document of a file may go without a name", hint)
    elif not block.name and not models.is_name(name):
        yield document.problem((), "CAR016", f"the file's name {name!r} is no name", hint)


# --- validation -----------------------------------------------------------------------------------------------------


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
        errors = [each for each in error.errors(include_url=False) if not _is_about((*at, *each["loc"]), unfilled)]
        return None, [_problem(each, model, document, at, also) for each in errors]
    secrets = [path for path in _secret_paths(block, at) if path not in document.filled]
    return block, [_written_out(document, path) for path in secrets]


def _is_about(path: Trail, others: Sequence[Trail]) -> bool:
    return any(path[: len(other)] == other for other in others)


def _problem(
    error: Mapping[str, Any], model: type[BaseModel], document: Document, at: Trail, also: Sequence[str]
) -> Problem:
    loc: Trail = error["loc"]
    key = str(loc[-1]) if loc else ""
    if error["type"] == "extra_forbidden":
        known = [*_keys(model, loc[:-1]), *(also if len(loc) == 1 else ())]
        return document.problem_with_key((*at, *loc), "CAR011", f"unknown key {key!r}", suggestion(key, known))
    if error["type"] == "missing":
        return document.problem((*at, *loc[:-1]), "CAR012", f"{key!r} is missing")
    return document.problem((*at, *loc), "CAR013", _complaint(error, document, (*at, *loc)))


def _complaint(error: Mapping[str, Any], document: Document, path: Trail) -> str:
    key = document.key(path)
    subject = f"{key}: " if key else ""
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return f"{subject}{context['error']}"
    if error["type"] == "literal_error":
        return f"{subject}this has to be {context['expected']}"
    if error["type"] in ("model_type", "dict_type"):
        return f"{subject}this has to be a map of keys to values"
    return f"{subject}{error['msg'].replace('Input should be', 'this has to be').replace('valid ', '')}"


def _keys(model: type[BaseModel], path: Trail) -> list[str]:
    """The keys that could stand there."""
    candidates = {model}
    for part in path:
        fields = [field for each in candidates for name, field in _fields(each) if name == part]
        candidates = {block for field in fields for block in _blocks(field.annotation)} or candidates
    return sorted({name for each in candidates for name, _ in _fields(each)})


def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return [(field.alias or name, field) for name, field in model.model_fields.items()]


def _blocks(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _blocks(argument)


# --- secrets ----------------------------------------------------------------------------------------------------------


def secrets_in(value: object) -> Iterator[str]:
    """Every secret that a block holds."""
    return (secret for _, secret in _secrets(value, ()) if secret)


def _secret_paths(value: object, at: Trail) -> Iterator[Trail]:
    return (path for path, secret in _secrets(value, at) if secret)


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


def _written_out(document: Document, path: Trail) -> Problem:
    hint = "put it into .env and write ${NAME}"
    problem = document.problem(path, "CAR017", f"{path[-1]}: a secret is written out here", hint)
    return replace(problem, severity="warning")
