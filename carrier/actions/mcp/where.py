"""Where a server is, and what it is told at its start: two definitions that agree in all of it share one server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from carrier.config.models.mcp import McpAction
from carrier.types.agents import ActionDefinition

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A command, or a url."""

    name: str
    folder: Path
    command: tuple[str, ...] = field(default=(), repr=False)
    env: Pairs = field(default=(), repr=False)
    url: str = field(default="", repr=False)
    headers: Pairs = field(default=(), repr=False)


def address(definition: ActionDefinition, settings: McpAction) -> Address:
    return Address(
        definition.name,
        definition.folder,
        settings.command,
        _plain(settings.env),
        settings.url or "",
        _plain(settings.headers),
    )


def secrets(settings: McpAction) -> tuple[str, ...]:
    """What nobody may read of it."""
    values = (*settings.env.values(), *settings.headers.values())
    return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))


def _plain(values: Mapping[str, str | SecretStr]) -> Pairs:
    return tuple(
        (key, value.get_secret_value() if isinstance(value, SecretStr) else value) for key, value in values.items()
    )
