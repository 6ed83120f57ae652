"""The machine's own time zone."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from carrier.config.models import is_zone


def machine_zone(environment: Mapping[str, str]) -> str:
    """The zone's name, as `TZ` or the machine's settings give it; else UTC."""
    return next((name for name in _candidates(environment) if name and is_zone(name)), "UTC")


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    yield environment.get("TZ", "").removeprefix(":")
    yield Path("/etc/localtime").resolve().as_posix().partition("zoneinfo/")[2]
    try:
        yield Path("/etc/timezone").read_text("ascii").strip()
    except (OSError, ValueError):
        return
