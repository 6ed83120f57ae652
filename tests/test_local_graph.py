"""The local Graph API does what Meta's documents and the tables of Meta's SDK say."""

import asyncio
import hashlib
import hmac
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response

from carrier.egress import tls
from carrier.testing.graph import APP_ID, APP_SECRET, EVERY_FAULT, Action, Graph, Rules, local_graph, table
from carrier.testing.http_server import http_server
from carrier.testing.movies import box, mp4

DAY = 86400
LOST = (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout)


def jpeg(width: int = 400, height: int = 400, mode: str = "RGB", **options: Any) -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.new(mode, (width, height)).save(written, "JPEG", **options)
    return written.getvalue()


def png() -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.new("RGB", (400, 400)).save(written, "PNG")
    return written.getvalue()


class App:
    """An app that publishes for an account of the local Instagram."""

    def __init__(self, graph: Graph, http: httpx.AsyncClient, folder: Path):
        self.graph, self.http, self.folder = graph, http, folder
        self.account = graph.account

    def url(self, body: bytes, name: str = "a.jpg") -> str:
        (self.folder / name).write_bytes(body)
        return f"{self.graph.url}/media/{name}"

    @property
    def me(self) -> str:
        return self.account.id

    async def ask(self, method: str, path: str, **parameters: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.account.token}"}
        if method == "POST":
            return await self.http.post(f"/v25.0/{path}", json=parameters, headers=headers)
        return await self.http.request(method, f"/v25.0/{path}", params=parameters, headers=headers)

    async def get(self, path: str, **parameters: Any) -> Any:
        return good(await self.ask("GET", path, **parameters))

    async def post(self, path: str, **parameters: Any) -> Any:
        return good(await self.ask("POST", path, **parameters))

    async def refused(self, method: str, path: str, **parameters: Any) -> tuple[int, int]:
        return refusal(await self.ask(method, path, **parameters))

    async def container(self, **parameters: Any) -> str:
        source = {} if {"video_url", "upload_type", "children"} & parameters.keys() else {"image_url": self.url(jpeg())}
        id: str = (await self.post(f"{self.me}/media", **source, **parameters))["id"]
        return id

    async def publish(self, container: str) -> str:
        id: str = (await self.post(f"{self.me}/media_publish", creation_id=container))["id"]
        return id

    async def published(self, **parameters: Any) -> str:
        return await self.publish(await self.container(**parameters))

    async def status(self, container: str) -> str:
        status: str = (await self.get(container, fields="status_code"))["status_code"]
        return status


