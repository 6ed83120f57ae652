"""Templates that a caller brings: each is rendered by a process of its own, which ends with what it may take.

`python -m carrier.apart` is that process. It has no environment and no file open, and reads and writes one line of
JSON.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Undefined

from carrier.errors import TemplateError
from carrier.templates import Templates, reason
from carrier.types.parts import TemplateFile

NAME = "template"
"""What the caller's template is called in its errors."""
SECONDS = 10.0
"""On the wall, with what it takes to start the process on a busy machine."""
ANSWER = 4 * 1024 * 1024
"""Bytes that are read of an answer."""
DEPTH = 20
"""Levels of a value that a template may look into."""

LIMITS = (
    ("RLIMIT_AS", 256 * 1024 * 1024),
    ("RLIMIT_CPU", 2),
    ("RLIMIT_FSIZE", 0),
    ("RLIMIT_CORE", 0),
)


async def render(template: str, others: Mapping[str, TemplateFile], values: Mapping[str, object]) -> str:
    """Fill in a template, which may include the others; raises TemplateError, also when it takes too much."""
    sources = {name: other.source for name, other in others.items()} | {NAME: template}
    answer = await _answer(await asyncio.to_thread(_request, sources, values))
    if "text" not in answer:
        raise TemplateError(answer["template"], answer["line"], answer["reason"])
    return str(answer["text"])


def _request(sources: Mapping[str, str], values: Mapping[str, object]) -> bytes:
    return json.dumps({"sources": sources, "values": {name: told(value) for name, value in values.items()}}).encode()


async def _answer(request: bytes) -> dict[str, Any]:
    try:
        async with asyncio.timeout(SECONDS), _worker() as worker:
            asked, answered = worker
            with suppress(ConnectionError):
                asked.write(request)
                await asked.drain()
            asked.close()
            answer = await answered.readexactly(ANSWER)
    except asyncio.IncompleteReadError as error:
        answer = error.partial
    except TimeoutError:
        raise TemplateError(NAME, 1, f"this takes longer than {SECONDS:g} s") from None
    try:
        found: dict[str, Any] = json.loads(answer)
    except ValueError:
        raise TemplateError(NAME, 1, "this takes more time or memory than a template may have") from None
    return found


@asynccontextmanager
async def _worker() -> AsyncIterator[tuple[asyncio.StreamWriter, asyncio.StreamReader]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "carrier.apart"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd=Path(__file__).parent.parent,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


# --- the process -------------------------------------------------------------------------------------------


def main() -> None:
    # Not on every system: where it is missing no process is started for a stranger's template, and nothing else fails.
    import resource

    for kind, most in LIMITS:
        resource.setrlimit(getattr(resource, kind), (most, most))
    request = json.load(sys.stdin.buffer)
    sources = {name: TemplateFile(name, source) for name, source in request["sources"].items()}
    values = {name: heard(value) for name, value in request["values"].items()}
    try:
        answer: dict[str, object] = {"text": Templates(sources).render(NAME, values)}
    except TemplateError as error:
        answer = {"template": error.template, "line": error.line, "reason": reason(error)}
    sys.stdout.write(json.dumps(answer))


# --- values on their way ---------------------------------------------------------------------------------------


def told(value: object, depth: int = 0) -> object:
    """A value as JSON: text, numbers and the like as they are, all else as a list that begins with what it is."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Undefined):
        return ["nothing", value._undefined_name]
    if isinstance(value, datetime):
        return ["time", value.isoformat()]
    if depth == DEPTH:
        return str(value)
    if isinstance(value, Mapping):
        return ["map", [[_key(key), told(item, depth + 1)] for key, item in value.items()]]
    if isinstance(value, list | tuple | set | frozenset):
        return ["list", [told(item, depth + 1) for item in value]]
    return ["object", str(value), {name: told(part, depth + 1) for name, part in _parts(value)}]


def _key(key: object) -> object:
    return key if isinstance(key, int) else str(key)


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """What a template may look at: fields and properties, as far as there are any."""
    if is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
    for name, member in vars(type(value)).items():
        if isinstance(member, property) and not name.startswith("_"):
            yield name, getattr(value, name)


def heard(value: Any) -> object:
    """The value again, with objects that have the same parts and say the same of themselves."""
    match value:
        case ["nothing", name]:
            return ChainableUndefined(name=name)
        case ["time", text]:
            return datetime.fromisoformat(text)
        case ["map", items]:
            return {key: heard(item) for key, item in items}
        case ["list", items]:
            return [heard(item) for item in items]
        case ["object", text, parts]:
            return Thing(text, {name: heard(part) for name, part in parts.items()})
    return value


class Thing:
    """An object of the host's, as a template sees it."""

    def __init__(self, text: str, parts: Mapping[str, object]):
        self._text = text
        vars(self).update(parts)

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


if __name__ == "__main__":
    main()
