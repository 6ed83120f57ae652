"""The commands about Discord: the link that invites a bot, and a Discord on this machine to talk with one's agents."""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from carrier.cli.project import agent_names
from carrier.errors import CarrierError

if TYPE_CHECKING:
    from carrier.config.catalog import Catalog
    from carrier.types.clients import ClientDefinition

app = typer.Typer(help="Bots on Discord.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def about() -> None:
    """Bots on Discord."""


@app.command()
def invite(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The client; it may be left out where there is one.")] = "",
) -> None:
    """Print the link that invites a bot into a server, with what it needs there and no more."""
    catalog = context.obj.load()
    client = _client(catalog, name)
    told = import_module("carrier.assemble").discord_invitation(client, _actions(catalog))
    print(told.link)
    print(f"\nIt lets the bot: {', '.join(told.permissions)}.")
    portal = "at https://discord.com/developers/applications, under Bot"
    print(f"Switch on {portal}: {', '.join(told.intents)}." if told.intents else "No privileged intent is needed.")


def _client(catalog: "Catalog", name: str) -> "ClientDefinition":
    found = {each.name: each for each in catalog.clients.values() if each.type == "discord"}
    if not name and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    waits = f"; {name} waits: {catalog.parked[name]}" if name in catalog.parked else ""
    raise CarrierError(f"name a client of type discord: there are {', '.join(sorted(found)) or 'none'}{waits}")


def _actions(catalog: "Catalog") -> set[str]:
    return {action.name for agent in catalog.agents.values() for action in agent.actions}


Bots = Annotated[list[str], typer.Option("--bot", help="A bot's name; more of them with more options.")]


def dev_discord(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Where it listens, on 127.0.0.1.")] = 8791,
    bot: Bots = ["carrier"],  # noqa: B006
    user: Annotated[str, typer.Option(help="Who you are.")] = "you",
) -> None:
    """Open a Discord on this machine, and talk there with your agents. Nothing of it leaves the machine."""
    agent = next(iter(agent_names(context, "")), "NAME")
    options = ["--port", str(port), "--user", user, "--agent", agent, *(f"--bot={name}" for name in bot)]
    # In place of this process: Ctrl-C and signals reach it as they are.
    os.execv(sys.executable, [sys.executable, "-m", "carrier.testing.discord.dev", *options])
