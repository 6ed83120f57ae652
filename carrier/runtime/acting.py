"""The action manager: runs what a model asked for, once, within its limits, and says what came of it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from itertools import count

from carrier.errors import ActionError, InDoubt
from carrier.interfaces import Action, Turn
from carrier.ledger.approvals import Approval
from carrier.ledger.forms import load, storable
from carrier.runtime.deciding import offered
from carrier.runtime.permitting import Leave, digest, leave
from carrier.runtime.turns import Ask, OpenTurn
from carrier.types import SILENCE, ActionCall, ActionResult, Tool

log = logging.getLogger(__name__)

MOST_CHARS = 20_000

Check = Callable[[OpenTurn, str, str], Awaitable[str]]
"""Passes words through the gates, at a place in the journal; what comes back may be said."""


class Acting:
    """The actions of one agent. Whatever happens in one, the model is told, and the turn goes on."""

    def __init__(self, actions: Mapping[str, Action], ask: Ask, check: Check):
        self._ask, self._check = ask, check
        self.replace(actions)

    def replace(self, actions: Mapping[str, Action]) -> None:
        """Have these actions from now on; a call under way goes on with what it began with."""
        self._actions = actions
        self._tools = tuple(Tool(name, action.description, action.parameters) for name, action in actions.items())

    def tools(self, turn: OpenTurn) -> tuple[Tool, ...]:
        """What the model is offered in a turn: of all actions those that its room allows."""
        return tuple(tool for tool in self._tools if offered(turn.rules, tool.name))

    async def run(self, turn: OpenTurn, name: str, call: ActionCall) -> ActionResult:
        """The result of a call; `name` is its place in the journal. What the journal has ended is not run again."""
        entry = turn.journal.entries.get(name)
        if entry and entry.ended:
            result: ActionResult = load(ActionResult, entry.value)
        elif entry and self._promises(call.name) == "never":
            log.error("%s: %s was cut off and may have taken effect; it is not run again", turn.agent.name, call.name)
            result = ActionResult(call, "in doubt", IN_DOUBT.format(name=call.name))
            await turn.action_ends(name, result)
        elif problem := await self._problem(turn, call):
            result = ActionResult(call, "failed", problem)
            turn.journal.action_refused(name, result)
        elif entry is None and (said := leave(turn.agent.permissions, call)) != "allow":
            result = await self._not_now(turn, name, call, said)
        else:
            result = await self._run_now(turn, name, call, begun=entry is not None)
        turn.results.append(result)
        return result

    async def _not_now(self, turn: OpenTurn, name: str, call: ActionCall, said: Leave) -> ActionResult:
        """A call that the permissions deny, or that somebody has to approve first."""
        if said == "ask":
            return await turn.ask_approval(name, call, digest(turn.agent, call))
        result = ActionResult(call, "failed", f"{call.name} is not permitted with these arguments")
        turn.journal.action_refused(name, result)
        return result

    async def run_decided(self, turn: OpenTurn, name: str, approval: Approval) -> ActionResult:
        """What came of a call that was waited for: run exactly as it was approved, and once."""
        call, entry = approval.call, turn.journal.entries.get(name)
        if entry:
            return await self.run(turn, name, call)
        if problem := await self._void(turn, approval):
            result = ActionResult(call, "failed", problem)
            turn.journal.action_refused(name, result)
        elif await turn.use_approval(name, approval.id):
            result = await self._run_now(turn, name, call, begun=True)
        else:
            result = ActionResult(call, "failed", f"approval #{approval.id} was used already")
            turn.journal.action_refused(name, result)
        turn.results.append(result)
        return result

    async def _void(self, turn: OpenTurn, approval: Approval) -> str:
        """Why a decided call is not run; empty if it may be."""
        if approval.state not in ("approved", "edited"):
            return f"#{approval.id} was not approved: {approval.state}"
        if approval.digest != digest(turn.agent, approval.call):
            return f"the action {approval.call.name} is not what it was when #{approval.id} was approved; ask again"
        if leave(turn.agent.permissions, approval.call) == "deny":
            return f"{approval.call.name} is not permitted with these arguments"
        return await self._problem(turn, approval.call)

    def _promises(self, name: str) -> str:
        """What an action says of being repeated; one that is gone meanwhile promises nothing."""
        return self._actions[name].repeat if name in self._actions else "never"

    async def _problem(self, turn: OpenTurn, call: ActionCall) -> str:
        """Why a call cannot be run at all, in words for the model; empty if it can."""
        names = [tool.name for tool in self.tools(turn)]
        if call.name not in names:
            return f"there is no action {call.name!r}; there are {', '.join(names) or 'none'}"
        return await asyncio.to_thread(_wrong_arguments, self._actions[call.name].parameters, call.arguments)

    async def _run_now(self, turn: OpenTurn, name: str, call: ActionCall, begun: bool) -> ActionResult:
        said: list[str] = []
        number = count()

        async def say(text: str) -> None:
            if allowed := await self._check(turn, text, f"{name}/say/{next(number)}"):
                said.append(allowed)

        if not begun:
            await turn.journal.action_begins(name)
        result = await self._result(call, turn.view(name, self._ask, say))
        await turn.action_ends(name, result, said)
        return result

    async def _result(self, call: ActionCall, turn: Turn) -> ActionResult:
        try:
            value = await self._actions[call.name](turn, **call.arguments)
        except InDoubt as error:
            log.error("%s: %s is in doubt: %s", turn.agent.name, call.name, error)
            return ActionResult(call, "in doubt", str(error))
        except ActionError as error:
            return ActionResult(call, "failed", _text(str(error)))
        except Exception as error:
            log.exception("%s: the action %s failed", turn.agent.name, call.name)
            return ActionResult(call, "failed", f"{call.name} failed: {type(error).__name__}")
        if value is SILENCE:
            return ActionResult(call, "done", "", ends=True)
        return ActionResult(call, "done", _text(value))


def _wrong_arguments(schema: Mapping[str, object], arguments: Mapping[str, object]) -> str:
    """What is wrong with arguments, in words for the model; empty if nothing is."""
    # Imported with the first call, in its thread: a host listens the sooner for it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # An empty registry: a schema that comes from elsewhere may not have anything fetched.
    validator = Draft202012Validator(dict(schema), registry=Registry())
    try:
        error = best_match(validator.iter_errors(dict(arguments)))
    except Unresolvable as unresolvable:
        return f"its parameters cannot be checked: {unresolvable}"
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)
    return f"wrong arguments: {where + ': ' if where else ''}{error.message}"


IN_DOUBT = "{name} was interrupted and may or may not have taken effect. Do not call it again; say that it is in doubt."


def _text(value: object) -> str:
    """A result as the model reads it: text as it is, all else as JSON, never longer than the limit."""
    text = storable(value if isinstance(value, str) else _json(value))
    return text if len(text) <= MOST_CHARS else text[:MOST_CHARS] + " … (cut off)"


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)
