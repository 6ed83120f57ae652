"""A model that answers from a list, and keeps what it was asked."""

import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from carrier.types import ActionCall, Completion, Request, Usage

Answer = str | Completion | BaseException | Callable[[Request], Awaitable[Completion]]
"""A text, a whole completion, an error to raise, or a function that does what it likes first."""


class ListedModel:
    """`interfaces.Model`. Gives its answers one after the other, then repeats what it is told."""

    def __init__(self, *answers: Answer, name: str = "listed/model"):
        self.name = name
        self.answers = deque(answers)
        self.requests: list[Request] = []

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        answer = self.answers.popleft() if self.answers else f"you said: {request.prompt.conversation[-1].text}"
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, str):
            return Completion(answer, usage=Usage(2, 1, 0.5), model=self.name)
        return answer if isinstance(answer, Completion) else await answer(request)

    async def stream(self, request: Request) -> AsyncIterator[str | Completion]:
        """Word by word."""
        completion = await self.complete(request)
        for piece in re.findall(r"\s*\S+", completion.text):
            yield piece
        yield completion


def calls(name: str, /, **arguments: object) -> Completion:
    """A model's wish to have one action done."""
    return Completion("", (ActionCall(f"call-{name}", name, arguments),), Usage(2, 1, 0.5), "listed/model")
