"""The page that shows the feed, lets one comment as somebody, and hands out the pictures."""

from pathlib import Path

from aiohttp import web

from carrier.testing.graph.graph import Graph
from carrier.testing.graph.objects import Post

HTML = Path(__file__).with_name("page.html")


def routes(graph: Graph, media: Path | None = None) -> list[web.AbstractRouteDef]:
    """With a folder of pictures and videos that Instagram may fetch under /media/."""

    async def show(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(HTML)

    async def file(request: web.Request) -> web.StreamResponse:
        post = graph.world.nodes.get(request.match_info["post"])
        number = int(request.match_info["number"])
        if not isinstance(post, Post) or number >= len(post.files):
            raise web.HTTPNotFound
        found = post.files[number]
        return web.Response(body=found.body, content_type=found.media_type)

    shown: list[web.AbstractRouteDef] = [
        web.get("/", show),
        web.get("/p/{shortcode}/", show),
        web.get(r"/files/{post:\d+}/{number:\d+}", file),
    ]
    return [*shown, web.static("/media", media)] if media else shown
