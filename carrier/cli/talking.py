"""The commands about the host that runs, and what it did."""

import json
import sys
from typing import Annotated, Any

import typer

from carrier.cli.project import AgentName, AsJson, Project, agent_names
from carrier.cli.running import run, with_caller
from carrier.errors import CarrierError

User = Annotated[str, typer.Option(help="Who is speaking: an id of your choice.")]
RoomName = Annotated[str, typer.Option(help="The room; by default the one this user has alone with the host.")]
Text = Annotated[str, typer.Argument(help="What somebody says to the agent.")]


def chat(context: typer.Context, agent: AgentName, user: User = "user", room: RoomName = "") -> None:
    """Talk to an agent. If no host runs here, one is started for the conversation."""
    from carrier.cli.chat import converse

    run(with_caller(context.obj, lambda caller: converse(caller, agent, user, room)))


def render(
    context: typer.Context, agent: AgentName, text: Text = "hello", user: User = "user", room: RoomName = ""
) -> None:
    """Print the exact prompt that an agent's model would get for a text. No model is called."""
    body = {"text": text, "userId": user, **({"roomId": room} if room else {})}

    async def show(caller: Any) -> None:
        print((await caller.post(f"/{agent}/render", body))["prompt"])

    run(with_caller(context.obj, show))


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """How the running host stands: agents and their models, clients, memory, the last reload, and what is wrong."""
    from carrier.cli.printing import put, status_parts

    now = context.obj.ask(lambda caller: caller.get("/status"))
    if as_json:
        print(json.dumps(now, indent=2))
    else:
        put(*status_parts(now))