def good(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> tuple[int, int]:
    error = answer.json()["error"]
    assert answer.status_code >= 400
    assert error["message"]
    assert error["fbtrace_id"]
    return error["code"], error.get("error_subcode", 0)


@asynccontextmanager
async def an_app(folder: Path, **options: Any) -> AsyncIterator[App]:
    async with (
        local_graph(media=folder, **options) as graph,
        httpx.AsyncClient(base_url=graph.url, timeout=10, verify=tls("httpx")) as http,
    ):
        yield App(graph, http, folder)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with an_app(tmp_path, standing=True) as app:
        yield app


@pytest.fixture
async def facebook(tmp_path: Path) -> AsyncIterator[App]:
    async with an_app(tmp_path, standing=True, login="facebook") as app:
        yield app


# --- publishing


async def test_a_picture_is_published_in_two_steps(app: App) -> None:
    container = await app.container(caption="hello #bar", alt_text="a bar")

    assert await app.get(container, fields="id,status_code,status") == {
        "id": container,
        "status_code": "FINISHED",
        "status": "Finished: Media has been uploaded and it is ready to be published.",
    }
    post = await app.publish(container)
    assert await app.status(container) == "PUBLISHED"
    told = await app.get(post, fields="caption,media_type,media_product_type,permalink,username,alt_text,timestamp")
    assert re.fullmatch(r"\d{17}", post)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", told.pop("timestamp"))
    assert told.pop("permalink").startswith(app.graph.url)
    assert told == {
        "id": post,
        "caption": "hello #bar",
        "media_type": "IMAGE",
        "media_product_type": "FEED",
        "username": "tifa",
        "alt_text": "a bar",
    }
    assert app.graph.feed()[0].files[0].body == jpeg()


async def test_a_container_takes_its_time_and_dies_after_a_day(app: App) -> None:
    app.graph.rule(image_seconds=3)
    container = await app.container()

    assert await app.status(container) == "IN_PROGRESS"
    assert await app.refused("POST", f"{app.me}/media_publish", creation_id=container) == (9007, 2207027)
    app.graph.advance(3)
    assert await app.status(container) == "FINISHED"
    app.graph.advance(DAY)
    assert await app.status(container) == "EXPIRED"
    assert await app.refused("POST", f"{app.me}/media_publish", creation_id=container) == (24, 2207008)
    assert app.graph.feed() == []


async def test_a_video_that_is_none_becomes_an_error_with_its_number(app: App) -> None:
    container = await app.container(media_type="REELS", video_url=app.url(b"no video", "a.mp4"))
    app.graph.advance(5)

    told = await app.get(container, fields="status_code,status,video_status")

    assert told["status_code"] == "ERROR"
    assert "2207026" in told["status"]
    assert told["video_status"]["processing_phase"] == {"status": "error"}
    assert await app.refused("POST", f"{app.me}/media_publish", creation_id=container) == (9007, 2207027)


@pytest.mark.parametrize(
    ("body", "status"),
    [(mp4(), "FINISHED"), (mp4(2), "ERROR"), (mp4(901), "ERROR"), (mp4(moov_first=False), "ERROR")],
    ids=["good", "short", "long", "moov last"],
)
async def test_a_reel_is_held_to_its_length_and_its_form(app: App, body: bytes, status: str) -> None:
    container = await app.container(media_type="REELS", video_url=app.url(body, "a.mp4"))
    app.graph.advance(5)

    assert await app.status(container) == status


async def test_a_story_has_no_caption_and_is_listed_for_a_day(app: App) -> None:
    story = await app.published(media_type="STORIES", caption="unseen")

    assert await app.get(story, fields="caption,media_product_type") == {"id": story, "media_product_type": "STORY"}
    assert (await app.get(f"{app.me}/stories"))["data"] == [{"id": story}]
    assert (await app.get(f"{app.me}/media"))["data"] == []
    app.graph.advance(DAY + 1)
    assert (await app.get(f"{app.me}/stories"))["data"] == []


async def test_a_carousel_takes_items_that_are_ready(app: App) -> None:
    app.graph.rule(image_seconds=3)
    items = [await app.container(is_carousel_item=True) for _ in range(3)]

    early = await app.refused("POST", f"{app.me}/media", media_type="CAROUSEL", children=items)
    app.graph.advance(3)
    parent = await app.container(media_type="CAROUSEL", children=items, caption="three")
    app.graph.advance(3)
    post = await app.publish(parent)

    assert early == (9007, 2207027)
    told = await app.get(post, fields="media_type,children{media_type}")
    assert told["media_type"] == "CAROUSEL_ALBUM"
    assert [item["media_type"] for item in told["children"]["data"]] == ["IMAGE"] * 3
    assert len(app.graph.feed()) == 1
    assert await app.refused("POST", f"{app.me}/media_publish", creation_id=items[0]) == (100, 0)


async def test_no_said_in_a_form_is_no(app: App) -> None:
    form = {"image_url": app.url(jpeg()), "is_carousel_item": "false", "caption": "not an item"}
    headers = {"Authorization": f"Bearer {app.account.token}"}

    await app.publish(good(await app.http.post(f"/{app.me}/media", data=form, headers=headers))["id"])

    assert app.graph.feed()[0].caption == "not an item"


async def test_children_may_come_as_a_list_in_words_or_in_json(app: App) -> None:
    items = [await app.container(is_carousel_item="true") for _ in range(2)]
    headers = {"Authorization": f"OAuth {app.account.token}"}

    for children in (",".join(items), json.dumps(items)):
        form = {"media_type": "CAROUSEL", "children": children}
        good(await app.http.post(f"/{app.me}/media", data=form, headers=headers))


IMAGE = {"image_url": "A"}
REEL = {"media_type": "REELS", "video_url": "V"}
STORY = {"media_type": "STORIES", "image_url": "A"}
ITEM = {"image_url": "A", "is_carousel_item": True}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, (100, 0)),
        ({"media_type": "REELS"}, (100, 0)),
        ({"media_type": "GIF", "image_url": "A"}, (100, 2207023)),
        ({"media_type": "IMAGE", "image_url": "A"}, (100, 2207023)),
        ({"media_type": "VIDEO", "video_url": "V"}, (100, 2207023)),
        ({"media_type": "REELS", "image_url": "A"}, (100, 0)),
        ({"media_type": "REELS", "video_url": "V", "is_carousel_item": True}, (100, 2207023)),
        ({"media_type": "CAROUSEL"}, (100, 2207028)),
        ({"media_type": "CAROUSEL", "children": ["1"]}, (100, 2207028)),
        ({"media_type": "CAROUSEL", "children": [str(n) for n in range(11)]}, (100, 2207028)),
        ({"media_type": "CAROUSEL", "children": ["1", "2"]}, (24, 2207008)),
        ({**ITEM, "collaborators": ["anna"]}, (100, 0)),
        ({**ITEM, "caption": "no"}, (100, 0)),
        ({**ITEM, "location_id": "1"}, (100, 0)),
        ({**ITEM, "is_ai_generated": True}, (100, 0)),
        ({**REEL, "alt_text": "no"}, (100, 0)),
        ({**STORY, "collaborators": ["anna"]}, (100, 0)),
        ({**STORY, "location_id": "1"}, (100, 0)),
        ({**IMAGE, "thumb_offset": 5}, (100, 0)),
        ({**IMAGE, "caption": "x" * 2201}, (36004, 2207010)),
        ({**IMAGE, "caption": "#a " * 31}, (36004, 2207010)),
        ({**IMAGE, "caption": "@a " * 21}, (100, 2207040)),
        ({**IMAGE, "alt_text": "x" * 1001}, (100, 0)),
        ({**IMAGE, "collaborators": ["@anna"]}, (110, 2207018)),
        ({**IMAGE, "collaborators": ["a", "b", "c", "d"]}, (100, 0)),
        ({**IMAGE, "user_tags": [{"username": "@anna", "x": 0.5, "y": 0.5}]}, (110, 2207018)),
        ({**IMAGE, "user_tags": [{"username": "anna"}]}, (100, 0)),
        ({**IMAGE, "user_tags": [{"username": "anna", "x": 0.5, "y": 1.5}]}, (100, 0)),
        ({**IMAGE, "user_tags": [{"username": f"a{n}", "x": 0, "y": 0} for n in range(21)]}, (100, 2207040)),
        ({**REEL, "thumb_offset": 10_001}, (1, 2207057)),
        ({**REEL, "upload_type": "resumable"}, (100, 0)),
        ({**IMAGE, "captoin": "a typo"}, (100, 0)),
        ({**IMAGE, "is_ai_generated": "perhaps"}, (100, 0)),
        ({**IMAGE, "collaborators": "[half"}, (100, 0)),
        ({**IMAGE, "show_ig_link": True}, (100, 0)),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else None,
)
async def test_what_instagram_does_not_take_is_refused(
    app: App, parameters: dict[str, Any], expected: tuple[int, int]
) -> None:
    urls = {"A": app.url(jpeg()), "V": app.url(mp4(), "a.mp4")}
    filled = {name: urls.get(value, value) if isinstance(value, str) else value for name, value in parameters.items()}

    assert await app.refused("POST", f"{app.me}/media", **filled) == expected
    assert app.graph.containers() == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (png(), (36001, 2207005)),
        (jpeg(mode="CMYK"), (36001, 2207005)),
        (jpeg()[:-200], (36001, 2207005)),
        (b"", (36001, 2207005)),
        (b"<html></html>", (36001, 2207005)),
        (jpeg() + bytes(8 * 2**20), (36000, 2207004)),
        (jpeg(400, 501), (36003, 2207009)),
        (jpeg(400, 209), (36003, 2207009)),
    ],
    ids=["png", "cmyk", "truncated", "empty", "html", "9 MB", "tall", "wide"],
)
async def test_the_bytes_of_a_picture_are_looked_at(app: App, body: bytes, expected: tuple[int, int]) -> None:
    assert await app.refused("POST", f"{app.me}/media", image_url=app.url(body)) == expected


