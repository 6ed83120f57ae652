"""A posting to test with: the local Graph API's clock is the ledger's, and waiting is putting it forward."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from carrier.clients.instagram.graph import Graph as GraphClient
from carrier.clients.instagram.publisher import Publisher
from carrier.ledger import posts as rows
from carrier.ledger.engine import Ledger
from carrier.posting import Outlet, Posting
from carrier.testing.graph import Graph, local_graph
from carrier.testing.movies import box, mp4
from carrier.types.posts import OVER, Hosted, Post, PostContent, PostFile

JPEG = "image/jpeg"
CLIENT = "brand"


@dataclass
class Shown:
    """A media host that shows files where they are; the local Graph API fetches them from its own loopback."""

    url: str
    removed: list[str] = field(default_factory=list)

    async def put(self, file: Path, media_type: str) -> Hosted:
        size = len(await asyncio.to_thread(file.read_bytes))
        return Hosted(file.name, f"{self.url}/{file.name}", size, media_type)

    async def remove(self, name: str) -> None:
        self.removed.append(name)

    async def sweep(self, older: float) -> list[str]:
        return []


class Died(BaseException):
    """The process ends here, as far as anybody can tell."""


@dataclass
class Fuse:
    """Ends the process before or after the nth thing that is done; 0: never."""

    at: int = 0
    after: bool = False
    done: int = 0

    async def burn(self, work: Callable[[], Awaitable[Any]]) -> Any:
        self.done += 1
        if self.done == self.at and not self.after:
            raise Died
        result = await work()
        if self.done == self.at:
            raise Died
        return result


class Fused:
    """Anything whose coroutines run on a fuse."""

    def __init__(self, real: Any, fuse: Fuse):
        self._real, self._fuse = real, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not iscoroutinefunction(found):
            return found

        async def on_the_fuse(*arguments: Any, **named: Any) -> Any:
            return await self._fuse.burn(lambda: found(*arguments, **named))

        return on_the_fuse


class Stepwise(Posting):
    """One that does what can be done now, and no more."""

    async def work(self) -> int | None:
        """Returns when there is more to do; None if nothing waits."""
        while due := await self._due():
            await asyncio.gather(*(self._in_order(several) for several in due.values()))
        found: int | None = await self.ledger.read(rows.next_due)
        return found


@dataclass
class Trial:
    """An account, a ledger and a posting; `told` are the posts that somebody had to know of."""

    graph: Graph
    ledger: Ledger
    folder: Path
    host: Shown
    told: list[Post] = field(default_factory=list)
    resend: bool = False
    _clients: list[GraphClient] = field(default_factory=list)

    def picture(self, name: str = "one.jpg", size: tuple[int, int] = (400, 400)) -> PostFile:
        from PIL import Image

        Image.new("RGB", size, "seagreen").save(self.folder / name)
        return PostFile(name, sha256((self.folder / name).read_bytes()).hexdigest(), JPEG)

    def video(self, name: str = "one.mp4", more: int = 0) -> PostFile:
        """With so many bytes that nobody looks at."""
        (self.folder / name).write_bytes(mp4() + box(b"free", bytes(more)))
        return PostFile(name, sha256((self.folder / name).read_bytes()).hexdigest(), "video/mp4")

    def content(self, **more: Any) -> PostContent:
        return PostContent(**{"kind": "image", "files": (self.picture(),), "caption": "Good morning", **more})

    async def add(self, content: PostContent | None = None, id: str = "morning@1", **more: Any) -> Post:
        now = self.ledger.clock.tick()
        post = Post(id, CLIENT, "tifa", content or self.content(), "approved", now, now + 3600 * 1_000_000)
        post = replace(post, **more)
        assert await self.ledger.write(partial(rows.add, clock=self.ledger.clock, post=post))
        return post

    def posting(self, fuse: Fuse | None = None) -> Stepwise:
        """A new one, as after a start."""
        publisher, host, ledger = self.publisher(), self.host, self.ledger
        if fuse:
            publisher, host = Fused(publisher, fuse), Fused(host, fuse)  # type: ignore[assignment]
        outlet = Outlet(publisher, host, self.folder, resend=self.resend)

        async def tell(post: Post) -> None:
            self.told.append(post)

        return Stepwise(ledger, lambda name: outlet, tell)

    def publisher(self) -> Publisher:
        account = self.graph.account
        client = GraphClient(self.graph.url, "v25.0", lambda: account.token, read_seconds=0.1)
        self._clients.append(client)
        return Publisher(client, account.id, self.graph.url if account.login == "facebook" else "")

    async def until_over(self, id: str = "morning@1", fuse: Fuse | None = None, most: float = 3 * 86400) -> Post:
        """What becomes of a post, with time put forward whenever it waits; a fuse that burns down starts anew."""
        ends = self.graph.world.clock.now() + most
        posting = self.posting(fuse)
        while (post := await self.post(id)).state not in OVER and self.graph.world.clock.now() < ends:
            try:
                due = await posting.work()
            except Died:
                posting = self.posting()
                continue
            if due:
                self.graph.advance(max(0.0, due / 1e6 - self.graph.world.clock.now()) + 0.001)
        return post

    async def post(self, id: str = "morning@1") -> Post:
        found: Post | None = await self.ledger.read(partial(rows.get, id=id))
        assert found
        return found

    def orders(self) -> int:
        return len(self.graph.journal.find("POST", "media_publish"))


@asynccontextmanager
async def trial(folder: Path, **graph: Any) -> AsyncIterator[Trial]:
    pictures = folder / "pictures"
    pictures.mkdir()
    async with local_graph(standing=True, media=pictures, **graph) as api:
        now = api.world.clock.now
        ledger = Ledger(folder / "ledger.db", now=lambda: int(now() * 1e6))
        try:
            made = Trial(api, ledger, pictures, Shown(f"{api.url}/media"))
            yield made
        finally:
            for client in made._clients:
                await client.close()
            await ledger.close()
