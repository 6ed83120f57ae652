"""From a container to a post: what Instagram takes, when it is ready, and what a second publish does."""

import re
from typing import Any

from carrier.testing.graph.calls import Call
from carrier.testing.graph.errors import (
    CHILDREN,
    LONG_CAPTION,
    NO_SUCH_CONTAINER,
    NO_SUCH_USER,
    NOT_READY,
    QUOTA,
    RESTRICTED,
    THUMBNAIL,
    TOO_MANY_TAGS,
    GraphError,
    not_fetched,
    wrong_parameter,
)
from carrier.testing.graph.fetching import Fetched, Movie, movie, picture
from carrier.testing.graph.objects import DAY, Account, Container, File, Post, Upload
from carrier.testing.graph.world import World

_NEVER_ON_A_REEL = ("alt_text", "children", "image_url")
_ONLY_ON_A_REEL = ("cover_url", "share_to_feed", "audio_name", "trial_params")
NOT_ON: dict[str, tuple[str, ...]] = {
    "IMAGE": ("children", "thumb_offset", "video_url", "upload_type", *_ONLY_ON_A_REEL),
    "REELS": _NEVER_ON_A_REEL,
    "STORIES": ("children", "alt_text", "collaborators", "location_id", "product_tags", *_ONLY_ON_A_REEL),
    "CAROUSEL": ("image_url", "video_url", "upload_type", "alt_text", "user_tags", "thumb_offset", *_ONLY_ON_A_REEL),
    "item": ("children", "caption", "location_id", "collaborators", "is_ai_generated", *_ONLY_ON_A_REEL),
}
"""Parameters by what they may not stand beside."""

FETCHED = ("image_url", "video_url", "cover_url")


def create(call: Call) -> dict[str, Any]:
    """POST /{account}/media"""
    media_type = _media_type(call)
    _check_words(call)
    _check_people(call)
    children = _children(call) if media_type == "CAROUSEL" else []
    _check_count(call)
    container = _made(call, media_type, children)
    _fill(call, container)
    for effect in call.effects:
        if effect.do == "spoilt":
            container.trouble, container.subcode = effect.message or "it was spoilt", effect.subcode
    call.world.add(container)
    uri = f"{call.world.site}/ig-api-upload/v26.0/{container.id}"
    return {"id": container.id, "uri": uri} if container.upload else {"id": container.id}


def _made(call: Call, media_type: Any, children: list[Container]) -> Container:
    rules, now = call.world.rules, call.world.now
    said = {name: call.flag(name) for name in ("is_carousel_item", "is_ai_generated") if name in call.parameters}
    container = Container(
        call.world.id("container"),
        call.account,
        media_type,
        created=now,
        ready=now,
        dies=now + rules.container_lifetime,
        parameters={**call.parameters, **said},
        children=children,
        upload=Upload() if call.text("upload_type") == "resumable" else None,
    )
    container.ready += rules.video_seconds if container.is_video else rules.image_seconds
    return container


def _media_type(call: Call) -> Any:
    media_type = call.text("media_type") or "IMAGE"
    item = call.flag("is_carousel_item")
    if media_type not in (("IMAGE", "VIDEO") if item else ("IMAGE", "REELS", "STORIES", "CAROUSEL")) or (
        media_type == "IMAGE" and "media_type" in call.parameters
    ):
        said = f"Param media_type is not one of those that are supported here: {media_type}"
        raise GraphError(wrong_parameter(said, 2207023))
    for name in NOT_ON["item" if item else media_type]:
        if name in call.parameters:
            raise GraphError(wrong_parameter(f"param {name} is not allowed"))
    _check_source(call, media_type)
    return media_type


def _check_source(call: Call, media_type: str) -> None:
    resumable = call.text("upload_type") == "resumable"
    if resumable and call.account.login == "instagram":
        raise GraphError(wrong_parameter("param upload_type is not allowed: it asks for Facebook Login for Business"))
    wanted = {"IMAGE": ("image_url",), "STORIES": ("image_url", "video_url"), "CAROUSEL": ()}.get(
        media_type, ("video_url",)
    )
    given = [name for name in ("image_url", "video_url") if name in call.parameters] + ["upload"] * resumable
    if wanted and len(given) != 1:
        raise GraphError(wrong_parameter(f"The parameter {wanted[0]} is required"))
    if given and given[0] not in (*wanted, "upload"):
        raise GraphError(wrong_parameter(f"param {given[0]} is not allowed"))


def _check_words(call: Call) -> None:
    caption = call.text("caption")
    if len(caption) > 2200 or len(re.findall(r"#\w", caption)) > 30:
        raise GraphError(LONG_CAPTION)
    if len(re.findall(r"@\w", caption)) > 20:
        raise GraphError(TOO_MANY_TAGS)
    if len(call.text("alt_text")) > 1000:
        raise GraphError(wrong_parameter("param alt_text has more than 1000 characters"))


def _check_people(call: Call) -> None:
    collaborators, tags = call.listed("collaborators"), call.listed("user_tags")
    if len(collaborators) > 3:
        raise GraphError(wrong_parameter("At most 3 collaborators can be invited"))
    if len(tags) > 20:
        raise GraphError(TOO_MANY_TAGS)
    if any(_is_no_name(handle) for handle in [*collaborators, *(tag.get("username") for tag in tags)]):
        raise GraphError(NO_SUCH_USER)
    placed = call.text("media_type") in ("", "IMAGE") and "image_url" in call.parameters
    for tag in tags:
        if placed and not all(0 <= float(tag.get(axis, -1)) <= 1 for axis in "xy"):
            raise GraphError(wrong_parameter("user_tags on an image have x and y between 0.0 and 1.0"))


