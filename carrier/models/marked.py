"""Hands a model its prompts with the marks that tell what comes from outside."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from carrier.marking import marked
from carrier.models.asking import Able, Asked
from carrier.types.models import Completion, Request


class Marked:
    """A model that is told what to take as material and what as words that are meant for it."""

    def __init__(self, model: Asked):
        self.name = model.name
        self._model = model

    async def able(self) -> Able:
        return await self._model.able()

    async def complete(self, request: Request) -> Completion:
        return await self._model.complete(_told(request))

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        async with aclosing(self._model.stream(_told(request))) as pieces:
            async for piece in pieces:
                yield piece


def _told(request: Request) -> Request:
    return replace(request, prompt=marked(request.prompt))
