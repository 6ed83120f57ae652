"""What an operator does with posts: makes one, approves, edits, rejects and retries it, and says whether it is live."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection

from carrier.errors import Conflict, UnknownPost
from carrier.interfaces import Darkroom, Publisher
from carrier.ledger import approvals, slots
from carrier.ledger import posts as rows
from carrier.ledger.engine import Clock, Ledger
from carrier.ledger.forms import storable
from carrier.runtime import drafts
from carrier.runtime.drafting import developed_cover
from carrier.runtime.speaking import Send, named
from carrier.types.agents import Agent
from carrier.types.posts import Fit, Hosted, Post, PostContent, PostFile

SECONDS = 1_000_000
PATIENCE = 3600 * SECONDS
"""How long after it was ordered by hand a post may still go out."""
SHORTEST_DIGEST = 8

Change = Callable[[Post], Post]


class Wrong(Conflict):
    """A post that Instagram would refuse, or spoil so that nobody would want it."""


@dataclass(frozen=True)
class Editing:
    """Each is one transaction. All raise UnknownPost, and Conflict where the post has got further than that."""

    ledger: Ledger
    darkroom: Darkroom
    changed: Callable[[], None]
    """Tells whoever drives posts that there is another one to look at."""
    agent: Callable[[str], Agent | None]
    """One that lives, by its name: in its room it is asked about a draft that was changed."""
    send: Send
    more_to_send: Callable[[str], None]
    """Tells a client's sender, by the client's name, that rows wait for it."""

    async def get(self, id: str) -> Post:
        return _found(await self.ledger.read(partial(rows.get, id=id)), id)

    async def make(
        self,
        client: str,
        agent: str,
        content: PostContent,
        paths: Sequence[str],
        cover: str,
        fit: Fit | None,
    ) -> Post:
        """A post of the operator's own files; not filed yet. Raises Unfit and Wrong."""
        groups = await self.darkroom.found(paths)
        sources = [file for group in groups for file in group]
        if len(sources) < len(paths):
            raise Wrong(f"not all of {', '.join(paths)} are files in the project's folder")
        files = await self.darkroom.develop(sources, content.kind, fit)
        content = replace(content, files=files, cover=await developed_cover(self.darkroom, cover, fit))
        await self._check(content)
        now = self.ledger.clock.now()
        return Post(f"{client}@{token_hex(6)}", client, agent, content, "approved", now, now + PATIENCE)

    async def file(self, post: Post, by: str, times: Iterable[int] = ()) -> Post:
        """It goes out now; or at the first of these times at which no other post of its client does."""

        def add(connection: Connection, clock: Clock) -> Post:
            taken = {other.due for other in rows.under_way(connection) if other.client == post.client}
            free = next((at for at in times if at not in taken), None)
            filed = post if free is None else replace(post, due=free, expires=free + PATIENCE)
            rows.add(connection, clock, filed, f"by {by}")
            return filed

        filed: Post = await self.ledger.write(partial(add, clock=self.ledger.clock))
        content = filed.content
        files = [*content.files, *([content.cover] if content.cover else [])]
        await self.darkroom.keep_until(files, filed.due / SECONDS)
        self.changed()
        return filed

    async def approve(self, id: str, digest: str, by: str) -> Post:
        """Let it go out as it is; `digest` says what was looked at, and has to be of what would go out now."""

        def approved(post: Post) -> Post:
            _only(post, "draft")
            if len(digest) < SHORTEST_DIGEST or not post.digest.startswith(digest):
                raise Conflict(f"{id} is not what was looked at: it is {post.digest[:12]} now")
            return replace(post, state="approved", reason="")

        return await self._change(id, approved, f"approved by {by}")

    async def edit(self, id: str, by: str, words: Mapping[str, str]) -> Post:
        """Give a draft another caption, first comment or alt text; it waits to be approved as it is then."""
        post = await self.get(id)
        _only(post, "draft")
        said: dict[str, Any] = {key: storable(text) for key, text in words.items()}
        content = replace(post.content, **said)
        await self._check(content)
        return await self._change(id, lambda _: replace(post, content=content), f"edited by {by}")

    async def reject(self, id: str, by: str) -> Post:
        """Drop one that was not ordered; what is on its way stops where it is."""

        def rejected(post: Post) -> Post:
            _only(post, "draft", "approved", "uploading", "creating", "preparing")
            return replace(post, state="rejected", reason=f"rejected by {by}")

        return await self._change(id, rejected, f"rejected by {by}")

    async def retry(self, id: str, by: str) -> Post:
        """Begin anew with one that failed or was missed. One that was ordered may be live: `resolve` says that."""

        def again(post: Post) -> Post:
            _only(post, "failed", "missed")
            if post.ordered:
                raise Conflict(f"{id} was ordered and may be live; look, and resolve it")
            return self._anew(post)

        return await self._change(id, again, f"retried by {by}")

    async def resolve(self, id: str, live: bool, media: str, by: str) -> Post:
        """Somebody has looked: it is live, perhaps with this id, or it is not and is to go out again."""

        def resolved(post: Post) -> Post:
            _only(post, "unconfirmed")
            if not live:
                return self._anew(post)
            now = self.ledger.clock.now()
            return replace(post, slot="", state="published", since=now, media=media, wakes=0, attempts=0, reason="")

        return await self._change(id, resolved, f"{by} says that it is {'' if live else 'not '}live")

    def _anew(self, post: Post) -> Post:
        now = self.ledger.clock.now()
        return replace(
            post, slot="", state="approved", due=now, expires=now + PATIENCE, since=now, hosted=(), parts=(),
            container="", sent=False, ordered=0, resent=False, attempts=0, renewals=0, wakes=0, reason="", stuck=False,
        )  # fmt: skip

    async def _check(self, content: PostContent) -> None:
        faults = await self.darkroom.faults(content)
        if wrong := [str(fault) for fault in faults if fault.severity == "error"]:
            raise Wrong("; ".join(wrong))

    async def _change(self, id: str, change: Change, note: str) -> Post:
        agent = self.agent((await self.get(id)).agent)

        def advance(connection: Connection, clock: Clock) -> Post:
            post = _found(rows.get(connection, id), id)
            slot = slots.get(connection, post.slot) if post.slot else None
            if slot and slot.state in slots.ENDED and post.state in ("draft", "approved"):
                raise Conflict(f"the slot of {id} is over: {slot.reason or slot.state}")
            written = rows.advance(connection, clock, change(post), note)
            if written is None:
                raise Conflict(f"{id} was changed by somebody else meanwhile; look again")
            if written.slot and post.state == "draft":
                self._ask_anew(connection, clock, agent, written)
            return written

        written: Post = await self.ledger.write(partial(advance, clock=self.ledger.clock))
        if agent and agent.approvals.room:
            self.more_to_send(agent.approvals.room.partition("/")[0])
        self.changed()
        return written

    def _ask_anew(self, connection: Connection, clock: Clock, agent: Agent | None, post: Post) -> None:
        """Whoever decides by a number decides about what goes out now; or need not any more."""
        approvals.withdraw(connection, post.slot)
        if agent and post.state == "draft":
            asks = drafts.ask(connection, clock, agent, f"{post.id}/{post.version}", post)
            if asks:
                self.send(connection, clock, named(agent, asks))


