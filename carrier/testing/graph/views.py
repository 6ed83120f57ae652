"""What can be read of each kind of object, and lists of them by pages."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from carrier.testing.graph.calls import Call, known_fields
from carrier.testing.graph.errors import GraphError, no_such_object
from carrier.testing.graph.fields import Field, View, parse, select
from carrier.testing.graph.objects import (
    Account,
    Comment,
    Container,
    Conversation,
    DirectMessage,
    Node,
    Page,
    Post,
)

BY_DEFAULT = {
    "comment": "id,text,timestamp",
    "conversation": "id,updated_time",
    "message": "id,created_time",
    "page": "id,name",
}
_NAMES = {"account": "IGUser", "container": "ShadowIGMediaBuilder", "post": "IGMedia", "comment": "IGComment"}


def read(call: Call) -> dict[str, Any]:
    """GET /{object}"""
    return shown(call, call.node, call.fields)


def shown(call: Call, node: Node, fields: tuple[Field, ...] = ()) -> dict[str, Any]:
    wanted = fields or parse(BY_DEFAULT.get(node.kind, "id"))
    return select(_view(call, node), wanted, known_fields(call, node.kind), _NAMES.get(node.kind, node.kind))


def listing(call: Call, nodes: Sequence[Node]) -> dict[str, Any]:
    """One page of them, and where the next one is."""
    most = min(call.number("limit", 25), 100)
    ids = [node.id for node in nodes]
    start, end = 0, len(ids)
    if (after := _uncursor(call.text("after"))) in ids:
        start = ids.index(after) + 1
    if (before := _uncursor(call.text("before"))) in ids:
        end = ids.index(before)
        start = max(start, end - most)
    there = nodes[start : min(end, start + most)]
    told: dict[str, Any] = {"data": [shown(call, node, call.fields) for node in there]}
    if there:
        told["paging"] = {"cursors": {"before": _cursor(there[0].id), "after": _cursor(there[-1].id)}}
        if start + len(there) < end:
            told["paging"]["next"] = _next(call, _cursor(there[-1].id))
    return told


def _cursor(id: str) -> str:
    return base64.urlsafe_b64encode(id.encode()).decode()


def _uncursor(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        return ""


def _next(call: Call, after: str) -> str:
    # As Meta's own, it holds the token: whoever logs it has told it.
    query = {**call.parameters, "access_token": call.token, "after": after}
    return f"{call.world.site}/v26.0/{call.node.id}/{call.edge}?{urlencode(query)}"


def _view(call: Call, node: Node) -> View:
    match node:
        case Account():
            return _account(call, node)
        case Page():
            return _page(node)
        case Container():
            return _container(call, node)
        case Post():
            return _post(call, node)
        case Comment():
            return _comment(call, node)
        case Conversation():
            return _conversation(call, node)
        case DirectMessage():
            return _message(node)


def _account(call: Call, account: Account) -> View:
    posts = [post for post in call.world.posts() if post.account is account]
    return {
        "id": lambda _: account.id,
        "user_id": lambda _: account.id if account.login == "instagram" else None,
        "username": lambda _: account.username,
        "name": lambda _: account.username,
        "account_type": lambda _: "BUSINESS" if account.login == "instagram" else None,
        "media_count": lambda _: len(posts),
        "followers_count": lambda _: 0,
        "follows_count": lambda _: 0,
        "mentioned_comment": lambda field: _mentioned(call, field, "comment_id"),
        "mentioned_media": lambda field: _mentioned(call, field, "media_id"),
    }


def _mentioned(call: Call, field: Field, by: str) -> dict[str, Any]:
    """Of another account's post, which can be read this way alone."""
    id = dict(field.arguments).get(by, "")
    if isinstance(node := call.world.nodes.get(id), Comment | Post):
        return shown(call, node, field.fields)
    raise GraphError(no_such_object(id))


def _page(page: Page) -> View:
    return {
        "id": lambda _: page.id,
        "name": lambda _: page.account.username,
        "access_token": lambda _: page.account.token,
        "instagram_business_account": lambda _: {"id": page.account.id},
    }


