"""What is to become of a call: run, asked for or refused; by the files, by who has caused it, and in whose words."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from carrier.interfaces import Action
from carrier.ledger.calls import Limit
from carrier.quoting import quoted
from carrier.runtime import wording
from carrier.runtime.permitting import Leave, digest, leave, limits, rules
from carrier.runtime.turns import OpenTurn
from carrier.types.agents import Agent
from carrier.types.models import ActionCall


@dataclass(frozen=True, slots=True)
class Ruling:
    leave: Leave
    digest: str
    """What an approval of it is bound to."""
    limits: list[Limit]
    """What it counts against."""
    consequential: bool
    reason: str = ""
    """Why it is asked for, where the permissions alone would have let it pass."""


async def ruled(turn: OpenTurn, call: ActionCall, action: Action) -> Ruling:
    """What holds for a call that a turn's model wishes for, now."""
    agent, cause = turn.agent, await turn.cause()
    said, told, counts = leave(agent, call, cause), digest(agent, call), limits(agent, call.name)
    weighed = wording.weighed(call, _consequential(agent, call.name, action))
    reason = await _foreign(turn, weighed, action) if weighed and said == "allow" else ""
    return Ruling("ask" if reason else said, told, counts, bool(weighed), reason)


def _consequential(agent: Agent, name: str, action: Action) -> bool | tuple[str, ...]:
    """Which arguments have to be words of who causes the call: as the files say, else as the action says itself."""
    said = [rule.consequential for rule in rules(agent, name) if rule.consequential is not None]
    own: bool | tuple[str, ...] = getattr(action, "consequential", False)
    return said[0] if said else own


async def _foreign(turn: OpenTurn, weighed: Mapping[str, object], action: Action) -> str:
    """Which words of arguments neither who has caused the turn nor the operator has said; empty: none."""
    said = "\n".join([await turn.own_words(), wording.written(turn.agent)])
    found = await asyncio.to_thread(wording.foreign, weighed, said, _defaults(action.parameters))
    asker = (await turn.cause()).sender_name or "nobody"
    return "; ".join(f"{quoted(word[:80])}, of its {name}, is no word of {asker}" for name, word in found.items())


def _defaults(schema: Mapping[str, object]) -> Mapping[str, object]:
    """What parameters are where nobody says it."""
    properties = schema.get("properties")
    each = properties.items() if isinstance(properties, Mapping) else ()
    return {name: told["default"] for name, told in each if isinstance(told, Mapping) and "default" in told}
