"""Names to parts: what an operator writes in a file, and where the code for it stands.

A name that is not listed may be an import string itself, `package.module:Name`. A part is a class that is made
with `Part(settings, given)`; `Settings`, a frozen pydantic model on the class, is the block it reads from the file.
"""

from collections.abc import Mapping
from importlib import import_module

PROVIDERS = {
    "character": "carrier.providers.character:Character",
    "recent_messages": "carrier.providers.recent_messages:RecentMessages",
    "memories": "carrier.providers.memories:RecalledMemories",
    "time": "carrier.providers.time:Time",
}

EVALUATORS = {
    "no_secrets": "carrier.evaluators.no_secrets:NoSecrets",
    "facts": "carrier.evaluators.facts:Facts",
}

ACTIONS = {
    "reply": "carrier.actions.reply:Reply",
    "ignore": "carrier.actions.ignore:Ignore",
}

ACTION_TYPES = {
    "python": "carrier.actions.python:PythonAction",
    "http": "carrier.actions.http:HttpAction",
}

TOOLBOX_TYPES = {
    "mcp": "carrier.actions.mcp.toolbox:McpToolbox",
    "openapi": "carrier.actions.openapi:OpenApiToolbox",
}
"""Types of actions that are several: each is called NAME/TOOL."""

CLIENTS = {
    "console": "carrier.clients.console:Console",
}


class UnknownPart(LookupError):
    """No part of that name, or its code cannot be imported."""


def find(kind: Mapping[str, str], name: str) -> object:
    """The part itself, imported now; raises UnknownPart with the reason."""
    where = kind.get(name, name)
    module, _, attribute = where.partition(":")
    if not attribute:
        raise UnknownPart(f"there is no {name!r}; there are {', '.join(sorted(kind))}, or package.module:Name")
    try:
        return getattr(import_module(module), attribute)
    except ImportError as error:
        raise UnknownPart(f"{where} cannot be imported: {error}") from error
    except AttributeError as error:
        raise UnknownPart(f"{module} has no {attribute!r}") from error
