"""What is printed for people: tables of how a host stands and what happened, in colour where it is a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEMORY = ("stored", "waiting", "without_vector")
ACTION = ("day", "agent", "action", "status", "count")
POST = ("post", "agent", "client", "hours")
DAY = ("day", "agent", "messages", "answered", "silent", "held", "failed", "dead", "tokens_in", "tokens_out")


@dataclass(frozen=True, slots=True)
class Table:
    rows: Sequence[Sequence[object]]
    heads: Sequence[str] = ()

    def __str__(self) -> str:
        texts = [[str(cell) for cell in row] for row in [*([self.heads] if self.heads else []), *self.rows]]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts)
        return "\n".join(line.rstrip() for line in lines)


def put(*parts: str | Table) -> None:
    """Print texts and tables with an empty line between two; a terminal gets colours, and cells that fold."""
    if sys.stdout.isatty():
        _put_on_terminal(parts)
    else:
        print("\n\n".join(map(str, parts)))


# --- on a terminal ----------------------------------------------------------------------------------------------------

STYLES: Mapping[str, str] = {
    "place": "bold",
    "good": "green",
    "warning": "yellow",
    "bad": "red",
    "faint": "dim",
}
HIGHLIGHTS = (
    r"^(?P<place>\S+:\d+:\d+:) (?P<bad>CAR\d+)(?! warning:)",
    r"^\S+:\d+:\d+: (?P<warning>CAR\d+ warning:)",
    r"^(?P<faint> *(?:\d+)? \| )",
    r"^ *\|  *(?P<bad>\^)$",
    r"(?P<faint>  # \S+)$",
    r"^(?P<good>\+ create|ok\b)",
    r"^(?P<warning>[~!] (?:update|restart)|warning\b)",
    r"^(?P<bad>- remove|problem\b|failed\b)",
)


def _put_on_terminal(parts: Iterable[str | Table]) -> None:
    from rich.console import Console
    from rich.theme import Theme

    console = Console(theme=Theme(dict(STYLES)), highlight=False, soft_wrap=True)
    for number, part in enumerate(parts):
        if number:
            console.print()
        console.print(_rich_table(part) if isinstance(part, Table) else _rich_text(part))


def _rich_text(text: str) -> Any:
    import re

    from rich.text import Text

    rich = Text(text)
    for pattern in HIGHLIGHTS:
        rich.highlight_regex(re.compile(pattern, re.MULTILINE))
    return rich


def _rich_table(table: Table) -> Any:
    from rich.table import Table as RichTable

    rich = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=bool(table.heads))
    for number in range(len(table.rows[0])):
        rich.add_column(table.heads[number] if table.heads else "", overflow="fold")
    for row in table.rows:
        rich.add_row(*(_rich_text(str(cell)) for cell in row))
    return rich


# --- how a host stands ------------------------------------------------------------------------------------------------


def status_parts(now: dict[str, Any]) -> Iterator[str | Table]:
    """The answer of `GET /status`, as a person reads it."""
    since = local(now["reloaded_at"])
    yield f"{now['name']}: Carrier {now['version']}, files read at {since}{', stopping' if now['stopping'] else ''}"
    yield f"revision {now['revision']}; {_last_reload(now['last_reload'])}"
    if now["agents"]:
        heads = ("agent", "revision", "waiting", "model", "why")
        yield Table(
            [[it["name"], it["revision"], it["waiting"], it["model"], it["why"]] for it in now["agents"]], heads
        )
    if now["clients"]:
        heads = ("client", "type", "agent", "state", "problem")
        yield Table([_client(it) for it in now["clients"]], heads)
    if left_alone := [it for it in now["models"] if it["breaker"] != "closed" or it["again_in"]]:
        yield Table([_left_alone(it) for it in left_alone], ("model", "profile", "breaker", "asked again in"))
    if now["waits"]:
        yield Table([[it["agent"], it["room"], it["reason"]] for it in now["waits"]], ("agent", "room", "waits for"))
    if now["muted"]:
        yield Table([["muted", it["room"], f"until {_told(it['until'])}", f"by {it['by']}"] for it in now["muted"]])
    if now["handovers"]:
        yield handover_table(now["handovers"])
    if now["schedules"]:
        heads = ("schedule", "agent", "state", "waiting", "next")
        yield Table([[it["name"], it["agent"], _how(it), it["waiting"], it["next"]] for it in now["schedules"]], heads)
    if now["held"]:
        yield f"schedules are held: {now['held']}; if the clock is right: carrier-host schedules trust-clock"
    memory = now["memory"]
    yield f"memory: {'ready' if memory['ready'] else 'loading'}; {memory['embeddings']} {memory['problem']}".rstrip()
    yield Table([[memory[key] for key in MEMORY]], MEMORY)
    for title in ("parked", "broken", "absent"):
        if now[title]:
            yield Table([[title, name, reason] for name, reason in now[title].items()])
    if now["degraded"]:
        yield f"on an older version than their files say: {', '.join(now['degraded'])}"
    if now["restart"]:
        yield f"counts from the next start: {', '.join(now['restart'])}"
    if now["problems"]:
        yield "\n".join(now["problems"])


def _left_alone(model: dict[str, Any]) -> Sequence[object]:
    return model["model"], model["profile"], model["breaker"], f"{model['again_in']:.0f} s"


def _client(client: dict[str, Any]) -> list[str]:
    state = f"{client['state']}, dry run" if client["dry_run"] else client["state"]
    return [client["name"], client["type"], client["agent"], state, client["problem"]]


def _told(until: float | None) -> str:
    return local(until) if until else "it is unmuted"


def handover_table(handovers: Sequence[Mapping[str, Any]]) -> Table:
    """Who answers where in whose place."""
    rows = [[it["room"], it["answers"], it["agent"], local(it["until"])] for it in handovers]
    return Table(rows, ("room", "answers", "in place of", "until"))


def local(at: float) -> str:
    """A moment in seconds since 1970, as the clock on the wall has it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _how(schedule: dict[str, Any]) -> str:
    return f"{schedule['state']}, in trouble" if schedule["troubled"] else str(schedule["state"])


def _last_reload(last: dict[str, Any]) -> str:
    return f"last reload at {local(last['at'])}: {'ok' if last['ok'] else last['reason']}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def stats_parts(stats: dict[str, Any]) -> Iterator[str | Table]:
    """What `carrier-host stats` counts, as a person reads it."""
    if stats["posts"]:
        yield Table([[*(it[key] for key in POST), _counts(it["counts"])] for it in stats["posts"]], (*POST, "counted"))
    if not stats["days"]:
        yield "no turns yet"
        return
    yield Table([[*(it[key] for key in DAY), f"{it['cost']:.4f}"] for it in stats["days"]], (*DAY, "USD"))
    steps = [[it["agent"], it["step"], *(f"{it[name]:.1f}" for name in ("p50", "p95", "p99"))] for it in stats["steps"]]
    yield Table(steps, ("agent", "step", "p50 ms", "p95 ms", "p99 ms"))
    if stats["actions"]:
        yield Table([[it[key] for key in ACTION] for it in stats["actions"]], ACTION)
