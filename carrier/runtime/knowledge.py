"""The documents that agents were given to read: taken in passage by passage, and again when their files change."""

import asyncio
import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

from carrier.interfaces import Memories
from carrier.ledger import documents
from carrier.ledger.engine import Ledger
from carrier.types.agents import Agent, Knowledge
from carrier.types.memory import Recalled, Scope

log = logging.getLogger(__name__)

FILES = 500
BYTES = 1_000_000
"""Of one file."""
PASSAGES = 10_000
"""Of one agent."""
PASSAGE = 800
"""Characters."""
PAUSE = 2.0
"""Seconds between two looks at the files."""

Stamp = tuple[int, int]
"""When a file was last changed, and its size."""


@dataclass(eq=False)
class _Shelf:
    """What of one agent's documents is taken in."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    sources: dict[str, documents.Source] | None = None
    stamps: dict[str, Stamp] = field(default_factory=dict)
    ids: Set[str] = frozenset()
    looked_at: float = 0.0
    of: Knowledge | None = None


class Documents:
    """All agents' documents. They are looked at when somebody asks for them, one file after the other."""

    def __init__(self, ledger: Ledger, memories: Memories):
        self._ledger, self._memories = ledger, memories
        self._shelves: dict[str, _Shelf] = {}

    async def recall(self, agent: Agent, text: str, most: int) -> list[Recalled]:
        """The passages that come up for a text, strongest first."""
        if not (agent.knowledge.files or agent.knowledge.texts):
            return []
        ids = await self._look(agent)
        found = await self._memories.recall(Scope(documents.owner(agent.name)), text, most)
        # What was forgotten in the ledger, and not in the store before the host ended, is forgotten there now.
        if stray := [each.memory.id for each in found if each.memory.id not in ids]:
            await self._memories.forget(stray)
            found = await self._memories.recall(Scope(documents.owner(agent.name)), text, most)
        return [each for each in found if each.memory.id in ids]

    async def _look(self, agent: Agent) -> Set[str]:
        """Take in what is new or has changed, and forget what is gone; what is cut off is gone on with next time.

        Returns the ids of all passages there are.
        """
        shelf = self._shelves.setdefault(agent.name, _Shelf())
        async with shelf.lock:
            if shelf.of == agent.knowledge and time.monotonic() - shelf.looked_at < PAUSE:
                return shelf.ids
            if shelf.sources is None:
                shelf.sources = dict(await self._ledger.read(partial(documents.sources, agent=agent.name)))
            there = await asyncio.to_thread(_stamps, agent.knowledge)
            for name in [name for name in shelf.sources if name not in there]:
                await self._forget(shelf.sources, name)
            for name, stamp in there.items():
                if shelf.stamps.get(name) != stamp:
                    await self._take_in(agent, shelf.sources, name)
                    shelf.stamps[name] = stamp
            shelf.ids = frozenset(id for source in shelf.sources.values() for id in source.passages)
            shelf.of, shelf.looked_at = agent.knowledge, time.monotonic()
            return shelf.ids

    async def _take_in(self, agent: Agent, sources: dict[str, documents.Source], name: str) -> None:
        found = await asyncio.to_thread(_read, agent.knowledge, name)
        known = sources.get(name)
        if known and found and known.digest == found.digest:
            return
        if known:
            await self._forget(sources, name)
        space = PASSAGES - sum(len(source.passages) for source in sources.values())
        if found is None or not found.passages:
            return
        if len(found.passages) > space:
            log.warning("%s: %s is not known whole: %d passages are the most", agent.name, name, PASSAGES)
        # A turn that is out of time must not leave it half done.
        await asyncio.shield(self._keep(agent, sources, name, _Text(found.digest, found.passages[:space])))

    async def _keep(self, agent: Agent, sources: dict[str, documents.Source], name: str, text: "_Text") -> None:
        take = partial(documents.take_in, agent=agent.name, source=name, digest=text.digest, texts=text.passages)
        memories = await self._ledger.write(partial(take, clock=self._ledger.clock))
        sources[name] = documents.Source(text.digest, tuple(memory.id for memory in memories))
        self._memories.put(memories)

    async def _forget(self, sources: dict[str, documents.Source], name: str) -> None:
        ids = sources[name].passages
        await self._ledger.write(partial(documents.drop, ids=ids))
        del sources[name]
        await self._memories.forget(ids)


# --- files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    digest: str
    passages: tuple[str, ...]


def _stamps(knowledge: Knowledge) -> Mapping[str, Stamp]:
    """Every text by its name, with what changes when its file does."""
    found: dict[str, Stamp] = {name: (0, hash(text)) for name, text in _texts(knowledge).items()}
    for path in _bounded(_files(knowledge)):
        try:
            facts = path.stat()
        except OSError:
            continue
        found[path.relative_to(knowledge.folder).as_posix()] = (facts.st_mtime_ns, facts.st_size)
    return found


def _texts(knowledge: Knowledge) -> Mapping[str, str]:
    return {f"text {number} of the character": text for number, text in enumerate(knowledge.texts, start=1)}


def _files(knowledge: Knowledge) -> Iterator[Path]:
    """Within the project, hidden ones not counted, each once."""
    root = knowledge.folder.resolve()
    seen: set[Path] = set()
    for pattern in knowledge.files:
        for path in sorted(knowledge.folder.glob(pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(knowledge.folder).parts)
            if path not in seen and not hidden and path.is_file() and path.resolve().is_relative_to(root):
                seen.add(path)
                yield path


def _bounded(files: Iterable[Path]) -> Iterator[Path]:
    for number, path in enumerate(files):
        if number == FILES:
            log.warning("%s and what follows is not known: %d files are the most", path, FILES)
            return
        yield path


def _read(knowledge: Knowledge, name: str) -> _Text | None:
    """None: it cannot be read, or is no text."""
    if (text := _texts(knowledge).get(name)) is not None:
        return _Text(_digest(text.encode()), tuple(passages(text)))
    try:
        with (knowledge.folder / name).open("rb") as file:
            content = file.read(BYTES + 1)
        if len(content) > BYTES:
            log.warning("%s is not known: %d bytes are the most", name, BYTES)
            return None
        return _Text(_digest(content), tuple(passages(content.decode("utf-8-sig"))))
    except (OSError, UnicodeDecodeError) as error:
        log.warning("%s is not known: it cannot be read: %s", name, error)
        return None


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]


def passages(text: str) -> Iterator[str]:
    """A text in pieces that can be told by themselves: whole paragraphs, as many as fit; long ones at their spaces."""
    held = ""
    for paragraph in re.split(r"\n\s*\n", text.replace("\0", "\ufffd")):
        for piece in _pieces(paragraph.strip()):
            if held and len(held) + len(piece) + 2 > PASSAGE:
                yield held
                held = ""
            held = f"{held}\n\n{piece}" if held else piece
    if held:
        yield held


def _pieces(paragraph: str) -> Iterator[str]:
    while len(paragraph) > PASSAGE:
        end = max(paragraph.rfind(space, PASSAGE // 2, PASSAGE) for space in (" ", "\n"))
        end = end if end > 0 else PASSAGE
        yield paragraph[:end].strip()
        paragraph = paragraph[end:].strip()
    if paragraph:
        yield paragraph
