"""What an action asks for: properties of a JSON Schema."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from carrier.config.models.choices import written
from carrier.config.models.values import Block, Flag, Pattern, looks, whole

_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]{0,63}"

Count = Annotated[int, Field(ge=0)]


def _identifier(value: str) -> str:
    if not re.fullmatch(_IDENTIFIER, value):
        raise ValueError("a parameter's name is letters, digits and _, and starts with no digit")
    return value


def _only_of(type: str, key: str) -> dict[str, Any]:
    return {"if": written(key), "then": {"properties": {"type": {"const": type}}, "required": ["type"]}}


class Parameter(Block):
    """One parameter; required unless it has a `default`."""

    model_config = ConfigDict(
        json_schema_extra={"allOf": [_only_of("array", "items"), _only_of("object", "properties")]}
    )

    type: Literal["string", "integer", "number", "boolean", "array", "object"] = "string"
    description: str = Field(default="", description="Told to the model")
    default: object = None
    enum: tuple[object, ...] | None = Field(default=None, description="One of these")
    examples: tuple[object, ...] = ()
    format: str = Field(default="", description="As in date, date-time, email, uri")
    pattern: Pattern = Field(default="", description="A regular expression that is found in it")
    minLength: Count | None = None
    maxLength: Count | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusiveMinimum: float | None = None
    exclusiveMaximum: float | None = None
    multipleOf: Annotated[float, Field(gt=0)] | None = None
    items: "Parameter | None" = Field(default=None, description="What an array holds")
    minItems: Count | None = None
    maxItems: Count | None = None
    uniqueItems: Flag = False
    properties: "Parameters" = Field(default={}, description="What an object holds")

    @model_validator(mode="after")
    def _rules(self) -> "Parameter":
        if self.items and self.type != "array":
            raise ValueError("`items` belongs to a parameter of type array")
        if self.properties and self.type != "object":
            raise ValueError("`properties` belongs to a parameter of type object")
        if self.enum is not None and self.default is not None and self.default not in self.enum:
            raise ValueError(f"the default {self.default!r} is none of its `enum`")
        return self


Identifier = Annotated[str, AfterValidator(_identifier), looks(whole(_IDENTIFIER))]
Parameters = dict[Identifier, Parameter]


def object_schema(parameters: Mapping[str, Parameter]) -> dict[str, object]:
    """The JSON Schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": {name: _schema(each) for name, each in parameters.items()},
        "required": [name for name, each in parameters.items() if each.default is None],
        "additionalProperties": False,
    }


def _schema(parameter: Parameter) -> dict[str, object]:
    schema = parameter.model_dump(mode="json", exclude_defaults=True, exclude={"type", "items", "properties"})
    if parameter.items:
        schema["items"] = _schema(parameter.items)
    return {**(object_schema(parameter.properties) if parameter.properties else {"type": parameter.type}), **schema}
