"""Models of every vendor, by way of litellm, which is imported in a thread when the first of them is asked."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from carrier.errors import Ailment, ModelError, Remedy
from carrier.metering import waste
from carrier.models.asking import MOST_CHARACTERS, Able, characters, readable, tokens
from carrier.models.chat_form import ToolNames, messages
from carrier.models.choosing import is_loopback, network_allowed
from carrier.models.loading import loaded_litellm
from carrier.models.traits import Traits
from carrier.types.models import ActionCall, Completion, ModelProfile, Prices, Request, Usage

NOT_A_KEY = "none"
LONGEST_NAME = 200
"""Of an action that a model asks for."""

KNOWS_ITS_OWN_WAY_IN = {"bedrock", "sagemaker", "vertex_ai"}
"""Providers that also take credentials from the machine they run on."""


class VendorModel:
    """One model of a vendor, or of any server that speaks the OpenAI chat API; asked once for each request."""

    def __init__(self, profile: ModelProfile, environment: Mapping[str, str]):
        self.name = profile.use
        self._profile = profile
        self._traits = Traits.of(profile)
        self._environment = environment
        self._provider = profile.use.partition("/")[0]
        self._model, self._base_url = _address(profile, environment)

    async def able(self) -> Able:
        """By the params of the profile, else by what litellm knows; of a model nobody knows, tools are expected."""
        litellm = await loaded_litellm()
        _, _, model = self._model.partition("/")
        known = litellm.model_cost.get(self._model) or litellm.model_cost.get(model) or {}
        return self._traits.over(
            Able(
                tools=known.get("supports_function_calling") is not False,
                # Servers of one's own hold an answer to its schema; what they do is checked in any case.
                schema=bool(self._base_url or known.get("supports_response_schema")),
                images=bool(known.get("supports_vision")),
                window=_whole(known.get("max_input_tokens")),
                prices=Prices(_price(known.get("input_cost_per_token")), _price(known.get("output_cost_per_token"))),
            )
        )

    async def complete(self, request: Request) -> Completion:
        names = ToolNames(request.tools)
        async with self._sorting_errors():
            litellm = await loaded_litellm()
            response = await self._ask(litellm, await self._asked(litellm, request, names), stream=False)
            return self._completion(litellm, response, request, names)

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        names = ToolNames(request.tools)
        chunks: list[Any] = []
        async with self._sorting_errors():
            litellm = await loaded_litellm()
            asked = await self._asked(litellm, request, names)
            stream = await self._ask(litellm, asked, stream=True, stream_options={"include_usage": True})
        size = 0
        async with aclosing(stream):
            while (chunk := await self._next(stream)) is not None:
                chunks.append(chunk)
                if (size := size + _size(chunk)) > MOST_CHARACTERS:
                    raise ModelError(self.name, "its answer has no end", "fall back", kind="garbage")
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    yield readable(text)
        async with self._sorting_errors():
            completion = self._completion(litellm, self._built(litellm, chunks, asked["messages"]), request, names)
        yield completion

    async def _ask(self, litellm: Any, asked: Mapping[str, Any], **how: object) -> Any:
        answer = await litellm.acompletion(**{**asked, **how})
        # After a second 422 litellm returns nothing.
        if answer is None:
            raise ModelError(self.name, "its server cannot process the request", "stop")
        return answer

    async def _next(self, stream: AsyncIterator[Any]) -> Any:
        async with self._sorting_errors():
            return await anext(stream, None)

    def _built(self, litellm: Any, chunks: Sequence[Any], messages: object) -> Any:
        if not any(chunk.choices and chunk.choices[0].finish_reason for chunk in chunks):
            raise ModelError(self.name, "the answer broke off", "retry", kind="down")
        return litellm.stream_chunk_builder(list(chunks), messages=messages)

    async def _asked(self, litellm: Any, request: Request, names: ToolNames) -> dict[str, Any]:
        """The arguments of the call; raises when it may not be made."""
        self._check_network()
        asked = {
            **self._traits.handed,
            "model": self._model,
            "messages": await self._messages(request, names),
            "timeout": self._profile.timeout,
            "max_retries": 0,
            "num_retries": 0,
        }
        optional = {
            "tools": names.tools(),
            "api_base": self._base_url,
            "api_key": self._key(litellm),
            "response_format": _format(request),
        }
        return asked | {name: value for name, value in optional.items() if value}

    async def _messages(self, request: Request, names: ToolNames) -> list[dict[str, object]]:
        if any(entry.images for entry in request.prompt.conversation):
            return await asyncio.to_thread(messages, request.prompt, names, (await self.able()).images)
        return messages(request.prompt, names)

    def _check_network(self) -> None:
        if not network_allowed(self._environment) and not is_loopback(urlsplit(self._base_url).hostname or ""):
            message = "CARRIER_NETWORK_MODELS=0 allows only models on this machine"
            raise ModelError(self.name, message, "fall back", kind="account")

    def _key(self, litellm: Any) -> str:
        """The profile's key, else the one of the provider's own variable: never sent to another address."""
        if self._profile.api_key is not None:
            return self._profile.api_key.get_secret_value()
        if self._base_url:
            return NOT_A_KEY
        missing = litellm.validate_environment(self._model)["missing_keys"]
        keys = [name for name in missing if name.endswith(("_KEY", "_TOKEN"))] or missing
        found = [self._environment[name] for name in keys if self._environment.get(name)]
        if missing and not found and self._provider not in KNOWS_ITS_OWN_WAY_IN:
            message = f"no key: set {' or '.join(keys)} in the environment or .env"
            raise ModelError(self.name, message, "fall back", kind="account")
        return found[0] if found else ""

    def _completion(self, litellm: Any, response: Any, request: Request, names: ToolNames) -> Completion:
        if not response.choices:
            raise self._garbage("an answer without content")
        choice = response.choices[0]
        text, calls = choice.message.content or "", choice.message.tool_calls or ()
        usage = self._usage(litellm, response, request)
        if choice.finish_reason == "content_filter" and not (text or calls):
            raise ModelError(self.name, "its vendor held the answer back", "stop", kind="policy")
        try:
            asked_for = tuple(self._call(call, number, names) for number, call in enumerate(calls))
        except ModelError:
            waste(usage)
            raise
        return Completion(readable(text), asked_for, usage, self.name)

    def _call(self, call: Any, number: int, names: ToolNames) -> ActionCall:
        name = readable(call.function.name or "")
        if not 0 < len(name) <= LONGEST_NAME:
            raise self._garbage("it called an action without a name that could be one")
        try:
            arguments = json.loads(call.function.arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise self._garbage("it called an action with broken JSON") from error
        if not isinstance(arguments, dict):
            raise self._garbage("it called an action with something else than named arguments")
        return ActionCall(call.id or f"call-{number}", names.own(name), arguments)

    def _garbage(self, message: str) -> ModelError:
        return ModelError(self.name, message, "retry", kind="garbage")

    def _usage(self, litellm: Any, response: Any, request: Request) -> Usage:
        """What its server says it took; where that says nothing, about what the words come to."""
        usage, said = getattr(response, "usage", None), response.choices[0].message
        told_in, told_out = (_whole(usage.prompt_tokens), _whole(usage.completion_tokens)) if usage else (0, 0)
        calls = sum(len(call.function.arguments or "") for call in said.tool_calls or ())
        took_in = told_in or tokens(characters(request))
        took_out = told_out or tokens(len(said.content or "") + calls)
        cost = self._traits.cost(took_in, took_out) if self._traits.priced else _known_cost(litellm, response)
        return Usage(took_in, took_out, cost)

    @asynccontextmanager
    async def _sorting_errors(self) -> AsyncIterator[None]:
        """Whatever litellm raises comes out as a ModelError that says what may help."""
        try:
            yield
        except ModelError:
            raise
        # Beside its own errors litellm lets through whatever its many vendors' modules stumble over.
        except Exception as error:
            remedy, kind = sort(error)
            message = self._message(error)
            raise ModelError(self.name, message, remedy, kind=kind, retry_after=retry_after(error)) from error

    def _message(self, error: Exception) -> str:
        if _makes_no_sense(error):
            return "an answer that makes no sense"
        first = (str(error).splitlines() or [type(error).__name__])[0].partition(" Original exception:")[0]
        text = re.sub(r"^(?:(?:litellm\.)?\w+(?:Error|Exception|Timeout)\b(?: - |: ))+", "", first)
        if BROKE_OFF in text:
            return "the answer broke off"
        if self._base_url and "Connection error" in text:
            text = f"nothing answers at {self._base_url}, or it broke off"
        for key in self._keys():
            text = text.replace(key, "[secret]")
        return text[:300]

    def _keys(self) -> list[str]:
        own = self._profile.api_key.get_secret_value() if self._profile.api_key else ""
        known = (value for name, value in self._environment.items() if name.endswith(("_KEY", "_TOKEN")))
        return [key for key in (own, *known) if len(key) > 5]


def sort(error: Exception) -> tuple[Remedy, Ailment]:
    """What may help and what ails the model: by status, for a refused connection and a vendor's own failure look
    alike."""
    status, name = getattr(error, "status_code", None) or 0, type(error).__name__
    if name == "ContextWindowExceededError" or TOO_LONG.search(str(error)):
        return "fall back", "context"
    if name == "ContentPolicyViolationError" or REFUSED.search(str(error)):
        return "stop", "policy"
    if status in (401, 402, 403) or "insufficient_quota" in str(error):
        return "fall back", "account"
    if status == 404:
        return "fall back", ""
    if status == 429:
        return "retry", "busy"
    if _makes_no_sense(error):
        return "retry", "garbage"
    if status in (408, 409) or status >= 500:
        return "retry", "down"
    return ("stop", "") if status else ("fall back", "garbage")


TOO_LONG = re.compile(r"exceed_context_size|context_length_exceeded|exceeds the available context size")
REFUSED = re.compile(r"content_policy_violation|content_filter|ResponsibleAIPolicyViolation")
"""Both said by servers whose words litellm does not know."""
BROKE_OFF = "Response payload is not completed"
NONSENSE = re.compile(r"Invalid response object|response with no 'choices'|Expecting value: line")
"""litellm's words for an answer that is in no form of an answer."""


