"""Posts as rows: each edge of their way out is one transaction, which only who has seen the last one can make."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, func, insert, select, update

from carrier.ledger import slots
from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump, load
from carrier.ledger.tables import post_files, post_steps, posts
from carrier.types.posts import OVER, Post, PostState, SourceFile


@dataclass(frozen=True, slots=True)
class PostStep:
    """One edge that a post has gone."""

    state: str
    note: str
    at: int


def add(connection: Connection, clock: Clock, post: Post, note: str = "") -> bool:
    """A new post, whose files count as used from now on; False, and nothing, if there is one of its id."""
    if connection.execute(select(posts.c.id).where(posts.c.id == post.id)).first():
        return False
    connection.execute(insert(posts), {**_row(post), "id": post.id, "at": clock.tick()})
    files = [SourceFile(file.source or file.path, file.source_digest or file.digest, 0) for file in post.content.files]
    take(connection, clock, post.client, post.id, lambda used: files)
    _note(connection, clock, post, note)
    _tell_slot(connection, clock, post)
    return True


def advance(connection: Connection, clock: Clock, post: Post, note: str = "") -> Post | None:
    """The post as it is now; None, and nothing, if somebody else has changed it since it was read."""
    newer = replace(post, version=post.version + 1)
    where = (posts.c.id == post.id, posts.c.version == post.version)
    if not connection.execute(update(posts).where(*where).values(**_row(newer))).rowcount:
        return None
    _note(connection, clock, newer, note)
    _tell_slot(connection, clock, newer)
    return newer


def take(
    connection: Connection,
    clock: Clock,
    client: str,
    post: str,
    choose: Callable[[Mapping[str, int]], list[SourceFile]],
) -> list[SourceFile]:
    """The files that a post is made of: those it has taken already, else those that are chosen now.

    `choose` is told the digests of what the client has used, and when last.
    """
    mine = select(post_files).where(post_files.c.client == client, post_files.c.post == post).order_by(post_files.c.at)
    if rows := connection.execute(mine).all():
        return [SourceFile(row.path, row.digest, 0) for row in rows]
    chosen = choose(used(connection, client))
    for file in {file.digest: file for file in chosen}.values():
        taken = {"client": client, "digest": file.digest, "post": post, "path": file.path, "at": clock.tick()}
        connection.execute(insert(post_files), taken)
    return chosen


def give_back(connection: Connection, post: str) -> None:
    """What a post has taken that never came to be."""
    connection.execute(delete(post_files).where(post_files.c.post == post))


def due(connection: Connection, now: int) -> list[Post]:
    """Those that something can be done for, the one that waits longest first."""
    query = select(posts.c.body).where(posts.c.state.in_(_UNDER_WAY), posts.c.wakes_at <= now)
    return [load(Post, row.body) for row in connection.execute(query.order_by(posts.c.wakes_at, posts.c.at))]


def under_way(connection: Connection) -> list[Post]:
    """Those that are not over."""
    rows = connection.execute(select(posts.c.body).where(posts.c.state.in_(_UNDER_WAY)).order_by(posts.c.at))
    return [load(Post, row.body) for row in rows]


def next_due(connection: Connection, but: Collection[str] = ()) -> int | None:
    """When something can be done again, leaving out some clients."""
    query = select(func.min(posts.c.wakes_at)).where(posts.c.state.in_(_UNDER_WAY), posts.c.client.not_in(but))
    found: int | None = connection.execute(query).scalar()
    return found


def get(connection: Connection, id: str) -> Post | None:
    body = connection.execute(select(posts.c.body).where(posts.c.id == id)).scalar()
    return load(Post, body) if body else None


def listed(connection: Connection, states: Collection[str] = (), most: int = 100) -> list[Post]:
    """The newest first."""
    query = select(posts.c.body).order_by(posts.c.at.desc()).limit(most)
    rows = connection.execute(query.where(posts.c.state.in_(states)) if states else query)
    return [load(Post, row.body) for row in rows]


def steps(connection: Connection, id: str) -> list[PostStep]:
    """How a post has come so far."""
    query = select(post_steps).where(post_steps.c.post == id).order_by(post_steps.c.version)
    return [PostStep(row.state, row.note, row.at) for row in connection.execute(query)]


def recorded(connection: Connection, client: str, media: Sequence[str]) -> set[str]:
    """Which of these ids of what is live belong to a post already."""
    query = select(posts.c.media).where(posts.c.client == client, posts.c.media.in_(media))
    return set(connection.execute(query).scalars())


def used(connection: Connection, client: str) -> dict[str, int]:
    """The digests of the files that this client has used, and when last; what was only missed may come again."""
    missed = select(posts.c.id).where(posts.c.state == "missed", posts.c.client == client)
    query = select(post_files.c.digest, func.max(post_files.c.at)).where(post_files.c.client == client)
    query = query.where(post_files.c.post.not_in(missed)).group_by(post_files.c.digest)
    return {digest: at for digest, at in connection.execute(query)}


_UNDER_WAY = ("draft", "approved", "uploading", "creating", "preparing", "ordered", "published")


def _row(post: Post) -> dict[str, object]:
    return {
        "client": post.client,
        "agent": post.agent,
        "slot": post.slot,
        "state": post.state,
        "body": dump(Post, post),
        "digest": post.digest,
        "version": post.version,
        "wakes_at": _wakes(post),
        "media": post.media,
    }


def _wakes(post: Post) -> int:
    match post.state:
        case "draft":
            return post.expires
        case "approved":
            return max(post.wakes, post.due)
    return 0 if post.state in OVER else post.wakes


_ENDINGS: Mapping[PostState, slots.Ending] = {
    "done": "done",
    "failed": "failed",
    "missed": "missed",
    "rejected": "skipped",
    # It may be live: nobody is to think that it is not.
    "unconfirmed": "done",
}


def _tell_slot(connection: Connection, clock: Clock, post: Post) -> None:
    """The slot whose work this post is goes its way with it."""
    if post.slot and post.state == "uploading":
        slots.posting(connection, clock, post.slot, draft=False)
    if post.slot and post.state in OVER:
        reason = f"unconfirmed: {post.reason}" if post.state == "unconfirmed" else post.reason
        slots.end_of_post(connection, clock, post.slot, _ENDINGS[post.state], reason)


def _note(connection: Connection, clock: Clock, post: Post, note: str) -> None:
    row = {"post": post.id, "version": post.version, "state": post.state, "note": note or post.reason}
    connection.execute(insert(post_steps), {**row, "at": clock.tick()})