@pytest.mark.parametrize("size", [(400, 500), (400, 400), (382, 200)])
async def test_pictures_within_the_ratios_are_taken(app: App, size: tuple[int, int]) -> None:
    await app.post(f"{app.me}/media", image_url=app.url(jpeg(*size)))


async def test_a_story_may_have_any_ratio(app: App) -> None:
    await app.post(f"{app.me}/media", media_type="STORIES", image_url=app.url(jpeg(300, 900)))


async def test_pictures_have_to_be_where_they_are_said_to_be(app: App) -> None:
    app.graph.rule(fetch_seconds=0.2)
    async with http_server() as files:
        files.answers["/a.jpg"] = [Response(jpeg())]
        urls = [
            *(f"{files.url}/{name}" for name in ("status/404", "to?url=/a.jpg", "never", "cut", "ü.jpg")),
            "http://127.0.0.1:9/a.jpg",
            "ftp://127.0.0.1/a.jpg",
            "/etc/passwd",
            "http://",
        ]
        good(await app.ask("POST", f"{app.me}/media", image_url=f"{files.url}/a.jpg"))

        found = [await app.refused("POST", f"{app.me}/media", image_url=url) for url in urls]

    assert found == [(9004, 2207052)] * len(urls)


@pytest.mark.parametrize("repeat", ["same_id", "error_2207008", "duplicate"])
async def test_a_second_publish_does_what_the_rules_say(app: App, repeat: str) -> None:
    app.graph.rule(repeat=repeat)
    container = await app.container()
    first = await app.publish(container)

    again = await app.ask("POST", f"{app.me}/media_publish", creation_id=container)

    match repeat:
        case "same_id":
            assert good(again) == {"id": first}
        case "error_2207008":
            assert refusal(again) == (24, 2207008)
        case "duplicate":
            assert good(again)["id"] != first
    assert len(app.graph.feed()) == (2 if repeat == "duplicate" else 1)


async def test_the_quota_of_a_day_is_told_and_held(app: App) -> None:
    app.graph.rule(quota_total=2)
    for _ in range(2):
        await app.published()

    limit = (await app.get(f"{app.me}/content_publishing_limit", fields="config,quota_usage"))["data"]
    third = await app.container()

    assert limit == [{"quota_usage": 2, "config": {"quota_total": 2, "quota_duration": DAY}}]
    assert (await app.get(f"{app.me}/content_publishing_limit"))["data"] == [{"quota_usage": 2}]
    assert await app.refused("POST", f"{app.me}/media_publish", creation_id=third) == (9, 2207042)
    app.graph.advance(DAY)
    assert (await app.get(f"{app.me}/content_publishing_limit"))["data"] == [{"quota_usage": 0}]


async def test_only_so_many_containers_are_made_in_a_day(app: App) -> None:
    app.graph.rule(containers_a_day=2)
    await app.container()
    await app.container()

    assert await app.refused("POST", f"{app.me}/media", image_url=app.url(jpeg())) == (9, 2207042)


async def test_a_restricted_account_publishes_nothing(app: App) -> None:
    container = await app.container()
    app.account.restricted = True

    assert await app.refused("POST", f"{app.me}/media_publish", creation_id=container) == (25, 2207050)


async def test_a_fresh_post_may_be_unreadable_for_a_while(app: App) -> None:
    app.graph.rule(fresh_media_lag=10)
    post = await app.published()

    assert await app.refused("GET", post, fields="permalink") == (100, 33)
    app.graph.advance(10)
    assert (await app.get(post, fields="permalink"))["permalink"]


# --- reading


