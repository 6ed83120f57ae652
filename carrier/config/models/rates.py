"""How often, how much and for how much within a time: `6/min`, `60k/turn`, `2 USD/day`."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from carrier.config.models.values import looks, whole

Window = Literal["s", "min", "h", "day", "month", "turn"]

_WINDOW = f"({'|'.join(get_args(Window))})"
_RATE = rf"(?:([0-9]{{1,12}})|([0-9]{{1,12}}(?:\.[0-9]{{1,6}})?)\s*([kM]))\s*/\s*{_WINDOW}"
_COST = rf"([0-9]{{1,12}}(?:\.[0-9]{{1,6}})?)\s*USD\s*/\s*{_WINDOW}"
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0, "month": 2592000.0}
"""Of each time; a turn has none."""
_TIMES = {None: 1, "k": 1000, "M": 1_000_000}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within a time."""

    amount: int
    per: Window

    @classmethod
    def read(cls, value: object) -> "Rate":
        if isinstance(value, cls):
            return value
        found = re.fullmatch(_RATE, value) if isinstance(value, str) else None
        amount = float(found[1] or found[2]) * _TIMES[found[3]] if found else 0.5
        if not found or amount != int(amount):
            raise ValueError("this is a number for a time, as in 6/min or 60k/turn; times are s min h day month turn")
        return cls(int(amount), found[4])  # type: ignore[arg-type]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        # What is written out has to be readable again.
        written = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(cls.read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_RATE}$"}

    def __str__(self) -> str:
        return f"{self.amount}/{self.per}"


@dataclass(frozen=True, slots=True)
class Cost:
    """So many US dollars within a time."""

    amount: float
    per: Window

    @classmethod
    def read(cls, value: object) -> "Cost":
        if isinstance(value, cls):
            return value
        found = re.fullmatch(_COST, value) if isinstance(value, str) else None
        if not found:
            raise ValueError("this is dollars for a time, as in 2 USD/day; times are s min h day month turn")
        return cls(float(found[1]), found[2])  # type: ignore[arg-type]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_COST}$"}


def _of_a_time(rate: Rate) -> Rate:
    if rate.per == "turn":
        raise ValueError("this is counted over a time, s min h day month, not over a turn")
    if rate.amount < 1:
        raise ValueError("this has to be at least 1")
    return rate


TimedRate = Annotated[Rate, AfterValidator(_of_a_time), looks(whole(_RATE.replace("|turn", "")))]
