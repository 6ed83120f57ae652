"""What was counted of posts: an event each time, and how often each was asked about."""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, insert, select

from carrier.ledger.cursors import cursors_of, move_cursor
from carrier.ledger.engine import Clock
from carrier.ledger.forms import load
from carrier.ledger.tables import events, post_steps, posts
from carrier.types.posts import Post

OWNER = "insights"
KIND = "insights"
"""Of an event: what other events tell of turns, it tells of a post."""


def published(connection: Connection, since: int) -> list[Post]:
    """Those that were done with since then, and are known by the platform's id."""
    done = select(post_steps.c.post).where(post_steps.c.state == "done", post_steps.c.at >= since)
    live = select(posts.c.body).where(posts.c.id.in_(done), posts.c.state == "done", posts.c.media != "")
    return [load(Post, body) for body in connection.execute(live.order_by(posts.c.at)).scalars()]


def counted(connection: Connection) -> dict[str, int]:
    """At how many ages each post was asked about."""
    return {post: int(ages) for post, ages in cursors_of(connection, OWNER).items()}


def count(connection: Connection, clock: Clock, post: Post, ages: int, hours: float, counts: Mapping[str, int]) -> None:
    """What was counted of a post so many hours after it went out; nothing told is no event."""
    move_cursor(connection, OWNER, post.id, str(ages))
    if not counts:
        return
    body = {
        "id": f"{OWNER}/{post.id}/{ages}",
        "at": clock.tick(),
        "agent": post.agent,
        "client": post.client,
        "kind": KIND,
        "post": post.id,
        "hours": round(hours, 1),
        "counts": dict(counts),
    }
    connection.execute(insert(events), {"id": body["id"], "at": body["at"], "body": json.dumps(body)})