async def test_lists_come_by_pages_the_newest_first(app: App) -> None:
    posts: list[str] = []
    for _ in range(5):
        posts.insert(0, await app.published())
        app.graph.advance(1)

    first = await app.get(f"{app.me}/media", limit=2, fields="id,timestamp")
    second = await app.get(f"{app.me}/media", limit=2, after=first["paging"]["cursors"]["after"])
    last = good(await app.http.get((await app.get(f"{app.me}/media", limit=4))["paging"]["next"]))

    assert [each["id"] for each in first["data"] + second["data"] + last["data"]] == posts
    assert "next" not in last["paging"]
    since = int(app.graph.world.now) - 2
    assert [each["id"] for each in (await app.get(f"{app.me}/media", since=since))["data"]] == posts[:2]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("id,capshun", (100, 0)),
        ("comments{id,wrong}", (100, 0)),
        ("children{id", (2500, 0)),
        ("legacy_ig_id", (100, 0)),
    ],
)
async def test_fields_that_nothing_has_are_refused(app: App, fields: str, expected: tuple[int, int]) -> None:
    post = await app.published()
    await app.post(f"{post}/comments", message="first")

    assert await app.refused("GET", post, fields=fields) == expected


async def test_nobody_sees_what_is_of_another_account(app: App) -> None:
    container, post = await app.container(), await app.published()
    app.account = app.graph.add_account("cloud")

    assert await app.refused("GET", container, fields="status_code") == (100, 33)
    assert await app.refused("GET", post) == (100, 33)
    assert await app.refused("GET", "17900000000999999") == (100, 33)
    assert await app.refused("POST", f"{app.me}/media_publish", creation_id=container) == (24, 2207008)
    assert await app.refused("POST", f"{app.me}/nonsense") == (100, 33)


async def test_each_answer_tells_what_is_used_up_and_by_which_version(app: App) -> None:
    app.graph.rule(calls_a_day=10)
    app.graph.script(Action(do="usage", call_count=95, eta=7), "GET", "content_publishing_limit")

    plain = await app.ask("GET", "me")
    scripted = await app.ask("GET", f"{app.me}/content_publishing_limit")

    assert json.loads(plain.headers["X-App-Usage"])["call_count"] == 10
    [told] = json.loads(scripted.headers["X-Business-Use-Case-Usage"])[app.me]
    assert (told["call_count"], told["estimated_time_to_regain_access"], told["type"]) == (95, 7, "instagram")
    assert plain.headers["facebook-api-version"] == "v25.0"
    assert plain.headers["x-fb-trace-id"]
    assert refusal(await app.http.get("/v99.0/me", params={"access_token": app.account.token})) == (2635, 0)


async def test_the_tables_are_those_of_metas_sdk(app: App) -> None:
    from facebook_business.adobjects.iguser import IGUser

    found = table("facebook", "account")

    assert found is not None
    told = found.parameters("POST", "media")
    assert told is not None
    assert {"is_ai_generated", "alt_text", "trial_params", "audio_configuration"} <= told.keys()
    assert {"username", "media_count"} <= found.fields <= set(vars(IGUser.Field).values())
    of_instagram = table("instagram", "account")
    assert of_instagram is not None
    assert of_instagram.parameters("POST", "media_publish") == {"creation_id": "unsigned int"}
    assert "poll_attachment" not in (of_instagram.parameters("POST", "media") or {})


async def test_rules_that_are_not_strict_let_unknown_parameters_pass(tmp_path: Path) -> None:
    async with an_app(tmp_path, rules=Rules(strict=False)) as app:
        await app.published(captoin="a typo")


# --- what goes wrong


@pytest.mark.parametrize("name", EVERY_FAULT)
async def test_a_fault_does_to_a_publish_what_its_name_says(app: App, name: str) -> None:
    fault = EVERY_FAULT[name]
    container = await app.container(caption="once")
    app.graph.script(fault, "POST", r"/media_publish$")
    app.http.timeout = httpx.Timeout(0.3 if "hang" in name or "late" in name else 10)

    try:
        answer: httpx.Response | None = await app.ask("POST", f"{app.me}/media_publish", creation_id=container)
    except LOST:
        answer = None
    await app.graph.until(lambda: len(app.graph.journal.find("POST", "media_publish")) == 1, 10)

    [entry] = app.graph.journal.find("POST", "media_publish")
    lost = any(word in name for word in ("hang", "reset", "truncate", "late"))
    committed = name.startswith("commit") or fault.do in ("status_lag", "media_list_lag", "same_caption_decoy", "usage")
    assert (answer is None) == lost
    assert entry.faults == (fault.do,)
    assert entry.done == committed
    assert len([post for post in app.graph.feed() if not post.decoy]) == committed
    if answer is not None and "error" in name:
        assert refusal(answer) == (fault.code, fault.subcode)
    if name == "html_502":
        assert answer is not None
        assert (answer.status_code, "<html>" in answer.text) == (502, True)


async def test_what_commits_late_is_there_when_its_time_has_come(app: App) -> None:
    container = await app.container()
    app.graph.script(Action(do="late_commit", seconds=60), "POST", r"/media_publish$")
    app.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        await app.publish(container)
    await app.graph.until(lambda: len(app.graph.journal.find("POST", "media_publish")) == 1, 10)

    app.graph.advance(59)
    assert (await app.status(container), len(app.graph.feed())) == ("FINISHED", 0)
    app.graph.advance(1)
    assert (await app.status(container), len(app.graph.feed())) == ("PUBLISHED", 1)


async def test_a_status_may_lag_behind_a_publish(app: App) -> None:
    container = await app.container()
    app.graph.script(Action(do="status_lag", seconds=60), "POST", r"/media_publish$")
    await app.publish(container)

    assert await app.status(container) == "FINISHED"
    app.graph.advance(60)
    assert await app.status(container) == "PUBLISHED"


async def test_a_list_may_lag_behind_a_publish(app: App) -> None:
    app.graph.script(Action(do="media_list_lag", seconds=60), "POST", r"/media_publish$")
    post = await app.published()

    assert (await app.get(f"{app.me}/media"))["data"] == []
    app.graph.advance(60)
    assert (await app.get(f"{app.me}/media"))["data"] == [{"id": post}]


