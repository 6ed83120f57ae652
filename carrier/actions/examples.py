"""Examples of calls, as the model is shown them in an action's description."""

import json
from collections.abc import Mapping

from carrier.arguments import wrong_arguments
from carrier.registry import UnknownPart
from carrier.types.agents import ActionDefinition


def shown(definition: ActionDefinition, parameters: Mapping[str, object], summary: str = "") -> str:
    """The description with the examples; raises UnknownPart for one that the parameters do not allow.

    `summary` stands in for a description that nobody has written.
    """
    for number, example in enumerate(definition.examples, start=1):
        if wrong := wrong_arguments(parameters, example.call):
            raise UnknownPart(f"{definition.name}: example {number}: {wrong}")
    told = [
        f"For example, for {json.dumps(each.user, ensure_ascii=False)}: {json.dumps(each.call, ensure_ascii=False)}"
        for each in definition.examples
    ]
    return "\n".join(filter(None, [definition.description or summary, *told]))
