"""A model that answers from a script of rules: the keyless default, and the language of tests."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby

from carrier.errors import Ailment, ModelError, Remedy, TemplateError
from carrier.templates import phrase
from carrier.types.models import ActionCall, Completion, Request, Said, Script, ScriptRule, ScriptStep, Usage

FLAGS = re.IGNORECASE | re.MULTILINE

FAILURES: Mapping[str, tuple[str, Remedy, Ailment]] = {
    "rate_limit": ("too many requests", "retry", "busy"),
    "timeout": ("no answer in time", "retry", "down"),
    "unavailable": ("not available", "fall back", "down"),
    "bad_request": ("the request was not accepted", "stop", ""),
}


class ScriptedModel:
    """Answers by the first rule that fits; the same request always gets the same answer.

    A purpose other than `chat` that the script has no rule for is answered with nothing.
    """

    def __init__(self, name: str, script: Script):
        self.name = name
        self._script = script
        self._rules = tuple(Rule.of(rule) for rule in script.rules)
        self._phrase: Callable[[str], Callable[[Mapping[str, object]], str]] = cache(phrase)

    async def complete(self, request: Request) -> Completion:
        scene = Scene(request)
        step, groups = self._choose(scene)
        await asyncio.sleep(step.delay)
        if step.fail:
            message, remedy, kind = FAILURES[step.fail]
            raise ModelError(self.name, f"{message}, says the script {self._script.name!r}", remedy, kind=kind)
        values = {"user": scene.user, "agent": request.agent, "text": scene.text, "result": scene.result, **groups}
        text = self._fill(step.say, values)
        calls = (self._call(step, scene, values),) if step.call else ()
        return Completion(text, calls, Usage(scene.words, len(text.split())), self.name)

    async def stream(self, request: Request) -> AsyncIterator[str | Completion]:
        completion = await self.complete(request)
        for piece in re.findall(r"\s*\S+\s*", completion.text):
            yield piece
        yield completion

    def _choose(self, scene: "Scene") -> tuple[ScriptStep, Mapping[str, str]]:
        rules = [rule for rule in self._rules if rule.written.purpose == scene.request.purpose]
        for rule in rules:
            if (groups := rule.groups(scene)) is not None and (step := rule.step(scene)):
                return step, groups
        if not rules and scene.request.purpose != "chat":
            return ScriptStep(), {}
        raise ModelError(
            self.name,
            f"no rule of the script {self._script.name!r} fits {scene.text[:60]!r}; add a last rule without `when`",
            "stop",
        )

    def _call(self, step: ScriptStep, scene: "Scene", values: Mapping[str, object]) -> ActionCall:
        if step.call not in {tool.name for tool in scene.request.tools}:
            raise ModelError(self.name, f"the script calls {step.call!r}, which this agent may not use", "stop")
        arguments = {name: self._argument(value, values) for name, value in step.arguments.items()}
        return ActionCall(f"call-{len(scene.request.prompt.conversation)}", step.call, arguments)

    def _argument(self, value: object, values: Mapping[str, object]) -> object:
        if isinstance(value, str):
            text = self._fill(value, values)
            return _number(text) if LONE_EXPRESSION.fullmatch(value) else text
        if isinstance(value, Mapping):
            return {key: self._argument(part, values) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._argument(part, values) for part in value]
        return value

    def _fill(self, text: str, values: Mapping[str, object]) -> str:
        if "{" not in text:
            return text
        try:
            return self._phrase(text)(values)
        except TemplateError as error:
            raise ModelError(self.name, f"the script {self._script.name!r} says {text!r}: {error}", "stop") from error


LONE_EXPRESSION = re.compile(r"\s*\{\{[^{}]*\}\}\s*")


def _number(text: str) -> object:
    """What a lone expression came to: a number where it reads as one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@dataclass(frozen=True)
class Scene:
    """What a rule looks at in a request."""

    request: Request

    @cached_property
    def place(self) -> int:
        """Where the last user message stands; -1 without one."""
        said = self.request.prompt.conversation
        return max((index for index, entry in enumerate(said) if entry.role == "user"), default=-1)

    @cached_property
    def text(self) -> str:
        return self.request.prompt.conversation[self.place].text if self.place >= 0 else ""

    @cached_property
    def user(self) -> str:
        return self.request.prompt.conversation[self.place].name if self.place >= 0 else ""

    @cached_property
    def earlier(self) -> tuple[Said, ...]:
        return self.request.prompt.conversation[: max(self.place, 0)]

    @cached_property
    def rounds(self) -> tuple[str, ...]:
        """The action that ended each round of results since the last user message."""
        since = self.request.prompt.conversation[self.place + 1 :]
        rounds = (list(entries) for role, entries in groupby(since, key=lambda entry: entry.role) if role == "tool")
        return tuple(entries[-1].name for entries in rounds)

    @cached_property
    def result(self) -> str:
        return self.request.prompt.conversation[-1].text if self.after_result else ""

    @cached_property
    def after_result(self) -> bool:
        return any(entry.role == "tool" for entry in self.request.prompt.conversation[-1:])

    @cached_property
    def told(self) -> str:
        """All the model was told before the last message, older things first."""
        lines = (f"{entry.name or self.request.agent}: {entry.text}" for entry in self.earlier)
        return "\n".join((self.request.prompt.system, *lines))

    @cached_property
    def words(self) -> int:
        prompt = self.request.prompt
        return len(prompt.system.split()) + sum(len(entry.text.split()) for entry in prompt.conversation)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the script, with its patterns compiled."""

    written: ScriptRule
    when: tuple[re.Pattern[str], ...]
    given: re.Pattern[str] | None

    @classmethod
    def of(cls, rule: ScriptRule) -> "Rule":
        given = re.compile(rule.given, FLAGS) if rule.given else None
        return cls(rule, tuple(re.compile(pattern, FLAGS) for pattern in rule.when), given)

    def groups(self, scene: Scene) -> Mapping[str, str] | None:
        """The named groups of what was found, or None when the rule does not fit."""
        heard = self._heard(scene.text)
        if heard is None:
            return None
        if self.given is None:
            return heard
        *_, told = (None, *self.given.finditer(scene.told))
        return None if told is None else heard | told.groupdict("")

    def step(self, scene: Scene) -> ScriptStep | None:
        """What is due now, or None when the rule has nothing to say after the results so far.

        A rule `after` an action counts that action's results, any other rule all of them. Past its end a rule is
        done, save what only ever has its last words to say: `after`, a sequence, or a rule without conditions.
        """
        rule, rounds = self.written, scene.rounds
        if rule.after and not (scene.after_result and rounds[-1] == rule.after):
            return None
        steps = self._variant(scene)
        done = rounds.count(rule.after) - 1 if rule.after else len(rounds)
        if done < len(steps):
            return steps[done]
        lasting = len(steps) > 1 or not (rule.when or rule.given)
        return steps[-1] if rule.after or (lasting and not steps[-1].call) else None

    def _variant(self, scene: Scene) -> tuple[ScriptStep, ...]:
        variants = self.written.steps
        if len(variants) == 1:
            return variants[0]
        before = sum(entry.role == "user" and self._heard(entry.text) is not None for entry in scene.earlier)
        return variants[before % len(variants)]

    def _heard(self, text: str) -> dict[str, str] | None:
        if not self.when:
            return {}
        found = (match.groupdict("") for pattern in self.when if (match := pattern.search(text)))
        groups = next(found, None)
        # What only another of the patterns names is there too, and empty.
        return None if groups is None else {name: "" for each in self.when for name in each.groupindex} | groups