async def test_a_decoy_looks_like_the_post(app: App) -> None:
    app.graph.script(Action(do="same_caption_decoy"), "POST", r"/media_publish$")
    await app.published(caption="mine")

    listed = (await app.get(f"{app.me}/media", fields="caption,media_type,timestamp"))["data"]

    [first, second] = [{**each, "id": ""} for each in listed]
    assert first == second
    assert [post.decoy for post in app.graph.feed()].count(True) == 1


async def test_a_decoy_and_a_lost_answer_come_together(app: App) -> None:
    for action in (Action(do="same_caption_decoy"), Action(do="commit_then_reset")):
        app.graph.script(action, "POST", r"/media_publish$")

    with pytest.raises(LOST):
        await app.published()

    assert len(app.graph.feed()) == 2


async def test_a_fault_meets_the_requests_it_is_meant_for(app: App) -> None:
    app.graph.script(Action(do="error", http=500, code=2), "GET", r"/media$", nth=2, times=2)

    found = [(await app.ask("GET", f"{app.me}/media")).status_code for _ in range(5)]

    assert found == [200, 500, 500, 200, 200]


async def test_a_hang_ends_when_the_clock_says_so(app: App) -> None:
    app.graph.script(Action(do="hang", seconds=30), "GET", r"^me$")
    asking = asyncio.create_task(app.ask("GET", "me"))
    await app.graph.until(lambda: bool(app.graph.journal.entries), 5)

    app.graph.advance(30)

    with pytest.raises(LOST):
        await asking


# --- tokens


@pytest.mark.parametrize("trouble", [458, 459, 460, 463, 467])
async def test_a_spoilt_token_is_refused_with_what_is_wrong(app: App, trouble: Any) -> None:
    app.graph.spoil(app.account, trouble)

    assert await app.refused("GET", "me", fields="user_id,username") == (190, trouble)
    app.graph.renew(app.account)
    assert (await app.get("me", fields="user_id,username,account_type"))["username"] == "tifa"


async def test_a_token_ends_after_sixty_days(app: App) -> None:
    app.graph.advance(60 * DAY)

    assert await app.refused("GET", "me") == (190, 463)


async def test_a_request_needs_a_token_wherever_it_stands(app: App) -> None:
    token = app.account.token

    assert refusal(await app.http.get("/me")) == (104, 0)
    assert refusal(await app.http.get("/me", params={"access_token": "nonsense"})) == (190, 0)
    good(await app.http.get("/me", params={"access_token": token}))
    good(await app.http.post("/me/subscribed_apps", data={"access_token": token, "subscribed_fields": "comments"}))
    places = [entry.token_in for entry in app.graph.journal.entries]
    assert places == ["", "query", "query", "body"]
    assert token not in json.dumps([entry.parameters for entry in app.graph.journal.entries])


async def test_a_token_is_refreshed_once_it_is_a_day_old(app: App) -> None:
    old = app.account.token
    question = {"grant_type": "ig_refresh_token", "access_token": old}

    early = await app.http.get("/refresh_access_token", params=question)
    posted = await app.http.post("/refresh_access_token", data=question)
    app.graph.advance(DAY)
    told = good(await app.http.get("/refresh_access_token", params=question))

    assert refusal(early) == (100, 0)
    assert refusal(posted) == (100, 0)
    assert (told["token_type"], told["expires_in"]) == ("bearer", 60 * DAY)
    assert told["access_token"] not in (old, "")
    good(await app.http.get("/me", params={"access_token": told["access_token"]}))
    app.graph.spoil(app.account, 463)
    assert refusal(await app.http.get("/refresh_access_token", params=question)) == (190, 463)


async def test_a_token_of_an_hour_is_exchanged_by_who_knows_the_secret(app: App) -> None:
    question = {"grant_type": "ig_exchange_token", "access_token": app.account.token}

    told = good(await app.http.get("/access_token", params={**question, "client_secret": APP_SECRET}))

    assert told["expires_in"] == 60 * DAY
    assert refusal(await app.http.get("/access_token", params={**question, "client_secret": "guess"})) == (100, 0)


async def test_the_facebook_login_exchanges_and_describes_tokens(facebook: App) -> None:
    question = {"grant_type": "fb_exchange_token", "client_id": APP_ID, "client_secret": APP_SECRET}
    token = facebook.account.token

    told = good(await facebook.http.get("/oauth/access_token", params={**question, "fb_exchange_token": token}))
    look = {"input_token": told["access_token"], "access_token": f"{APP_ID}|{APP_SECRET}"}
    described = good(await facebook.http.get("/debug_token", params=look))["data"]
    facebook.graph.spoil(facebook.account, 460)
    spoilt = good(await facebook.http.get("/debug_token", params=look))["data"]

    assert described["is_valid"]
    assert described["expires_at"] == int(facebook.graph.world.now) + 60 * DAY
    assert "instagram_content_publish" in described["scopes"]
    assert not spoilt["is_valid"]


async def test_a_proof_of_the_secret_is_checked_where_it_is_given(app: App) -> None:
    proof = hmac.new(APP_SECRET.encode(), app.account.token.encode(), hashlib.sha256).hexdigest()

    assert (await app.get("me", appsecret_proof=proof))["id"] == app.me
    assert await app.refused("GET", "me", appsecret_proof="0" * 64) == (100, 0)


async def test_what_an_app_is_not_permitted_is_refused(app: App) -> None:
    app.account.permissions.remove("instagram_business_content_publish")

    assert await app.refused("POST", f"{app.me}/media", image_url=app.url(jpeg())) == (10, 0)


