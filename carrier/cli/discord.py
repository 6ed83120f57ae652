"""The command that opens a Discord on this machine, to talk with one's agents as a user would."""

from importlib import import_module
from typing import Annotated

import typer

from carrier.cli.project import agent_names
from carrier.cli.running import run

Bots = Annotated[list[str], typer.Option("--bot", help="A bot's name; more of them with more options.")]


def dev_discord(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Where it listens, on 127.0.0.1.")] = 8791,
    bot: Bots = ["carrier"],  # noqa: B006
    user: Annotated[str, typer.Option(help="Who you are.")] = "you",
) -> None:
    """Open a Discord on this machine, and talk there with your agents. Nothing of it leaves the machine."""
    agent = next(iter(agent_names(context, "")), "NAME")
    # By its name, as all that a host itself has no part of.
    run(import_module("carrier.testing.discord.dev").live(port, bot, user, agent))
