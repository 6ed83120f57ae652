"""The action manager: runs what a model asked for, once, within its limits, and says what came of it."""

import asyncio
import json
import logging
import math
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from itertools import count, groupby, islice
from typing import Any

from carrier.arguments import wrong_arguments
from carrier.errors import ActionError, InDoubt
from carrier.interfaces import Action, Deed, Done, Turn
from carrier.ledger import approvals
from carrier.ledger.approvals import Approval
from carrier.ledger.calls import Full
from carrier.ledger.forms import load, storable
from carrier.runtime.asking import ask_approval, use_approval
from carrier.runtime.deciding import offered
from carrier.runtime.deeds import through_gates, writes
from carrier.runtime.evaluating import Gates
from carrier.runtime.permitting import digest, leave
from carrier.runtime.ruling import ruled
from carrier.runtime.turns import OpenTurn
from carrier.runtime.viewing import Ask, view
from carrier.types.models import ActionCall, ActionResult, Tool
from carrier.types.talk import SILENCE

log = logging.getLogger(__name__)

MOST_CHARS, MOST_PARTS, DEEPEST = 20_000, 10_000, 30
"""Of what an action returns: so much is shown to the model."""
MOST_CALLS = 16
"""Of one answer."""


class Acting:
    """The actions of one agent. Whatever happens in one, the model is told, and the turn goes on."""

    def __init__(self, actions: Mapping[str, Action], ask: Ask, gates: Gates):
        self._ask, self._gates = ask, gates
        self.replace(actions)

    def replace(self, actions: Mapping[str, Action]) -> None:
        """Have these actions from now on; a call under way goes on with what it began with."""
        self._actions = actions

    def tools(self, turn: OpenTurn) -> tuple[Tool, ...]:
        """What the model is offered in a turn: of all actions those that its room allows.

        An action may describe itself otherwise from one moment to the next.
        """
        found = (self.tool(name) for name in self._actions if offered(turn.rules, name))
        return tuple(tool for tool in found if tool)

    def tool(self, name: str) -> Tool | None:
        """One of them as a model sees it, if there is one of that name."""
        action = self._actions.get(name)
        return Tool(name, action.description, action.parameters) if action else None

    async def run(self, turn: OpenTurn, step: str, calls: Sequence[ActionCall]) -> list[ActionResult]:
        """The results of what one answer asked for, in its order; `step` is its place in the journal.

        Calls that follow one another and only read run side by side; any other waits for those before it.
        """
        results: list[ActionResult] = []
        for _, group in groupby(enumerate(calls[:MOST_CALLS]), self._company):
            came = await _together([self._run(turn, f"{step}/{n:02}", call) for n, call in group])
            results += came
            turn.results += came
        return results + [ActionResult(call, "failed", TOO_MANY) for call in calls[MOST_CALLS:]]

    def _company(self, numbered: tuple[int, ActionCall]) -> int:
        """The same for calls that may run side by side."""
        number, call = numbered
        return -1 if self._promises(call.name) == "safe" else number

    async def _run(self, turn: OpenTurn, name: str, call: ActionCall) -> ActionResult:
        """The result of a call; `name` is its place in the journal. What the journal has ended is not run again."""
        entry = turn.journal.entries.get(name)
        if entry and entry.ended:
            result: ActionResult = load(ActionResult, entry.value)
        elif entry and self._promises(call.name) == "never":
            log.error("%s: %s was cut off and may have taken effect; it is not run again", turn.agent.name, call.name)
            result = ActionResult(call, "in doubt", IN_DOUBT.format(name=call.name))
            await turn.action_ends(name, result)
        elif problem := await self._problem(turn, call) or await self._gates.refuse(turn, call, name):
            result = self._refused(turn, name, call, problem)
        elif entry is None:
            result = await self._if_it_may(turn, name, call)
        else:
            result = await self._run_now(turn, name, call)
        return result

    def _refused(self, turn: OpenTurn, name: str, call: ActionCall, reason: str) -> ActionResult:
        """The result of a call that is not run."""
        result = ActionResult(call, "failed", reason)
        turn.journal.action_refused(name, result)
        return result

    async def _if_it_may(self, turn: OpenTurn, name: str, call: ActionCall) -> ActionResult:
        """The result of a call that has not begun: run, asked for or refused."""
        ruling = await ruled(turn, call, self._actions[call.name])
        if ruling.leave == "deny":
            return self._refused(turn, name, call, NOT_PERMITTED.format(name=call.name))
        if ruling.leave == "ask":
            shown = await self._gates.shown(turn, call, name)
            asked = await ask_approval(turn, name, call, ruling.digest, ruling.reason, shown, ruling.limits)
            return self._refused(turn, name, call, _too_often(call, asked)) if isinstance(asked, Full) else asked
        settle = partial(approvals.settle, digest=ruling.digest, room=turn.message.room)
        if full := await turn.journal.action_begins(name, ruling.limits, [settle] if ruling.consequential else []):
            return self._refused(turn, name, call, _too_often(call, full))
        return await self._run_now(turn, name, call)

    async def run_decided(self, turn: OpenTurn, name: str, approval: Approval) -> ActionResult:
        """What came of a call that was waited for: run exactly as it was approved, and once."""
        call, entry = approval.call, turn.journal.entries.get(name)
        if entry:
            result = await self._run(turn, name, call)
        elif problem := await self._void(turn, approval) or await self._gates.refuse(turn, call, name):
            result = self._refused(turn, name, call, problem)
        elif await use_approval(turn, name, approval.id):
            result = await self._run_now(turn, name, call)
        else:
            result = self._refused(turn, name, call, USED.format(number=approval.id))
        turn.results.append(result)
        return result

    async def _void(self, turn: OpenTurn, approval: Approval) -> str:
        """Why a decided call is not run; empty if it may be."""
        if approval.state == "used":
            return USED.format(number=approval.id)
        if approval.state not in ("approved", "edited"):
            return f"#{approval.id} was not approved: {approval.state}"
        if approval.digest != digest(turn.agent, approval.call):
            return f"the action {approval.call.name} is not what it was when #{approval.id} was approved; ask again"
        if leave(turn.agent, approval.call, await turn.cause()) == "deny":
            return NOT_PERMITTED.format(name=approval.call.name)
        return await self._problem(turn, approval.call)

    def _promises(self, name: str) -> str:
        """What an action says of being repeated; one that is gone meanwhile promises nothing."""
        return self._actions[name].repeat if name in self._actions else "never"

    async def _problem(self, turn: OpenTurn, call: ActionCall) -> str:
        """Why a call cannot be run at all, in words for the model; empty if it can."""
        names = [tool.name for tool in self.tools(turn)]
        if call.name not in names:
            return f"there is no action {call.name!r}; there are {', '.join(names) or 'none'}"
        return await asyncio.to_thread(wrong_arguments, self._actions[call.name].parameters, call.arguments)

    async def _run_now(self, turn: OpenTurn, name: str, call: ActionCall) -> ActionResult:
        """The result of a call whose beginning is on disk."""
        said: list[str] = []
        number = count()

        async def say(text: str) -> None:
            if allowed := await self._gates.let_out(turn, text, f"{name}/say/{next(number)}"):
                said.append(allowed)

        result, deeds = await self._result(call, view(turn, name, self._ask, say))
        return await self._end(turn, name, result, said, deeds)

    async def _end(
        self, turn: OpenTurn, name: str, result: ActionResult, said: Sequence[str], deeds: Sequence[Deed]
    ) -> ActionResult:
        """The result, when it is on disk with what the action left to be written; failed, where that cannot be."""
        try:
            passed = await through_gates(deeds, lambda text, n: self._gates.let_out(turn, text, f"{name}/deed/{n:02}"))
            await turn.action_ends(name, result, said, writes(turn, name, result, passed))
        except ActionError as error:
            result = ActionResult(result.call, "failed", _text(str(error)))
            await turn.action_ends(name, result, said)
        return result

    async def _result(self, call: ActionCall, turn: Turn) -> tuple[ActionResult, Sequence[Deed]]:
        """What came of an action, and what it leaves to be written."""
        try:
            value = await self._actions[call.name](turn, **call.arguments)
        except InDoubt as error:
            log.error("%s: %s is in doubt: %s", turn.agent.name, call.name, error)
            return ActionResult(call, "in doubt", str(error)), ()
        except ActionError as error:
            return ActionResult(call, "failed", _text(str(error))), ()
        except Exception as error:
            log.exception("%s: the action %s failed", turn.agent.name, call.name)
            return ActionResult(call, "failed", f"{call.name} failed: {type(error).__name__}"), ()
        if value is SILENCE:
            return ActionResult(call, "done", "", ends=True), ()
        if isinstance(value, Done):
            return ActionResult(call, "done", _text(value.text), value.ends), value.deeds
        return ActionResult(call, "done", _text(value)), ()


