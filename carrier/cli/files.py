"""The commands about the files: checked, shown, laid out and explained."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from carrier.cli.project import AsJson, Project
from carrier.errors import CarrierError

if TYPE_CHECKING:
    from carrier.config.catalog import Catalog
    from carrier.config.diagnostics import Problem
    from carrier.config.reporting import Report

# --- check ------------------------------------------------------------------------------------------------------------


def check(
    context: typer.Context,
    form: Annotated[
        Literal["text", "json", "github", "sarif"], typer.Option("--format", help="How it is told.")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="Take every warning for an error.")] = False,
) -> None:
    """Read all files and report every problem. Exit code 0: clean, 1: problems."""
    from carrier.cli.printing import put
    from carrier.config.reporting import FORMATS

    report = _report(context.obj, strict)
    if form == "text":
        put(FORMATS[form](report))
    else:
        print(FORMATS[form](report))
    if report.errors:
        raise typer.Exit(1)


def _report(project: Project, strict: bool) -> "Report":
    from carrier.config.reporting import Report

    began = time.perf_counter()
    catalog = project.load()
    found = [*catalog.problems, *_when_made(catalog)]
    problems = [replace(each, severity="error") if strict else each for each in found]
    return Report(
        problems=problems,
        agents=len(catalog.agents),
        clients=len(catalog.clients),
        files=sum(path.is_file() for path in catalog.files),
        seconds=time.perf_counter() - began,
        root=catalog.root,
        here=Path.cwd(),
    )


def _when_made(catalog: "Catalog") -> Iterator["Problem"]:
    """What shows only when actions are made: requests that would never be sent, and examples that operators' functions
    do not take. Those are imported to see what they do, as the host imports them: without an example none is."""
    found = {
        key: action
        for key, action in catalog.actions.items()
        if action.type == "http" or (action.type == "python" and action.examples)
    }
    if not found:
        return
    from carrier.assemble import parameters_of
    from carrier.config.examples import not_taken

    for key, action in found.items():
        definition = catalog.definitions["action", key]
        try:
            # What the code prints is no part of what is told.
            with redirect_stdout(sys.stderr):
                parameters = parameters_of(action)
        except LookupError as error:
            yield definition.problem(("entrypoint" if action.type == "python" else "request",), "CAR033", str(error))
        else:
            # Of a request its file says what it takes, and is held to it when it is read.
            yield from not_taken(definition, action.examples, parameters) if action.type == "python" else ()


# --- show -------------------------------------------------------------------------------------------------------------


def show(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="host, agent, character, client, action, schedule, …")],
    name: Annotated[str, typer.Argument(help="Which one; without it their names are listed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print an object as it is resolved, each value with the file and line it came from."""
    from carrier.cli.showing import shown_text
    from carrier.config.showing import names, show

    catalog = context.obj.load()
    known = names(catalog, _known(kind))
    if not name and kind != "host":
        print(json.dumps(known) if as_json else "\n".join(known))
        return
    try:
        values = [asdict(value) for value in show(catalog, kind, name)]
    except KeyError as error:
        raise CarrierError(f"no {kind} is called {name!r}; there are {', '.join(known) or 'none yet'}") from error
    print(json.dumps(values, indent=2) if as_json else shown_text(values))


def _known(kind: str) -> str:
    from carrier.config.models import KINDS

    if kind != "host" and kind not in KINDS:
        raise CarrierError(f"{kind!r} is no kind to show; there are host, {', '.join(KINDS)}")
    return kind


# --- schema -----------------------------------------------------------------------------------------------------------


def schema(
    kind: Annotated[str, typer.Argument(help="host, agent, client, …; `document` is any of them by its `kind`.")] = "",
    write: Annotated[Path | None, typer.Option("--write", help="Write them all into this folder.")] = None,
) -> None:
    """Print the JSON Schema of a kind of document, for editors; without a kind, of any document."""
    from carrier.config.schema import main, texts

    if write:
        main(write)
        print(f"{len(texts())} schemas written into {write}")
        return
    found = {name.removesuffix(".schema.json"): text for name, text in texts().items()}
    if (kind or "document") not in found:
        raise CarrierError(f"there is no schema {kind!r}; there are {', '.join(sorted(found))}")
    print(found[kind or "document"], end="")


# --- explain ----------------------------------------------------------------------------------------------------------


def explain(code: Annotated[str, typer.Argument(help="As in CAR021.")]) -> None:
    """Print what the code of a problem means, with a wrong and a right example."""
    from carrier.config.explanations import EXPLANATIONS, section

    wanted = code.upper()
    if wanted not in EXPLANATIONS:
        raise CarrierError(f"no problem has the code {code!r}; there are CAR001 to {max(EXPLANATIONS)}")
    print(section(EXPLANATIONS[wanted]), end="")


# --- fmt --------------------------------------------------------------------------------------------------------------


def fmt(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="By default all YAML files of the project.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if something would be.")] = False,
) -> None:
    """Lay YAML files out the usual way: keys in order, two spaces a level. No word of them changes."""
    from carrier.config.formatting import LeftAlone, formatted

    changed = left = 0
    for path, kind in _kinds_of(context.obj.load(), files):
        try:
            content = path.read_bytes()
            new = formatted(content, str(path), kind)
        except (LeftAlone, OSError) as reason:
            left += 1
            typer.echo(f"{path}: left as it is: {reason}", err=True)
            continue
        if new != content:
            changed += 1
            print(f"{path}: {'would be laid out' if check else 'laid out'}")
            if not check:
                _replace(path, new)
    if left or (check and changed):
        raise typer.Exit(1)


def _kinds_of(catalog: "Catalog", files: Iterable[Path] | None) -> Iterator[tuple[Path, str]]:
    """Files, and what a document in each is that does not say its kind."""
    actions = catalog.host.folders.actions
    for path in files or _shipped(catalog):
        here = path.absolute()
        if here.parent == catalog.root and here.name.startswith("carrier."):
            yield path, "host"
        else:
            yield path, "action" if any(here.is_relative_to(folder) for folder in actions) else "agent"


def _shipped(catalog: "Catalog") -> Iterator[Path]:
    """The YAML files of the project, with those of environments that are not this one."""
    read = [path for path in catalog.files if path.suffix in (".yaml", ".yml") and path.is_file()]
    for path in dict.fromkeys([*read, *sorted(catalog.root.glob("carrier.*.yaml"))]):
        yield Path(os.path.relpath(path))


def _replace(path: Path, content: bytes) -> None:
    """In one step, so that nobody reads half of it."""
    path = path.resolve()
    new = path.with_name(f".{path.name}.tmp")
    new.write_bytes(content)
    new.chmod(path.stat().st_mode)
    os.replace(new, path)