async def test_the_facebook_login_leads_from_its_page_to_the_account(facebook: App) -> None:
    [page] = (await facebook.get("me/accounts"))["data"]

    assert page["instagram_business_account"] == {"id": facebook.me}
    assert (await facebook.get(page["id"], fields="instagram_business_account"))["id"] == page["id"]


# --- uploads


async def upload(app: App, container: str, body: bytes, **headers: Any) -> httpx.Response:
    head = {"Authorization": f"OAuth {app.account.token}", **{name: str(value) for name, value in headers.items()}}
    return await app.http.post(f"/ig-api-upload/v25.0/{container}", content=body, headers=head)


async def test_a_video_is_sent_in_pieces_and_goes_on_after_a_cut(facebook: App) -> None:
    video = mp4() + box(b"free", bytes(50_000))
    made = await facebook.post(f"{facebook.me}/media", media_type="REELS", upload_type="resumable")
    container = made["id"]
    facebook.graph.script(Action(do="cut", bytes=20_000), "POST", "ig-api-upload")

    with pytest.raises((*LOST, httpx.WriteError)):
        await upload(facebook, container, video, offset=0, file_size=len(video))
    told = await facebook.get(container, fields="status_code,video_status")
    offset = told["video_status"]["uploading_phase"]["bytes_transferred"]
    done = good(await upload(facebook, container, video[offset:], offset=offset, file_size=len(video)))
    facebook.graph.advance(5)
    await facebook.publish(container)

    assert made["uri"] == f"{facebook.graph.url}/ig-api-upload/v26.0/{container}"
    assert (told["status_code"], offset) == ("IN_PROGRESS", 20_000)
    assert done == {"success": True, "message": "Upload successful."}
    assert facebook.graph.feed()[0].files[0].body == video


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"offset": 5, "file_size": 9}, "OffsetInvalidError"),
        ({"offset": 0, "file_size": 4}, "FileSizeError"),
        ({"offset": 0, "file_size": 90}, "PartialRequestError"),
        ({"file_size": 9}, "ParameterError"),
        ({"file_url": "http://127.0.0.1:9/a.mp4"}, "ProcessingFailedError"),
    ],
)
async def test_a_wrong_upload_is_refused_in_a_form_of_its_own(
    facebook: App, headers: dict[str, Any], kind: str
) -> None:
    container = await facebook.container(media_type="STORIES", upload_type="resumable")

    answer = await upload(facebook, container, b"123456789", **headers)

    assert answer.status_code == 400
    assert answer.json()["debug_info"]["type"] == kind
    assert answer.json()["debug_info"]["retriable"] is False


async def test_an_upload_may_be_fetched(facebook: App) -> None:
    container = await facebook.container(media_type="REELS", upload_type="resumable")

    good(await upload(facebook, container, b"", file_url=facebook.url(mp4(), "a.mp4")))
    facebook.graph.advance(5)

    assert await facebook.status(container) == "FINISHED"


# --- comments, insights, messages


async def test_comments_are_made_answered_hidden_and_deleted(app: App) -> None:
    post = await app.published()
    theirs = await app.graph.comment(app.graph.feed()[0], "anna", "lovely")

    mine = (await app.post(f"{post}/comments", message="first"))["id"]
    answer = (await app.post(f"{theirs.id}/replies", message="thank you"))["id"]
    below = await app.get(post, fields="comments_count,comments{text,username,replies{text,parent_id}}")
    await app.post(theirs.id, hide=True)
    hidden = await app.get(theirs.id, fields="hidden,from,media{media_type}")
    good(await app.ask("DELETE", theirs.id))

    assert below["comments_count"] == 3
    assert [each["text"] for each in below["comments"]["data"]] == ["first", "lovely"]
    assert below["comments"]["data"][1]["replies"]["data"] == [
        {"text": "thank you", "parent_id": theirs.id, "id": answer}
    ]
    assert hidden == {
        "id": theirs.id,
        "hidden": True,
        "from": {"id": theirs.by.id, "username": "anna"},
        "media": {"id": post, "media_type": "IMAGE"},
    }
    assert [each["id"] for each in (await app.get(f"{post}/comments"))["data"]] == [mine]
    assert await app.refused("GET", answer) == (100, 33)


async def test_a_comment_with_fields_is_made_and_answered_with_an_error(app: App) -> None:
    post = await app.published()

    assert await app.refused("POST", f"{post}/comments", message="first", fields="id") == (20, 1772107)
    assert [comment.text for comment in app.graph.comments(app.graph.feed()[0])] == ["first"]


async def test_comments_can_be_turned_off(app: App) -> None:
    post = await app.published()

    await app.post(post, comment_enabled=False)

    assert await app.refused("POST", f"{post}/comments", message="first") == (100, 0)
    assert (await app.get(post, fields="is_comment_enabled"))["is_comment_enabled"] is False
    assert await app.refused("POST", f"{post}/comments", message="") == (100, 0)


async def test_only_the_facebook_login_deletes_posts(app: App, facebook: App) -> None:
    post, other = await app.published(), await facebook.published()

    assert await app.refused("DELETE", post) == (100, 0)
    assert good(await facebook.ask("DELETE", other)) == {"success": True}
    assert (len(app.graph.feed()), facebook.graph.feed()) == (1, [])


