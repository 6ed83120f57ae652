"""What an agent sees of an MCP server: its tools as the actions NAME/TOOL, for as long as the agent lives."""

import logging
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from carrier.actions.answers import hider
from carrier.actions.http import idempotency_key
from carrier.actions.mcp.dialing import Dial, dial
from carrier.actions.mcp.listing import Listed
from carrier.actions.mcp.servers import Call, Server, Times, servers
from carrier.actions.mcp.telling import shortened, told
from carrier.actions.mcp.where import address, secrets
from carrier.config.models.mcp import McpAction
from carrier.errors import ActionError
from carrier.interfaces import Action, Given, Turn
from carrier.types.agents import ActionDefinition

log = logging.getLogger(__name__)


class McpToolbox:
    """The tools of a server that a definition lets through.

    The server is started with the first toolbox that is opened for it, and stopped with the last that is closed.
    `dial` makes the HTTP client for a server that has an address; it decides what may be reached.
    """

    def __init__(self, definition: ActionDefinition, given: Given, dial: Dial = dial, times: Times | None = None):
        assert isinstance(definition.settings, McpAction)
        self._definition, self._settings = definition, definition.settings
        self._hide = hider(given.secrets, secrets(definition.settings))
        self._dial, self._times = dial, times or Times()
        self._server: Server | None = None
        self._seen: tuple[Listed, ...] = ()
        self.actions: Mapping[str, Action] = {}
        """What there is now."""
        self.changed: Callable[[Mapping[str, Action]], None] = _unheard
        """Called on the event loop when `actions` have become others."""

    async def open(self) -> Mapping[str, Action]:
        """The actions there are. None, with the reason in the log, while the server cannot be reached: it is tried
        again, and `changed` tells what it has then."""
        if self._server is None:
            where = address(self._definition, self._settings)
            self._server = servers().join(self, where, self._hide, self._dial, self._times)
        try:
            await self._server.tried()
        except BaseException:
            await self.close()
            raise
        self.look()
        return self.actions

    async def close(self) -> None:
        """Let go of the server; when it returns, a server that nobody uses any more is gone."""
        server, self._server = self._server, None
        if server:
            await servers().leave(self, server)

    def look(self) -> None:
        """See what the server has now."""
        if self._server is None or self._seen == self._server.tools:
            return
        self._seen = self._server.tools
        patterns = self._settings.tools
        let_through = [tool for tool in self._seen if any(fnmatchcase(tool.name, each) for each in patterns)]
        self._warn_of_idle_patterns()
        self.actions = {action.name: action for action in map(self._action, let_through)}
        self.changed(self.actions)

    def _warn_of_idle_patterns(self) -> None:
        names = [tool.name for tool in self._seen]
        for pattern in self._settings.tools:
            if not any(fnmatchcase(name, pattern) for name in names):
                there_are = ", ".join(names[:50]) or "none"
                log.warning("%s: tools: %s matches no tool; there are %s", self._definition.name, pattern, there_are)

    def _action(self, tool: Listed) -> "McpTool":
        assert self._server
        said = "repeat" in self._settings.model_fields_set
        repeat = self._definition.repeat if said else tool.repeat
        return McpTool(f"{self._definition.name}/{tool.name}", tool, repeat, self._server, self._definition.timeout)


class McpTool:
    """One tool as an action."""

    def __init__(
        self,
        name: str,
        tool: Listed,
        repeat: Literal["never", "keyed", "safe"],
        server: Server,
        timeout: float,
    ):
        self.name, self.description = name, tool.description
        self.parameters, self.repeat, self.consequential = tool.parameters, repeat, tool.consequential
        self._tool, self._server, self._timeout = tool, server, timeout

    # Whatever a tool calls its arguments, none can stand in for the turn.
    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        meta = {KEY: idempotency_key(turn)} if self.repeat == "keyed" else None
        call = Call(self._tool.name, self.name, arguments, self._timeout, self.repeat != "never", meta)
        result = await self._server.call(call)
        text = self._server.hide(told(result))
        if result.is_error:
            raise ActionError(f"{self.name} failed: {shortened(text, MOST_OF_AN_ERROR) or 'it does not say why'}")
        return shortened(text)


MOST_OF_AN_ERROR = 2_000
KEY = "carrier/idempotency-key"
"""In the `_meta` of a call that may come again: the same as the first time."""


def _unheard(actions: Mapping[str, Action]) -> None:
    """Nobody asked to be told."""
