"""The commands about what comes by the clock: `carrier-host schedules`."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carrier.cli.project import AsJson, Project
from carrier.errors import CarrierError
from carrier.quoting import shortened

if TYPE_CHECKING:
    from carrier.types.schedules import Schedule

app = typer.Typer(help="What agents do by the clock: when, what became of it, and what is changed about it.")

Name = Annotated[str, typer.Argument(help="The schedule's name, as `carrier-host schedules` lists it.")]
Slot = Annotated[str, typer.Argument(help="Which one: its time by the schedule's clock, as in 2026-12-24T09:00.")]
By = Annotated[str, typer.Option(help="Who says so.")]
HEADS = ("schedule", "when", "does", "state", "next", "last")


@app.callback(invoke_without_command=True)
def schedules(context: typer.Context, as_json: AsJson = False) -> None:
    """What agents do by the clock: when, what became of it, and what is changed about it."""
    if context.invoked_subcommand is None:
        found = _of_host_or_files(context.obj, "/schedules", _from_files)
        _show(found, as_json, lambda: _listed(found))


def _listed(found: Mapping[str, Any]) -> str:
    from carrier.cli.printing import Table

    rows = [
        [it["name"], f"{it['when']} ({it['timezone']})", it["does"], it["state"], _first(it["next"]), it["last"]]
        for it in found["schedules"]
    ]
    held = f"held: {found['held']}\n\n" if found["held"] else ""
    return held + (str(Table(rows, HEADS)) if rows else "no schedules")


def _first(times: list[str]) -> str:
    return times[0] if times else "never"


def _from_files(found: Mapping[str, "Schedule"]) -> dict[str, Any]:
    """What can be said of them where no host runs."""
    from dataclasses import asdict

    from carrier.scheduler.listing import listed

    now = datetime.now(UTC)
    told = [asdict(listed(each, now, None, here=True)) for _, each in sorted(found.items())]
    return {"held": "", "schedules": [{**each, "state": "no host runs"} for each in told]}


@app.command()
def calendar(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days.")] = 7,
    as_json: AsJson = False,
) -> None:
    """What the coming days bring."""

    def from_files(found: Mapping[str, "Schedule"]) -> dict[str, Any]:
        from dataclasses import asdict

        from carrier.scheduler.listing import calendar as entries

        now = datetime.now(UTC)
        return {"days": [asdict(entry) for entry in entries(found, {}, now, now + timedelta(days=days))]}

    found = _of_host_or_files(context.obj, f"/schedules/calendar?days={days}", from_files)
    _show(found, as_json, lambda: "\n".join(_by_day(found["days"])) or "nothing comes up")


def _by_day(entries: list[dict[str, Any]]) -> Iterator[str]:
    widest = max((len(entry["schedule"]) for entry in entries), default=0)
    for day, of_day in groupby(entries, key=lambda entry: entry["day"]):
        yield f"{datetime.fromisoformat(day):%a %d %b %Y}"
        for entry in of_day:
            note = f"  ({entry['note']})" if entry["note"] else ""
            yield f"  {entry['time']}  {entry['schedule'].ljust(widest)}  {entry['does']}{note}"


@app.command()
def history(
    context: typer.Context,
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What became of a schedule's slots, the newest first."""
    from carrier.cli.printing import Table

    found = context.obj.ask(lambda caller: caller.get(f"/schedules/{name}/slots", limit=str(limit)))
    rows = [[it["due_at"], it["state"], it["covers"], it["reason"], _short(it["text"])] for it in found["slots"]]
    heads = ("slot", "state", "slots", "why", "text")
    _show(found, as_json, lambda: str(Table(rows, heads)) if rows else f"{name} has not come up yet")


def _short(text: str) -> str:
    return shortened(" ".join(text.split()), 60)


@app.command()
def explain(
    context: typer.Context,
    cron: Annotated[str, typer.Argument(help='A cron line, as in "30 8 * * 1-5".')],
    timezone: Annotated[str, typer.Option(help="By which clock; else the host's.")] = "",
) -> None:
    """What a cron line means, in words, and when it comes up next."""
    from carrier.config.models import is_zone
    from carrier.config.models.times import cron_problem
    from carrier.config.timing import next_times, told
    from carrier.types.schedules import Schedule

    zone = timezone or context.obj.load().host.timezone
    if problem := cron_problem(cron):
        raise CarrierError(problem)
    if not is_zone(zone):
        raise CarrierError(f"there is no time zone {zone!r}; write one such as Europe/Oslo")
    print(f"{told(cron)} ({zone})")
    for at in next_times(Schedule("", "", cron=cron, timezone=zone), datetime.now(UTC), 5):
        print(f"  {at:%a %d %b %Y %H:%M %z}")


# --- changed ------------------------------------------------------------------------------------------------


@app.command()
def pause(context: typer.Context, name: Name, by: By = "the operator") -> None:
    """Have nothing of it come up until it is resumed."""
    _control(context.obj, name, "pause", {"by": by})
    print(f"{name} is paused")


@app.command()
def resume(context: typer.Context, name: Name) -> None:
    """Go on with the slots that come up from now on."""
    _control(context.obj, name, "resume", {})
    print(f"{name} goes on")


@app.command("run")
def run_now(context: typer.Context, name: Name, by: By = "the operator") -> None:
    """Do its work now, beside its own times."""
    print(f"{_control(context.obj, name, 'run', {'by': by})} is taken in")


@app.command()
def skip(context: typer.Context, name: Name, slot: Slot = "next", by: By = "the operator") -> None:
    """Leave one out: the next one, or that of a time."""
    print(f"{_control(context.obj, name, 'skip', {'slot': slot, 'by': by})} is skipped")


@app.command()
def edit(
    context: typer.Context,
    name: Name,
    slot: Slot = "next",
    text: Annotated[str, typer.Option(help="What is said, or what the agent is told to do, this once.")] = "",
    by: By = "the operator",
) -> None:
    """Give one words of its own: the next one, or that of a time."""
    print(f"{_control(context.obj, name, 'edit', {'slot': slot, 'text': text, 'by': by})} has its own words")


@app.command("trust-clock")
def trust_clock(context: typer.Context) -> None:
    """Go on though the clock jumped: it is right."""
    context.obj.ask(lambda caller: caller.post("/schedules/clock", {}))
    print("schedules go on")


def _control(project: Project, name: str, what: str, body: dict[str, Any]) -> str:
    done = project.ask(lambda caller: caller.post(f"/schedules/{name}/{what}", body))
    return str(done["slot"])


# --- asked and shown ----------------------------------------------------------------------------------------


def _of_host_or_files(
    project: Project, path: str, from_files: Callable[[Mapping[str, "Schedule"]], dict[str, Any]]
) -> dict[str, Any]:
    """What the running host says; else what the files alone can tell."""
    from carrier.api.calling import NobodyThere

    try:
        return project.ask(lambda caller: caller.get(path))
    except NobodyThere:
        return from_files(project.load().schedules)


def _show(found: Mapping[str, Any], as_json: bool, text: Callable[[], str]) -> None:
    print(json.dumps(found, indent=2) if as_json else text())
