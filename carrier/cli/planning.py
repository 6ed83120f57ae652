"""A plan as a person reads it: what would be made, changed, started again and taken away, and why."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from carrier.quoting import shortened

SIGNS = {"create": "+", "update": "~", "restart": "!", "remove": "-"}
LONG = 80
"""Characters of a value that are shown."""


def plan_text(plan: dict[str, Any]) -> str:
    """The answer of `GET /config/plan`."""
    return "\n".join([*(line for step in plan["steps"] for line in _step(step)), *_others(plan), _summary(plan)])


def _step(step: dict[str, Any]) -> Iterator[str]:
    reasons = f" ({', '.join(step['reasons'])})" if step["reasons"] else ""
    yield f"{SIGNS[step['what']]} {step['what']} {step['kind']} {step['name']}{reasons}"
    yield from (f"    {change['path']}: {_change(change)}" for change in step["changes"])
    if step["next_times"]:
        yield f"    next: {', '.join(step['next_times'])}"


def _others(plan: dict[str, Any]) -> Iterator[str]:
    """The schedules that stay as they are."""
    told = {step["name"] for step in plan["steps"] if step["kind"] == "schedule"}
    for name, times in plan["schedules"].items():
        if name not in told:
            yield f"= schedule {name}\n    next: {', '.join(times) or 'never'}"


def _change(change: dict[str, Any]) -> str:
    old, new = change["old"], change["new"]
    return _value(new) if old is None else f"{_value(old)} -> {_value(new)}"


def _value(value: object) -> str:
    return shortened(json.dumps(value, ensure_ascii=False), LONG)


def _summary(plan: dict[str, Any]) -> str:
    counts = Counter(step["what"] for step in plan["steps"])
    if not counts:
        return f"nothing would change: revision {plan['running'] or plan['wanted']}"
    what = ", ".join(f"{counts[what]} to {what}" for what in SIGNS if counts[what])
    return f"{what}: revision {plan['running'] or 'none'} -> {plan['wanted']}"