def _found(post: Post | None, id: str) -> Post:
    if post is None:
        raise UnknownPost(f"there is no post {id!r}; `carrier-host posts` lists them")
    return post


def _only(post: Post, *states: str) -> None:
    if post.state not in states:
        raise Conflict(f"{post.id} is {post.state}; this is for one that is {' or '.join(states)}")


def requests(post: Post, publisher: Publisher) -> list[dict[str, object]]:
    """What the platform would be told, call by call; `{…}` is what only comes of the calls before."""
    content, sends = post.content, publisher.sends(post.content)
    files = [*([] if sends else content.files), *([content.cover] if content.cover else [])]
    urls = [_url(number, file, post.hosted) for number, file in enumerate(files)]
    parts = publisher.parts(content, urls)
    named = post.parts or tuple(f"{{container {number + 1}}}" for number in range(len(parts)))
    told = [*parts, publisher.whole(content, urls, named)]
    calls: list[dict[str, object]] = [{"call": "POST /{account}/media", **dict(each)} for each in told]
    if sends:
        calls.append({"call": "POST {upload}/{container}", "file": content.files[0].source or content.files[0].path})
    calls.append({"call": "POST /{account}/media_publish", "creation_id": post.container or "{container}"})
    if content.first_comment:
        calls.append({"call": "POST /{media}/comments", "message": content.first_comment})
    return calls


def _url(number: int, file: PostFile, hosted: Sequence[Hosted]) -> str:
    return hosted[number].url if number < len(hosted) else f"{{the address of {file.source or file.path}}}"
