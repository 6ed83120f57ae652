"""Comments, mentions and direct messages: what an account may say, and what it is told of."""

from dataclasses import replace
from typing import Any

from carrier.testing.graph.calls import Call
from carrier.testing.graph.errors import (
    NO_FIELDS_HERE,
    NOBODY,
    WINDOW,
    GraphError,
    no_such_object,
    wrong_parameter,
)
from carrier.testing.graph.objects import (
    DAY,
    Account,
    Comment,
    Conversation,
    DirectMessage,
    Person,
    Post,
)
from carrier.testing.graph.world import Event, World

LONGEST_MESSAGE = 1000
TEXT_NEEDED = wrong_parameter("The parameter message is required")
CLOSED = wrong_parameter("Comments are turned off for this media")

# --- what people do


def comment(world: World, post: Post, by: Person, text: str, parent: Comment | None = None) -> Comment:
    """Somebody comments; a reply to a reply stands below the comment that began it."""
    parent = parent.parent or parent if parent else None
    made = world.add(Comment(world.id("comment"), post, by, text, world.now, parent))
    value: dict[str, Any] = {
        "id": made.id,
        "from": by.told(),
        "text": text,
        "media": {"id": post.id, "media_product_type": post.product_type},
    }
    if parent:
        value["parent_id"] = parent.id
    world.events.append(Event(post.account, "comments", value, made.at))
    return made


def mention(world: World, account: Account, by: Person, text: str) -> Comment:
    """Somebody names the account below a post of their own."""
    theirs = world.add(Post(world.id("post"), _stranger(account, by), "IMAGE", "FEED", "", world.now, [], item=True))
    made = world.add(Comment(world.id("comment"), theirs, by, text, world.now))
    value = {"comment_id": made.id, "media_id": theirs.id}
    world.events.append(Event(account, "mentions", value, made.at))
    return made


def _stranger(account: Account, by: Person) -> Account:
    """An account of that person, which no app has a token for."""
    return replace(account, id=by.id, username=by.username, token="", permissions=set(), subscribed=set())


def message(world: World, account: Account, by: Person, text: str) -> DirectMessage:
    """Somebody writes to the account."""
    return _written(world, account, by, account.person, text)


def _written(world: World, account: Account, by: Person, to: Person, text: str) -> DirectMessage:
    made = world.add(DirectMessage(world.id("message"), account, by, to, text, world.now))
    _conversation(world, account, by if to == account.person else to).messages.append(made)
    told: dict[str, Any] = {"mid": made.id, "text": text}
    if by == account.person:
        told["is_echo"] = True
    value = {"sender": {"id": by.id}, "recipient": {"id": to.id}, "timestamp": int(made.at * 1000), "message": told}
    world.events.append(Event(account, "messages", value, made.at))
    return made


def _conversation(world: World, account: Account, person: Person) -> Conversation:
    for conversation in world.conversations(account):
        if conversation.person == person:
            return conversation
    return world.add(Conversation(world.id("conversation"), account, person))


# --- what the account does


def say_below(call: Call) -> dict[str, Any]:
    """POST /{post}/comments"""
    assert isinstance(call.node, Post)
    if not call.node.comment_enabled:
        raise GraphError(CLOSED)
    return _said(call, comment(call.world, call.node, call.account.person, _text(call)))


def reply(call: Call) -> dict[str, Any]:
    """POST /{comment}/replies"""
    assert isinstance(call.node, Comment)
    return _said(call, comment(call.world, call.node.post, call.account.person, _text(call), call.node))


def _text(call: Call) -> str:
    if not (text := call.text("message").strip()):
        raise GraphError(TEXT_NEEDED)
    return text


def _said(call: Call, made: Comment) -> dict[str, Any]:
    # As Meta's own does: the comment is there, and the answer is an error.
    if "fields" in call.parameters:
        raise GraphError(NO_FIELDS_HERE)
    return {"id": made.id}


def answer_mention(call: Call) -> dict[str, Any]:
    """POST /{account}/mentions"""
    node = call.world.nodes.get(call.text("comment_id") or call.text("media_id"))
    text = _text(call)
    match node:
        case Comment():
            return _said(call, comment(call.world, node.post, call.account.person, text, node))
        case Post():
            return _said(call, comment(call.world, node, call.account.person, text))
    raise GraphError(no_such_object(call.text("comment_id") or call.text("media_id"), "POST"))


def hide(call: Call) -> dict[str, Any]:
    """POST /{comment}?hide="""
    assert isinstance(call.node, Comment)
    if "hide" not in call.parameters:
        raise GraphError(wrong_parameter("The parameter hide is required"))
    call.node.hidden = call.flag("hide")
    return {"success": True}


def switch_comments(call: Call) -> dict[str, Any]:
    """POST /{post}?comment_enabled="""
    assert isinstance(call.node, Post)
    if "comment_enabled" not in call.parameters:
        raise GraphError(wrong_parameter("The parameter comment_enabled is required"))
    call.node.comment_enabled = call.flag("comment_enabled")
    return {"success": True}


def delete_comment(call: Call) -> dict[str, Any]:
    """DELETE /{comment}"""
    assert isinstance(call.node, Comment)
    for reply in call.world.comments(call.node.post, call.node):
        del call.world.nodes[reply.id]
    del call.world.nodes[call.node.id]
    return {"success": True}


def write(call: Call) -> dict[str, Any]:
    """POST /{account}/messages"""
    recipient, text = call.mapped("recipient"), str(call.mapped("message").get("text", ""))
    if not 0 < len(text) <= LONGEST_MESSAGE:
        raise GraphError(wrong_parameter(f"Length of param message[text] must be from 1 to {LONGEST_MESSAGE}"))
    person = _person_below(call, recipient["comment_id"]) if "comment_id" in recipient else _person(call, recipient)
    made = _written(call.world, call.account, call.account.person, person, text)
    return {"recipient_id": person.id, "message_id": made.id}


def _person_below(call: Call, id: object) -> Person:
    """Who wrote a comment: answered once in private, within a week."""
    below = call.world.nodes.get(str(id))
    if not isinstance(below, Comment) or below.account is not call.account:
        raise GraphError(no_such_object(str(id), "POST"))
    if below.private_reply or call.world.now - below.at > 7 * DAY:
        raise GraphError(wrong_parameter("A comment can be replied to in private once, within 7 days"))
    below.private_reply = True
    return below.by


def _person(call: Call, recipient: dict[str, Any]) -> Person:
    """Who has written before: answered within a day, by a human within a week."""
    for conversation in call.world.conversations(call.account):
        if conversation.person.id == recipient.get("id"):
            last = max((each.at for each in conversation.messages if each.by == conversation.person), default=0.0)
            window = 7 * DAY if call.text("tag") in ("HUMAN_AGENT", '"HUMAN_AGENT"') else DAY
            if call.world.now - last > window:
                raise GraphError(WINDOW)
            return conversation.person
    raise GraphError(NOBODY)
