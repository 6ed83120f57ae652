"""Measures recall on conversations in LoCoMo's format: `python -m benchmarks.recall FILE`.

Every conversation becomes a room, every turn of it a memory; then each question that can be answered is asked, and
what comes up is compared with the turns that hold the answer.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from carrier.memory.embeddings import MiniLM
from carrier.memory.memories import LanceMemories
from carrier.testing.memory_log import ListedMemoryLog
from carrier.types.memory import Memory, Scope

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
"""5 is adversarial: nothing answers it."""
DEPTHS = (5, 10, 20)
LINE = 30_000_000
"""Microseconds from one turn to the next; the data dates only the sitting."""


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    category: str
    answers: frozenset[str]
    """The ids of the memories that hold the answer."""


@dataclass(frozen=True, slots=True)
class Conversation:
    room: str
    lines: tuple[Memory, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Score:
    category: str
    recall: Mapping[int, float]
    reciprocal_rank: float


def main(path: Path) -> None:
    conversations = [conversation(f"room/{number}", each) for number, each in enumerate(json.loads(path.read_text()))]
    with tempfile.TemporaryDirectory() as folder:
        scores = asyncio.run(measured(Path(folder), conversations))
    print(f"{sum(len(each.lines) for each in conversations)} lines in {len(conversations)} rooms")
    for category in ("all", *CATEGORIES.values()):
        print(summary(category, [score for score in scores if category in ("all", score.category)]))


async def measured(folder: Path, conversations: Sequence[Conversation]) -> list[Score]:
    log = ListedMemoryLog()
    log.add([line for each in conversations for line in each.lines])
    async with LanceMemories(folder, log, MiniLM()) as memories:
        memories.open()
        await memories.settled()
        return [await asked(memories, each.room, question) for each in conversations for question in each.questions]


async def asked(memories: LanceMemories, room: str, question: Question) -> Score:
    found = await memories.recall(Scope("agent", room), question.text, 10_000, seconds=60)
    ranks = {each.memory.id: rank for rank, each in enumerate(found, 1)}
    places = [ranks.get(answer, sys.maxsize) for answer in question.answers]
    recall = {depth: fmean(place <= depth for place in places) for depth in DEPTHS}
    return Score(question.category, recall, 1 / min(places))


def summary(name: str, scores: Sequence[Score]) -> str:
    depths = "  ".join(f"R@{depth} {100 * fmean(each.recall[depth] for each in scores):5.1f}" for depth in DEPTHS)
    rank = 100 * fmean(each.reciprocal_rank for each in scores)
    return f"{name:12} {len(scores):5} questions  {depths}  MRR {rank:5.1f}"


def conversation(room: str, told: Mapping[str, Any]) -> Conversation:
    lines = tuple(_lines(room, told["conversation"]))
    known = {line.id for line in lines}
    questions = (
        Question(
            asked["question"],
            CATEGORIES[asked["category"]],
            frozenset(f"{room}/{turn}" for turn in asked.get("evidence", ())) & known,
        )
        for asked in told["qa"]
        if asked["category"] in CATEGORIES
    )
    return Conversation(room, lines, tuple(question for question in questions if question.answers))


def _lines(room: str, sittings: Mapping[str, Any]) -> Iterator[Memory]:
    names = (name for name in sittings if re.fullmatch(r"session_\d+", name))
    for sitting in sorted(names, key=lambda name: int(name.removeprefix("session_"))):
        start = _date(sittings[f"{sitting}_date_time"])
        for number, turn in enumerate(sittings[sitting]):
            yield Memory(
                id=f"{room}/{turn['dia_id']}",
                agent="agent",
                room=room,
                entity=turn["speaker"],
                kind="message",
                text=turn["text"],
                at=start + number * LINE,
                name=turn["speaker"],
            )


def _date(text: str) -> int:
    """`1:56 pm on 8 May, 2023` in microseconds."""
    return int(datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).timestamp()) * 1_000_000


if __name__ == "__main__":
    main(Path(sys.argv[1]))
