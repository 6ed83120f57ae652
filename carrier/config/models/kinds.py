"""Which words a document has, by its kind and its type; those of a type are imported when the first one names it."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from carrier.config.models.values import Block, Described

_BASES = {
    "host": "host:Host",
    "agent": "agent:Agent",
    "character": "character:Character",
    "client": "client:Client",
    "action": "action:Action",
    "evaluator": "evaluator:Evaluator",
    "provider": "provider:Provider",
    "schedule": "schedule:Schedule",
    "script": "script:Script",
    "test": "testing:Test",
    "media_host": "media_hosts:MediaHost",
}
"""Kinds of documents, and of parts that stand in place only."""

_TYPES: Mapping[str, Mapping[str, str]] = {
    "client": {
        "console": "client:Client",
        "discord": "discord:Discord",
        "instagram": "instagram:Instagram",
        "webhook": "webhook:Webhook",
    },
    "action": {
        "python": "action:PythonAction",
        "http": "http:HttpAction",
        "mcp": "mcp:McpAction",
        "openapi": "openapi:OpenApiAction",
    },
    "evaluator": {"judge": "evaluator:Judge", "python": "evaluator:PythonEvaluator"},
    "provider": {"python": "provider:PythonProvider"},
    "media_host": {
        "ftp": "media_hosts:Ftp",
        "sftp": "media_hosts:Sftp",
        "s3": "media_hosts:S3",
        "folder": "media_hosts:Folder",
    },
}


_USUAL = {"action": "python", "provider": "python"}
"""The type of what does not say its own."""


def types_of(kind: str) -> tuple[str, ...]:
    """What a document of that kind may say as its `type`; empty for kinds without types."""
    return tuple(_TYPES.get(kind, ()))


def model_for(kind: str, type: str = "") -> type[Described] | None:
    """What a document of that kind and type may say; None for a type there is not.

    Without a type it is the usual one, or what all of the kind have in common. A client may also be of a type of the
    operator's own, `package.module:Name`, whose further keys are open.
    """
    found = block_for(kind, type)
    return found if found and issubclass(found, Described) else None


@cache
def block_for(kind: str, type: str) -> type[Block] | None:
    """The same for parts that are no documents too."""
    types = _TYPES.get(kind, {})
    type = type or _USUAL.get(kind, "")
    own = kind == "client" and ":" in type
    where = types.get(type) if types and type and not own else _BASES.get(kind)
    return _found(where) if where else None


def _found(where: str) -> type[Block]:
    module, _, name = where.partition(":")
    found: type[Block] = getattr(import_module(f"carrier.config.models.{module}"), name)
    return found