def stats(
    context: typer.Context,
    agent: Annotated[str, typer.Option(help="Only this agent.", autocompletion=agent_names)] = "",
    days: Annotated[int, typer.Option(help="How many days back.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Messages, latency, tokens and actions by agent and day, from the event log; the host may run meanwhile."""
    from dataclasses import asdict

    from carrier.assemble import read_stats
    from carrier.cli.printing import put, stats_parts

    counted = asdict(read_stats(context.obj.load().host.data, agent or None, days))
    if as_json:
        print(json.dumps(counted, indent=2))
    else:
        put(*stats_parts(counted))


def reload(context: typer.Context, as_json: AsJson = False) -> None:
    """Have the running host read its files now. Exit code 1: not everything they say could be applied."""
    from carrier.cli.printing import put

    done = context.obj.ask(lambda caller: caller.post("/config/reload", {}))
    if as_json:
        print(json.dumps(done, indent=2))
    else:
        outcome = "applied" if done["applied"] else done["reason"]
        put("\n".join([*map(problem_text, done["problems"]), f"revision {done['revision']}: {outcome}"]))
    if not done["applied"]:
        raise typer.Exit(1)


def plan(context: typer.Context, as_json: AsJson = False) -> None:
    """What the files would change in the running host, field by field. Exit code 1: something in them is wrong."""
    from carrier.cli.planning import plan_text
    from carrier.cli.printing import put

    planned = _planned(context.obj)
    if as_json:
        print(json.dumps(planned, indent=2))
    else:
        problems = [problem_text(problem) for problem in planned["problems"]]
        put("\n".join([*problems, plan_text(planned)]))
    if any(problem["severity"] == "error" for problem in planned["problems"]):
        raise typer.Exit(1)


def _planned(project: Project) -> dict[str, Any]:
    from carrier.api.calling import NobodyThere

    try:
        return project.ask(lambda caller: caller.get("/config/plan"))
    except NobodyThere:
        print("no host runs here: this is what a start would do", file=sys.stderr)
        return _planned_from_nothing(project)


def _planned_from_nothing(project: Project) -> dict[str, Any]:
    from dataclasses import asdict
    from datetime import UTC, datetime

    from carrier.config.planning import plan

    return asdict(plan(None, project.load(), datetime.now(UTC)))


def problem_text(problem: str | dict[str, Any]) -> str:
    """A problem as the host tells it, in a line."""
    from carrier.config.diagnostics import Problem

    return problem if isinstance(problem, str) else str(Problem(**problem))


# --- what waits for a human -------------------------------------------------------------------------------------------

Number = Annotated[int, typer.Argument(help="The number of what waits, as `carrier-host approvals` lists it.")]
By = Annotated[str, typer.Option(help="Who decides.")]


def approvals(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also what was decided last.")] = False,
    as_json: AsJson = False,
) -> None:
    """What waits for somebody's approval in the running host."""
    from carrier.cli.printing import Table, put

    found = context.obj.ask(lambda caller: caller.get(f"/approvals?all={int(everything)}"))["approvals"]
    if as_json:
        print(json.dumps(found, indent=2))
    elif found:
        rows = [
            [it["id"], it["state"], it["agent"], it["room"], it["call"]["name"], _told(it["call"]), it["reason"]]
            for it in found
        ]
        put(Table(rows, ("#", "state", "agent", "room", "action", "arguments", "because")))
    else:
        print("nothing waits for approval")


def _told(call: dict[str, Any]) -> str:
    return json.dumps(call["arguments"], ensure_ascii=False)


def approve(
    context: typer.Context,
    number: Number,
    arguments: Annotated[str, typer.Option(help="JSON: run it with these arguments instead.")] = "",
    by: By = "the operator",
) -> None:
    """Let a call that waits run, exactly as it is or with other arguments."""
    body: dict[str, Any] = {"decision": "approve", "by": by}
    if arguments:
        body["arguments"] = _json(arguments)
    _decided(context.obj, number, body)


def refuse(context: typer.Context, number: Number, by: By = "the operator") -> None:
    """Refuse a call that waits; its agent is told."""
    _decided(context.obj, number, {"decision": "refuse", "by": by})


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CarrierError(f"the arguments are not JSON: {error}") from error
    if not isinstance(found, dict):
        raise CarrierError("the arguments are a map of names to values")
    return found


def _decided(project: Project, number: int, body: dict[str, Any]) -> None:
    done = project.ask(lambda caller: caller.post(f"/approvals/{number}", body))
    print(f"#{done['id']} is {done['state']}: {done['call']['name']} {_told(done['call'])}")


# --- what agents arranged ---------------------------------------------------------------------------------------------


def handovers(
    context: typer.Context,
    end: Annotated[str, typer.Option(metavar="ROOM", help="Have who answered in this room before do so again.")] = "",
    as_json: AsJson = False,
) -> None:
    """Conversations that an agent handed over to another, in the running host."""
    from carrier.cli.printing import handover_table, put

    if end:
        found = context.obj.ask(lambda caller: caller.post("/handovers/end", {"room": end}))["handovers"]
    else:
        found = context.obj.ask(lambda caller: caller.get("/handovers"))["handovers"]
    if as_json:
        print(json.dumps(found, indent=2))
    elif end:
        print("\n".join(f"{it['room']}: {it['agent']} answers again" for it in found))
    elif found:
        put(handover_table(found))
    else:
        print("no conversation is handed over")


def later(
    context: typer.Context,
    cancel: Annotated[str, typer.Option(metavar="ID", help="Have this not said after all.")] = "",
    as_json: AsJson = False,
) -> None:
    """What agents of the running host say later."""
    from carrier.cli.printing import Table, local, put

    if cancel:
        done = context.obj.ask(lambda caller: caller.post(f"/later/{cancel}/cancel", {}))
        print(json.dumps(done, indent=2) if as_json else f"{cancel} is not said")
        return
    found = context.obj.ask(lambda caller: caller.get("/later"))["later"]
    if as_json:
        print(json.dumps(found, indent=2))
    elif found:
        rows = [[it["id"], local(it["at"]), it["agent"], it["room"], it["text"]] for it in found]
        put(Table(rows, ("id", "at", "agent", "room", "text")))
    else:
        print("nothing is to be said later")
