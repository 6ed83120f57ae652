"""The words that all documents share: names, ids, paths, durations, sizes, and what every block of a file is."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

_NAME = "[a-z0-9][a-z0-9_-]{0,63}"
_REFERENCE = rf"{_NAME}(\.{_NAME})?"
_ROOM = rf"{_REFERENCE}/\S+"
_NAMES = r"[A-Za-z0-9_.*?/-]{1,128}"
_DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d)"
_SIZE = r"([0-9]{1,9})\s*([kKmMgG]?[bB])"
_MODEL = r"[a-z0-9_-]+/\S+"
_INSIDE = r"^(?!/)(?!.*\\)(?!(.*/)?\.\.(/|$))"


def is_name(value: str) -> bool:
    return re.fullmatch(_NAME, value) is not None


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError("a name is lower-case letters, digits, - and _, at most 64")
    return value


def _reference(value: str) -> str:
    if not re.fullmatch(_REFERENCE, value):
        raise ValueError("this is a name, or owner.key for what another writes in place, as in tifa.discord")
    return value


def _room(value: str) -> str:
    if not re.fullmatch(_ROOM, value):
        raise ValueError("a room is client/room, as in tifa-discord/ops or tifa-discord/@1180000000000000001")
    return value


def _id(value: str) -> str:
    if not value or any(character.isspace() for character in value):
        raise ValueError("an id is a word without spaces")
    return value


def _names(value: str) -> str:
    if not re.fullmatch(_NAMES, value):
        raise ValueError("this is a name, or a pattern of names as in github/*")
    return value


def is_inside(value: str) -> bool:
    """Whether a path, as it is written, stays in the folder it starts from."""
    path = PurePosixPath(value)
    return not (path.is_absolute() or ".." in path.parts or "\\" in value or "\0" in value)


def _inside(value: str) -> str:
    if not is_inside(value):
        raise ValueError("a path starts at the project's folder and stays inside it")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _kept(value: object) -> object:
    """A map without what is as if it were not written."""
    if not isinstance(value, Mapping):
        return value
    return {key: item for key, item in value.items() if item is not None and not str(key).startswith("x-")}


def how_written(value: object) -> str:
    """Which of two ways, where a name may stand instead of what it names."""
    return "a name" if isinstance(value, str) else "in place"


def _joined(value: object) -> object:
    lines = isinstance(value, list | tuple) and all(isinstance(line, str) for line in value)
    return "\n".join(value) if lines else value  # type: ignore[arg-type]


def _flag(value: object) -> object:
    written = value.lower() if isinstance(value, str) else value
    if written not in (True, False, "true", "false"):
        raise ValueError("this is true or false")
    return written in (True, "true")


_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(_DURATION, value)
    if not found and value != "0":
        raise ValueError("a duration is a number and its unit, as in 90s, 10m, 2h, 365d")
    return float(found[1]) * _SECONDS[found[2]] if found else 0.0


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(_SIZE, value)
    if not found:
        raise ValueError("a size is a number and its unit, as in 500KB, 20MB, 1GB")
    return int(found[1]) * _BYTES[found[2].upper()]


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"this is no regular expression: {error}") from error
    return value


def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone of that name."""
    try:
        return name == "UTC" or bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _zone(value: str) -> str:
    if not is_zone(value):
        close = get_close_matches(value, available_timezones(), n=1)
        raise ValueError(f"no time zone is called {value!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    return value


def model_use(value: str) -> str:
    if value != "auto" and not re.fullmatch(_MODEL, value):
        raise ValueError("a model is auto, or provider/model as in openai/gpt-5, ollama/llama3.2, scripted/tifa")
    return value


def _name_or_use(value: str) -> str:
    return value if is_name(value) else model_use(value)


class _Named:
    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_kept, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        named = handler(schema)
        either = [named["additionalProperties"], {"type": "null"}]
        names = [named["propertyNames"], {"pattern": "^x-"}]
        return {
            **named,
            "additionalProperties": {"anyOf": either},
            "propertyNames": {"anyOf": names},
            "patternProperties": {"^x-": {}},
        }


class _Listed:
    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        listed = handler(schema)
        return {"anyOf": [listed["items"], listed]}


def duration(seconds: float) -> str:
    """The duration as it is written, in the largest unit that leaves no rest."""
    thousandths = round(seconds * 1000)
    lengths = {unit: round(length * 1000) for unit, length in _SECONDS.items()}
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if not thousandths % lengths[unit])
    return f"{thousandths // lengths[unit]}{unit}" if seconds else "0"


def size(count: int) -> str:
    """The size as it is written."""
    unit = next(unit for unit in ("GB", "MB", "KB", "B") if not count % _BYTES[unit])
    return f"{count // _BYTES[unit]}{unit}"


def whole(*written: str) -> str:
    return f"^({'|'.join(written)})$"


def looks(pattern: str, **other: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, **other})


DURATION = whole(_DURATION, "0")
PERIOD = whole(rf"(?!0+(?:\.0+)?\s*[a-z]){_DURATION}")
SIZE = whole(_SIZE)

# A name or an id may look like a number, or a flag, to who reads the file without these words.
_ANY = ["string", "number", "boolean"]
_ZERO = {"type": ["string", "integer"], "minimum": 0, "maximum": 0}

Listed = _Listed()
"""One where a list may stand."""
Named = _Named()
"""A map from names: an entry may be `~`, and `x-` keys are nobody's."""
Name = Annotated[str, AfterValidator(_name), looks(whole(_NAME), type=["string", "integer", "boolean"], minimum=0)]
Reference = Annotated[str, AfterValidator(_reference), looks(whole(_REFERENCE), type=_ANY)]
"""A name of something, or `owner.key` where it was written in place."""
RoomName = Annotated[str, AfterValidator(_room), looks(whole(_ROOM))]
Id = Annotated[str, AfterValidator(_id), looks(whole(r"\S+"), type=_ANY)]
NamePattern = Annotated[str, AfterValidator(_names), looks(whole(_NAMES), type=_ANY)]
Inside = Annotated[str, AfterValidator(_inside), looks(_INSIDE, type=_ANY)]
Flag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=bool)]
Text = Annotated[str, BeforeValidator(_joined, json_schema_input_type=str | tuple[str, ...])]
Lines = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
Duration = Annotated[
    float,
    BeforeValidator(_duration),
    Field(ge=0, allow_inf_nan=False),
    looks(DURATION, **_ZERO),
]
Period = Annotated[Duration, Field(gt=0), looks(PERIOD)]
"""A duration that is not 0."""
Size = Annotated[int, BeforeValidator(_size), Field(ge=0), looks(SIZE)]
Zone = Annotated[str, AfterValidator(_zone)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
ModelUse = Annotated[str, AfterValidator(model_use), looks(whole("auto", _MODEL))]
ModelName = Annotated[str, AfterValidator(_name_or_use), looks(whole(_NAME, _MODEL))]
"""A name of the host's `models`, or provider/model."""


class Block(BaseModel):
    """A part of a file: its keys and no others, save those that start with `x-`; `~` is as if not written."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, data: object) -> object:
        return _kept(data)


class Described(Block):
    """What every document has."""

    name: Name = Field(default="", description="Lower-case letters, digits, - and _; else the file's name")
    description: str = Field(default="", description="What it is for")
    enabled: Flag = Field(default=True, description="false: as if it were not there, save to who extends it")
    extends: Name = Field(default="", description="One of the same kind, whose words hold where this one says nothing")
