"""Which request does what, and what an app has to be permitted for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carrier.testing.graph import insights, publishing, talking, views
from carrier.testing.graph.calls import Call
from carrier.testing.graph.errors import GraphError, no_such_object, not_permitted, wrong_parameter
from carrier.testing.graph.fields import parse
from carrier.testing.graph.objects import Account, Comment, Page, Post
from carrier.testing.graph.parameters import Login

Handler = Callable[[Call], dict[str, Any]]

PERMISSIONS: Mapping[Login, Mapping[str, str]] = {
    "instagram": {
        "basic": "instagram_business_basic",
        "publish": "instagram_business_content_publish",
        "comments": "instagram_business_manage_comments",
        "messages": "instagram_business_manage_messages",
        "insights": "instagram_business_manage_insights",
    },
    "facebook": {
        "basic": "instagram_basic",
        "publish": "instagram_content_publish",
        "comments": "instagram_manage_comments",
        "messages": "instagram_manage_messages",
        "insights": "instagram_manage_insights",
        "contents": "instagram_manage_contents",
        "pages": "pages_read_engagement",
    },
}

FIELDS = (
    "comments", "live_comments", "mentions", "messages", "messaging_postbacks", "message_reactions", "messaging_seen",
)  # fmt: skip
PAGE_FIELDS = ("feed", "mention", "messages", "messaging_postbacks", "message_reactions")


@dataclass(frozen=True, slots=True)
class Route:
    handler: Handler
    asks_for: str
    """What the app has to be permitted."""


def route(call: Call) -> Route:
    """Raises GraphError where there is none, or where it is not permitted."""
    found = ROUTES.get((call.method, call.node.kind, call.edge))
    if found is None:
        raise GraphError(no_such_object(call.node.id, call.method))
    permission = PERMISSIONS[call.account.login].get(found.asks_for)
    if permission is None:
        raise GraphError(wrong_parameter(f"Unsupported {call.method.lower()} request with this login"))
    if permission not in call.account.permissions:
        raise GraphError(not_permitted(permission))
    return found


def _posts(call: Call) -> dict[str, Any]:
    """GET /{account}/media: the newest first, without stories, at most 10,000."""
    return _listed_posts(call, stories=False)


def _stories(call: Call) -> dict[str, Any]:
    """GET /{account}/stories: those of the last day."""
    return _listed_posts(call, stories=True)


def _listed_posts(call: Call, stories: bool) -> dict[str, Any]:
    now = call.world.now
    since, until = call.moment("since", now - 86400 if stories else 0.0), call.moment("until", now)
    there = [
        post
        for post in call.world.posts()
        if post.account is call.account
        and (post.product_type == "STORY") == stories
        and since <= post.at <= until
        and post.listed <= now
    ]
    return views.listing(call, there[:10_000])


def _delete_post(call: Call) -> dict[str, Any]:
    assert isinstance(call.node, Post)
    for item in call.node.items:
        del call.world.nodes[item.id]
    del call.world.nodes[call.node.id]
    return {"success": True}


def _items(call: Call) -> dict[str, Any]:
    assert isinstance(call.node, Post)
    return views.listing(call, call.node.items)


def _comments(call: Call) -> dict[str, Any]:
    assert isinstance(call.node, Post)
    return views.listing(call, call.world.comments(call.node))


def _replies(call: Call) -> dict[str, Any]:
    assert isinstance(call.node, Comment)
    return views.listing(call, call.world.comments(call.node.post, call.node)[::-1])


def _conversations(call: Call) -> dict[str, Any]:
    person = call.text("user_id")
    there = [each for each in call.world.conversations(call.account) if person in ("", each.person.id)]
    return views.listing(call, there)


def _pages(call: Call) -> dict[str, Any]:
    """GET /me/accounts"""
    fields = parse("id,name,access_token,instagram_business_account")
    return {"data": [views.shown(call, call.node, call.fields or fields)]}


def _subscribe(call: Call) -> dict[str, Any]:
    fields, there = call.listed("subscribed_fields"), PAGE_FIELDS if isinstance(call.node, Page) else FIELDS
    for name in fields:
        if name not in there:
            raise GraphError(wrong_parameter(f"Param subscribed_fields must be one of {{{', '.join(there)}}}: {name}"))
    if isinstance(call.node, Account):
        call.account.subscribed = set(fields)
    return {"success": True}


def _subscriptions(call: Call) -> dict[str, Any]:
    return {"data": [{"subscribed_fields": sorted(call.account.subscribed)}] if call.account.subscribed else []}


def _unsubscribe(call: Call) -> dict[str, Any]:
    call.account.subscribed = set()
    return {"success": True}


ROUTES: Mapping[tuple[str, str, str], Route] = {
    ("GET", "account", ""): Route(views.read, "basic"),
    ("GET", "account", "media"): Route(_posts, "basic"),
    ("POST", "account", "media"): Route(publishing.create, "publish"),
    ("POST", "account", "media_publish"): Route(publishing.publish, "publish"),
    ("GET", "account", "content_publishing_limit"): Route(publishing.limit, "publish"),
    ("GET", "account", "stories"): Route(_stories, "basic"),
    ("GET", "account", "insights"): Route(insights.of_account, "insights"),
    ("POST", "account", "mentions"): Route(talking.answer_mention, "comments"),
    ("POST", "account", "messages"): Route(talking.write, "messages"),
    ("GET", "account", "conversations"): Route(_conversations, "messages"),
    ("GET", "account", "subscribed_apps"): Route(_subscriptions, "basic"),
    ("POST", "account", "subscribed_apps"): Route(_subscribe, "basic"),
    ("DELETE", "account", "subscribed_apps"): Route(_unsubscribe, "basic"),
    ("GET", "page", ""): Route(views.read, "pages"),
    ("GET", "page", "accounts"): Route(_pages, "pages"),
    ("POST", "page", "messages"): Route(talking.write, "messages"),
    ("GET", "page", "conversations"): Route(_conversations, "messages"),
    ("POST", "page", "subscribed_apps"): Route(_subscribe, "pages"),
    ("GET", "container", ""): Route(views.read, "publish"),
    ("GET", "post", ""): Route(views.read, "basic"),
    ("POST", "post", ""): Route(talking.switch_comments, "comments"),
    ("DELETE", "post", ""): Route(_delete_post, "contents"),
    ("GET", "post", "children"): Route(_items, "basic"),
    ("GET", "post", "comments"): Route(_comments, "comments"),
    ("POST", "post", "comments"): Route(talking.say_below, "comments"),
    ("GET", "post", "insights"): Route(insights.of_post, "insights"),
    ("GET", "comment", ""): Route(views.read, "comments"),
    ("POST", "comment", ""): Route(talking.hide, "comments"),
    ("DELETE", "comment", ""): Route(talking.delete_comment, "comments"),
    ("GET", "comment", "replies"): Route(_replies, "comments"),
    ("POST", "comment", "replies"): Route(talking.reply, "comments"),
    ("GET", "conversation", ""): Route(views.read, "messages"),
    ("GET", "message", ""): Route(views.read, "messages"),
}
"""By method, kind of the object, and edge."""
