"""A Discord to try agents on: the example's world, what a client needs to reach it, and a terminal to talk in it.

`python -m carrier.testing.discord.dev` is what `carrier-host dev-discord` starts.
"""

import argparse
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from carrier.cli.running import run
from carrier.errors import CarrierError
from carrier.testing.discord.example import Example, example
from carrier.testing.discord.keyboard import Keyboard
from carrier.testing.discord.local import Discord
from carrier.testing.discord.terminal import Terminal
from carrier.testing.discord.things import Bot


async def live(port: int, bots: Sequence[str], user: str, agent: str) -> None:
    """Until the input ends; raises CarrierError where nothing can listen."""
    async with _discord(port) as discord:
        made, keyboard = example(discord, bots, user), Keyboard()
        keyboard.write(_welcome(discord, made, agent))
        terminal = Terminal(discord, made.guild, made.user, made.general, keyboard.write)
        keyboard.prompt = lambda: terminal.prompt
        await terminal.run(keyboard.lines())


@asynccontextmanager
async def _discord(port: int) -> AsyncIterator[Discord]:
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


def _welcome(discord: Discord, made: Example, agent: str) -> str:
    """What a client of each bot is configured with."""
    variables = {bot.name: f"LOCAL_{re.sub(r'[^A-Z0-9]', '_', bot.name.upper())}_TOKEN" for bot in made.bots}
    documents = [_client(discord, bot, variables[bot.name], agent) for bot in made.bots]
    secrets = [f"{variables[bot.name]}={bot.token}" for bot in made.bots]
    begin = f"You are {made.user.name} in #{made.general.name}; /help tells what can be done, /quit or Ctrl-D ends it."
    return "\n".join(["# agents.d/local.yaml", "\n---\n".join(documents), "", "# .env", *secrets, "", begin])


def _client(discord: Discord, bot: Bot, variable: str, agent: str) -> str:
    return (
        f"kind: client\nname: {re.sub(r'[^a-z0-9]+', '-', bot.name.lower())}-local\ntype: discord\nagent: {agent}\n"
        f"token: ${{{variable}}}\nendpoint: {{ api: {discord.api}, gateway: {discord.gateway_url} }}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m carrier.testing.discord.dev")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bot", action="append", required=True)
    parser.add_argument("--user", default="you")
    parser.add_argument("--agent", default="NAME", help="who answers, in the client that is shown")
    given = parser.parse_args()
    try:
        run(live(given.port, given.bot, given.user, given.agent))
    except CarrierError as error:
        print(f"carrier-host: {error}", file=sys.stderr)
        sys.exit(2)