USED = "approval #{number} was used already"
NOT_PERMITTED = "{name} is not permitted here with these arguments"


def _too_often(call: ActionCall, full: Full) -> str:
    limit = full.limit
    return (
        f"it was not run: {call.name} may run {limit.most} times in {_time(limit.seconds)}; again in {_time(full.wait)}"
    )


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 5400 else f"{math.ceil(seconds / 3600)} h"


async def _together(works: Sequence[Coroutine[Any, Any, ActionResult]]) -> list[ActionResult]:
    """What works come to, side by side; where one fails, none of them goes on."""
    if len(works) == 1:
        return [await works[0]]
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


TOO_MANY = f"it was not run: of one answer at most {MOST_CALLS} calls are"
IN_DOUBT = "{name} was interrupted and may or may not have taken effect. Do not call it again; say that it is in doubt."


def _text(value: object) -> str:
    """A result as the model reads it: text as it is, all else as JSON, never longer than the limit."""
    # Cut first: whatever its size, nothing else that is done with it takes long.
    text = value if isinstance(value, str) else _json(_cut(value, [MOST_PARTS]))
    return storable(text) if len(text) <= MOST_CHARS else storable(text[:MOST_CHARS]) + " … (cut off)"


def _cut(value: object, left: list[int], depth: int = 0) -> object:
    """A value with no more parts than are left, none of them longer or deeper than the limit."""
    left[0] -= 1
    if isinstance(value, str | bytes | bytearray):
        return value[: MOST_CHARS + 1]
    if depth == DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {key: _cut(value[key], left, depth + 1) for key in islice(value, max(left[0], 0))}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cut(item, left, depth + 1) for item in islice(value, max(left[0], 0))]
    return value


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)
