"""What happened, counted: an append-only log of events, and DuckDB to read it while the host runs."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]

COLUMNS = {
    "id": "VARCHAR",
    "at": "BIGINT",
    "agent": "VARCHAR",
    "room": "VARCHAR",
    "client": "VARCHAR",
    "kind": "VARCHAR",
    "model": "VARCHAR",
    "tokens_in": "BIGINT",
    "tokens_out": "BIGINT",
    "cost": "DOUBLE",
    "ms": "MAP(VARCHAR, DOUBLE)",
    "actions": "STRUCT(name VARCHAR, status VARCHAR)[]",
    "outcome": "VARCHAR",
    "revision": "VARCHAR",
    "error": "VARCHAR",
    "post": "VARCHAR",
    "hours": "DOUBLE",
    "counts": "MAP(VARCHAR, BIGINT)",
}


class EventLog:
    """JSON lines, a file for each day in UTC. A batch that is handed in twice is read once."""

    def __init__(self, folder: Path):
        self._folder = folder

    def append(self, events: Iterable[Event]) -> None:
        """Write them down for good; call it in a thread."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for day, batch in groupby(sorted(events, key=lambda event: int(event["at"])), key=_day):
            _append(self._folder / f"{day}.jsonl", batch)
        _sync(self._folder)


def _day(event: Event) -> str:
    return f"{datetime.fromtimestamp(event['at'] / 1e6, UTC):%Y-%m-%d}"


def _append(path: Path, events: Iterable[Event]) -> None:
    text = "".join(json.dumps(dict(event), separators=(",", ":")) + "\n" for event in events)
    with path.open("ab+") as file:
        # A line that a power cut tore must not swallow the next one.
        file.write((b"" if _ends_whole(file) else b"\n") + text.encode())
        file.flush()
        os.fsync(file.fileno())


def _ends_whole(file: Any) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _sync(folder: Path) -> None:
    door = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(door)
    finally:
        os.close(door)


# --- reading -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """An agent's day; the times are of whole turns, in ms."""

    day: str
    agent: str
    messages: int
    answered: int
    silent: int
    held: int
    failed: int
    dead: int
    tokens_in: int
    tokens_out: int
    cost: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long one step of the loop took an agent, in ms."""

    agent: str
    step: str
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class ActionCount:
    day: str
    agent: str
    action: str
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class PostCounts:
    """What the platform had counted of a post when it was last asked, so many hours after it went out."""

    agent: str
    client: str
    post: str
    hours: float
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stats:
    days: tuple[Day, ...] = ()
    steps: tuple[StepTime, ...] = ()
    actions: tuple[ActionCount, ...] = ()
    posts: tuple[PostCounts, ...] = ()


def stats(folder: Path, agent: str | None = None, days: int = 7, now: datetime | None = None) -> Stats:
    """The last days up to now, all agents' or one's; takes a moment, so call it in a thread."""
    files = _files(folder, days, now or datetime.now(UTC))
    if not files:
        return Stats()
    import duckdb

    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute(EVENTS, {"files": files, "agent": agent})
        connection.execute(TURNS)
        return Stats(
            tuple(Day(*row) for row in connection.execute(DAYS).fetchall()),
            tuple(StepTime(*row) for row in connection.execute(STEPS).fetchall()),
            tuple(ActionCount(*row) for row in connection.execute(ACTIONS).fetchall()),
            tuple(PostCounts(*row) for row in connection.execute(POSTS).fetchall()),
        )


def _files(folder: Path, days: int, now: datetime) -> Sequence[str]:
    wanted = (folder / f"{now - timedelta(days=back):%Y-%m-%d}.jsonl" for back in range(days))
    return [str(path) for path in wanted if path.is_file()]


EVENTS = f"""
    CREATE TEMP TABLE events AS
    SELECT DISTINCT ON (id) *, strftime(make_timestamp("at"), '%Y-%m-%d') AS day
    FROM read_json($files, format = 'newline_delimited', ignore_errors = true, columns = {COLUMNS})
    WHERE id IS NOT NULL AND "at" IS NOT NULL AND ($agent IS NULL OR agent = $agent)
    ORDER BY id, "at"
"""
TURNS = "CREATE TEMP VIEW turns AS SELECT * FROM events WHERE post IS NULL"

DAYS = """
    SELECT day, agent, count(*),
           count(*) FILTER (outcome = 'answered'), count(*) FILTER (outcome = 'silent'),
           count(*) FILTER (outcome = 'held'), count(*) FILTER (outcome = 'failed'),
           count(*) FILTER (outcome = 'dead'),
           coalesce(sum(tokens_in), 0)::BIGINT, coalesce(sum(tokens_out), 0)::BIGINT, coalesce(sum(cost), 0.0),
           coalesce(quantile_cont(ms['total'], 0.50), 0), coalesce(quantile_cont(ms['total'], 0.95), 0),
           coalesce(quantile_cont(ms['total'], 0.99), 0)
    FROM turns GROUP BY day, agent ORDER BY day, agent
"""

STEPS = """
    SELECT agent, step.key, quantile_cont(step.value, 0.50), quantile_cont(step.value, 0.95),
           quantile_cont(step.value, 0.99)
    FROM (SELECT agent, unnest(map_entries(ms)) AS step FROM turns)
    GROUP BY agent, step.key
    ORDER BY agent, list_position(['queue', 'compose', 'generate', 'act', 'evaluate', 'close', 'total'], step.key)
"""

ACTIONS = """
    SELECT day, agent, action.name, action.status, count(*)
    FROM (SELECT day, agent, unnest(actions) AS action FROM turns)
    GROUP BY ALL ORDER BY ALL
"""

POSTS = """
    SELECT DISTINCT ON (post) agent, client, post, hours, counts
    FROM events WHERE post IS NOT NULL
    ORDER BY post, "at" DESC
"""
