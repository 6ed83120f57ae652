"""Numbers about posts and accounts: what was counted here, and what a test says."""

from typing import Any

from carrier.testing.graph.calls import Call
from carrier.testing.graph.errors import FEW_VIEWERS, GraphError, wrong_parameter
from carrier.testing.graph.objects import Account, Post

OF_A_POST = (
    "views", "reach", "saved", "likes", "comments", "shares", "total_interactions", "reposts", "follows",
    "profile_visits", "profile_activity",
)  # fmt: skip
OF_A_REEL = ("ig_reels_avg_watch_time", "ig_reels_video_view_total_time", "reels_skip_rate")
OF_A_STORY = ("navigation", "replies")
OF_AN_ACCOUNT = (
    "reach", "views", "likes", "comments", "shares", "saves", "replies", "total_interactions", "accounts_engaged",
    "profile_links_taps", "follower_count", "follows_and_unfollows",
)  # fmt: skip
VIEWERS_OF_A_STORY = 5


def of_post(call: Call) -> dict[str, Any]:
    """GET /{post}/insights"""
    assert isinstance(call.node, Post)
    post = call.node
    more = {"REELS": OF_A_REEL, "STORY": OF_A_STORY}.get(post.product_type, ())
    metrics = _metrics(call, (*OF_A_POST, *more))
    if post.product_type == "STORY" and post.insights.get("reach", 0) < VIEWERS_OF_A_STORY:
        raise GraphError(FEW_VIEWERS)
    counted = {"likes": post.likes, "comments": len(call.world.comments(post)), **post.insights}
    return {"data": [_told(post.id, name, "lifetime", counted[name]) for name in metrics if name in counted]}


def of_account(call: Call) -> dict[str, Any]:
    """GET /{account}/insights"""
    assert isinstance(call.node, Account)
    metrics, period = _metrics(call, OF_AN_ACCOUNT), call.text("period")
    if not period:
        raise GraphError(wrong_parameter("The parameter period is required"))
    posts = [post for post in call.world.posts() if post.account is call.node]
    counted = {
        "likes": sum(post.likes for post in posts),
        "comments": sum(len(call.world.comments(post)) for post in posts),
        "views": sum(post.insights.get("views", 0) for post in posts),
        "reach": sum(post.insights.get("reach", 0) for post in posts),
    }
    return {"data": [_told(call.node.id, name, period, counted[name]) for name in metrics if name in counted]}


def _metrics(call: Call, there: tuple[str, ...]) -> list[str]:
    if not (metrics := call.listed("metric")):
        raise GraphError(wrong_parameter("The parameter metric is required"))
    for name in metrics:
        if name not in there:
            said = f"metric[0] must be one of the following values: {', '.join(there)}; {name} is none of them"
            raise GraphError(wrong_parameter(said))
    return metrics


def _told(id: str, name: str, period: str, value: int) -> dict[str, Any]:
    title = name.replace("_", " ").capitalize()
    told: dict[str, Any] = {"name": name, "period": period, "title": title, "description": title}
    shape = {"values": [{"value": value}]} if period == "lifetime" else {"total_value": {"value": value}}
    return {**told, **shape, "id": f"{id}/insights/{name}/{period}"}
