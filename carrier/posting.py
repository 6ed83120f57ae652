"""Drives a post through its states: each step is on disk before the next call, and it is ordered once.

    draft -> approved -> uploading -> creating -> preparing -> ordered -> published -> done

The order to publish is the one call that nobody can take back or repeat. It is written down before it is given; what
follows no clear answer is looking, at the container's own status. Only a client's `resend` makes a second order of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import file_digest
from pathlib import Path

from carrier.errors import LedgerError, Passing, PostError, Refused
from carrier.interfaces import Container, LivePost, MediaHost, Publisher
from carrier.ledger import posts as rows
from carrier.ledger import slots
from carrier.ledger.engine import Ledger
from carrier.runtime import becoming
from carrier.runtime.becoming import SECOND
from carrier.types.posts import OVER, Post, PostContent, PostFile, PostState

log = logging.getLogger(__name__)

SETTLING = 3 * 60 * SECOND
"""A list of what is live may be behind: only by then one candidate is the only one."""
LEFTOVERS = 3 * 86400.0
"""Seconds after which no post needs its files any more."""
WAIT_FOR_A_COMMENT = 60
"""Seconds until one that may have been written is surely listed."""
LOOK = 30.0
"""Seconds between two looks at the clock when nothing wakes it: the machine may have slept, or the clock been set."""
LEDGER_PAUSE = 5.0
"""Seconds until a ledger that could not be written is tried again."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a client's posts go out: its account, the host that its files are fetched from, and the folder that
    their paths start at."""

    publisher: Publisher
    host: MediaHost
    folder: Path
    slots: tuple[str, ...] = ()
    """Times of the day at which posts go out that wait for the next free one."""
    resend: bool = False
    """Whether an order that left no trace for a quarter of an hour is given once more, for the same container."""


Step = Callable[["Posting", Post, Outlet], Awaitable[Post]]


@dataclass(eq=False)
class Posting:
    """Posts on their way out, one step at a time for each client; `wake` tells that there is another one."""

    ledger: Ledger
    outlet: Callable[[str], Outlet | None]
    """Of a client, by its name; None while it is not here."""
    tell: Callable[[Post], Awaitable[None]]
    """Somebody has to know of this one."""
    over: Callable[[], None] = lambda: None
    """Tells the scheduler that the work of a slot may have ended."""
    held: Callable[[], bool] = lambda: False
    """Whether the clock cannot be right: then nothing goes out, and nothing is missed."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _at_work: set[str] = field(default_factory=set)
    """Clients."""

    async def run(self) -> None:
        """Until cancelled. No client waits for another one, whose host may hang, or whose video takes its time."""
        async with asyncio.TaskGroup() as group:
            while True:
                self.wake.clear()
                await self._rest(await self._set_to_work(group))

    async def _set_to_work(self, group: asyncio.TaskGroup) -> int | None:
        """Have done what can be done now; returns when there is more to do, None if nobody knows."""
        if self.held():
            return None
        try:
            for client, several in (await self._due()).items():
                self._at_work.add(client)
                group.create_task(self._work_off(client, several))
            return await self.ledger.read(partial(rows.next_due, but=self._at_work))
        except LedgerError as error:
            log.error("posts have to wait: %s", error)
            return None

    async def _due(self) -> Mapping[str, Sequence[Post]]:
        """Those that something can be done for, by clients; but for clients that are at work."""
        found: dict[str, list[Post]] = {}
        for post in await self.ledger.read(partial(rows.due, now=self._now())):
            if post.client not in self._at_work:
                found.setdefault(post.client, []).append(post)
        return found

    async def _work_off(self, client: str, several: Sequence[Post]) -> None:
        try:
            await self._in_order(several)
        except LedgerError as error:
            log.error("posts of %s have to wait: %s", client, error)
            await asyncio.sleep(LEDGER_PAUSE)
        finally:
            self._at_work.discard(client)
            self.wake.set()

    async def _rest(self, until: int | None) -> None:
        seconds = LOOK if until is None else max(0.0, (until - self._now()) / SECOND)
        try:
            async with asyncio.timeout(min(seconds, LOOK)):
                await self.wake.wait()
        except TimeoutError:
            pass

    def _now(self) -> int:
        return self.ledger.clock.now()

    async def _in_order(self, posts: Sequence[Post]) -> None:
        for post in posts:
            await self._advance(post)

    async def _advance(self, post: Post) -> None:
        """Steps of one post, until it has to wait or is over."""
        now = self._now()
        while post.state not in OVER and post.wakes <= now:
            newer = await self._write(await self._step(post), post)
            if newer is None:
                return  # somebody else is at it
            post = newer

    async def _step(self, post: Post) -> Post:
        """The post after its next step, whatever comes of it."""
        if post.state == "draft":
            return becoming.over(post, "missed", "nobody approved it in time")
        if post.state in _BEFORE_THE_ORDER and self._now() > post.expires:
            why = f": {post.reason}" if post.reason else ""
            return becoming.over(post, "missed", f"its time had passed before it could go out{why}")
        try:
            outlet = self.outlet(post.client)
            if outlet is None:
                reason = f"the client {post.client} is not here, or has no `media_host`"
                return becoming.waiting(post, becoming.PAUSES[-1], reason, self._now())
            return await STEPS[post.state](self, post, outlet)
        except PostError as error:
            return becoming.after(post, error, self._now())
        except Passing as error:
            return becoming.after(post, PostError(str(error), "retry", error.retry_after), self._now())
        except Refused as error:
            return becoming.after(post, PostError(str(error), "fix"), self._now())
        except LedgerError:
            raise
        # Media hosts may be anybody's; whatever they raise, the other posts go on.
        except Exception as error:
            log.exception("post %s: %s did not work", post.id, post.state)
            return becoming.after(post, PostError(f"{type(error).__name__}: {error}", "fix"), self._now())

    async def _write(self, newer: Post, older: Post) -> Post | None:
        """On disk, and told where somebody has to know; None if another one was faster."""
        written: Post | None = await self.ledger.write(partial(rows.advance, clock=self.ledger.clock, post=newer))
        if written and written.state in OVER:
            self.over()
        if written and (written.stuck > older.stuck or written.state in _TOLD):
            log.error("post %s: %s: %s", written.id, written.state, written.reason)
            if not written.stuck or not await self._is_known_to_be_stuck(written):
                await self.tell(written)
        return written

    async def _is_known_to_be_stuck(self, post: Post) -> bool:
        """Whether another post of the account waits for somebody to see to it: that was told."""
        waiting = await self.ledger.read(rows.under_way)
        return any(other.stuck and other.client == post.client and other.id != post.id for other in waiting)

    # --- the steps

    async def _begin(self, post: Post, outlet: Outlet) -> Post:
        """Nothing is put anywhere for a post whose slot is off, or that the platform would not take today."""
        slot = await self.ledger.read(partial(slots.get, id=post.slot)) if post.slot else None
        if slot and slot.state in slots.ENDED:
            return becoming.over(post, "rejected", slot.reason)
        if slot and (by := await self.ledger.read(partial(slots.paused_by, slot=slot))):
            return becoming.over(post, "rejected", f"paused by {by}")
        quota = await outlet.publisher.quota()
        if quota.total is not None and quota.used >= quota.total:
            reason = f"{quota.used} of {quota.total} posts in {quota.seconds / 3600:.0f} h are used"
            return becoming.waiting(post, becoming.WAIT, reason, self._now())
        return becoming.entered(post, "uploading", self._now())

    async def _upload(self, post: Post, outlet: Outlet) -> Post:
        """One file more is where it can be fetched; or all are."""
        files = to_be_fetched(post.content, outlet.publisher)
        if len(post.hosted) == len(files):
            return becoming.entered(post, "creating", self._now())
        file = files[len(post.hosted)]
        hosted = await outlet.host.put(await _as_it_was(outlet.folder, file), file.media_type)
        return replace(post, hosted=(*post.hosted, hosted), attempts=0, reason="", stuck=False)

    async def _create(self, post: Post, outlet: Outlet) -> Post:
        """The platform is told of one picture more of a carousel; or, when all of them are ready, of the whole."""
        urls = [hosted.url for hosted in post.hosted]
        parts = outlet.publisher.parts(post.content, urls)
        if len(post.parts) < len(parts):
            made = await outlet.publisher.create(parts[len(post.parts)])
            return replace(post, parts=(*post.parts, made), attempts=0, reason="", stuck=False)
        for part in post.parts:
            if (unready := becoming.unready(post, await outlet.publisher.container(part), self._now())) is not None:
                return unready
        made = await outlet.publisher.create(outlet.publisher.whole(post.content, urls, post.parts))
        return becoming.entered(replace(post, container=made), "preparing", self._now())

    async def _prepare(self, post: Post, outlet: Outlet) -> Post:
        """Once the container is ready, the order is written down, and given."""
        if not post.sent and outlet.publisher.sends(post.content):
            await outlet.publisher.send(post.container, await _as_it_was(outlet.folder, post.content.files[0]))
            return replace(post, sent=True, attempts=0, reason="", stuck=False)
        container = await outlet.publisher.container(post.container)
        if (unready := becoming.unready(post, container, self._now())) is not None:
            return unready
        if container.status == "published":
            return becoming.live(post, "", self._now())
        return await self._order(post, outlet)

    async def _order(self, post: Post, outlet: Outlet) -> Post:
        """Written down, then given, once: whoever finds it written down can only look."""
        now = self._now()
        ordered = await self._write(replace(becoming.entered(post, "ordered", now), ordered=post.ordered or now), post)
        if ordered is None:
            return post
        try:
            return becoming.live(ordered, await outlet.publisher.publish(ordered.container), self._now())
        except PostError as error:
            if error.remedy == "look":
                return becoming.look_later(ordered, str(error), self._now())
            # The platform says that it was not carried out, or it never left: as if it had not been given. What that
            # leaves open of an order before it is still open.
            return becoming.after(replace(post, version=ordered.version), error, self._now())

    async def _confirm(self, post: Post, outlet: Outlet) -> Post:
        """Whether an order without a clear answer was carried out, as far as the platform says."""
        container = await outlet.publisher.container(post.container)
        if container.status == "published":
            return becoming.live(post, "", self._now())
        if self._now() - post.since < becoming.LOOKING:
            return becoming.look_later(post, f"ordered, and its container is {container.status}", self._now())
        if outlet.resend and container.status == "finished" and not post.resent:
            return await self._order(replace(post, resent=True), outlet)
        return await self._unconfirmed(post, outlet, container)

    async def _unconfirmed(self, post: Post, outlet: Outlet, container: Container) -> Post:
        links = [live.permalink or live.id for live in await self._candidates(post, outlet)]
        seen = f"; it may be {' or '.join(links[:2])}" if links else ""
        reason = f"{becoming.UNKNOWN}: its container is {container.status} {container.why}".strip()
        return becoming.over(post, "unconfirmed", reason + seen)

    async def _complete(self, post: Post, outlet: Outlet) -> Post:
        """What is live gets its id, its address and its first comment, as far as that can be had."""
        if not post.media:
            return await self._recognise(post, outlet)
        if not post.permalink:
            post = replace(post, permalink=await self._permalink(post, outlet))
        if post.content.first_comment and post.comment in ("", "begun"):
            return await self._comment(post, outlet)
        return await self._tidy(post, outlet)

    async def _recognise(self, post: Post, outlet: Outlet) -> Post:
        """Which of what is live is this: only if there is exactly one that can be, when the list has settled."""
        age = self._now() - post.ordered
        if age < SETTLING:
            return becoming.look_later(post, "live; which one it is is not known yet", self._now())
        candidates = await self._candidates(post, outlet)
        if len(candidates) == 1:
            return replace(post, media=candidates[0].id, permalink=candidates[0].permalink, reason="")
        if not candidates and age < becoming.LOOKING:
            return becoming.look_later(post, "live; it is not listed yet", self._now())
        kept = " Its first comment was not written." if post.content.first_comment else ""
        return await self._tidy(replace(post, reason=f"live; which one it is cannot be told.{kept}"), outlet)

    async def _candidates(self, post: Post, outlet: Outlet) -> list[LivePost]:
        live = await outlet.publisher.recent(post.ordered / SECOND - 60)
        known = await self.ledger.read(partial(rows.recorded, client=post.client, media=[each.id for each in live]))
        return [each for each in live if each.id not in known and _fits(post, each)]

    async def _permalink(self, post: Post, outlet: Outlet) -> str:
        """Its address, if it can be had: nothing depends on it."""
        try:
            return await outlet.publisher.permalink(post.media)
        except PostError as error:
            log.info("post %s: its address is not known: %s", post.id, error)
            return ""

    async def _comment(self, post: Post, outlet: Outlet) -> Post:
        """Once: one that may have been written is looked for before it is written again."""
        text = post.content.first_comment
        if post.comment == "begun":
            # Platforms do not keep every space of what is said.
            there = await outlet.publisher.own_comments(post.media)
            found = [id for id, said in there if said.split() == text.split()]
            if found:
                return replace(post, comment=found[0], attempts=0, reason="")
        # Whoever goes on after a sudden end finds it listed, if it was written.
        wakes = self._now() + WAIT_FOR_A_COMMENT * SECOND
        begun = await self._write(replace(post, comment="begun", wakes=wakes), post)
        if begun is None:
            return post
        try:
            written = await outlet.publisher.comment(post.media, text)
            return replace(begun, comment=written, attempts=0, wakes=0, reason="")
        except PostError as error:
            if begun.attempts >= becoming.AGAIN:
                return await self._tidy(replace(begun, reason=f"live; its comment may not be there: {error}"), outlet)
            return replace(
                becoming.waiting(begun, max(error.wait, WAIT_FOR_A_COMMENT), str(error), self._now()),
                attempts=begun.attempts + 1,
            )

    async def _tidy(self, post: Post, outlet: Outlet) -> Post:
        """Nobody fetches its files any more."""
        for hosted in post.hosted:
            try:
                await outlet.host.remove(hosted.name)
            except (Passing, Refused) as error:
                log.info("post %s: %s stays until it is swept: %s", post.id, hosted.name, error)
        await self._sweep(outlet)
        return becoming.over(replace(post, hosted=()), "done", post.reason)

    async def _sweep(self, outlet: Outlet) -> None:
        """What posts have left there that failed."""
        try:
            await outlet.host.sweep(LEFTOVERS)
        except (Passing, Refused) as error:
            log.info("what earlier posts left is not swept: %s", error)


STEPS: Mapping[PostState, Step] = {
    "approved": Posting._begin,
    "uploading": Posting._upload,
    "creating": Posting._create,
    "preparing": Posting._prepare,
    "ordered": Posting._confirm,
    "published": Posting._complete,
}

_BEFORE_THE_ORDER: frozenset[PostState] = frozenset(("approved", "uploading", "creating", "preparing"))
_TOLD: frozenset[PostState] = frozenset(("failed", "unconfirmed", "missed"))


def to_be_fetched(content: PostContent, publisher: Publisher) -> list[PostFile]:
    """What has to be put somewhere for it: all but a video that is sent to the platform, its cover last."""
    files = [] if publisher.sends(content) else [*content.files]
    return [*files, *([content.cover] if content.cover else [])]


async def _as_it_was(folder: Path, file: PostFile) -> Path:
    path = folder / file.path
    if await asyncio.to_thread(_digest, path) != file.digest:
        raise PostError(f"{file.path} is not what it was when the post was made", "fix")
    return path


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _fits(post: Post, live: LivePost) -> bool:
    """A story has no caption to go by."""
    return live.kind == post.content.kind and (
        live.kind == "story" or live.caption.strip() == post.content.caption.strip()
    )
