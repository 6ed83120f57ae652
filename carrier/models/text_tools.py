"""Actions for models that know none: told in the system text, and called by one fenced block of JSON."""

import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import groupby

from carrier.errors import ModelError
from carrier.metering import waste
from carrier.models.asking import Able, Asked, Unreadable, asked_again
from carrier.types.models import ActionCall, Completion, Prompt, Request, Said, Tool

FENCE = "```action"

RULES = f"""\
# Actions

You can have these actions done. To have one done, end your answer with one block of this form, and nothing after it:

{FENCE}
{{"action": "NAME", "arguments": {{}}}}
```

Several at once are a list of such objects in the one block. You are then told what came of it. Without a block nothing
is done, so never say that you did something of this kind without one."""

AGAIN = "Your block could not be read: {reason}. Write your whole answer again, its block in the form you were told."


class TextTools:
    """Hands a request on as it is to a model that takes tools, and in words to any other.

    A block that cannot be read is asked for once more. While an answer streams, nothing of a block is shown.
    """

    def __init__(self, model: Asked):
        self.name = model.name
        self._model = model

    async def able(self) -> Able:
        return await self._model.able()

    async def complete(self, request: Request) -> Completion:
        if (await self.able()).tools:
            return await self._model.complete(request)
        told = in_words(request)
        return await self._read(told, await self._model.complete(told))

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        if (await self.able()).tools:
            async with aclosing(self._model.stream(request)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        told, growing = in_words(request), Growing()
        async with aclosing(self._model.stream(told)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    completion = await self._read(told, piece)
                    if more := growing.rest(completion.text):
                        yield more
                    yield completion
                elif more := growing.grow(piece):
                    yield more

    async def _read(self, told: Request, first: Completion) -> Completion:
        try:
            return _with_calls(first, told)
        except Unreadable as error:
            waste(first.usage)
            again = asked_again(told, first.text, AGAIN.format(reason=error))
        second = await self._model.complete(again)
        try:
            return _with_calls(second, told)
        except Unreadable as error:
            waste(second.usage)
            message = f"it asked for an action in a form that cannot be read, twice: {error}"
            raise ModelError(self.name, message, "fall back", kind="garbage") from error


def in_words(request: Request) -> Request:
    """The request for a model that knows no tools: they, their calls and their results are told."""
    system = "\n\n".join(filter(None, (request.prompt.system, _told(request.tools))))
    return replace(request, prompt=Prompt(system, tuple(_retold(request.prompt.conversation))), tools=())


def _told(tools: Sequence[Tool]) -> str:
    return "\n\n".join([RULES, *map(_described, tools)]) if tools else ""


def _described(tool: Tool) -> str:
    parameters = json.dumps(dict(tool.parameters), ensure_ascii=False)
    return f"{tool.name}: {tool.description}\nits arguments, as a JSON Schema: {parameters}"


def _retold(conversation: Iterable[Said]) -> Iterator[Said]:
    """Results become one message of a user's for each round, since such models know no other way to be told."""
    for result, entries in groupby(conversation, lambda entry: entry.role == "tool"):
        if result:
            yield Said("user", "\n\n".join(f"What came of {entry.name}:\n{entry.text}" for entry in entries))
        else:
            yield from (replace(entry, text=_block_of(entry), calls=()) if entry.calls else entry for entry in entries)


def _block_of(entry: Said) -> str:
    calls = [{"action": call.name, "arguments": dict(call.arguments)} for call in entry.calls]
    block = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
    return f"{entry.text}\n\n{FENCE}\n{block}\n```".lstrip()


class Growing:
    """An unfinished answer, of which nothing is shown that belongs to a block or could become the beginning of one."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._held = ""

    def grow(self, piece: str) -> str:
        """What may be shown now."""
        self._held += piece
        more = _before_block(self._held)
        self._held = self._held[len(more) :]
        self._shown.append(more)
        return more

    def rest(self, whole: str) -> str:
        """What is still to be shown of the whole answer; nothing, if it became another one."""
        shown = "".join(self._shown)
        return whole[len(shown) :] if whole.startswith(shown) else ""


def _before_block(text: str) -> str:
    """The text before a block; the white space between the two is not part of the answer."""
    before, fence, _ = text.partition(FENCE)
    begun = 0 if fence else next((size for size in range(len(FENCE) - 1, 0, -1) if text.endswith(FENCE[:size])), 0)
    return before[: len(before) - begun].rstrip()


def _with_calls(completion: Completion, told: Request) -> Completion:
    """The answer with its block read; raises Unreadable."""
    before, fence, block = completion.text.partition(FENCE)
    if not fence:
        return completion
    calls = tuple(
        ActionCall(f"call-{len(told.prompt.conversation)}-{number}", *call) for number, call in enumerate(_calls(block))
    )
    return replace(completion, text=before.rstrip(), calls=calls)


def _calls(block: str) -> Iterator[tuple[str, dict[str, object]]]:
    value, rest = _first_value(block.lstrip())
    if not rest.lstrip().startswith("```"):
        raise Unreadable("it has no end, or more than one JSON value in it")
    if FENCE in rest:
        raise Unreadable("there is more than one block; put several actions into one list")
    for call in value if isinstance(value, list) else [value]:
        yield _call(call)


def _first_value(text: str) -> tuple[object, str]:
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no JSON ({error})") from error
    return value, text[end:]


def _call(call: object) -> tuple[str, dict[str, object]]:
    if not isinstance(call, dict) or not isinstance(call.get("action"), str) or call.keys() - {"action", "arguments"}:
        raise Unreadable('each action is an object with "action", its name, and "arguments"')
    arguments = call.get("arguments", {})
    if not isinstance(arguments, dict):
        raise Unreadable('"arguments" is an object')
    return call["action"], arguments
