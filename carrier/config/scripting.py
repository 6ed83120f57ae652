"""Scripts compiled: rules into steps, their texts checked as Jinja and their actions by name."""

import re
from collections.abc import Collection, Iterator, Mapping

from carrier import templates
from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.reading import Trail, natural
from carrier.errors import TemplateError
from carrier.types.models import Script, ScriptRule, ScriptStep

GIVEN = ("user", "agent", "text", "result")
"""What every text of a script is given, beside the named groups of its rule's patterns."""


def compiled(definition: Definition, script: models.Script) -> Script:
    return Script(definition.name, tuple(_rule(rule) for rule in script.rules))


def _rule(rule: models.Rule) -> ScriptRule:
    return ScriptRule(rule.purpose, rule.when, rule.given, rule.after, tuple(_variants(rule)))


def _variants(rule: models.Rule) -> Iterator[tuple[ScriptStep, ...]]:
    if rule.sequence:
        yield tuple(
            _step(step.say or "", step.call, step.fail or "", rule.delay + step.delay) for step in rule.sequence
        )
    elif rule.say:
        yield from ((_step(text, None, "", rule.delay),) for text in rule.say)
    else:
        yield (_step("", rule.call, rule.fail or "", rule.delay),)


def _step(say: str, call: models.Call | None, fail: str, delay: float) -> ScriptStep:
    name, arguments = _only(call)
    return ScriptStep(say, name, arguments, fail, delay)


def _only(call: models.Call | None) -> tuple[str, dict[str, object]]:
    if not call:
        return "", {}
    name, arguments = next(iter(call.items()))
    return name, {key: natural(value) for key, value in (arguments or {}).items()}


# --- what is wrong with a script ------------------------------------------------------------------------------------


def problems(definition: Definition, script: models.Script, actions: Collection[str]) -> Iterator[Problem]:
    for number, rule in enumerate(script.rules):
        path: Trail = ("rules", number)
        for action, at in _actions(rule, path):
            # Which tools a toolbox has is not known before it is open.
            if action not in actions and action.partition("/")[0] not in actions:
                place = definition.document.problem_with_key if at[-1] == action else definition.problem
                yield place(at, "CAR021", f"unknown action {action!r}", suggestion(action, sorted(actions)))
        for text, at in _texts(rule, path):
            yield from _wrong_with(text, at, rule, definition)


def _actions(rule: models.Rule, path: Trail) -> Iterator[tuple[str, Trail]]:
    if rule.after:
        yield rule.after, (*path, "after")
    for call, at in _calls(rule, path):
        yield from ((name, (*at, name)) for name in call)


def _calls(rule: models.Rule, path: Trail) -> Iterator[tuple[models.Call, Trail]]:
    if rule.call:
        yield rule.call, (*path, "call")
    for number, step in enumerate(rule.sequence):
        if step.call:
            yield step.call, (*path, "sequence", number, "call")


def _texts(rule: models.Rule, path: Trail) -> Iterator[tuple[str, Trail]]:
    yield from ((text, (*path, "say", number)) for number, text in enumerate(rule.say))
    for number, step in enumerate(rule.sequence):
        if step.say:
            yield step.say, (*path, "sequence", number, "say")
    for call, at in _calls(rule, path):
        yield from _strings(call, at)


def _strings(value: object, path: Trail) -> Iterator[tuple[str, Trail]]:
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _strings(item, (*path, number))


def _wrong_with(text: str, at: Trail, rule: models.Rule, definition: Definition) -> Iterator[Problem]:
    given = {*GIVEN, *_groups(rule)}
    try:
        unknown = templates.variables(text) - given
    except TemplateError as error:
        yield definition.problem(at, "CAR030", f"this is not Jinja: {templates.reason(error)}")
    else:
        for name in sorted(unknown):
            hint = suggestion(name, sorted(given))
            yield definition.problem(at, "CAR031", f"nothing is called {name!r} here", hint)


def _groups(rule: models.Rule) -> Iterator[str]:
    for pattern in (*rule.when, rule.given):
        yield from re.compile(pattern).groupindex
