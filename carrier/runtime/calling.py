"""Actions that people run themselves: which there are, and a call as a message that the agent answers."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from carrier.errors import CarrierError
from carrier.runtime.deciding import offered
from carrier.types.clients import ClientDefinition, RoomRules
from carrier.types.models import ActionCall, Tool
from carrier.types.talk import Message


@dataclass(frozen=True)
class Offers:
    """What agents have, as of now."""

    client: Callable[[str], ClientDefinition]
    rules: Callable[[Message], RoomRules]
    answering: Callable[[Message], Sequence[str]]
    """Who answers in a message's room."""
    tool: Callable[[str, str], Tool | None]
    """An agent's action, by its and the action's name."""

    def there(self, client: str, names: Collection[str]) -> list[Tool]:
        """Of these actions those that somebody at a client has, each as the first of them has it."""
        definition = self.client(client)
        agents = [definition.agent, *(agent for route in definition.rules.routes for agent in route.rules.agents)]
        found = (next(filter(None, (self.tool(agent, name) for agent in agents)), None) for name in names)
        return [tool for tool in found if tool]

    def agent(self, message: Message, action: str) -> str:
        """Who runs an action where a message is said; empty: nobody does."""
        if not offered(self.rules(message), action):
            return ""
        return next((agent for agent in self.answering(message) if self.tool(agent, action)), "")


def calling(message: Message, agent: str, action: str, arguments: Mapping[str, Any]) -> Message:
    """A message by which its sender has an agent run an action."""
    text = f"/{action} {json.dumps(dict(arguments), ensure_ascii=False)}"
    return replace(message, kind="command", to=agent, text=text)


def called(message: Message) -> ActionCall:
    """What somebody has run; raises CarrierError for what cannot be read."""
    action, _, arguments = message.text.removeprefix("/").partition(" ")
    try:
        return ActionCall("command", action, json.loads(arguments))
    except ValueError as error:
        raise CarrierError(f"the call {message.id} is too long to be kept whole") from error
