"""What the parts of the provider system hold each other to: what a model can do, and how much it may say."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from typing import Protocol

from carrier.interfaces import prices_of
from carrier.types.models import UNPRICED, ActionCall, Completion, Prices, Prompt, Request, Said

MOST_CHARACTERS = 2_000_000
"""Of one answer."""

REPEATED_CHARACTERS = 20_000
"""Of an answer that is shown to the model again, to be written anew."""


@dataclass(frozen=True, slots=True)
class Able:
    """What a model takes without help."""

    tools: bool = True
    schema: bool = True
    images: bool = False
    window: int = 0
    """Tokens it reads at most; 0: nobody knows."""
    prices: Prices = UNPRICED


class Asked(Protocol):
    """An `interfaces.Model` that can say what it takes, and whose stream can be closed."""

    name: str

    async def able(self) -> Able: ...

    async def complete(self, request: Request) -> Completion: ...

    def stream(self, request: Request) -> AsyncGenerator[str | Completion]: ...


class Plain:
    """A model that takes whatever it is handed, as scripts and cassettes do."""

    def __init__(self, model: "Streaming"):
        self.name = model.name
        self._model = model

    async def able(self) -> Able:
        return Able(images=True, prices=await prices_of(self._model))

    async def complete(self, request: Request) -> Completion:
        return await self._model.complete(request)

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        async for piece in self._model.stream(request):
            yield piece


class Streaming(Protocol):
    name: str

    async def complete(self, request: Request) -> Completion: ...

    def stream(self, request: Request) -> AsyncIterator[str | Completion]: ...


class Unreadable(ValueError):
    """An answer is not in the form that was asked for; says why, in words for the model."""


def asked_again(request: Request, answer: str, please: str) -> Request:
    """The same question, with the answer it got and a word on what was wrong with that."""
    said = (Said("assistant", answer[:REPEATED_CHARACTERS]), Said("user", please))
    return replace(request, prompt=Prompt(request.prompt.system, (*request.prompt.conversation, *said)))


def characters(request: Request) -> int:
    """Of all that a model is told."""
    said = sum(len(entry.text) + sum(map(size, entry.calls)) for entry in request.prompt.conversation)
    tools = sum(len(tool.description) + len(json.dumps(dict(tool.parameters))) for tool in request.tools)
    return len(request.prompt.system) + said + tools


def size(call: ActionCall) -> int:
    return len(call.name) + len(json.dumps(dict(call.arguments), default=str))


def tokens(characters: int) -> int:
    """About as many as these characters are: four are taken for one."""
    return -(-characters // 4)


def readable(text: str) -> str:
    """The text as any store and any wire takes it: half a surrogate pair and NUL become the replacement character."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "\ufffd")
