"""Whether an agent may do what its model asks for: deny over ask over allow over otherwise."""

import json
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Literal

from carrier.config.revisions import revision
from carrier.types import ActionCall, Agent, Permissions, Permitted


def digest(agent: Agent, call: ActionCall) -> str:
    """What an approval is bound to: the agent, the action as it is defined now, and the arguments."""
    definition = next((action for action in agent.actions if action.name == call.name), None)
    told = json.dumps([agent.name, call.name, revision(definition), call.arguments], sort_keys=True, default=str)
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


Leave = Literal["allow", "ask", "deny"]


def leave(permissions: Permissions, call: ActionCall) -> Leave:
    """What the permissions say of a call; what narrows is taken generously, what grants is taken at its word."""
    if _any(permissions.deny, call, loosely=True):
        return "deny"
    if _any(permissions.ask, call, loosely=True):
        return "ask"
    if _any(permissions.allow, call, loosely=False):
        return "allow"
    return permissions.otherwise


def _any(listed: Iterable[Permitted], call: ActionCall, loosely: bool) -> bool:
    return any(_is_meant(permitted, call, loosely) for permitted in listed)


def _is_meant(permitted: Permitted, call: ActionCall, loosely: bool) -> bool:
    if not fnmatchcase(call.name, permitted.action):
        return False
    return all(
        argument in call.arguments and _matches(call.arguments[argument], pattern, loosely)
        for argument, pattern in permitted.where.items()
    )


def _matches(value: object, pattern: str, loosely: bool) -> bool:
    """Whether an argument looks like a pattern; of a list, each item where that grants, any where it narrows."""
    if isinstance(value, list | tuple):
        found = [_matches(item, pattern, loosely) for item in value]
        return any(found) if loosely else bool(found) and all(found)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    if fnmatchcase(text, pattern):
        return True
    return loosely and fnmatchcase(_plain(text), _plain(pattern))


def _plain(text: str) -> str:
    """Without what makes one word look like another: case, width, blanks around it."""
    return unicodedata.normalize("NFKC", text).casefold().strip()
