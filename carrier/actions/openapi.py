"""Actions that are the operations of an API, as its OpenAPI document describes them."""

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from carrier.actions.answers import Hide, Selection, hider, told
from carrier.actions.asking import SENT_WITH_ALL, Asking
from carrier.actions.http import checked_path, header_value, idempotency_key, query, reachable, secret_headers
from carrier.actions.openapi_document import BYTES, Operation, Unusable, Value, operations, read
from carrier.config.models.http import Result
from carrier.config.models.openapi import OpenApiAction as Written
from carrier.egress import Forbidden
from carrier.errors import ActionError
from carrier.interfaces import Action, Given, Turn
from carrier.registry import UnknownPart
from carrier.types.agents import ActionDefinition

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

Repeat = Literal["never", "keyed", "safe"]


class OpenApiToolbox:
    """The operations of a document, each an action NAME/OPERATION."""

    def __init__(self, definition: ActionDefinition, given: Given):
        written: Any = definition.settings
        assert isinstance(written, Written)
        self._definition, self._written = definition, written
        self._headers = {
            name: each if isinstance(each, str) else each.get_secret_value() for name, each in written.headers.items()
        }
        self._hide = hider(given.secrets, secret_headers(written.headers))

    async def open(self) -> Mapping[str, Action]:
        return await asyncio.to_thread(self._actions)

    async def close(self) -> None:
        """There is nothing to let go of: each call has a connection of its own."""

    def _actions(self) -> dict[str, Action]:
        name = self._definition.name
        try:
            document = read(self._definition.code or _text(self._definition.folder, self._written.document))
            found, left_out = operations(document, self._written.server or "", self._headers)
        except (Unusable, OSError) as error:
            raise UnknownPart(f"{name}: {self._written.document}: {self._hide(str(error))}") from error
        for operation, reason in left_out.items():
            log.warning("%s: %s is left out: %s", name, operation, reason)
        chosen = _chosen(name, self._written.operations, found)
        return {f"{name}/{each}": self._action(f"{name}/{each}", operation) for each, operation in chosen.items()}

    def _action(self, name: str, operation: Operation) -> Action:
        definition = self._definition
        reads = operation.method in ("GET", "HEAD")
        repeat: Repeat = "safe" if reads and definition.repeat == "never" else definition.repeat
        try:
            network = reachable(self._written.network, operation.server)
        except (ValueError, Forbidden) as error:
            raise UnknownPart(f"{name}: {self._hide(str(error))}") from error
        asking = Asking(name, network, self._hide, repeat, definition.timeout, definition.timeout)
        said, asked = operation.description, operation.schema
        return OpenApiAction(name, said, asked, repeat, operation, asking, self._headers, self._hide)


def _text(folder: Path, document: str) -> str:
    path = (folder / document).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Unusable("this is not inside the project")
    with path.open("rb") as opened:
        content = opened.read(BYTES + 1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character may be cut in two where a document is too long.
        raise Unusable(f"more than {BYTES:,} bytes" if len(content) > BYTES else "this is not UTF-8 text") from error


def _chosen(name: str, patterns: Collection[str], found: Mapping[str, Operation]) -> dict[str, Operation]:
    for pattern in patterns:
        if not any(fnmatchcase(each, pattern) for each in found):
            log.warning("%s: no operation is called %s; there are %s", name, pattern, ", ".join(found) or "none")
    return {each: found[each] for each in found if any(fnmatchcase(each, pattern) for pattern in patterns)}


# --- one operation -----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class OpenApiAction:
    """One operation as an action."""

    name: str
    description: str
    parameters: Mapping[str, object]
    repeat: Repeat
    operation: Operation
    asking: Asking
    headers: Mapping[str, str]
    hide: Hide

    @property
    def consequential(self) -> bool:
        return self.operation.method == "DELETE"

    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        key = idempotency_key(turn) if self.repeat == "keyed" else ""
        try:
            request = await asyncio.to_thread(self._written, arguments, key)
        except ActionError as error:
            raise ActionError(f"{self.name} was not called: {error}") from error
        answer = await self.asking.ask(request)
        try:
            return await asyncio.to_thread(told, answer, Selection(""), Result().max_chars, self.hide)
        except ActionError as error:
            raise ActionError(f"{self.name}: {error}") from error

    def _written(self, arguments: Mapping[str, object], key: str) -> "httpx.Request":
        import httpx

        given = [(value, arguments[value.argument]) for value in self.operation.values if value.argument in arguments]
        path = self.operation.path
        for value, argument in given:
            if value.place == "path":
                path = path.replace(f"{{{value.name}}}", quote(_segment(value, argument), safe=""))
        pairs = [pair for value, argument in given if value.place == "query" for pair in _pairs(value, argument)]
        try:
            url = httpx.URL(checked_path(self.operation.server.rstrip("/") + path))
            return httpx.Request(
                self.operation.method,
                url.copy_merge_params(httpx.QueryParams(pairs)) if pairs else url,
                headers={name.encode(): header_value(name, each) for name, each in self._all_headers(given, key)},
                **self._content(arguments),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ActionError("its arguments make no address that can be asked") from error

    def _all_headers(self, given: list[tuple[Value, object]], key: str) -> list[tuple[str, object]]:
        """Those of the operator stand above what a model says."""
        said = {value.name.lower(): _joined(argument) for value, argument in given if value.place == "header"}
        own = {name.lower(): each for name, each in self.headers.items()}
        keyed = {"idempotency-key": key} if key else {}
        return list({"accept": "application/json, */*;q=0.5", **said, **own, **SENT_WITH_ALL, **keyed}.items())

    def _content(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        body = self.operation.body
        if not body or body.argument not in arguments:
            return {}
        value = arguments[body.argument]
        if body.style == "form":
            return {"data": query(value)}
        return {"content": str(value).encode()} if body.style == "text" else {"json": value}


def _segment(value: Value, argument: object) -> str:
    text = _joined(argument)
    if text in ("", ".", ".."):
        raise ActionError(f"{value.argument} may not be {text!r}")
    return text


def _joined(argument: object) -> str:
    """A value in one piece: a list with commas."""
    if isinstance(argument, list | tuple):
        return ",".join(_word(item) for item in argument)
    return _word(argument)


def _word(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _pairs(value: Value, argument: object) -> list[tuple[str, Any]]:
    """What a parameter puts behind the ?: an object in brackets where the document says so, else as JSON."""
    if isinstance(argument, Mapping) and value.style == "deepObject":
        return [(f"{value.name}[{key}]", _word(item)) for key, item in argument.items() if item is not None]
    if isinstance(argument, list | tuple) and value.explode:
        return [(value.name, _word(item)) for item in argument]
    return [] if argument is None else [(value.name, _joined(argument))]