def _container(call: Call, container: Container) -> View:
    status = container.status(call.world.now)
    return {
        "id": lambda _: container.id,
        "status_code": lambda _: status,
        "status": lambda _: _STATUS[status].format(trouble=container.trouble, subcode=container.subcode),
        "video_status": lambda _: _video_status(container, status) if container.is_video else None,
        "copyright_check_status": lambda _: {"status": "completed", "matches_found": False},
    }


_STATUS = {
    "IN_PROGRESS": "In Progress: Media is still being processed.",
    "FINISHED": "Finished: Media has been uploaded and it is ready to be published.",
    "PUBLISHED": "Published: Media has been successfully published.",
    "ERROR": "Error: Media upload has failed with error code {subcode}: {trouble}",
    "EXPIRED": "Expired: The container was not published within 24 hours.",
}


def _video_status(container: Container, status: str) -> dict[str, Any]:
    upload = container.upload
    complete = upload is None or upload.complete
    uploading: dict[str, Any] = {"status": "complete" if complete else "in_progress"}
    if upload:
        uploading["bytes_transferred"] = len(upload.received)
    processing = {"IN_PROGRESS": "in_progress" if complete else "not_started", "ERROR": "error"}
    return {"uploading_phase": uploading, "processing_phase": {"status": processing.get(status, "complete")}}


def _post(call: Call, post: Post) -> View:
    world = call.world
    comments = world.comments(post)
    return {
        "id": lambda _: post.id,
        "caption": lambda _: post.caption or None,
        "media_type": lambda _: post.media_type,
        "media_product_type": lambda _: post.product_type,
        "media_url": lambda _: f"{world.site}/files/{post.id}/0" if post.files and not post.items else None,
        "permalink": lambda _: f"{world.site}/p/{shortcode(post)}/",
        "shortcode": lambda _: shortcode(post),
        "timestamp": lambda _: moment(post.at),
        "username": lambda _: post.account.username,
        "owner": lambda _: {"id": post.account.id},
        "alt_text": lambda _: post.parameters.get("alt_text"),
        "is_ai_generated": lambda _: bool(post.parameters.get("is_ai_generated", False)),
        "is_comment_enabled": lambda _: post.comment_enabled,
        "comments_count": lambda _: sum(
            isinstance(node, Comment) and node.post is post for node in world.nodes.values()
        ),
        "like_count": lambda _: post.likes,
        "comments": lambda field: _inside(call, comments, field),
        "children": lambda field: _inside(call, post.items, field) if post.items else None,
    }


def _comment(call: Call, comment: Comment) -> View:
    return {
        "id": lambda _: comment.id,
        "text": lambda _: comment.text,
        "timestamp": lambda _: moment(comment.at),
        "username": lambda _: comment.by.username,
        "from": lambda _: comment.by.told(),
        "user": lambda _: {"id": comment.by.id} if comment.by == comment.account.person else None,
        "hidden": lambda _: comment.hidden,
        "like_count": lambda _: 0,
        "media": lambda field: shown(call, comment.post, field.fields),
        "parent_id": lambda _: comment.parent.id if comment.parent else None,
        "replies": lambda field: _inside(call, call.world.comments(comment.post, comment), field),
    }


def _conversation(call: Call, conversation: Conversation) -> View:
    last = conversation.messages[-1]
    people = [conversation.account.person, conversation.person]
    return {
        "id": lambda _: conversation.id,
        "updated_time": lambda _: moment(last.at),
        "participants": lambda _: {"data": [person.told() for person in people]},
        "messages": lambda field: _inside(call, conversation.messages[::-1], field),
    }


def _message(message: DirectMessage) -> View:
    return {
        "id": lambda _: message.id,
        "created_time": lambda _: moment(message.at),
        "from": lambda _: message.by.told(),
        "to": lambda _: {"data": [message.to.told()]},
        "message": lambda _: message.text,
    }


def _inside(call: Call, nodes: Sequence[Node], field: Field) -> dict[str, Any] | None:
    """A list within an object; Instagram leaves empty ones out."""
    return {"data": [shown(call, node, field.fields) for node in nodes[:25]]} if nodes else None


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def shortcode(post: Post) -> str:
    return base64.urlsafe_b64encode(int(post.id).to_bytes(8)).decode().rstrip("=")