def _is_no_name(handle: object) -> bool:
    return not isinstance(handle, str) or re.fullmatch(r"[\w.]{1,30}", handle) is None


def _children(call: Call) -> list[Container]:
    ids = call.listed("children")
    if not 2 <= len(ids) <= 10:
        raise GraphError(CHILDREN)
    return [_child(call, str(id)) for id in ids]


def _child(call: Call, id: str) -> Container:
    child = _container(call, id)
    if not child.is_item:
        raise GraphError(wrong_parameter(f"{id} is no carousel item", 2207023))
    match child.status(call.world.now):
        case "EXPIRED":
            raise GraphError(NO_SUCH_CONTAINER)
        case "IN_PROGRESS" | "ERROR" if call.world.rules.wait_for_children:
            raise GraphError(NOT_READY)
    return child


def _container(call: Call, id: str) -> Container:
    found = call.world.nodes.get(id)
    if not isinstance(found, Container) or found.account is not call.account:
        raise GraphError(NO_SUCH_CONTAINER)
    return found


def _check_count(call: Call) -> None:
    since = call.world.now - DAY
    made = [each for each in call.world.containers() if each.account is call.account and each.created > since]
    if len(made) >= call.world.rules.containers_a_day:
        raise GraphError(QUOTA)


def _fill(call: Call, container: Container) -> None:
    """What was fetched goes in; raises GraphError for what is refused at once."""
    for name, fetched in call.files.items():
        if fetched.trouble:
            raise GraphError(not_fetched(fetched.url, fetched.trouble))
        if name == "video_url":
            fill_with_video(container, fetched)
            _check_thumbnail(call, movie(fetched.body, container.media_type == "STORIES"))
        else:
            any_ratio = name == "cover_url" or container.media_type == "STORIES"
            container.files.append(picture(fetched, any_ratio))
    for child in container.children:
        container.files += child.files
        container.trouble = container.trouble or child.trouble


def _check_thumbnail(call: Call, found: Movie) -> None:
    if not found.trouble and call.number("thumb_offset", 0) > found.seconds * 1000:
        raise GraphError(THUMBNAIL)


def fill_with_video(container: Container, fetched: Fetched) -> None:
    found = movie(fetched.body, container.media_type == "STORIES")
    container.trouble = found.trouble
    container.files.insert(0, File(fetched.url, fetched.body, fetched.media_type or "video/mp4"))


# --- publishing


def publish(call: Call) -> dict[str, Any]:
    """POST /{account}/media_publish"""
    container = _container(call, call.text("creation_id"))
    if call.account.restricted:
        raise GraphError(RESTRICTED)
    if container.is_item:
        raise GraphError(wrong_parameter("A carousel item cannot be published by itself"))
    if container.posts:
        return _publish_again(call, container)
    match container.status(call.world.now):
        case "EXPIRED":
            raise GraphError(NO_SUCH_CONTAINER)
        case "IN_PROGRESS" | "ERROR":
            raise GraphError(NOT_READY)
    return _publish(call, container)


def _publish_again(call: Call, container: Container) -> dict[str, Any]:
    match call.world.rules.repeat:
        case "same_id":
            return {"id": container.posts[0].id}
        case "error_2207008":
            raise GraphError(NO_SUCH_CONTAINER)
        case "duplicate":
            return _publish(call, container)


def _publish(call: Call, container: Container) -> dict[str, Any]:
    world = call.world
    if used(world, call.account, world.now - world.rules.quota_duration) >= world.rules.quota_total:
        raise GraphError(QUOTA)
    post = _post(world, container)
    post.listed += call.lag("media_list_lag")
    container.told = world.now + call.lag("status_lag")
    container.posts.append(world.add(post))
    if any(effect.do == "same_caption_decoy" for effect in call.effects):
        world.add(_decoy(world, post))
    return {"id": post.id}


def _post(world: World, container: Container) -> Post:
    items = [world.add(_post(world, child)) for child in container.children]
    for item in items:
        item.item = True
    return Post(
        world.id("post"),
        container.account,
        "CAROUSEL_ALBUM" if items else "VIDEO" if container.is_video else "IMAGE",
        {"REELS": "REELS", "STORIES": "STORY"}.get(container.media_type, "FEED"),  # type: ignore[arg-type]
        "" if container.media_type == "STORIES" else str(container.parameters.get("caption", "")),
        world.now,
        list(container.files),
        dict(container.parameters),
        container.id,
        listed=world.now,
        readable=world.now + world.rules.fresh_media_lag,
        items=items,
    )


def _decoy(world: World, post: Post) -> Post:
    """Somebody posts the same words by hand."""
    return Post(
        world.id("post"), post.account, post.media_type, post.product_type, post.caption, world.now, [], decoy=True
    )


def used(world: World, account: Account, since: float) -> int:
    """How many posts of an account went out since then."""
    return sum(post.account is account and post.at > since and not post.decoy for post in world.posts())


def limit(call: Call) -> dict[str, Any]:
    """GET /{account}/content_publishing_limit"""
    rules = call.world.rules
    since = call.moment("since", call.world.now - rules.quota_duration)
    told: dict[str, Any] = {"quota_usage": used(call.world, call.account, since)}
    if any(asked.name == "config" for asked in call.fields):
        told["config"] = {"quota_total": rules.quota_total, "quota_duration": int(rules.quota_duration)}
    return {"data": [told]}
