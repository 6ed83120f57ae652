"""The command `carrier-host`: starts the host, or talks to the one that runs."""

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from carrier.errors import CarrierError, ConfigError

STARTED = time.perf_counter()

app = typer.Typer(
    help="A host for autonomous AI agents that is configured, not coded.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Config = Annotated[Path, typer.Option("--config", "-c", help="The host's file.", envvar="CARRIER_CONFIG")]
AgentName = Annotated[str, typer.Argument(help="The agent's name.")]
User = Annotated[str, typer.Option(help="Who is speaking: an id of your choice.")]
RoomName = Annotated[str, typer.Option(help="The room; by default the one this user has alone with the host.")]
AsJson = Annotated[bool, typer.Option("--json", help="For a script to read.")]

HERE = Path("carrier.yaml")


def main() -> None:
    """The entry point: what Carrier says went wrong is one line, not a stack."""
    try:
        app()
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except CarrierError as error:
        print(f"carrier-host: {error}", file=sys.stderr)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    config: Config = HERE,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what the host does in detail.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Start the host, and stop it with Ctrl-C."""
    context.obj = config
    if version:
        from carrier import __version__

        print(__version__)
    elif context.invoked_subcommand is None:
        _log(logging.DEBUG if verbose else logging.INFO)
        _run(_live(config))


# --- the host ---------------------------------------------------------------------------------------------


async def _live(config: Path) -> None:
    """Until a signal; a second one stops at once."""
    from carrier.cli.banner import banner, seconds_since_start

    stopped = _stop_on_signals()
    # What start-up makes is there to stay: looking through it for garbage would cost a tenth of the start.
    gc.disable()
    async with _host(config) as opened:
        gc.freeze()
        gc.enable()
        print(banner(opened, seconds_since_start(time.perf_counter() - STARTED)), flush=True)
        await stopped.wait()
        print("stopping: turns under way are finished first; Ctrl-C again stops at once", flush=True)


def _stop_on_signals() -> asyncio.Event:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            os._exit(1)  # safe: what was acknowledged is on disk
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopped


@asynccontextmanager
async def _host(config: Path, port: int | None = None) -> AsyncIterator[Any]:
    """A living host behind its HTTP door."""
    from carrier.api.serving import open_door
    from carrier.config.catalog import load

    async with open_door(load(config, os.environ), port) as opened:
        yield opened


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not on Windows
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)


def _log(level: int) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("carrier").setLevel(level)


# --- talking to one that runs -----------------------------------------------------------------------------


@app.command()
def chat(context: typer.Context, agent: AgentName, user: User = "user", room: RoomName = "") -> None:
    """Talk to an agent. If no host runs here, one is started for the conversation."""
    from carrier.cli.chat import converse

    _run(_with_caller(context.obj, lambda caller: converse(caller, agent, user, room)))


@app.command()
def render(context: typer.Context, agent: AgentName, text: str, user: User = "user", room: RoomName = "") -> None:
    """Print the exact prompt that an agent's model would get for a text. No model is called."""
    body = {"text": text, "userId": user, **({"roomId": room} if room else {})}

    async def show(caller: Any) -> None:
        print((await caller.post(f"/{agent}/render", body))["prompt"])

    _run(_with_caller(context.obj, show))


async def _with_caller(config: Path, work: Any) -> None:
    """With the host that runs; else with one that lives as long as the command does."""
    from carrier.api.calling import NobodyThere, calling

    data = _data(config)
    try:
        async with calling(data) as caller:
            await work(caller)
    except NobodyThere:
        print("no host runs here: one is started for as long as this takes", file=sys.stderr)
        async with _host(config, port=0), calling(data) as caller:
            await work(caller)


def _data(config: Path) -> Path:
    """The data folder that a host's file names."""
    from carrier.config.catalog import load

    return load(config, os.environ).host.data


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """How the running host stands: agents and their models, clients, memory, and what is wrong."""
    from carrier.api.calling import calling
    from carrier.cli.printing import status_text

    async def ask() -> None:
        async with calling(_data(context.obj)) as caller:
            now = await caller.get("/status")
        print(json.dumps(now, indent=2) if as_json else status_text(now))

    _run(ask())


# --- the files --------------------------------------------------------------------------------------------


@app.command()
def check(context: typer.Context) -> None:
    """Read all files and report every problem. Exit code 0: clean, 1: problems."""
    from carrier.config.catalog import load

    catalog = load(context.obj, os.environ)
    for problem in catalog.problems:
        print(problem)
    if any(problem.severity == "error" for problem in catalog.problems):
        raise typer.Exit(1)
    print(f"{len(catalog.agents)} agents, {len(catalog.clients)} clients: no errors")


@app.command()
def stats(
    context: typer.Context,
    agent: Annotated[str, typer.Option(help="Only this agent.")] = "",
    days: Annotated[int, typer.Option(help="How many days back.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Messages, latency, tokens and actions by agent and day, from the event log; the host may run meanwhile."""
    from dataclasses import asdict

    from carrier.assemble import read_stats
    from carrier.cli.printing import stats_text

    counted = asdict(read_stats(_data(context.obj), agent or None, days))
    print(json.dumps(counted, indent=2) if as_json else stats_text(counted))
