"""Work in a process of its own, which ends when it hangs or fills the memory, and what each piece of it took."""

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

MEGABYTES = 256
"""That the work may take beside what the process has when it begins."""
PATIENCE = 20
"""Seconds on the wall until a piece of work counts as hanging: a busy machine is slow, and no hang."""


@dataclass(frozen=True, slots=True)
class Outcome:
    seconds: float
    """Of the processor's time."""
    megabytes: float
    """By which the process grew."""
    result: str


def outcomes(file: str, function: str, items: Sequence[str]) -> dict[str, Outcome]:
    """What a function of a Python file makes of each item; where that ends the process, the result says so.

    Raises RuntimeError when the function raises, or cannot be had.
    """
    done: dict[str, Outcome] = {}
    while rest := [item for item in items if item not in done]:
        command = [sys.executable, "-m", "carrier.testing.limited", file, function]
        ran = subprocess.run(command, input=json.dumps(rest), capture_output=True, text=True, check=False)
        if ran.returncode == 1:
            raise RuntimeError(ran.stderr)
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        done |= {item: Outcome(*outcome) for item, outcome in zip(rest, lines, strict=False)}
        if len(lines) < len(rest):
            done[rest[len(lines)]] = Outcome(PATIENCE, MEGABYTES, f"this ended the process ({ran.returncode})")
    return done


def _main(file: str, function: str) -> None:
    work = _function(Path(file), function)
    items: list[str] = json.load(sys.stdin)
    most = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEGABYTES * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for item in items:
        print(json.dumps(list(_measured(work, item))), flush=True)


def _function(file: Path, name: str) -> Callable[[str], str]:
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[file.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[str], str] = getattr(module, name)
    return function


def _measured(work: Callable[[str], str], item: str) -> Iterator[float | str]:
    # The system answers this signal, so that it ends what is stuck in C, too.
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    Path("/proc/self/clear_refs").write_text("5")
    before, began = _peak(), time.process_time()
    result = work(item)
    yield time.process_time() - began
    yield _peak() - before
    yield result


def _peak() -> float:
    """The most megabytes of memory since it was last cleared."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    _main(*sys.argv[1:])
