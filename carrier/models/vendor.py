"""Models of every vendor, by way of litellm, which is imported in a thread when the first of them is asked."""

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from carrier.errors import ModelError
from carrier.models.chat_form import ToolNames, messages
from carrier.models.choosing import is_loopback, network_allowed
from carrier.models.loading import load_litellm
from carrier.types import ActionCall, Completion, ModelProfile, Request, Usage

RETRIES = 2
FIRST_PAUSE = 0.5
NOT_A_KEY = "none"

KNOWS_ITS_OWN_WAY_IN = {"bedrock", "sagemaker", "vertex_ai"}
"""Providers that also take credentials from the machine they run on."""


class VendorModel:
    """One model of a vendor, or of any server that speaks the OpenAI chat API.

    What passes is tried again twice, within the profile's timeout. An answer that broke off half-way while it was
    streamed is not: its reader has seen the beginning.
    """

    def __init__(self, profile: ModelProfile, environment: Mapping[str, str]):
        self.name = profile.use
        self._profile = profile
        self._environment = environment
        self._provider = profile.use.partition("/")[0]
        self._model, self._base_url = _address(profile, environment)

    async def complete(self, request: Request) -> Completion:
        deadline, attempt = self._deadline(), 0
        while True:
            try:
                return await self._complete_once(request, deadline)
            except ModelError as error:
                await self._pause_or_raise(error, attempt, deadline)
            attempt += 1

    async def stream(self, request: Request) -> AsyncIterator[str | Completion]:
        deadline, attempt, begun = self._deadline(), 0, False
        while True:
            try:
                async with aclosing(self._stream_once(request, deadline)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except ModelError as error:
                if begun:
                    raise
                await self._pause_or_raise(error, attempt, deadline)
            attempt += 1

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._profile.timeout

    async def _pause_or_raise(self, error: ModelError, attempt: int, deadline: float) -> None:
        pause = _retry_after(error) or FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)
        left = deadline - asyncio.get_running_loop().time()
        if error.remedy != "retry" or attempt == RETRIES or pause >= left:
            raise error
        await asyncio.sleep(pause)

    async def _complete_once(self, request: Request, deadline: float) -> Completion:
        names = ToolNames(request.tools)
        async with self._asking(deadline):
            litellm = await asyncio.to_thread(load_litellm)
            response = await litellm.acompletion(**self._asked(litellm, request, names, deadline))
        return self._completion(litellm, response, names)

    async def _stream_once(self, request: Request, deadline: float) -> AsyncGenerator[str | Completion]:
        names = ToolNames(request.tools)
        chunks: list[Any] = []
        async with self._asking(deadline):
            litellm = await asyncio.to_thread(load_litellm)
            asked = self._asked(litellm, request, names, deadline)
            stream = await litellm.acompletion(**asked, stream=True, stream_options={"include_usage": True})
        async with aclosing(stream):
            while (chunk := await self._next(stream, deadline)) is not None:
                chunks.append(chunk)
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    yield text
        yield self._completion(litellm, self._built(litellm, chunks, asked["messages"]), names)

    async def _next(self, stream: AsyncIterator[Any], deadline: float) -> Any:
        async with self._asking(deadline):
            return await anext(stream, None)

    def _built(self, litellm: Any, chunks: Sequence[Any], messages: object) -> Any:
        if not any(chunk.choices and chunk.choices[0].finish_reason for chunk in chunks):
            raise ModelError(self.name, "the answer broke off", "retry")
        return litellm.stream_chunk_builder(list(chunks), messages=messages)

    def _asked(self, litellm: Any, request: Request, names: ToolNames, deadline: float) -> dict[str, Any]:
        """The arguments of the call; raises when it may not be made."""
        self._check_network()
        asked = {
            **self._profile.params,
            "model": self._model,
            "messages": messages(request.prompt, names),
            "timeout": deadline - asyncio.get_running_loop().time(),
            "max_retries": 0,
            "num_retries": 0,
        }
        optional = {"tools": names.tools(), "api_base": self._base_url, "api_key": self._key(litellm)}
        return asked | {name: value for name, value in optional.items() if value}

    def _check_network(self) -> None:
        if not network_allowed(self._environment) and not is_loopback(urlsplit(self._base_url).hostname or ""):
            raise ModelError(self.name, "CARRIER_NETWORK_MODELS=0 allows only models on this machine", "stop")

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
            raise ModelError(self.name, f"no key: set {' or '.join(keys)} in the environment or .env", "stop")
        return found[0] if found else ""

    def _completion(self, litellm: Any, response: Any, names: ToolNames) -> Completion:
        message = response.choices[0].message
        calls = tuple(self._call(call, names) for call in message.tool_calls or ())
        return Completion(message.content or "", calls, _usage(litellm, response), self.name)

    def _call(self, call: Any, names: ToolNames) -> ActionCall:
        try:
            arguments = json.loads(call.function.arguments or "{}")
        except ValueError as error:
            raise ModelError(self.name, "it called an action with broken JSON", "retry") from error
        if not isinstance(arguments, dict):
            raise ModelError(self.name, "it called an action with something else than named arguments", "retry")
        return ActionCall(call.id, names.own(call.function.name or ""), arguments)

    @asynccontextmanager
    async def _asking(self, deadline: float) -> AsyncIterator[None]:
        """Until the deadline; whatever litellm raises comes out as a ModelError that says what may help."""
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError as error:
            raise ModelError(self.name, f"no answer within {self._profile.timeout:g} s", "retry") from error
        except ModelError:
            raise
        # Beside its own errors litellm lets through whatever its many vendors' modules stumble over.
        except Exception as error:
            raise ModelError(self.name, self._message(error), remedy(error)) from error

    def _message(self, error: Exception) -> str:
        first = (str(error).splitlines() or [type(error).__name__])[0].partition(" Original exception:")[0]
        text = re.sub(r"^(?:(?:litellm\.)?\w+(?:Error|Exception|Timeout)\b(?: - |: ))+", "", first)
        if self._base_url and "Connection error" in text:
            text = f"nothing answers at {self._base_url}, or it broke off"
        for key in self._keys():
            text = text.replace(key, "[secret]")
        return text[:300]

    def _keys(self) -> list[str]:
        own = self._profile.api_key.get_secret_value() if self._profile.api_key else ""
        known = (value for name, value in self._environment.items() if name.endswith(("_KEY", "_TOKEN")))
        return [key for key in (own, *known) if len(key) > 5]


