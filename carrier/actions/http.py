"""Actions that are one HTTP request: its words are templates that see the call's arguments."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from carrier.actions.answers import Selection, hider, told
from carrier.actions.asking import SENT_WITH_ALL, Asking
from carrier.actions.examples import shown
from carrier.config.models.http import HttpAction as Written
from carrier.config.models.http import Request, Retry
from carrier.config.models.parameters import Parameter, object_schema
from carrier.egress import Forbidden, Network
from carrier.errors import ActionError, TemplateError
from carrier.interfaces import Given, Turn
from carrier.registry import UnknownPart
from carrier.templates import address, reason, value, variables
from carrier.types.agents import ActionDefinition

if TYPE_CHECKING:
    import httpx

Fill = Callable[[Mapping[str, object]], object]


class HttpAction:
    """A request as an action; make it in a thread. Raises UnknownPart when it cannot be used."""

    def __init__(self, definition: ActionDefinition, given: Given):
        written: Any = definition.settings
        assert isinstance(written, Written)
        self.name = definition.name
        self.repeat: Literal["never", "keyed", "safe"] = definition.repeat
        self.consequential = written.request.method == "DELETE"
        self.parameters: Mapping[str, object] = object_schema(written.parameters)
        self.description = shown(definition, self.parameters)
        self._defaults = {name: each.default for name, each in written.parameters.items() if each.default is not None}
        self._most = written.result.max_chars
        self._hide = hider(given.secrets, secret_headers(written.request.headers))
        try:
            self._select = Selection(written.result.select)
            self._letter = _Letter(written.request, written.parameters)
            network = reachable(written.network, written.request.url)
        except (TemplateError, ValueError, Forbidden) as error:
            said = reason(error) if isinstance(error, TemplateError) else str(error)
            raise UnknownPart(f"{self.name}: {self._hide(said)}") from error
        retry = written.request.retry or Retry(attempts=1)
        self._asking = Asking(
            name=self.name,
            network=network,
            hide=self._hide,
            repeat=self.repeat,
            timeout=definition.timeout,
            attempt=min(written.request.timeout or definition.timeout, definition.timeout),
            attempts=retry.attempts,
            statuses=retry.statuses,
        )

    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        key = idempotency_key(turn) if self.repeat == "keyed" else ""
        request = await asyncio.to_thread(self._written, {**self._defaults, **arguments}, key)
        answer = await self._asking.ask(request)
        try:
            return await asyncio.to_thread(told, answer, self._select, self._most, self._hide)
        except ActionError as error:
            raise ActionError(f"{self.name}: {error}") from error

    def _written(self, arguments: Mapping[str, object], key: str) -> "httpx.Request":
        try:
            return self._letter.written(arguments, key)
        except TemplateError as error:
            raise ActionError(f"{self.name} was not called: {self._hide(reason(error))}") from error
        except ActionError as error:
            raise ActionError(f"{self.name} was not called: {error}") from error


def reachable(names: tuple[str, ...], url: str) -> Network:
    """The network of an action; raises ValueError or Forbidden if it leaves out what the action is to reach."""
    network = Network.of(names, url)
    parts = urlsplit(url)
    if "{" not in parts.netloc:
        network.check(parts.scheme, parts.hostname or "", parts.port, b"?" if "@" in parts.netloc else b"")
    return network


def idempotency_key(turn: Turn) -> str:
    """The same when the call is made again after a crash, and nobody else's: the time tells one ledger from another."""
    return hashlib.sha256(f"{turn.once.key} {turn.message.at}".encode()).hexdigest()[:32]


def secret_headers(headers: Mapping[str, str | SecretStr]) -> list[str]:
    return [each.get_secret_value() for each in headers.values() if isinstance(each, SecretStr)]


# --- the request -------------------------------------------------------------------------------------------------


class _Letter:
    """The templates of a request; raises TemplateError for what is none or speaks of no parameter."""

    def __init__(self, request: Request, parameters: Mapping[str, Parameter]):
        for where, text in _texts(request):
            if unknown := variables(text) - parameters.keys():
                raise ValueError(f"`{where}` speaks of {', '.join(sorted(unknown))}, which is no parameter")
        self._method = request.method
        self._url = address(request.url)
        self._query = _filled(request.query)
        self._headers = {name: _header(name, each) for name, each in request.headers.items()}
        self._json = _filled(request.json_body) if "json_body" in request.model_fields_set else None
        self._form = _filled(request.form) if request.form is not None else None
        self._body = _filled(request.body) if request.body is not None else None

    def written(self, arguments: Mapping[str, object], key: str) -> "httpx.Request":
        import httpx

        try:
            url = httpx.URL(checked_path(self._url(arguments)))
            asked = query(self._query(arguments))
            headers = {name: fill(arguments) for name, fill in self._headers.items()} | SENT_WITH_ALL
            if key:
                headers["idempotency-key"] = key
            return httpx.Request(
                self._method,
                url.copy_merge_params(asked) if asked else url,
                headers={name.encode(): header_value(name, each) for name, each in headers.items()},
                **self._content(arguments),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ActionError("its words make no address that can be asked") from error

    def _content(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        if self._json:
            return {"json": self._json(arguments)}
        if self._form:
            return {"data": query(self._form(arguments))}
        return {"content": str(self._body(arguments)).encode()} if self._body else {}


def checked_path(url: str) -> str:
    """The url; raises ActionError if an argument makes a step to another folder of it."""
    path = re.sub("^[a-zA-Z]+://[^/?#]*", "", url).partition("#")[0].partition("?")[0]
    if any(piece in (".", "..") for piece in re.split(r"[/\\]", unquote(unquote(path)))):
        raise ActionError("an argument may not be a step to another folder, as .. is")
    return url


def query(values: object) -> dict[str, Any]:
    """What stands behind a ? or in a form: nothing for null, a key again for each of a list."""
    import json

    def text(item: object) -> object:
        return json.dumps(item, ensure_ascii=False) if isinstance(item, Mapping | list | tuple) else item

    given = {name: each for name, each in values.items() if each is not None} if isinstance(values, Mapping) else {}
    return {
        name: [text(item) for item in each] if isinstance(each, list | tuple) else text(each)
        for name, each in given.items()
    }


def header_value(name: str, given: object) -> bytes:
    text = str(given)
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise ActionError(f"the header {name} may hold no line breaks")
    return text.strip().encode()


def _texts(value: object, where: str = "request") -> Iterator[tuple[str, str]]:
    """Every text of a request, and where it stands; what is secret and no template is left aside."""
    if isinstance(value, Request):
        for key in sorted(value.model_fields_set - {"method", "timeout", "retry"}):
            yield from _texts(getattr(value, key), f"{where}.{'json' if key == 'json_body' else key}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, f"{where}.{number}")
    elif isinstance(value, str):
        yield where, value


def _filled(written: object) -> Fill:
    """The value with each of its texts filled in."""
    if isinstance(written, str):
        return value(written)
    if isinstance(written, Mapping):
        pairs = {key: _filled(item) for key, item in written.items()}
        return lambda arguments: {key: fill(arguments) for key, fill in pairs.items()}
    if isinstance(written, list | tuple):
        items = [_filled(item) for item in written]
        return lambda arguments: [fill(arguments) for fill in items]
    return lambda arguments: written


def _header(name: str, written: str | SecretStr) -> Fill:
    if isinstance(written, str):
        return value(written)
    text = written.get_secret_value()
    if "{{" not in text:
        # A token is no template, whatever stands in it.
        return lambda arguments: text
    try:
        return value(text)
    except TemplateError as error:
        raise ValueError(f"the header {name} is no template") from error
