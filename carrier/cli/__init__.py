"""The command `carrier-host`: starts the host, or talks to the one that runs."""

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from carrier.cli import (
    cards,
    discord,
    doctor,
    files,
    instagram,
    making,
    posts,
    rooms,
    scheduling,
    talking,
    testing,
)
from carrier.cli.project import HERE, project
from carrier.cli.running import live
from carrier.cli.running import run as run_until_done
from carrier.errors import CarrierError, ConfigError
from carrier.log import Lines

app = typer.Typer(
    help="A host for autonomous AI agents that is configured, not coded.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Config = Annotated[Path, typer.Option("--config", "-c", help="The host's file.", envvar="CARRIER_CONFIG")]
Env = Annotated[str, typer.Option("--env", help="Lay carrier.NAME.yaml and .env.NAME over.", envvar="CARRIER_ENV")]
LastGood = Annotated[bool, typer.Option("--last-good", help="Start with the last good carrier.yaml if it is broken.")]


def main() -> None:
    """The entry point: what Carrier says went wrong is one line, not a stack."""
    # Pydantic would look through all installed packages for plug-ins of its own, at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        app()
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except CarrierError as error:
        print(f"carrier-host: {error}", file=sys.stderr)
        sys.exit(2)
    # Python would end with 1, and a script would take a mistake of Carrier's own for one in the files.
    except Exception:
        traceback.print_exc()
        sys.exit(2)


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    config: Config = HERE,
    env: Env = "",
    last_good: LastGood = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what the host does in detail.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Start the host, and stop it with Ctrl-C."""
    context.obj = project(config, env, last_good)
    if version:
        from carrier import __version__

        print(__version__)
    elif context.invoked_subcommand is None:
        start(context)


@app.command("run")
def start(context: typer.Context) -> None:
    """Start the host; the same as no command at all."""
    _start(context)


def record(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The cassette: cassettes/NAME.jsonl, for replay/NAME.")],
) -> None:
    """Start the host, and take down what its models answer."""
    from carrier.config.models import is_name

    if not is_name(name):
        raise CarrierError(f"{name!r} is no name: lower-case letters, digits, - and _")
    _start(context, name)


def _start(context: typer.Context, cassette: str = "") -> None:
    verbose = context.find_root().params["verbose"]
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("carrier").setLevel(logging.DEBUG if verbose else logging.INFO)
    run_until_done(live(context.obj, cassette))


COMMANDS = (
    record,
    talking.chat,
    talking.render,
    talking.status,
    talking.stats,
    talking.reload,
    talking.plan,
    talking.approvals,
    talking.approve,
    talking.refuse,
    rooms.mute,
    rooms.unmute,
    talking.handovers,
    talking.later,
    files.check,
    files.show,
    files.schema,
    files.explain,
    files.fmt,
    making.new,
    discord.dev_discord,
    doctor.doctor,
    instagram.dev_instagram,
)

for command in COMMANDS:
    app.command()(command)
app.add_typer(discord.app, name="discord")
app.command("import")(cards.import_)
app.command()(cards.export)
app.command("test")(testing.try_out)
app.add_typer(instagram.app, name="instagram")
app.add_typer(scheduling.app, name="schedules")
app.add_typer(posts.app, name="posts")
