"""Examples of an action's calls: as its file has them, and held against its parameters."""

from collections.abc import Iterable, Iterator, Mapping

from carrier.arguments import wrong_arguments
from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.diagnostics import Problem
from carrier.config.models.parameters import object_schema
from carrier.config.reading import natural
from carrier.types.agents import CallExample


def of(block: models.Action) -> tuple[CallExample, ...]:
    """The examples with each value as what YAML takes it for."""
    written = block.examples if isinstance(block, models.SingleAction) else ()
    return tuple(CallExample(str(each.user), _plain(each.call)) for each in written)


def wrong(definition: Definition) -> Iterator[Problem]:
    """What the action's own parameters do not allow; those of a function are known once it is imported."""
    parameters = getattr(definition.block, "parameters", None)
    if parameters is not None and isinstance(definition.block, models.SingleAction):
        yield from not_taken(definition, of(definition.block), object_schema(parameters))


def not_taken(
    definition: Definition, examples: Iterable[CallExample], parameters: Mapping[str, object]
) -> Iterator[Problem]:
    """The examples that these parameters, a JSON Schema, do not allow."""
    for at, example in enumerate(examples):
        if reason := wrong_arguments(parameters, example.call):
            yield definition.problem(("examples", at, "call"), "CAR013", f"examples: {reason}")


def _plain(call: Mapping[str, object]) -> dict[str, object]:
    return {key: natural(value) for key, value in call.items()}
