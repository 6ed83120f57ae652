"""`python -m carrier.testing.discord`: a local Discord as a process, empty, to be filled through its control."""

import argparse
import asyncio
import json
import signal

from carrier.testing.discord.control import Control
from carrier.testing.discord.example import example
from carrier.testing.discord.local import local_discord


async def serve(port: int, speed: float, identify_every: float, bots: list[str]) -> None:
    """Until SIGINT or SIGTERM; the first line of the output says where it listens."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with local_discord(port=port, speed=speed, identify_every=identify_every) as discord:
        if bots:
            example(discord, bots, "you")
        discord.server.doors["/control/"] = Control(discord).serve
        control = f"http://{discord.core.address}/control"
        print(json.dumps({"api": discord.api, "gateway": discord.gateway_url, "control": control}), flush=True)
        await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m carrier.testing.discord", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0: a free one")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster its windows pass than on the wall")
    parser.add_argument("--identify-every", type=float, default=5.0, help="seconds between two sessions of a bot")
    parser.add_argument("--bot", action="append", default=[], help="begin with the example's world and this bot")
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.speed, given.identify_every, given.bot))
