"""Posts as rows: each edge of their way out is one transaction, which only who has seen the last one can make."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, insert, select, update

from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump, load
from carrier.ledger.tables import post_files, post_steps, posts
from carrier.types import OVER, Post


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
    for file in {file.digest: file for file in post.content.files}.values():
        used = {"client": post.client, "digest": file.digest, "post": post.id, "path": file.path, "at": clock.tick()}
        connection.execute(insert(post_files), used)
    _note(connection, clock, post, note)
    return True


def advance(connection: Connection, clock: Clock, post: Post, note: str = "") -> Post | None:
    """The post as it is now; None, and nothing, if somebody else has changed it since it was read."""
    newer = replace(post, version=post.version + 1)
    where = (posts.c.id == post.id, posts.c.version == post.version)
    if not connection.execute(update(posts).where(*where).values(**_row(newer))).rowcount:
        return None
    _note(connection, clock, newer, note)
    return newer


def due(connection: Connection, now: int) -> list[Post]:
    """Those that something can be done for, the one that waits longest first."""
    query = select(posts.c.body).where(posts.c.state.in_(_UNDER_WAY), posts.c.wakes_at <= now)
    return [load(Post, row.body) for row in connection.execute(query.order_by(posts.c.wakes_at, posts.c.at))]


def next_due(connection: Connection) -> int | None:
    query = select(func.min(posts.c.wakes_at)).where(posts.c.state.in_(_UNDER_WAY))
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
    """The digests of the files that this client has used, and when last."""
    query = select(post_files.c.digest, func.max(post_files.c.at)).where(post_files.c.client == client)
    return {digest: at for digest, at in connection.execute(query.group_by(post_files.c.digest))}


_UNDER_WAY = ("approved", "uploading", "creating", "preparing", "ordered", "published")


def _row(post: Post) -> dict[str, object]:
    return {
        "client": post.client,
        "agent": post.agent,
        "slot": post.slot,
        "state": post.state,
        "body": dump(Post, post),
        "digest": post.digest,
        "version": post.version,
        "wakes_at": 0 if post.state in OVER else max(post.wakes, post.due if post.state == "approved" else 0),
        "media": post.media,
    }


def _note(connection: Connection, clock: Clock, post: Post, note: str) -> None:
    row = {"post": post.id, "version": post.version, "state": post.state, "note": note or post.reason}
    connection.execute(insert(post_steps), {**row, "at": clock.tick()})
