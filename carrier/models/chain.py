"""A model with its fallbacks: each is asked in turn until one answers."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from carrier.errors import Ailment, ModelError
from carrier.models.asking import Asked
from carrier.types.models import Completion, Prices, Request

log = logging.getLogger(__name__)


class Chain:
    """`interfaces.Model`. After a prompt that was too long only models that may read more are asked; an answer whose
    beginning was passed on is nobody else's to finish."""

    def __init__(self, models: Sequence[Asked]):
        self.name = models[0].name
        self._models = models

    async def prices(self) -> Prices:
        """The dearest of its models': any of them may answer."""
        told = [(await model.able()).prices for model in self._models]
        return Prices(max(each.read for each in told), max(each.written for each in told))

    async def complete(self, request: Request) -> Completion:
        failures: list[ModelError] = []
        for model in self._models:
            if await self._worth(model, failures):
                try:
                    return await model.complete(request)
                except ModelError as error:
                    self._go_on(error, failures)
        raise _all(self.name, failures)

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        failures: list[ModelError] = []
        for model in self._models:
            begun = False
            if await self._worth(model, failures):
                try:
                    async with aclosing(model.stream(request)) as pieces:
                        async for piece in pieces:
                            begun = True
                            yield piece
                    return
                except ModelError as error:
                    if begun:
                        raise
                    self._go_on(error, failures)
        raise _all(self.name, failures)

    async def _worth(self, model: Asked, failures: Sequence[ModelError]) -> bool:
        """Whether it may do what those before it could not."""
        short = {failure.model for failure in failures if failure.kind == "context"}
        if not short:
            return True
        too_small = max([(await each.able()).window for each in self._models if each.name in short])
        window = (await model.able()).window
        return not (window and window <= too_small)

    def _go_on(self, error: ModelError, failures: list[ModelError]) -> None:
        if error.remedy == "stop":
            raise error
        failures.append(error)
        if len(self._models) > 1:
            log.warning("%s", error)


def _all(name: str, failures: Sequence[ModelError]) -> ModelError:
    """What to say when none of them answers."""
    if len(failures) == 1:
        return failures[0]
    first, pauses = failures[0], [failure.retry_after for failure in failures if failure.retry_after]
    said = "; ".join(map(str, failures))
    return ModelError(
        name,
        f"none of its models answers: {said}",
        first.remedy,
        kind=_kind(failures),
        retry_after=min(pauses, default=0.0),
    )


def _kind(failures: Sequence[ModelError]) -> Ailment:
    """What ails them all; where one may be better in a while, that."""
    kinds = {failure.kind for failure in failures}
    passing: tuple[Ailment, ...] = ("down", "busy")
    return next((kind for kind in passing if kind in kinds), failures[0].kind if len(kinds) == 1 else "")
