"""Posts that wait for somebody to approve them: what is asked under which number, and what follows from the answer."""

from dataclasses import replace

from sqlalchemy import Connection

from carrier.errors import Conflict
from carrier.ledger import approvals, posts
from carrier.ledger.approvals import Approval, Asked, State
from carrier.ledger.engine import Clock
from carrier.runtime.notices import notice
from carrier.types.agents import Agent
from carrier.types.models import ActionCall
from carrier.types.posts import Post
from carrier.types.talk import Outgoing

PUBLISH = "publish"
"""What the call is named that such an approval allows; no action is called so, for it holds what goes out."""
_SECOND = 1_000_000


def ask(connection: Connection, clock: Clock, agent: Agent, turn: str, post: Post) -> Outgoing | None:
    """Ask those who may approve it, under a number, for as long as it may go out; None: there is no room to ask in."""
    call = ActionCall(post.id, PUBLISH, {"post": post.id, "digest": post.digest, "caption": post.content.caption})
    seconds = max(0, post.expires - clock.now()) / _SECOND
    room = f"{post.client}/{post.id}"
    number, _ = approvals.ask(
        connection, clock, Asked(turn, agent.name, room, call, post.digest, seconds, slot=post.slot)
    )
    asks = notice(agent.approvals.room, f"{turn}/notice", _question(agent, number, post), agent.name)
    return replace(asks, asks=number) if asks else None


def _question(agent: Agent, number: str, post: Post) -> str:
    content = post.content
    files = ", ".join(file.source or file.path for file in content.files)
    beside = {"First comment": content.first_comment, "Alt text": content.alt_text}
    words = [content.caption or "no caption", *(f"{name}: {text}" for name, text in beside.items() if text)]
    shown = "\n".join(words)
    return (
        f"#{number}: {agent.character.display_name} is going to publish {files} at {post.client}, for {post.id}:\n"
        f"{shown}\nAnswer `approve {number}` or `refuse {number}`; `carrier-host posts edit {post.id}` changes it."
    )


def is_about_a_post(approval: Approval) -> bool:
    return bool(approval.slot) and approval.call.name == PUBLISH


def follow(connection: Connection, clock: Clock, approval: Approval, state: State, by: str) -> None:
    """Have the post go out that somebody has approved, or never; raises Conflict when it is another one by now."""
    post = posts.get(connection, str(approval.call.arguments["post"]))
    if state == "expired":
        return  # it is missed as soon as its time is over
    if post is None or post.state != "draft" or post.digest != approval.call.arguments["digest"]:
        raise Conflict(f"#{approval.id} is about an earlier version; `carrier-host posts` tells what has become of it")
    if state == "approved":
        posts.advance(connection, clock, replace(post, state="approved", reason=""), f"approved by {by}")
    elif state == "refused":
        refused = replace(post, state="rejected", reason=f"rejected by {by}")
        posts.advance(connection, clock, refused, refused.reason)