def _makes_no_sense(error: Exception) -> bool:
    return type(error).__name__ in ("APIResponseValidationError", "JSONDecodeError") or bool(
        NONSENSE.search(str(error))
    )


def retry_after(error: Exception) -> float:
    """Seconds, as the server's header has it: a number of them, or a date; 0: it has not said."""
    told = str((getattr(error, "litellm_response_headers", None) or {}).get("retry-after", ""))
    try:
        seconds = float(told) if told[:1].isdigit() else parsedate_to_datetime(told).timestamp() - time.time()
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < float("inf") else 0.0


def _format(request: Request) -> dict[str, object]:
    if request.schema is None:
        return {}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(request.schema)}}


def _size(chunk: Any) -> int:
    """Characters of a piece, and one for the piece itself, so that nothing goes on for ever."""
    size = 1
    for choice in chunk.choices:
        size += len(choice.delta.content or "") + len(getattr(choice.delta, "reasoning_content", None) or "")
        size += sum(len(call.function.arguments or "") for call in choice.delta.tool_calls or () if call.function)
    return size


def _known_cost(litellm: Any, response: Any) -> float:
    try:
        return float(litellm.completion_cost(completion_response=response))
    # For a model without a known price litellm raises a plain Exception.
    except Exception:
        return 0.0


def _whole(number: object) -> int:
    """The number, where it is one; servers and price lists hold other things too."""
    return max(int(number), 0) if isinstance(number, int | float) else 0


def _price(number: object) -> float:
    return max(float(number), 0.0) if isinstance(number, int | float) else 0.0


def _address(profile: ModelProfile, environment: Mapping[str, str]) -> tuple[str, str]:
    """The model as litellm calls it, and the server's address; empty: the vendor's own."""
    provider, _, model = profile.use.partition("/")
    if provider != "ollama":
        return profile.use, profile.base_url
    # Ollama is asked by its OpenAI API, so that all servers on this machine are asked in one way.
    address = profile.base_url or environment.get("OLLAMA_HOST") or "127.0.0.1:11434"
    url = (address if "//" in address else f"http://{address}").rstrip("/")
    return f"openai/{model}", url if url.endswith("/v1") else f"{url}/v1"
