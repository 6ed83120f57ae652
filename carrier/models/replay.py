"""Cassettes: what models answered once, kept in a file of JSON lines, and answered again to the same requests."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from carrier.errors import ModelError
from carrier.interfaces import prices_of
from carrier.models.asking import Streaming
from carrier.models.images import content
from carrier.types.models import Completion, Image, Prices, Request, Said

FOLDER = "cassettes"
NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*")
SHOWN = 60
"""Characters of what differs."""


def cassette(project: Path, name: str) -> Path:
    """Where the cassette of that name stands in a project's folder."""
    if not NAME.fullmatch(name):
        raise ModelError(f"replay/{name}", "a cassette's name has small letters, digits, - and _, / between", "stop")
    return project / FOLDER / f"{name}.jsonl"


class Replay:
    """`interfaces.Model`. Answers what is on the cassette; a request that is not there is an error that says what
    differs from the one most like it. The file is read when it is first needed, and again when it has changed."""

    def __init__(self, name: str, file: Path, params: Mapping[str, object]):
        self.name = name
        self._file, self._params = file, params
        self._stamp: tuple[int, int] | None = None
        self._takes: Mapping[str, Take] = {}

    async def complete(self, request: Request) -> Completion:
        return (await asyncio.to_thread(self._find, request)).completion

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        take = await asyncio.to_thread(self._find, request)
        for piece in take.pieces:
            yield piece
        yield take.completion

    def _find(self, request: Request) -> "Take":
        asked = canonical(request, self._params)
        takes = self._read()
        if take := takes.get(key(asked)):
            return take
        raise ModelError(self.name, f"{self._file.name} has no answer to this: {_difference(asked, takes)}", "stop")

    def _read(self) -> Mapping[str, "Take"]:
        """The takes by key; of several with the same key, the last."""
        try:
            status = self._file.stat()
            if self._stamp != (stamp := (status.st_mtime_ns, status.st_size)):
                self._takes = {take.key: take for take in self._lines(self._file.read_text("utf-8"))}
                self._stamp = stamp
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise ModelError(self.name, f"{self._file} cannot be read: {reason}; record it first", "stop") from error
        return self._takes

    def _lines(self, text: str) -> Iterator["Take"]:
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            try:
                yield _takes().validate_json(line)
            except ValidationError as error:
                # A recording that was cut off left its last line unfinished.
                if line.endswith("\n"):
                    raise ModelError(self.name, f"{self._file}:{number} is no take of a recording", "stop") from error


class Recording:
    """`interfaces.Model`. Asks another model, and puts what it answers on a cassette."""

    def __init__(self, model: Streaming, file: Path, params: Mapping[str, object]):
        self.name = model.name
        self._model, self._file, self._params = model, file, params

    async def prices(self) -> Prices:
        return await prices_of(self._model)

    async def complete(self, request: Request) -> Completion:
        completion = await self._model.complete(request)
        await self._keep(request, words(completion.text), completion)
        return completion

    async def stream(self, request: Request) -> AsyncGenerator[str | Completion]:
        pieces: list[str] = []
        async for piece in self._model.stream(request):
            if isinstance(piece, Completion):
                await self._keep(request, pieces, piece)
            else:
                pieces.append(piece)
            yield piece

    async def _keep(self, request: Request, pieces: Iterable[str], completion: Completion) -> None:
        await asyncio.to_thread(self._append, request, tuple(pieces), completion)

    def _append(self, request: Request, pieces: tuple[str, ...], completion: Completion) -> None:
        asked = canonical(request, self._params)
        line = _takes().dump_json(Take(key(asked), asked, pieces, completion)) + b"\n"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.write(line)


@dataclass(frozen=True, slots=True)
class Take:
    """One request and its answer, as a line of a cassette holds them."""

    key: str
    request: Mapping[str, Any]
    pieces: tuple[str, ...]
    """The text as it came in a stream."""
    completion: Completion


@cache
def _takes() -> TypeAdapter[Take]:
    return TypeAdapter(Take)


def words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*", text) or ([text] if text else [])


def key(asked: Mapping[str, Any]) -> str:
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def canonical(request: Request, params: Mapping[str, object]) -> dict[str, Any]:
    """All that makes a request what it is, as plain JSON; which agent asks is told by its prompt."""
    asked = {
        "purpose": request.purpose,
        "params": dict(params),
        "schema": request.schema,
        "tools": [[tool.name, tool.description, dict(tool.parameters)] for tool in request.tools],
        "system": request.prompt.system,
        "conversation": [_entry(entry) for entry in request.prompt.conversation],
    }
    plain: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return plain


def _entry(entry: Said) -> dict[str, object]:
    calls = [[call.id, call.name, dict(call.arguments)] for call in entry.calls]
    optional = {"name": entry.name, "calls": calls, "call_id": entry.call_id, "images": [*map(_seen, entry.images)]}
    return {"role": entry.role, "text": entry.text} | {name: value for name, value in optional.items() if value}


def _seen(image: Image) -> list[str]:
    return [image.media_type, sha256(content(image) or b"").hexdigest()]


# --- what to say of a miss


def _difference(asked: Mapping[str, Any], takes: Mapping[str, Take]) -> str:
    """Where a request parts from the take that is most like it."""
    if not takes:
        return "nothing is recorded on it"
    wanted = _parts(asked)
    nearest = max(takes.values(), key=lambda take: len(wanted.items() & _parts(take.request).items()))
    recorded = _parts(nearest.request)
    where = next(part for part in [*wanted, *recorded] if wanted.get(part) != recorded.get(part))
    one, other = wanted.get(where), recorded.get(where)
    if one is None or other is None:
        return f"{where} is {'not there' if one is None else 'new'}"
    # From a little before the first difference on.
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(same - SHOWN // 3, 0)
    return f"{where} is {_shown(one, start)}, recorded is {_shown(other, start)}"


def _parts(asked: Mapping[str, Any]) -> dict[str, str]:
    """A request taken apart into lines of text that each have a name."""
    parts = {name: json.dumps(asked.get(name), sort_keys=True) for name in ("purpose", "params", "schema")}
    parts |= {f"the tool {tool[0]}": json.dumps(tool[1:], sort_keys=True) for tool in asked["tools"]}
    for number, line in enumerate(asked["system"].splitlines(), 1):
        parts[f"line {number} of the system text"] = line
    for number, entry in enumerate(asked["conversation"], 1):
        parts[f"entry {number} of the conversation"] = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    return parts


def _shown(text: str, start: int) -> str:
    end = start + SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
