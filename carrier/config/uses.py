"""What holds for an agent's actions: what their documents say of them, and what the agent says where it names them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from carrier import registry
from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.models.rates import SECONDS
from carrier.config.models.use import Callers as CallersBlock
from carrier.config.names import Names
from carrier.config.validating import validated
from carrier.types.agents import ActionDefinition, ActionRule, Callers


def rule(action: str, said: models.Use, shared: bool = False) -> ActionRule | None:
    """What is said of an action; None: nothing."""
    by, rate = callers(said.by), said.limits.calls if said.limits else None
    calls, per = (rate.amount, SECONDS[rate.per]) if rate else (0, 0.0)
    found = ActionRule(action, by, said.others, calls, per, shared, said.consequential)
    return found if by or calls or said.consequential is not None else None


def callers(said: CallersBlock | None) -> Callers | None:
    return Callers(said.users, said.roles, said.direct) if said else None


def rules(
    names: Names, entries: Iterable[models.Entry], actions: Iterable[ActionDefinition], by: Definition
) -> Iterator[ActionRule]:
    """The agent's own words first: they go over those of an action's document."""
    for at, entry in enumerate(entries):
        if entry.settings and (said := _said(names, entry, by, at)) and (found := rule(entry.name, said)):
            yield found
    for action in actions:
        if action.rule:
            yield replace(action.rule, action=action.name)


WORDS = tuple(models.Use.model_fields)
"""What may be said of any action; what else stands beside it is for the action itself."""


def _said(names: Names, entry: models.Entry, by: Definition, at: int) -> models.Use | None:
    built_in = entry.name in registry.ACTIONS and not names.knows_own("action", by.name, entry.name)
    words = {key: value for key, value in entry.settings.items() if key in WORDS or not built_in}
    said, problems = validated(models.Use, words, by.document, by.missing, ("actions", at, entry.name))
    names.tell(by, *problems)
    return said
