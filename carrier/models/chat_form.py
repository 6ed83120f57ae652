"""Puts what a model is asked into the form of the OpenAI chat API, and its actions' names back into ours."""

import json
import re
from collections.abc import Sequence

from carrier.models.images import data_url, in_words
from carrier.types.models import ActionCall, Prompt, Said, Tool


class ToolNames:
    """The names models may read, and the way back: no vendor takes the `/` of `maps/find`."""

    def __init__(self, tools: Sequence[Tool]):
        self._tools = tools
        self._safe: dict[str, str] = {}
        for tool in tools:
            self._safe[tool.name] = self._free(safe(tool.name))
        self._own = {name: own for own, name in self._safe.items()}

    def safe(self, own: str) -> str:
        return self._safe.get(own) or safe(own)

    def own(self, name: str) -> str:
        return self._own.get(name, name)

    def tools(self) -> list[dict[str, object]]:
        return [
            {
                "type": "function",
                "function": {
                    "name": self._safe[tool.name],
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in self._tools
        ]

    def _free(self, name: str) -> str:
        taken = set(self._safe.values())
        numbered = (f"{name[:60]}_{number}" for number in range(2, len(taken) + 3))
        return next(free for free in (name, *numbered) if free not in taken)


def safe(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]


def messages(prompt: Prompt, names: ToolNames, sees: bool = False) -> list[dict[str, object]]:
    """The conversation in the form of the OpenAI chat API. Reads images from the disk, where there are any."""
    said = [_message(entry, names, sees) for entry in prompt.conversation]
    return [{"role": "system", "content": prompt.system}, *said] if prompt.system else said


def _message(entry: Said, names: ToolNames, sees: bool) -> dict[str, object]:
    if entry.role == "tool":
        return {"role": "tool", "tool_call_id": entry.call_id, "content": entry.text}
    if entry.role == "user":
        text = f"{entry.name}: {entry.text}" if entry.name else entry.text
        return {"role": "user", "content": _content(entry, text, sees) if entry.images else text}
    calls = {"tool_calls": [_tool_call(call, names) for call in entry.calls]} if entry.calls else {}
    return {"role": "assistant", "content": entry.text, **calls}


def _content(entry: Said, text: str, sees: bool) -> list[dict[str, object]] | str:
    """Text and pictures; those that cannot be shown are told of."""
    urls = {number: data_url(image) if sees else "" for number, image in enumerate(entry.images)}
    unseen = [in_words(image) for number, image in enumerate(entry.images) if not urls[number]]
    told = "\n".join([text, *unseen])
    shown: list[dict[str, object]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls.values() if url]
    return [{"type": "text", "text": told}, *shown] if shown else told


def _tool_call(call: ActionCall, names: ToolNames) -> dict[str, object]:
    function = {"name": names.safe(call.name), "arguments": json.dumps(dict(call.arguments))}
    return {"id": call.id, "type": "function", "function": function}
