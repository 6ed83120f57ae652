"""What becomes of a post on its way, by what a platform says of it; each depends on the post and the moment alone.

Moments are microseconds since 1970. From the order on an error says nothing of whether the post is live.
"""

from dataclasses import replace

from carrier.errors import PostError
from carrier.interfaces import Container
from carrier.types.posts import Post, PostState

SECOND = 1_000_000
PAUSES = (5, 10, 20, 40, 60)
"""Seconds between two looks, or two attempts; the last one from then on."""
ATTEMPTS = 6
"""Of a step that fails for a moment, until somebody is told of it."""
AGAIN = 2
"""Of one that may not be tried often."""
RENEWALS = 3
UNKNOWN = "nobody can say whether it is live"
LOOKING = 15 * 60 * SECOND
"""For so long after the order it is looked for; then somebody has to."""
PREPARING = 60 * 60 * SECOND
WAIT = 3600
"""Seconds that a platform's "not now" is waited out which does not say for how long."""
MENDED = 300
"""Seconds between two looks whether somebody has seen to an account."""
DAY = 86400 * SECOND
"""As long as a platform knows of a container: whoever could not ask for so long will never know."""


def unready(post: Post, container: Container, now: int) -> Post | None:
    """The post while a container is not ready, or never will be; None if it is."""
    match container.status:
        case "in progress" if now - post.since < PREPARING:
            return look_later(post, "the platform prepares it", now)
        case "error" if not container.passes:
            return over(post, "failed", container.why or "the platform cannot take it")
        case "in progress" | "error" | "expired" | "gone":
            return renewed(post, f"its container is {container.status} {container.why}".strip(), now)
    return None


def after(post: Post, error: PostError, now: int) -> Post:
    """What an error leaves to do."""
    if error.remedy in ("wait", "sign in", "human"):
        seconds = error.wait or (MENDED if error.remedy == "sign in" else WAIT)
        return replace(waiting(post, seconds, str(error), now), stuck=error.remedy != "wait")
    if post.state == "ordered":
        return _look_on(post, error, now)
    if post.state == "published":
        return _later_or_done(post, str(error), now)
    match error.remedy:
        case "poll" | "look":
            return look_later(post, str(error), now)
        case "again" if post.attempts >= AGAIN:
            return renewed(post, str(error), now)
        case "retry" | "again":
            return _try_again(post, error, now)
        case "renew":
            return renewed(post, str(error), now)
    return over(post, "failed", str(error))


def _look_on(post: Post, error: PostError, now: int) -> Post:
    """Of an order whose container cannot be asked about; what passes may pass for as long as it is known at all."""
    if now - post.since < (LOOKING if error.remedy == "fix" else DAY):
        return look_later(post, str(error), now)
    return over(post, "unconfirmed", f"{UNKNOWN}: {error}")


def live(post: Post, media: str, now: int) -> Post:
    """It is to be seen, under this id if that is known."""
    # Of one that was not known to be ordered: since its container was made.
    return entered(replace(post, media=media, ordered=post.ordered or post.since), "published", now)


def entered(post: Post, state: PostState, now: int) -> Post:
    """In its next state, where nothing has failed yet."""
    return replace(post, state=state, since=now, attempts=0, wakes=0, reason="", stuck=False)


def _try_again(post: Post, error: PostError, now: int) -> Post:
    """As long as there is time: what passes may pass. What does not for long, somebody may have to see to."""
    pause = max(error.wait, PAUSES[min(post.attempts, len(PAUSES) - 1)])
    stuck = post.stuck or post.attempts + 1 >= ATTEMPTS
    return replace(waiting(post, pause, str(error), now), attempts=post.attempts + 1, stuck=stuck)


def look_later(post: Post, reason: str, now: int) -> Post:
    """The longer it lasts, the longer the pauses."""
    age = (now - post.since) / SECOND
    return waiting(post, min(max(age / 2, PAUSES[0]), PAUSES[-1]), reason, now)


def _later_or_done(post: Post, reason: str, now: int) -> Post:
    if now - post.since < LOOKING:
        return look_later(post, reason, now)
    return over(post, "done", f"live; {reason}")


def waiting(post: Post, seconds: float, reason: str, now: int) -> Post:
    """In its state, for so long."""
    return replace(post, wakes=now + int(seconds * SECOND), reason=reason, stuck=False)


def renewed(post: Post, reason: str, now: int) -> Post:
    """Begun anew with other containers, which only a post may be that was not ordered."""
    if post.renewals >= RENEWALS:
        return over(post, "failed", reason)
    fresh = entered(replace(post, parts=(), container="", sent=False, renewals=post.renewals + 1), "creating", now)
    return waiting(fresh, PAUSES[min(post.renewals, len(PAUSES) - 1)], reason, now)


def over(post: Post, state: PostState, reason: str) -> Post:
    """At its end."""
    return replace(post, state=state, wakes=0, reason=reason)
