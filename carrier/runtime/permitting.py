"""Whether an agent may do what its model asks for: deny over ask over allow over otherwise, and who has caused it."""

import json
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Literal

from carrier.config.revisions import revision
from carrier.ledger.calls import Limit
from carrier.quoting import folded
from carrier.types.agents import ActionRule, Agent, Callers, Permissions, Permitted
from carrier.types.models import ActionCall
from carrier.types.talk import Message


def digest(agent: Agent, call: ActionCall) -> str:
    """What an approval is bound to: the agent, the action as it is defined now, and the arguments."""
    definition = next((action for action in agent.actions if action.name == call.name), None)
    told = json.dumps([agent.name, call.name, revision(definition), call.arguments], sort_keys=True, default=str)
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


Leave = Literal["allow", "ask", "deny"]
_STRICTER = ("allow", "ask", "deny")


def leave(agent: Agent, call: ActionCall, cause: Message) -> Leave:
    """What an agent's file says of a call that a message has caused."""
    said = _permitted(agent.permissions, call, cause)
    others = [rule.others for rule in rules(agent, call.name) if rule.by and not is_by(rule.by, cause)]
    return max([said, *others], key=_STRICTER.index)


def _permitted(permissions: Permissions, call: ActionCall, cause: Message) -> Leave:
    """What narrows is taken generously, what grants is taken at its word."""
    if _any(permissions.deny, call, cause, loosely=True):
        return "deny"
    if _any(permissions.ask, call, cause, loosely=True):
        return "ask"
    if _any(permissions.allow, call, cause, loosely=False):
        return "allow"
    return permissions.otherwise


def rules(agent: Agent, action: str) -> Iterator[ActionRule]:
    """What is said of an action, or of what it is a tool of."""
    for rule in agent.rules:
        if fnmatchcase(action, rule.action) or fnmatchcase(action, f"{rule.action}/*"):
            yield rule


def is_by(callers: Callers, cause: Message) -> bool:
    """Whether somebody of these has said a message. What the operator has planned is the operator's own wish."""
    if cause.kind == "schedule":
        return True
    if callers.direct and not cause.direct:
        return False
    anybody = not callers.users and not callers.roles
    return anybody or is_one_of(cause, callers.users, callers.roles)


def is_one_of(message: Message, users: Collection[str], roles: Collection[str]) -> bool:
    """Whether a message is from one of these people, or from a person who has one of these roles."""
    platform, _, id = message.sender.partition(":")
    # Who calls the API says who is speaking; no platform lets its people do so.
    called = {message.sender} if platform == "api" else {message.sender, id}
    return not called.isdisjoint(users) or (not message.bot and not set(message.roles).isdisjoint(roles))


def limits(agent: Agent, action: str) -> list[Limit]:
    """What a call of an action counts against."""
    return [
        Limit(f"{'*' if rule.shared else agent.name} {rule.action}", rule.calls, rule.per)
        for rule in rules(agent, action)
        if rule.calls
    ]


def _any(listed: Iterable[Permitted], call: ActionCall, cause: Message, loosely: bool) -> bool:
    return any(_is_meant(permitted, call, cause, loosely) for permitted in listed)


def _is_meant(permitted: Permitted, call: ActionCall, cause: Message, loosely: bool) -> bool:
    if not fnmatchcase(call.name, permitted.action) or (permitted.by and not is_by(permitted.by, cause)):
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
    return folded(text).strip()
