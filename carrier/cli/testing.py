"""The command that tries agents out, and what it tells people, scripts and those who read JUnit's XML."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import typer

from carrier.cli.project import AsJson, agent_names

if TYPE_CHECKING:
    from carrier.config.catalog import Catalog
    from carrier.trying import Missed, Tried


def try_out(
    context: typer.Context,
    agents: Annotated[
        list[str] | None, typer.Argument(help="Whose tests; by default everybody's.", autocompletion=agent_names)
    ] = None,
    model: Annotated[
        str, typer.Option(help="own, a name of carrier.yaml, or provider/model; else what tests say, else the script.")
    ] = "",
    junit: Annotated[Path | None, typer.Option(help="Write JUnit's XML into this file too.")] = None,
    as_json: AsJson = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the model was told where it failed.")
    ] = False,
) -> None:
    """Run the tests of agents. Exit code 0: all passed, 1: some did not, 2: they could not be run."""
    from carrier.cli.printing import put
    from carrier.trying import trials, tried

    todo = trials(_sound(context.obj.load()), agents or (), model)
    verbose = verbose or context.find_root().params["verbose"]
    began = time.perf_counter()
    found = asyncio.run(tried(todo, lambda each: None if as_json else put("\n".join(_lines(each, verbose)))))
    seconds = time.perf_counter() - began
    if as_json:
        print(json.dumps(_as_json(found, seconds), indent=2))
    else:
        put("\n" + _summary(found, seconds))
    if junit:
        _write_junit(junit, found)
    if not all(each.ok for each in found):
        raise typer.Exit(1)


def _sound(catalog: "Catalog") -> "Catalog":
    """What is wrong in the files would be tried as it was before: nothing is tried."""
    from carrier.config.diagnostics import rendering

    if wrong := [problem for problem in catalog.problems if problem.severity == "error"]:
        typer.echo(rendering(wrong, catalog.text), err=True)
        raise typer.Exit(2)
    return catalog


# --- for people -------------------------------------------------------------------------------------------------------


def _lines(each: "Tried", verbose: bool) -> Iterator[str]:
    model = f", {each.model}" if each.model else ""
    yield f"{'ok    ' if each.ok else 'failed'}  {_title(each)} ({each.seconds:.2f} s{model})"
    if each.ok:
        return
    yield from _indented(_why(each), 4)
    if each.missed and verbose:
        yield from ("    the model was told:", *_indented(_clean(each.missed.prompt) or "nothing", 6))


def _title(each: "Tried") -> str:
    """The agent and the case, with the test's name where that is another one."""
    return ": ".join(dict.fromkeys([each.agent, each.test, each.case]))


def _why(each: "Tried") -> str:
    missed = _missed(each.missed) if each.missed else ()
    return _clean("\n".join([*([each.error] if each.error else []), *missed, *(f"log: {line}" for line in each.log)]))


def _missed(missed: "Missed") -> Iterator[str]:
    yield f"turn {missed.turn}, {missed.speaker}: {missed.say}"
    for miss in missed.misses:
        yield from (f"  {miss.what} expected: {miss.expected}", f"  {' ' * len(miss.what)}     came: {miss.came}")


def _indented(text: str, by: int) -> Iterator[str]:
    yield from (f"{' ' * by}{line}" for line in text.splitlines())


def _summary(found: "Sequence[Tried]", seconds: float) -> str:
    passed = sum(each.ok for each in found)
    return f"{passed} passed, {len(found) - passed} failed ({seconds:.2f} s)"


# --- for scripts ------------------------------------------------------------------------------------------------------


def _as_json(found: "Sequence[Tried]", seconds: float) -> dict[str, Any]:
    passed = sum(each.ok for each in found)
    cases = [{"ok": each.ok, **asdict(each)} for each in found]
    return {"passed": passed, "failed": len(found) - passed, "seconds": seconds, "cases": cases}


def _write_junit(file: Path, found: "Sequence[Tried]") -> None:
    """A suite for each agent; what did not come to a judgement is an error there, not a failure."""
    root = Element("testsuites", {"name": "carrier-host test", **_counts(found)})
    for agent, group in groupby(found, key=lambda each: each.agent):
        cases = list(group)
        suite = SubElement(root, "testsuite", {"name": agent, **_counts(cases)})
        for each in cases:
            case = SubElement(
                suite, "testcase", classname=f"{agent}.{each.test}", name=_clean(each.case), time=f"{each.seconds:.3f}"
            )
            if not each.ok:
                why = _why(each)
                tag = "error" if each.error else "failure"
                SubElement(case, tag, message=why.partition("\n")[0], type=_first_miss(each)).text = why
    indent(root)
    file.parent.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(file, "utf-8", xml_declaration=True)


def _counts(found: "Sequence[Tried]") -> dict[str, str]:
    errors = sum(bool(each.error) for each in found)
    failures = sum(not each.ok for each in found) - errors
    seconds = sum(each.seconds for each in found)
    return {"tests": str(len(found)), "failures": str(failures), "errors": str(errors), "time": f"{seconds:.3f}"}


def _first_miss(each: "Tried") -> str:
    return each.missed.misses[0].what if each.missed else "error"


_NO_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def _clean(text: str) -> str:
    """What XML can hold, and a terminal takes for no command."""
    return re.sub(_NO_XML, "\ufffd", text)