async def test_a_mention_is_read_and_answered_through_the_account(app: App) -> None:
    mention = await app.graph.mention("anna", "ask @tifa")

    read = await app.get(app.me, fields=f"mentioned_comment.comment_id({mention.id}){{text,username,media{{id}}}}")
    answer = await app.post(f"{app.me}/mentions", comment_id=mention.id, media_id=mention.post.id, message="hello")

    told = read["mentioned_comment"]
    assert (told["text"], told["username"], told["media"]) == ("ask @tifa", "anna", {"id": mention.post.id})
    assert [each.id for each in app.graph.comments(mention.post)] == [mention.id, answer["id"]]
    assert await app.refused("GET", mention.id) == (100, 33)


async def test_insights_are_what_was_counted_and_nothing_is_told_as_zero(app: App) -> None:
    post = await app.published()
    app.graph.feed()[0].insights["views"] = 12
    await app.post(f"{post}/comments", message="first")

    data = (await app.get(f"{post}/insights", metric="views,reach,comments"))["data"]

    assert [(each["name"], each["period"], each["values"]) for each in data] == [
        ("views", "lifetime", [{"value": 12}]),
        ("comments", "lifetime", [{"value": 1}]),
    ]
    for gone in ("impressions", "plays", "video_views"):
        assert await app.refused("GET", f"{post}/insights", metric=gone) == (100, 0)
    of_account = await app.get(f"{app.me}/insights", metric="views", period="day", metric_type="total_value")
    assert of_account["data"][0]["total_value"] == {"value": 12}
    assert await app.refused("GET", f"{app.me}/insights", metric="views") == (100, 0)


async def test_a_story_that_few_have_seen_has_no_insights(app: App) -> None:
    story = await app.published(media_type="STORIES")

    assert await app.refused("GET", f"{story}/insights", metric="reach") == (10, 0)
    app.graph.feed()[0].insights["reach"] = 5
    assert (await app.get(f"{story}/insights", metric="reach"))["data"][0]["values"] == [{"value": 5}]


async def test_a_message_is_answered_within_its_window(app: App) -> None:
    asked = await app.graph.message("anna", "open today?")
    anna = {"id": asked.by.id}

    told = await app.post("me/messages", recipient=anna, message={"text": "until two"})
    app.graph.advance(DAY + 1)
    late = await app.refused("POST", "me/messages", recipient=anna, message={"text": "still there?"})
    await app.post("me/messages", recipient=anna, message={"text": "a human"}, tag="HUMAN_AGENT")

    assert told["recipient_id"] == asked.by.id
    assert late == (10, 2534022)
    assert await app.refused("POST", "me/messages", recipient={"id": "1"}, message={"text": "hi"}) == (100, 2534014)
    assert await app.refused("POST", "me/messages", recipient=anna, message={"text": "x" * 1001}) == (100, 0)
    [conversation] = (await app.get("me/conversations", platform="instagram", user_id=asked.by.id))["data"]
    read = await app.get(conversation["id"], fields="messages{from,message}")
    assert [each["message"] for each in read["messages"]["data"]] == ["a human", "until two", "open today?"]


async def test_a_comment_is_answered_in_private_once(app: App) -> None:
    await app.published()
    comment = await app.graph.comment(app.graph.feed()[0], "anna", "how much?")
    answer = {"recipient": {"comment_id": comment.id}, "message": {"text": "three"}}

    assert (await app.post("me/messages", **answer))["recipient_id"] == comment.by.id
    assert await app.refused("POST", "me/messages", **answer) == (100, 0)


async def test_a_page_takes_no_fields_of_instagram(facebook: App) -> None:
    assert await facebook.refused("POST", "me/subscribed_apps", subscribed_fields="comments") == (100, 0)
    assert await facebook.post(f"{facebook.me}/subscribed_apps", subscribed_fields="comments") == {"success": True}
    assert (await facebook.get(f"{facebook.me}/subscribed_apps"))["data"] == [{"subscribed_fields": ["comments"]}]


# --- webhooks


@dataclass
class Heard:
    """What came to an app's webhook."""

    bodies: list[bytes]
    signatures: list[str]


@asynccontextmanager
async def a_webhook(app: App, verify_token: str = "verify me") -> AsyncIterator[Heard]:
    """An app that listens, and is subscribed to everything."""
    from starlette.requests import Request
    from starlette.routing import Route

    from carrier.testing.openai_server import serving

    heard = Heard([], [])

    async def verify(request: Request) -> Response:
        wanted = request.query_params["hub.verify_token"] == verify_token
        return PlainTextResponse(request.query_params["hub.challenge"] if wanted else "no", 200 if wanted else 403)

    async def hear(request: Request) -> Response:
        heard.bodies.append(await request.body())
        heard.signatures.append(request.headers["x-hub-signature-256"])
        return PlainTextResponse("")

    async with serving([Route("/hook", verify), Route("/hook", hear, methods=["POST"])]) as address:
        assert not await app.graph.hooks.subscribe(f"http://{address}/hook", "another one")
        assert await app.graph.hooks.subscribe(f"http://{address}/hook", verify_token)
        await app.post(f"{app.me}/subscribed_apps", subscribed_fields="comments,mentions,messages")
        yield heard


def signed(body: bytes) -> str:
    return "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("login", ["instagram", "facebook"])
