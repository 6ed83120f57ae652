"""The command that opens a Discord on this machine, to talk with one's agents as a user would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from carrier.cli.running import run
from carrier.errors import CarrierError

if TYPE_CHECKING:
    from carrier.testing.discord.example import Example
    from carrier.testing.discord.local import Discord

Bots = Annotated[list[str], typer.Option("--bot", help="A bot's name; more of them with more options.")]


def dev_discord(
    port: Annotated[int, typer.Option(help="Where it listens, on 127.0.0.1.")] = 8791,
    bot: Bots = ["carrier"],  # noqa: B006
    user: Annotated[str, typer.Option(help="Who you are.")] = "you",
) -> None:
    """Open a Discord on this machine, and talk there with your agents. Nothing of it leaves the machine."""
    run(_live(port, bot, user))


async def _live(port: int, bots: list[str], user: str) -> None:
    from carrier.testing.discord.example import example
    from carrier.testing.discord.keyboard import Keyboard
    from carrier.testing.discord.terminal import Terminal

    async with _discord(port) as discord:
        made, keyboard = example(discord, bots, user), Keyboard()
        keyboard.write(_welcome(discord, made))
        terminal = Terminal(discord, made.guild, made.user, made.general, keyboard.write)
        keyboard.prompt = lambda: terminal.prompt
        await terminal.run(keyboard.lines())


@asynccontextmanager
async def _discord(port: int) -> "AsyncIterator[Discord]":
    from carrier.testing.discord.local import Discord

    discord = Discord(port)
    # Somebody who tries things out starts hosts more often than Discord would like.
    discord.gateway.starts.every = 0.0
    try:
        await discord.up()
    except OSError as error:
        raise CarrierError(f"nothing can listen on 127.0.0.1:{port}: {error.strerror}; see --port") from error
    try:
        yield discord
    finally:
        await discord.down()


def _welcome(discord: "Discord", made: "Example") -> str:
    """What a client of each bot is configured with."""
    documents = [
        f"kind: client\nname: {bot.name.lower()}-local\ntype: discord\nagent: NAME\ntoken: {bot.token}\n"
        f"endpoint: {{ api: {discord.api}, gateway: {discord.gateway_url} }}"
        for bot in made.bots
    ]
    return "\n".join(
        [
            f"Discord listens on {discord.api}; agents come with",
            "",
            "\n---\n".join(documents),
            "",
            f"You are {made.user.name} in #{made.general.name}; /help tells what can be done, /quit or Ctrl-D ends it.",
        ]
    )
