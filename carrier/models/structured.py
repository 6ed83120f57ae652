"""Answers in the form of a JSON Schema: as the vendor does it, else asked for in words; checked either way."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from carrier.errors import ModelError
from carrier.metering import waste
from carrier.models.asking import Able, Asked, Unreadable, asked_again
from carrier.types.models import Completion, Prompt, Request

WORDS = """\
# The form of your answer

Answer with one JSON value and nothing else: no other words, no fence. It has to fit this JSON Schema:

{schema}"""

AGAIN = "That does not fit: {reason}. Answer again, with the one JSON value and nothing else."


class Structured:
    """A request with a schema is answered with JSON that fits it, after one more try at most; in a stream it comes
    whole. An answer that asks for actions is no answer yet, and passes."""

    def __init__(self, model: Asked):
        self.name = model.name
        self._model = model

    async def able(self) -> Able:
        return await self._model.able()

    async def complete(self, request: Request) -> Completion:
        if request.schema is None:
            return await self._model.complete(request)
        return await self._fitting(request, request.schema)

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        if request.schema is not None:
            completion = await self._fitting(request, request.schema)
            if completion.text:
                yield completion.text
            yield completion
            return
        async with aclosing(self._model.stream(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def _fitting(self, request: Request, schema: Mapping[str, object]) -> Completion:
        await asyncio.to_thread(self._check_schema, schema)
        able = await self.able()
        # A model that is held to JSON could not write the block that stands for a call.
        asked = request if able.schema and (able.tools or not request.tools) else in_words(request, schema)
        first = await self._model.complete(asked)
        try:
            return await self._checked(first, schema)
        except Unreadable as error:
            waste(first.usage)
            again = asked_again(asked, first.text, AGAIN.format(reason=error))
        second = await self._model.complete(again)
        try:
            return await self._checked(second, schema)
        except Unreadable as error:
            waste(second.usage)
            message = f"its answer does not fit the schema, twice: {error}"
            raise ModelError(self.name, message, "fall back", kind="garbage") from error

    async def _checked(self, completion: Completion, schema: Mapping[str, object]) -> Completion:
        if completion.calls:
            return completion
        text = _bare(completion.text)
        await asyncio.to_thread(_check, text, schema)
        return replace(completion, text=text)

    def _check_schema(self, schema: Mapping[str, object]) -> None:
        from jsonschema import Draft202012Validator, SchemaError

        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise ModelError(self.name, f"the schema for the answer is wrong: {error.message[:200]}", "stop") from error


def in_words(request: Request, schema: Mapping[str, object]) -> Request:
    words = WORDS.format(schema=json.dumps(dict(schema), ensure_ascii=False))
    system = "\n\n".join(filter(None, (request.prompt.system, words)))
    return replace(request, prompt=Prompt(system, request.prompt.conversation), schema=None)


def _bare(text: str) -> str:
    """Without the fence that models like to put around JSON."""
    first, _, rest = text.strip().partition("\n")
    return rest.removesuffix("```").strip() if first in ("```", "```json") and rest.endswith("```") else text.strip()


def _check(text: str, schema: Mapping[str, object]) -> None:
    """Raises Unreadable where a text is not JSON that fits."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no JSON ({error})") from error
    try:
        # A registry of its own, so that a schema which names an address is never fetched from there.
        wrong = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    except Unresolvable as error:
        raise Unreadable(f"the schema leads nowhere: {error}") from error
    if wrong:
        raise Unreadable(f"{wrong.json_path}: {wrong.message[:200]}")
