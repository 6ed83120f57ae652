"""Tables for people: how a host stands, and what happened."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

MEMORY = ("stored", "waiting", "without_vector")
ACTION = ("day", "agent", "action", "status", "count")
DAY = ("day", "agent", "messages", "answered", "silent", "held", "failed", "dead", "tokens_in", "tokens_out")


def columns(rows: Iterable[Sequence[object]], heads: Sequence[str] = ()) -> str:
    """Rows as aligned columns."""
    texts = [[str(cell) for cell in row] for row in ([heads] if heads else []) + list(rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts)
    return "\n".join(line.rstrip() for line in lines)


def status_text(now: dict[str, Any]) -> str:
    """The answer of `GET /status`, as a person reads it."""
    return "\n\n".join(_parts(now))


def _parts(now: dict[str, Any]) -> Iterator[str]:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now["reloaded_at"]))
    yield f"{now['name']}: Carrier {now['version']}, files read at {since}{', stopping' if now['stopping'] else ''}"
    if now["agents"]:
        heads = ("agent", "revision", "waiting", "model", "why")
        yield columns(
            [[it["name"], it["revision"], it["waiting"], it["model"], it["why"]] for it in now["agents"]], heads
        )
    if now["clients"]:
        heads = ("client", "type", "agent", "state", "problem")
        keys = ("name", *heads[1:])
        yield columns([[it[key] for key in keys] for it in now["clients"]], heads)
    memory = now["memory"]
    yield f"memory: {'ready' if memory['ready'] else 'loading'}; {memory['embeddings']} {memory['problem']}".rstrip()
    yield columns([[memory[key] for key in MEMORY]], MEMORY)
    for title in ("parked", "broken", "absent"):
        if now[title]:
            yield columns([[title, name, reason] for name, reason in now[title].items()])
    if now["problems"]:
        yield "\n".join(now["problems"])


def stats_text(stats: dict[str, Any]) -> str:
    """What `carrier-host stats` counts, as a person reads it."""
    if not stats["days"]:
        return "no turns yet"
    return "\n\n".join(_tables(stats))


def _tables(stats: dict[str, Any]) -> Iterator[str]:
    yield columns([[*(it[key] for key in DAY), f"{it['cost']:.4f}"] for it in stats["days"]], (*DAY, "USD"))
    steps = [[it["agent"], it["step"], *(f"{it[name]:.1f}" for name in ("p50", "p95", "p99"))] for it in stats["steps"]]
    yield columns(steps, ("agent", "step", "p50 ms", "p95 ms", "p99 ms"))
    if stats["actions"]:
        yield columns([[it[key] for key in ACTION] for it in stats["actions"]], ACTION)
