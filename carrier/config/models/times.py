"""When something happens: cron lines, and moments by the clock on the wall."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31"),
    ("month", "1-12 or jan-dec"),
    ("weekday", "0-7 or sun-sat, Sunday being 0 and 7"),
)
_CRON = rf"(@({'|'.join(name[1:] for name in _SHORT)})|\S+([ \t]+\S+){{4}})"
_LOCAL = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?"


def cron_line(written: str) -> str:
    """The five fields that are meant: `@daily` is `0 0 * * *`."""
    return _SHORT.get(written.lower(), written)


def cron_problem(written: str) -> str:
    """Why this is no cron line; empty if it is one."""
    try:
        _cron(written)
    except ValueError as error:
        return str(error)
    return ""


def _cron(written: str) -> str:
    line = cron_line(written)
    fields = line.split()
    if line.startswith("@"):
        raise ValueError(f"{written!r} is no time; there are {', '.join(_SHORT)}")
    if len(fields) != len(_FIELDS) or len(line) > 200:
        raise ValueError("a cron line is five fields, minute hour day month weekday, as in 30 8 * * mon-fri")
    for number, (name, values) in enumerate(_FIELDS):
        alone = ["*"] * number + [fields[number]] + ["*"] * (4 - number)
        if not _is_cron(" ".join(alone)):
            raise ValueError(f"the {name} {fields[number]!r} is not made of {values}")
    if not _is_cron(line):
        raise ValueError("that day never comes")
    return written


def _is_cron(line: str) -> bool:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(line, datetime.now(UTC))
    except CronSimError:
        return False
    return True


_TIME_OF_DAY = "([01]?[0-9]|2[0-3]):[0-5][0-9]"


def local_time(written: str) -> str:
    """As it was written; raises ValueError for what is no day and time, or names a clock of its own."""
    if not re.fullmatch(_LOCAL, written):
        raise ValueError("this is a day and a time, as in 2026-12-24T09:00; `timezone` says by which clock")
    try:
        datetime.fromisoformat(written)
    except ValueError as error:
        raise ValueError(f"there is no such day or time: {error}") from error
    return written


def _time_of_day(written: str) -> str:
    if not re.fullmatch(_TIME_OF_DAY, written):
        raise ValueError(f"this is a time of the day, as in 12:30, not {written!r}")
    return written


Cron = Annotated[str, AfterValidator(_cron), WithJsonSchema({"type": "string", "pattern": f"^{_CRON}$"})]
"""As it was written."""
LocalTime = Annotated[str, AfterValidator(local_time), WithJsonSchema({"type": "string", "pattern": f"^{_LOCAL}$"})]
"""As it was written; by the clock of a time zone that stands beside it."""
TimeOfDay = Annotated[
    str, AfterValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": f"^{_TIME_OF_DAY}$"})
]
