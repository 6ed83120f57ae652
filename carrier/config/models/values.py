"""The words that all documents share: names, paths, durations, sizes, and what every block of a file is."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_NAME = "[a-z0-9][a-z0-9_-]{0,63}"


def is_name(value: str) -> bool:
    return re.fullmatch(_NAME, value) is not None


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError("a name is lower-case letters, digits, - and _, at most 64")
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
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d)", value)
    if not found and value != "0":
        raise ValueError("a duration is a number and its unit, as in 90s, 10m, 2h, 365d")
    return float(found[1]) * _SECONDS[found[2]] if found else 0.0


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]{1,9})\s*(B|KB|MB|GB)", value, re.IGNORECASE)
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
    if value != "auto" and not re.fullmatch(r"[a-z0-9_-]+/\S+", value):
        raise ValueError("a model is auto, or provider/model as in openai/gpt-5, ollama/llama3.2, scripted/tifa")
    return value


Listed = BeforeValidator(_listed)
"""One where a list may stand."""
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME}$"})]
Inside = Annotated[str, AfterValidator(_inside)]
Flag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=bool)]
Text = Annotated[str, BeforeValidator(_joined, json_schema_input_type=str | tuple[str, ...])]
Lines = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str), Field(ge=0, allow_inf_nan=False)]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str), Field(ge=0)]
Zone = Annotated[str, AfterValidator(_zone)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]


class Block(BaseModel):
    """A part of a file: its keys and no others, save those that start with `x-`; `~` is as if not written."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None and not str(key).startswith("x-")}


class Described(Block):
    """What every document has."""

    name: Name = Field(default="", description="Lower-case letters, digits, - and _; else the file's name")
    description: str = ""
    enabled: Flag = Field(default=True, description="false: as if it were not there")
