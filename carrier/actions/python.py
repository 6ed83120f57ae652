"""Actions that are a Python function of the operator's: its parameters come from the type hints."""

import asyncio
import inspect
import logging
import re
import traceback
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model

from carrier.actions.examples import shown
from carrier.errors import ActionError, InDoubt
from carrier.functions import load
from carrier.interfaces import Given, Turn
from carrier.registry import UnknownPart
from carrier.threads import Pool
from carrier.types.agents import ActionDefinition

log = logging.getLogger(__name__)

POOL = Pool(8)
"""For all synchronous actions: a call that goes on past its time limit keeps its place."""


class PythonAction:
    """A function as an action; a first parameter `turn` is handed the turn.

    Making one imports the operator's code, so make it in a thread; raises UnknownPart when it cannot be used.
    """

    def __init__(self, definition: ActionDefinition, given: Given):
        self.name = definition.name
        self.repeat: Literal["never", "keyed", "safe"] = definition.repeat
        self._timeout = definition.timeout
        self._secrets = given.secrets
        self._function = load(definition.entrypoint, definition.folder, definition.code)
        summary, documented = _docstring(self._function)
        try:
            self._takes_turn, self._form = _form(definition, self._function)
            self.parameters: Mapping[str, object] = _schema(self._form, documented)
        except (TypeError, NameError, ValueError, PydanticUserError) as error:
            reason = str(error).splitlines()[0]
            raise UnknownPart(f"{definition.entrypoint}: its parameters cannot be put into JSON: {reason}") from error
        self.description = shown(definition, self.parameters, summary)

    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        values = self._validated(arguments)
        given = (turn,) if self._takes_turn else ()
        try:
            if inspect.iscoroutinefunction(self._function):
                return await self._awaited(self._function(*given, **values))
            return await self._in_a_thread(lambda: self._function(*given, **values))
        except ActionError:
            raise
        # Operators' code: whatever it raises, the model is told, and the host goes on.
        except (Exception, SystemExit) as error:
            raise ActionError(self._explained(error)) from error

    def _validated(self, arguments: Mapping[str, object]) -> dict[str, object]:
        try:
            form = self._form.model_validate(arguments)
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()]
            raise ActionError(f"{self.name} was not run: {'; '.join(wrong)}") from error
        fields = type(form).model_fields
        return {str(field.alias): getattr(form, name) for name, field in fields.items()}

    async def _awaited(self, work: Any) -> object:
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await work
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise InDoubt(f"{self.name} was stopped half-way: it took longer than {self._timeout:g} s") from error

    async def _in_a_thread(self, work: Callable[[], object]) -> object:
        future = POOL.submit(work)
        watched = asyncio.wrap_future(future)
        # What still comes of it when nobody waits any more is looked at by nobody.
        watched.add_done_callback(lambda late: late.cancelled() or late.exception())
        try:
            done, _ = await asyncio.wait([watched], timeout=self._timeout)
        finally:
            never_began = future.cancel()
        if done:
            return watched.result()
        if never_began:
            raise ActionError(f"{self.name} was not run: nothing was free to run it within {self._timeout:g} s")
        raise InDoubt(f"{self.name} took longer than {self._timeout:g} s; it goes on and may still take effect")

    def _explained(self, error: BaseException) -> str:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error}"
        for secret in sorted(filter(None, self._secrets()), key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        log.warning("%s failed at %s:%s: %s", self.name, place.filename, place.lineno, text[:500])
        return f"{self.name} failed: {text[:500]}"


# --- its parameters ------------------------------------------------------------------------------------------


def _form(definition: ActionDefinition, function: FunctionType) -> tuple[bool, type[BaseModel]]:
    """Whether the function takes the turn, and a model of all else it takes."""
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    takes_turn = bool(parameters) and (parameters[0].name == "turn" or hints.get(parameters[0].name) is Turn)
    fields = {f"of_{each.name}": _field(each, hints) for each in parameters[takes_turn:]}
    return takes_turn, create_model(definition.name, __config__=ConfigDict(extra="forbid"), **fields)


def _field(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise TypeError(f"{parameter} has no name to call it by")
    default = ... if parameter.default is parameter.empty else parameter.default
    # An alias, for a parameter may be called like a method of the model.
    return hints.get(parameter.name, Any), Field(default, alias=parameter.name)


def _schema(form: type[BaseModel], documented: Mapping[str, str]) -> dict[str, object]:
    schema = form.model_json_schema()
    del schema["title"]
    for name, field in schema.setdefault("properties", {}).items():
        field.pop("title", None)
        if name in documented:
            field.setdefault("description", documented[name])
    return schema


DOCUMENTED = re.compile(
    r"^[ \t]*(?::param[ \t]+)?(?:\w+[ \t]+)?(?P<name>\w+)[ \t]*(?:\([^)\n]*\))?[ \t]*:[ \t]+(?P<text>\S.*)$",
    re.MULTILINE,
)


def _docstring(function: FunctionType) -> tuple[str, dict[str, str]]:
    """Its first paragraph, and what it says about parameters: `name: text`, `name (int): text`, `:param name: text`."""
    summary, _, rest = (inspect.getdoc(function) or "").partition("\n\n")
    return " ".join(summary.split()), {match["name"]: match["text"] for match in DOCUMENTED.finditer(rest)}