async def test_what_people_do_is_told_in_the_form_of_the_login(login: Any, tmp_path: Path) -> None:
    async with an_app(tmp_path, login=login) as app, a_webhook(app) as heard:
        post = await app.published()
        comment = await app.graph.comment(app.graph.feed()[0], "anna", "lovely")
        await app.graph.message("anna", "hi")
        await app.graph.mention("anna", "@tifa")

        commented, written, mentioned = [json.loads(body) for body in heard.bodies]
        [entry] = commented["entry"]
        told = entry if login == "instagram" else entry["changes"][0]
        assert (commented["object"], entry["id"], told["field"]) == ("instagram", app.me, "comments")
        assert told["value"] == {
            "id": comment.id,
            "from": {"id": comment.by.id, "username": "anna"},
            "text": "lovely",
            "media": {"id": post, "media_product_type": "FEED"},
        }
        [message] = written["entry"][0]["messaging"]
        assert message["sender"] == {"id": comment.by.id}
        assert message["message"]["text"] == "hi"
        assert "comment_id" in json.dumps(mentioned)
        assert heard.signatures == [signed(body) for body in heard.bodies]


async def test_an_app_hears_its_own_comments_too(app: App) -> None:
    async with a_webhook(app) as heard:
        post = await app.published()
        await app.post(f"{post}/comments", message="first")
        await app.graph.until(lambda: len(heard.bodies) == 1, 5)

        assert json.loads(heard.bodies[0])["entry"][0]["value"]["from"]["id"] == app.me


async def test_deliveries_are_replayed_forged_and_made_up_for(app: App) -> None:
    async with a_webhook(app) as heard:
        await app.published()
        await app.graph.comment(app.graph.feed()[0], "anna", "lovely")
        [delivery] = app.graph.hooks.deliveries

        await app.graph.hooks.replay(delivery)
        await app.graph.hooks.replay(delivery, signature="sha256=0")
        await app.graph.hooks.deliver(delivery.payload, secret="another")
        await app.graph.hooks.redeliver()

        assert len(set(heard.bodies)) == 1
        assert [signature == signed(heard.bodies[0]) for signature in heard.signatures] == [True, True, False, False]

    await app.graph.comment(app.graph.feed()[0], "anna", "nobody is there")
    assert app.graph.hooks.deliveries[-1].answers == [0]


async def test_nobody_is_told_what_nobody_subscribed_to(app: App) -> None:
    async with a_webhook(app) as heard:
        good(await app.ask("DELETE", f"{app.me}/subscribed_apps"))
        await app.graph.message("anna", "hi")

        assert heard.bodies == []


# --- the control door and the process


async def test_everything_can_be_done_over_http(app: App) -> None:
    async def control(path: str, **form: Any) -> Any:
        return good(await app.http.post(f"/_control/{path}", json=form))

    await control("rules", repeat="duplicate", quota_total=1)
    await control(
        "script", match={"method": "POST", "path_regex": "media_publish$"}, action={"do": "commit_then_error"}
    )
    container = await app.container(caption="hello")
    await app.refused("POST", f"{app.me}/media_publish", creation_id=container)
    [post] = good(await app.http.get("/_control/feed"))
    comment = await control("comment", post=post["id"], username="anna", text="lovely")
    await control("comment", comment=comment["id"], username="bob", text="indeed")
    await control("message", username="anna", text="hi")
    before = good(await app.http.get("/_control/clock"))["now"]
    after = (await control("clock", advance=60))["now"]
    journal = good(await app.http.get("/_control/journal"))
    account = await control("token", account=app.me, trouble=463)
    [post] = good(await app.http.get("/_control/feed"))

    assert after - before == 60
    assert (post["caption"], post["container"]) == ("hello", container)
    assert [(each["text"], each["replies"][0]["text"]) for each in post["comments"]] == [("lovely", "indeed")]
    assert good(await app.http.get("/_control/conversations"))[0]["with"] == "anna"
    assert [(each["method"], each["status"], each["faults"]) for each in journal[-1:]] == [
        ("POST", 400, ["commit_then_error"])
    ]
    assert account["token"] not in json.dumps(journal)
    assert (await app.http.get(post["files"][0]["url"])).content == jpeg()
    assert "<title>" in (await app.http.get("/")).text
    assert (await app.http.post("/_control/rules", json={"repaet": "x"})).status_code == 400
    assert (await app.http.post("/_control/script", json={"action": {"do": "nothing"}})).status_code == 400
    nobody = {"callback_url": "http://127.0.0.1:9/", "verify_token": "x"}
    assert await control("hooks", **nobody) == {"agreed": False}
    assert (await control("hooks/deliver", payload={"object": "instagram"}, app_secret="other"))["answers"] == [0]
    assert (await control("hooks/replay", number=0, signature="sha256=0"))["answers"] == [0, 0]
    await control("reset")
    assert good(await app.http.get("/_control/feed")) == []
    assert good(await app.http.get("/_control/journal")) == []


@pytest.mark.parametrize(
    "command",
    [["carrier.testing.graph"], ["carrier", "dev-instagram"]],
    ids=["python -m carrier.testing.graph", "carrier-host dev-instagram"],
)
def test_it_runs_as_a_process_that_says_what_a_client_needs(command: list[str], tmp_path: Path) -> None:
    words = [sys.executable, "-m", *command, "--port", "0", "--media", str(tmp_path / "media")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        try:
            assert process.stdout is not None
            told = "".join(iter(process.stdout.readline, "Nothing leaves this machine.\n"))
            values = dict(re.findall(r"^ +(\w+): \"?(.+?)\"?$", told, re.MULTILINE))
            (tmp_path / "media" / "a.jpg").write_bytes(jpeg())
            headers = {"Authorization": f"Bearer {values['access_token']}"}
            url = values["public_url"].removesuffix("/media")
            made = httpx.post(
                f"{url}/{values['account_id']}/media",
                json={"image_url": f"{values['public_url']}/a.jpg"},
                headers=headers,
            )
        finally:
            process.terminate()
    assert good(made)["id"]
    assert process.returncode == 0