def remedy(error: Exception) -> Literal["retry", "fall back", "stop"]:
    """What may help: by status, for a refused connection and a vendor's own failure look alike."""
    status = getattr(error, "status_code", None)
    if type(error).__name__ in ("ContextWindowExceededError", "ContentPolicyViolationError"):
        return "fall back"
    if status in (401, 402, 403, 404) or "insufficient_quota" in str(error):
        return "fall back"
    return "retry" if status in (408, 409, 429) or (status or 0) >= 500 else "stop"


def _retry_after(error: ModelError) -> float:
    headers = getattr(error.__cause__, "litellm_response_headers", None) or {}
    try:
        return float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0


def _usage(litellm: Any, response: Any) -> Usage:
    usage = getattr(response, "usage", None)
    try:
        cost = float(litellm.completion_cost(completion_response=response))
    # For a model without a known price litellm raises a plain Exception.
    except Exception:
        cost = 0.0
    return Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0, cost) if usage else Usage(cost=cost)


def _address(profile: ModelProfile, environment: Mapping[str, str]) -> tuple[str, str]:
    """The model as litellm calls it, and the server's address; empty: the vendor's own."""
    provider, _, model = profile.use.partition("/")
    if provider != "ollama":
        return profile.use, profile.base_url
    # Ollama is asked by its OpenAI API, so that all servers on this machine are asked in one way.
    address = profile.base_url or environment.get("OLLAMA_HOST") or "127.0.0.1:11434"
    url = (address if "//" in address else f"http://{address}").rstrip("/")
    return f"openai/{model}", url if url.endswith("/v1") else f"{url}/v1"
