"""What a host says of itself when it has started."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from carrier.api.serving import Opened
from carrier.api.status import Status, status
from carrier.api.tokens import TOKEN


def banner(opened: Opened, seconds: float) -> str:
    """Who is here, with which model and why, what is wrong, and a line to say hello with."""
    now = status(opened.host)
    title = f"Carrier {now.version}: {now.name} listens on {opened.address}, {seconds:.2f} s after it was started"
    return "\n".join([title, *_parts(now), *_problems(now), *_hello(opened, now)])


def _parts(now: Status) -> Iterator[str]:
    yield "\nagents"
    yield from _columns([(agent.name, agent.model, agent.why) for agent in now.agents] or [("none yet", "", "")])
    yield "\nclients"
    clients = [(client.name, client.type, f"{client.state}, for {client.agent or 'nobody'}") for client in now.clients]
    parked = [(name, "parked", reason) for name, reason in now.parked.items()]
    yield from _columns([("api", "http", "every agent answers at POST /AGENT/message"), *clients, *parked])


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _problems(now: Status) -> Iterator[str]:
    wrong = [*now.problems, *(f"{name}: {reason}" for name, reason in now.broken.items())]
    if wrong:
        yield "\nproblems"
        yield from (f"  {problem}" for problem in wrong)


def _hello(opened: Opened, now: Status) -> Iterator[str]:
    """The token itself is shown once, when it was made; afterwards the line reads it from its file."""
    if not now.agents:
        return
    name = now.agents[0].name if len(now.agents) == 1 else now.agents[-1].name
    data = opened.host.settings.data
    token = opened.token if opened.token_is_new else f"$(cat {_near(data / TOKEN)})"
    yield "\nsay hello"
    yield f'  curl -H "Authorization: Bearer {token}" -d "text=Hello!" {opened.address}/{name}/message'
    yield f"  {_near(Path(sys.argv[0]))} chat {name}"


def _near(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def seconds_since_start(otherwise: float) -> float:
    """How long ago this process was started, as Linux has it."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / 100
    except (OSError, AttributeError):
        return otherwise
