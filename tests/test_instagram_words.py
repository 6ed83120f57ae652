"""What posts are told as: every parameter that is sent is one that Meta's own SDK knows, of its type."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from carrier.clients.instagram.words import parts_of, whole_of
from carrier.testing.graph.parameters import Login, installed, table
from carrier.types.posts import PostContent, PostFile, PostTag

PICTURE, VIDEO = PostFile("a.jpg", "1", "image/jpeg"), PostFile("b.mp4", "2", "video/mp4")
WORDS = {"caption": "Low tide", "collaborators": ("rita",), "location_id": "7", "ai_generated": True}
TAGS = (PostTag("rita", 0.5, 0.5), PostTag("bo"))
CONTENTS = [
    PostContent("image", (PICTURE,), **WORDS, alt_text="A boat", user_tags=TAGS),  # type: ignore[arg-type]
    PostContent("carousel", (PICTURE, VIDEO), **WORDS, alt_text="A boat\nA wave", user_tags=TAGS),  # type: ignore[arg-type]
    PostContent("reel", (VIDEO,), **WORDS, user_tags=TAGS, cover=PICTURE, share_to_feed=False, trial="manual"),  # type: ignore[arg-type]
    PostContent("reel", (VIDEO,), thumb_offset=1.5, share_to_feed=True, trial="performance"),
    PostContent("story", (PICTURE,), user_tags=TAGS),
    PostContent("story", (VIDEO,)),
]


def told(content: PostContent) -> Iterator[dict[str, Any]]:
    urls = ["https://cdn.example.com/1", "https://cdn.example.com/2"]
    yield from map(dict, parts_of(content, urls))
    yield dict(whole_of(content, urls, ["1", "2"] if content.kind == "carousel" else []))


@pytest.mark.parametrize(("login", "content"), list(product(["facebook", "instagram"], CONTENTS)), ids=str)
def test_every_parameter_of_a_post_is_in_metas_tables(login: Login, content: PostContent) -> None:
    assert installed(), "facebook-business 26 is a requirement of the tests"
    tables = table(login, "account")
    known = tables.parameters("POST", "media") if tables else None

    assert known
    for call in told(content):
        assert call.keys() - known.keys() == set()


@pytest.mark.parametrize("content", [CONTENTS[2], CONTENTS[3], CONTENTS[5]], ids=str)
def test_every_parameter_of_what_is_sent_is_in_metas_tables(content: PostContent) -> None:
    tables = table("facebook", "account")
    known = tables.parameters("POST", "media") if tables else None
    call = whole_of(content, ["https://cdn.example.com/1"], [], sent=True)

    assert known
    assert call.keys() - known.keys() == set()
    assert call["upload_type"] == "resumable"
    assert "video_url" not in call


def test_a_reel_says_what_it_is_shown_as() -> None:
    [covered], [trial] = told(CONTENTS[2]), told(CONTENTS[3])

    assert (covered["cover_url"], covered["share_to_feed"], covered["is_ai_generated"]) == (
        "https://cdn.example.com/2", False, True,
    )  # fmt: skip
    assert covered["trial_params"] == {"graduation_strategy": "MANUAL"}
    assert "thumb_offset" not in covered
    assert (trial["thumb_offset"], trial["share_to_feed"]) == (1500, True)
    assert trial["trial_params"] == {"graduation_strategy": "SS_PERFORMANCE"}


def test_what_is_made_with_ai_is_said_of_the_carousel_not_of_its_pictures() -> None:
    *parts, whole = told(CONTENTS[1])

    assert whole["is_ai_generated"] is True
    assert all("is_ai_generated" not in part for part in parts)


def test_of_a_carousel_each_picture_has_a_line_of_the_alt_text_and_the_first_the_tags() -> None:
    picture, video, whole = told(CONTENTS[1])

    assert (picture["alt_text"], [tag["username"] for tag in picture["user_tags"]]) == ("A boat", ["rita", "bo"])
    assert {"alt_text", "user_tags"} & {*video, *whole} == set()


def test_who_has_no_place_in_a_picture_is_in_its_middle() -> None:
    [picture], [reel] = told(CONTENTS[0]), told(CONTENTS[2])

    assert picture["user_tags"][1] == {"username": "bo", "x": 0.5, "y": 0.5}
    assert reel["user_tags"][1] == {"username": "bo"}
