"""Parts of a document with words of their own, which are imported when somebody first writes such a part."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, get_args

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from carrier.config.models.kinds import block_for, types_of
from carrier.config.models.values import Block, Described


class Later:
    """A block of one class, `module:Name` of this package."""

    def __init__(self, where: str):
        self._where = where

    def models(self) -> tuple[type[BaseModel], ...]:
        """The classes that may stand there."""
        module, _, name = self._where.partition(":")
        return (getattr(import_module(f"carrier.config.models.{module}"), name),)

    def read(self, value: object) -> object:
        (model,) = self.models()
        return model.model_validate(value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        (model,) = self.models()
        model.model_rebuild()
        return handler(model.__pydantic_core_schema__)


class InPlace(Later):
    """What could be a document of that kind; its `type` says which class it is of."""

    def __init__(self, kind: str):
        self._kind = kind

    def models(self) -> tuple[type[BaseModel], ...]:
        found = (block_for(self._kind, type) for type in ("", *types_of(self._kind)))
        return tuple(model for model in found if model)

    def read(self, value: object) -> object:
        return _model(self._kind, value).model_validate(value)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"$ref": f"{self._kind}.schema.json"}


def _model(kind: str, value: object) -> type[Block]:
    type = str(value.get("type") or "") if isinstance(value, Mapping) else ""
    model = block_for(kind, type)
    if model is None:
        message = "there is no {kind} of type '{type}'; there are {known}"
        facts = {"kind": kind.replace("_", " "), "type": type, "known": ", ".join(types_of(kind))}
        # `type` is where it is wrong, which a plain ValueError could not say.
        wrong = InitErrorDetails(type=PydanticCustomError("unknown_type", message, facts), loc=("type",), input=value)
        raise ValidationError.from_exception_data(kind, [wrong])
    return model


class Entry(Block):
    """An entry of a list of names."""

    name: str
    settings: dict[str, object] = Field(default={})
    definition: Described | None = None
    """Its settings, where they have a `type`: the whole of what the name stands for."""


class Entries(InPlace):
    """An entry of a list of names of that kind: a name, or a name with settings."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        settings = core_schema.no_info_plain_validator_function(self._settings)
        named = core_schema.dict_schema(core_schema.str_schema(), settings)
        return core_schema.no_info_wrap_validator_function(self._entry, named)

    def _entry(self, value: object, named: Callable[[object], Mapping[str, Any]]) -> Entry:
        if isinstance(value, Entry):
            return value
        if isinstance(value, str) and value:
            return Entry(name=value)
        if not _has_settings(value):
            raise ValueError("an entry is a name, or a name with settings, as in `facts: { every: 4 }`")
        ((name, written),) = named(value).items()
        whole = isinstance(written, Described)
        return Entry(name=name, definition=written) if whole else Entry(name=name, settings=written)

    def _settings(self, value: object) -> object:
        return self.read(value) if isinstance(value, Mapping) and "type" in value else value or {}

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        whole = {"if": {"required": ["type"]}, "then": super().__get_pydantic_json_schema__(schema, handler)}
        settings = {"type": ["object", "null"], **whole}
        named = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": settings}
        return {"anyOf": [{"type": ["string", "number", "boolean"], "minLength": 1}, named]}


def _has_settings(value: object) -> bool:
    settings = list(value.values()) if isinstance(value, Mapping) else []
    return len(settings) == 1 and (settings[0] is None or isinstance(settings[0], Mapping))


def parts(field: FieldInfo) -> Iterator[type[BaseModel]]:
    """The classes of the blocks that a field may hold."""
    yield from _parts(field.annotation)
    for metadata in field.metadata:
        yield from _parts(metadata)


def _parts(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, Later):
        yield from annotation.models()
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
