"""A model that says what a test dictates, as soon as it does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from carrier.types.models import Completion, Request


class Dictated:
    """`interfaces.Model`. A text is a piece of an answer, a completion its end; an error is raised."""

    said: "asyncio.Queue[str | Completion | Exception]" = asyncio.Queue()

    def __init__(self, *made_of: object):
        self.name = "dictated"

    async def complete(self, request: Request) -> Completion:
        *_, completion = [piece async for piece in self.stream(request)]
        assert isinstance(completion, Completion)
        return completion

    async def stream(self, request: Request) -> AsyncIterator[str | Completion]:
        text = ""
        while isinstance(piece := await self.said.get(), str):
            text += piece
            yield piece
        if isinstance(piece, Exception):
            raise piece
        yield replace(piece, text=text)


def dictate(*pieces: str | Completion | Exception) -> None:
    for piece in pieces:
        Dictated.said.put_nowait(piece)
