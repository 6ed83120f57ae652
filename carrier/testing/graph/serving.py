"""The local Graph API on a port of loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from carrier.testing.graph import control, page
from carrier.testing.graph.clock import Clock
from carrier.testing.graph.fetching import AGENT, MOST
from carrier.testing.graph.graph import Graph
from carrier.testing.graph.parameters import Login, installed
from carrier.testing.graph.rules import Rules
from carrier.testing.graph.world import World


@asynccontextmanager
async def local_graph(
    login: Login = "instagram",
    *,
    port: int = 0,
    username: str = "tifa",
    token: str = "",
    rules: Rules | None = None,
    standing: bool = False,
    media: Path | None = None,
) -> AsyncIterator[Graph]:
    """A running one with an account; on a free port unless one is said. `media` is served under /media/.

    The clock runs with the machine's unless it is `standing`. Raises RuntimeError where the rules are strict and
    Meta's SDK, whose tables they are, is not installed.
    """
    rules = rules or Rules()
    if rules.strict and not installed():
        raise RuntimeError("strict rules are those of facebook-business 26.x: install it, or say Rules(strict=False)")
    async with aiohttp.ClientSession(headers={"User-Agent": AGENT}) as session:
        graph = Graph(World(Clock(standing), rules), session)
        graph.add_account(username, login, token)
        runner = web.AppRunner(_app(graph, media), access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        graph.url = graph.world.site = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield graph
        finally:
            await graph.close()
            await runner.cleanup()


def _app(graph: Graph, media: Path | None) -> web.Application:
    app = web.Application(client_max_size=MOST)
    app.add_routes(control.routes(graph))
    app.add_routes(page.routes(graph, media))
    app.router.add_route("*", "/{path:.*}", graph.answer)
    return app
