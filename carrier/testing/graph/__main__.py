"""The local Graph API as a process: it outlives the hosts that talk to it, and says what they need to know."""

import argparse
import asyncio
import signal
from pathlib import Path

from carrier.testing.graph.graph import Graph
from carrier.testing.graph.parameters import installed
from carrier.testing.graph.rules import Rules
from carrier.testing.graph.serving import local_graph
from carrier.testing.graph.world import APP_SECRET

VERIFY_TOKEN = "local-verify-token"


def main() -> None:
    options = _options()
    options.media.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m carrier.testing.graph", description=__doc__)
    parser.add_argument("--port", type=int, default=8180, help="0: any that is free")
    parser.add_argument("--login", choices=["instagram", "facebook"], default="instagram")
    parser.add_argument("--username", default="tifa")
    parser.add_argument("--media", type=Path, default=Path("var/dev-instagram"), help="a folder served under /media/")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    media = options.media.resolve()
    # The same for ever: what was written into a file once holds the next time.
    token = f"{options.login}-local-token-of-{options.username}"
    async with local_graph(
        options.login,
        port=options.port,
        username=options.username,
        token=token,
        rules=Rules(strict=installed()),
        media=media,
    ) as graph:
        print(_words(graph, media), flush=True)
        await stopped.wait()


def _words(graph: Graph, media: Path) -> str:
    account = graph.account
    return f"""\
Instagram, here: {graph.url}

A client for it:

  kind: client
  name: {account.username}-instagram
  type: instagram
  login: {account.login}
  account_id: "{account.id}"
  access_token: {account.token}
  app_secret: {APP_SECRET}
  verify_token: {VERIFY_TOKEN}
  endpoint: {{ graph: {graph.url}, rupload: {graph.url} }}
  media_host:
    type: folder
    folder: {media}
    public_url: {graph.url}/media

The feed is at that address. Ctrl-C ends it, and forgets everything.
Nothing leaves this machine."""


if __name__ == "__main__":
    main()
