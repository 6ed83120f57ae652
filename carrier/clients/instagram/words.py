"""A post in the Graph API's words: which parameters are sent for what."""

from collections.abc import Mapping, Sequence

from carrier.types.posts import PostContent, PostTag

_RESUMABLE = {"upload_type": "resumable"}
_MIDDLE = {"x": 0.5, "y": 0.5}


def parts_of(content: PostContent, urls: Sequence[str]) -> Sequence[Mapping[str, object]]:
    """What each picture of a carousel is told as; nothing for a post of one file."""
    if content.kind != "carousel":
        return []
    told = [
        {**_media(file.media_type, url, "VIDEO"), "is_carousel_item": True}
        for file, url in zip(content.files, urls, strict=False)
    ]
    for part, line in zip(told, content.alt_text.splitlines(), strict=False):
        part |= {"alt_text": line} if line and "image_url" in part else {}
    # The first picture is the one that is seen of it.
    told[0] |= {"user_tags": _tags(content)} if content.user_tags else {}
    return told


def whole_of(
    content: PostContent, urls: Sequence[str], parts: Sequence[str], sent: bool = False
) -> Mapping[str, object]:
    """What the post is told as; `sent`: its video is uploaded, and `urls` has only that of its cover."""
    told: dict[str, object] = {}
    match content.kind:
        case "carousel":
            told |= {"media_type": "CAROUSEL", "children": list(parts)}
        case "story":
            told |= _RESUMABLE if sent else _media(content.files[0].media_type, urls[0], "")
            told |= {"media_type": "STORIES"}
        case "reel":
            told |= _RESUMABLE if sent else {"video_url": urls[0]}
            told |= {"media_type": "REELS", **_reel(content)}
            told |= {"cover_url": urls[-1]} if content.cover else {}
        case "image":
            told |= {"image_url": urls[0], "alt_text": content.alt_text}
    told |= {"caption": content.caption, "location_id": content.location_id}
    told |= {"is_ai_generated": True} if content.ai_generated else {}
    told |= {"collaborators": list(content.collaborators)}
    told |= {} if content.kind == "carousel" else {"user_tags": _tags(content)}
    return {key: value for key, value in told.items() if value or value is False}


def _reel(content: PostContent) -> dict[str, object]:
    told: dict[str, object] = {"thumb_offset": 0 if content.cover else round(content.thumb_offset * 1000)}
    told |= {} if content.share_to_feed is None else {"share_to_feed": content.share_to_feed}
    strategy = {"manual": "MANUAL", "performance": "SS_PERFORMANCE"}
    return told | ({"trial_params": {"graduation_strategy": strategy[content.trial]}} if content.trial else {})


def _media(media_type: str, url: str, video: str) -> dict[str, object]:
    if _is_video(media_type):
        return {"media_type": video, "video_url": url}
    return {"image_url": url}


def _tags(content: PostContent) -> list[dict[str, object]]:
    """In a picture everybody has a place, in a video nobody needs one."""
    placed = not _is_video(content.files[0].media_type)
    return [_tag(tag, placed) for tag in content.user_tags]


def _tag(tag: PostTag, placed: bool) -> dict[str, object]:
    if tag.x is None:
        return {"username": tag.username, **(_MIDDLE if placed else {})}
    return {"username": tag.username, "x": tag.x, "y": tag.y}


def _is_video(media_type: str) -> bool:
    return media_type.startswith("video/")
