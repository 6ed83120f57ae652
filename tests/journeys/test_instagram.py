"""Posts by the clock, from a picture in a folder to the feed: through a real FTP server, a caption and an approval."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carrier.api.calling import Caller, Refusal, calling
from carrier.cli import app
from carrier.testing.clients import MadeClient
from carrier.testing.films import Film
from carrier.testing.graph import APP_SECRET, Action, Graph, local_graph
from carrier.testing.hosts import MOMENT, SECONDS, running_host
from carrier.testing.hosts import until as eventually
from carrier.testing.media_hosts import PASSWORD, USER, FtpServer, ftp_server, vsftpd, vsftpd_program
from carrier.testing.projects import Project, project
from carrier.types.talk import Message

FILES = {
    "carrier.yaml": """\
name: demo
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
server: { port: 0 }
media_hosts:
  cdn:
    type: ftp
    server: 127.0.0.1
    port: {ftp}
    username: {user}
    password: {password}
    tls: {tls}
    ca: "{ca}"
    folder: "{inside}"
    public_url: {graph}/media
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
context: []
clients:
  gram:
    type: instagram
    login: instagram
    account_id: "{account}"
    access_token: {token}
    app_secret: {secret}
    verify_token: asked-for
    listen: [comments, messages, mentions]
    endpoint: { graph: {graph} }
    media_host: cdn
schedules:
  daily:
    cron: 0 9 1 1 *                 # comes up by itself in no test: each orders its own
    client: gram
    post:
      kind: image
      pick: { from: media/*.jpg }
      caption: { generate: Write a caption for this morning. }
      first_comment: "#bergen"
    approval: {approval}
---
kind: script
name: tifa
rules:
  - { when: caption, say: "{caption}" }
  - { when: lovely, say: Thank you! }
  - { when: colour, say: navy }
""",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


Scene = tuple[Project, Graph]


def picture(folder: Path, name: str, colour: str) -> None:
    from PIL import Image

    folder.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (400, 400), colour).save(folder / name)


@asynccontextmanager
async def demo(folder: Path, tls: str = "none", server: str = "pyftpdlib", **more: str) -> AsyncIterator[Scene]:
    """A project whose pictures go by FTP, and the Instagram that it posts to."""
    async with served(folder, tls, server) as ftp, local_graph(media=ftp.folder) as graph:
        graph.rule(image_seconds=0)
        facts = {
            "ftp": str(ftp.port), "tls": tls, "ca": ftp.certificate, "inside": ftp.inside,
            "user": USER if server == "pyftpdlib" else "anonymous", "password": PASSWORD,
            "graph": graph.url, "account": graph.account.id, "token": graph.account.token, "secret": APP_SECRET,
            "approval": "none", "caption": "Good morning, Bergen", **more,
        }  # fmt: skip
        made = project(folder / "demo", {name: filled(text, facts) for name, text in FILES.items()})
        picture(made.folder / "media", "1.jpg", "seagreen")
        picture(made.folder / "media", "2.jpg", "gold")
        yield made, graph


@asynccontextmanager
async def served(folder: Path, tls: str, server: str) -> AsyncIterator[FtpServer]:
    if server == "vsftpd":
        async with vsftpd(folder, tls == "explicit") as ftp:
            yield ftp
    else:
        with ftp_server(folder, tls) as ftp:
            yield ftp


def filled(text: str, facts: dict[str, str]) -> str:
    for key, value in facts.items():
        text = text.replace(f"{{{key}}}", value)
    return text


async def run(caller: Caller) -> str:
    return str((await caller.post("/schedules/tifa.daily/run", {}))["slot"])


async def until(caller: Caller, id: str, *states: str) -> dict[str, Any]:
    """The post, once it is in one of these states; raises AssertionError with the last that was seen of it."""
    found: list[dict[str, Any]] = []
    try:
        # A step that fails for a moment is tried again only after some seconds.
        async with asyncio.timeout(2 * SECONDS):
            while not any(post["id"] == id and post["state"] in states for post in found):
                await asyncio.sleep(MOMENT)
                found = (await caller.get("/posts"))["posts"]
    except TimeoutError as error:
        raise AssertionError(f"{id} is not {' or '.join(states)}: {found}") from error
    return dict(await caller.get(f"/posts/{id}"))


needs_vsftpd = pytest.mark.skipif(
    vsftpd_program() is None or os.geteuid() != 0, reason="vsftpd is not installed, or nobody but root may start it"
)


@pytest.mark.parametrize("server", ["pyftpdlib", pytest.param("vsftpd", marks=needs_vsftpd)])
@pytest.mark.parametrize("tls", ["none", "explicit"])
async def test_a_schedule_posts_a_picture_with_a_generated_caption(tls: str, server: str, tmp_path: Path) -> None:
    async with demo(tmp_path, tls, server) as (made, graph), running_host(made), calling(made.data) as caller:
        slot = await run(caller)
        shown = await until(caller, slot, "done", "failed")

        assert shown["post"]["reason"] == ""
        assert [(post.caption, len(post.files)) for post in graph.feed()] == [("Good morning, Bergen", 1)]
        assert [comment.text for comment in graph.comments(graph.feed()[0])] == ["#bergen"]
        assert [step["state"] for step in shown["steps"]][-1] == "done"
        assert all(step["at"] for step in shown["steps"])
        history = await caller.get("/schedules/tifa.daily/slots")
        assert history["slots"][0]["state"] == "done"


async def test_what_comes_by_the_clock_goes_out_by_itself(tmp_path: Path) -> None:
    async with demo(tmp_path) as (made, graph):
        made.edit("agents.d/tifa.yaml", "cron: 0 9 1 1 *", "every: 1s")
        async with running_host(made):
            await eventually(lambda: len(graph.feed()) == 2)

        assert [post.caption for post in graph.feed()] == ["Good morning, Bergen"] * 2


@asynccontextmanager
async def living(folder: Path, **more: str) -> AsyncIterator[tuple[Project, Graph, Caller]]:
    async with (
        demo(folder, **more) as (made, graph),
        running_host(made),
        calling(made.data) as caller,
    ):
        yield made, graph, caller


async def slot_ends(caller: Caller, slot: str) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        while True:
            found = (await caller.get("/schedules/tifa.daily/slots"))["slots"]
            if one := [each for each in found if each["id"] == slot and each["state"] not in ("due", "preparing")]:
                return dict(one[0])
            await asyncio.sleep(MOMENT)


async def test_each_slot_takes_the_next_picture_and_an_empty_folder_is_said_to_be_so(tmp_path: Path) -> None:
    async with living(tmp_path) as (_, graph, caller):
        for _ in range(2):
            await until(caller, await run(caller), "done")
        first, second = (await caller.get("/posts"))["posts"][::-1][:2]
        empty = await slot_ends(caller, await run(caller))

        assert [first["content"]["files"][0]["source"], second["content"]["files"][0]["source"]] == [
            "media/1.jpg", "media/2.jpg",
        ]  # fmt: skip
        assert len(graph.feed()) == 2
        assert (empty["state"], "every file of media/*.jpg was published" in empty["reason"]) == ("failed", True)


async def test_a_file_that_is_no_picture_fails_its_slot_and_the_next_slot_goes_on(tmp_path: Path) -> None:
    async with living(tmp_path) as (made, graph, caller):
        (made.folder / "media" / "0.jpg").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
        spoilt = await slot_ends(caller, await run(caller))
        await until(caller, await run(caller), "done")

        assert (spoilt["state"], "PNG" in spoilt["reason"]) == ("failed", True)
        assert len(graph.feed()) == 1


async def test_a_caption_that_is_too_long_is_written_anew_and_never_sent(tmp_path: Path) -> None:
    async with living(tmp_path, caption="x" * 2300) as (_, graph, caller):
        slot = await slot_ends(caller, await run(caller))

        assert (slot["state"], "more than the 2,200" in slot["reason"]) == ("failed", True)
        assert graph.journal.find("POST", "/media") == []


async def test_a_draft_waits_over_a_restart_is_edited_and_goes_out_exactly_as_approved(tmp_path: Path) -> None:
    async with demo(tmp_path, approval="required") as (made, graph):
        async with running_host(made), calling(made.data) as caller:
            slot = await run(caller)
            before = (await until(caller, slot, "draft"))["post"]
            await caller.post(f"/posts/{slot}/edit", {"caption": "Good evening"})
        async with running_host(made), calling(made.data) as caller:
            with pytest.raises(Refusal, match="not what was looked at"):
                await caller.post(f"/posts/{slot}/approve", {"digest": before["digest"]})
            looked_at = (await until(caller, slot, "draft"))["post"]
            (made.folder / "media" / "1.jpg").write_bytes(b"something else by now")
            await caller.post(f"/posts/{slot}/approve", {"digest": looked_at["digest"][:12]})
            await until(caller, slot, "done")

            assert [post.caption for post in graph.feed()] == ["Good evening"]
            assert (await slot_ends(caller, slot))["state"] == "done"


async def test_what_is_rejected_never_goes_out(tmp_path: Path) -> None:
    async with living(tmp_path, approval="required") as (_, graph, caller):
        slot = await run(caller)
        await until(caller, slot, "draft")
        await caller.post(f"/posts/{slot}/reject", {"by": "anna"})

        assert (await slot_ends(caller, slot))["state"] == "skipped"
        assert graph.feed() == []


async def test_a_dry_run_tells_every_request_and_sends_none(tmp_path: Path) -> None:
    async with living(tmp_path) as (_, graph, caller):
        told = await caller.post("/posts", {"files": ["media/1.jpg"], "caption": "Hei", "dry_run": True})

        assert [call["call"] for call in told["requests"]] == ["POST /{account}/media", "POST /{account}/media_publish"]
        assert told["requests"][0]["caption"] == "Hei"
        assert [entry for entry in graph.journal.entries if entry.path.endswith(("media", "media_publish"))] == []
        assert list((tmp_path / "ftp").iterdir()) == []
        assert (await caller.get("/posts"))["posts"] == []


async def test_a_post_made_by_hand_goes_out_now(tmp_path: Path) -> None:
    async with living(tmp_path) as (_, graph, caller):
        made = await caller.post("/posts", {"files": ["media/1.jpg", "media/2.jpg"], "caption": "Hei"})
        await until(caller, made["post"]["id"], "done")

        assert [(post.media_type, post.caption) for post in graph.feed()] == [("CAROUSEL_ALBUM", "Hei")]


async def test_what_a_carousel_and_a_reel_are_told_as_is_told_beforehand(tmp_path: Path) -> None:
    async with living(tmp_path) as (made, graph, caller):
        Film()(made.folder / "media" / "1.mp4")
        reel = {
            "files": ["media/1.mp4"], "cover": "media/1.jpg", "share_to_feed": False, "trial": "manual",
            "ai_generated": True, "user_tags": [{"username": "bo", "x": 0.1, "y": 0.2}, "rita"],
        }  # fmt: skip
        [told, *_] = (await caller.post("/posts", {**reel, "dry_run": True}))["requests"]
        tagged = {"files": ["media/1.jpg", "media/2.jpg"], "alt_text": "Green\nGold", "user_tags": ["bo"]}
        made_id = (await caller.post("/posts", {**tagged, "collaborators": ["rita"]}))["post"]["id"]
        await until(caller, made_id, "done")

        assert told["cover_url"] == "{the address of media/1.jpg}"
        assert (told["share_to_feed"], told["trial_params"]) == (False, {"graduation_strategy": "MANUAL"})
        assert told["user_tags"] == [{"username": "bo", "x": 0.1, "y": 0.2}, {"username": "rita"}]
        assert [post.media_type for post in graph.feed()] == ["CAROUSEL_ALBUM"]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"files": ["media/1.jpg"], "trial": "manual"}, "kind image has no trial"),
        ({"files": ["media/1.jpg"], "kind": "story", "caption": "Hei"}, "kind story has no caption"),
        ({"files": ["media/9.jpg"]}, "not all of media/9.jpg are files"),
        ({"files": ["media/1.mp4"], "cover": "media/9.jpg"}, "media/9.jpg: is not there"),
        ({"files": ["media/1.jpg"], "collaborators": ["@rita"]}, "begins with an @"),
    ],
)
async def test_what_cannot_be_posted_is_refused_at_once(order: dict[str, Any], reason: str, tmp_path: Path) -> None:
    async with living(tmp_path) as (made, graph, caller):
        Film()(made.folder / "media" / "1.mp4")
        with pytest.raises(Refusal, match=reason):
            await caller.post("/posts", order)
        assert graph.journal.find("POST", "/media") == []


async def test_a_post_on_its_way_is_dropped_until_it_is_ordered(tmp_path: Path) -> None:
    async with living(tmp_path) as (_, graph, caller):
        graph.rule(image_seconds=3600)
        order = {"files": ["media/1.jpg"], "caption": "Not yet"}
        id = (await caller.post("/posts", order))["post"]["id"]
        await until(caller, id, "preparing")
        dropped = (await caller.post(f"/posts/{id}/reject", {"by": "anna"}))["post"]
        graph.advance(7200)

        assert (dropped["state"], dropped["reason"]) == ("rejected", "rejected by anna")
        with pytest.raises(Refusal, match="is rejected"):
            await caller.post(f"/posts/{id}/reject", {})
        assert graph.journal.find("POST", "media_publish") == []


async def test_a_post_may_wait_for_a_time_or_for_the_next_free_slot(tmp_path: Path) -> None:
    async with living(tmp_path) as (made, graph, caller):
        made.edit("agents.d/tifa.yaml", "media_host: cdn", "media_host: cdn\n    slots: [18:00, 8:00]")
        await caller.post("/config/reload", {})
        order = {"files": ["media/1.jpg"], "at": "slot"}
        slots = [(await caller.post("/posts", order))["post"] for _ in range(3)]
        later = (await caller.post("/posts", {**order, "at": "2099-12-24T09:00"}))["post"]
        await caller.post(f"/posts/{slots[0]['id']}/reject", {})
        freed = (await caller.post("/posts", order))["post"]

        calendar = (await caller.get("/schedules/calendar", days="3"))["days"]
        told = [f"{entry['day']}T{entry['time']}:00+00:00" for entry in calendar if entry["schedule"] == freed["id"]]

        assert told == [freed["due"]]
        assert [slot["due"] for slot in slots] == sorted({slot["due"] for slot in slots})
        assert {slot["due"][11:] for slot in slots} == {"08:00:00+00:00", "18:00:00+00:00"}
        assert (freed["due"], later["due"]) == (slots[0]["due"], "2099-12-24T09:00:00+00:00")
        assert graph.journal.find("POST", "/media") == []


@pytest.mark.parametrize(
    ("at", "reason"),
    [("slot", "no `slots`"), ("2001-01-01T09:00", "is over"), ("9:00", "day and a time"), ("2099-01-01T09:00Z", "day")],
)
async def test_a_time_that_cannot_be_meant_is_refused(at: str, reason: str, tmp_path: Path) -> None:
    async with living(tmp_path) as (_, _, caller):
        with pytest.raises(Refusal, match=reason):
            await caller.post("/posts", {"files": ["media/1.jpg"], "at": at})


async def command(made: Project, *arguments: str) -> str:
    """What it prints."""
    called = ["--config", str(made.config), *arguments]
    result = await asyncio.to_thread(CliRunner().invoke, app, called, env={"TERMINAL_WIDTH": "200"})
    if result.exception:
        raise result.exception
    return result.output


async def test_the_commands_post_tell_and_change(tmp_path: Path) -> None:
    async with living(tmp_path, approval="required") as (made, graph, caller):
        picture_1 = str(made.folder / "media" / "1.jpg")
        dry = await command(made, "instagram", "post", picture_1, "--caption", "Hei", "--tag", "bo", "--dry-run")
        posted = await command(made, "instagram", "post", picture_1, "--caption", "Hei", "--collaborator", "rita")
        id = posted.split()[0]
        await until(caller, id, "done")
        slot = await run(caller)
        draft = (await until(caller, slot, "draft"))["post"]
        told = await command(made, "posts", "show", slot)
        preview = await command(made, "posts", "preview", slot)
        await command(made, "posts", "edit", slot, "--caption", "Good night")
        digest = (await until(caller, slot, "draft"))["post"]["digest"]
        approved = await command(made, "posts", "approve", slot, "--digest", digest[:12])
        await until(caller, slot, "done")

        assert "\n  caption = Hei\n" in dry
        assert 'user_tags = [{"username": "bo", "x": 0.5, "y": 0.5}]' in dry
        assert posted.endswith("goes out now\n")
        assert f"digest   {draft['digest'][:12]}" in told
        assert preview.splitlines()[-2:] == ["POST /{media}/comments", "  message = #bergen"]
        assert approved == f"{slot} is approved, digest {digest[:12]}\n"
        assert [post.caption for post in graph.feed()] == ["Good night", "Hei"]
        lines = [line.split()[:4] for line in (await command(made, "posts")).splitlines()]
        assert [id, "tifa.gram", "image", "done"] in lines
        assert (await command(made, "instagram", "limits", "tifa.gram")).startswith("2 of 50 posts within 24 h")
        assert (await command(made, "instagram", "token", "tifa.gram")).startswith("tifa, by the login of instagram")


# --- what comes from elsewhere


async def test_a_picture_from_elsewhere_is_sent_to_the_host_and_posted(tmp_path: Path) -> None:
    async with living(tmp_path) as (made, graph, caller):
        picture(tmp_path / "elsewhere", "harbour.jpg", "navy")
        posted = await command(made, "instagram", "post", str(tmp_path / "elsewhere" / "harbour.jpg"))
        shown = await until(caller, posted.split()[0], "done")
        with pytest.raises(Refusal, match="not all of kept:"):
            await caller.post("/posts", {"files": [f"kept:{'0' * 64}/harbour.jpg"]})

        assert shown["post"]["content"]["files"][0]["source"].endswith("/harbour.jpg")
        assert len(graph.feed()) == 1


async def test_a_picture_is_fetched_from_the_web_anew_for_each_slot(tmp_path: Path) -> None:
    async with living(tmp_path) as (made, graph, caller):
        picture(tmp_path / "ftp", "camera.jpg", "navy")
        address = f"{graph.url}/media/camera.jpg"
        made.edit("agents.d/tifa.yaml", "pick: { from: media/*.jpg }", f"media: {address}")
        await caller.post("/config/reload", {})
        first = (await until(caller, await run(caller), "done"))["post"]
        picture(tmp_path / "ftp", "camera.jpg", "plum")
        second = (await until(caller, await run(caller), "done"))["post"]
        (tmp_path / "ftp" / "camera.jpg").unlink()
        third = await slot_ends(caller, await run(caller))

        assert [post["content"]["files"][0]["source"] for post in (first, second)] == [address, address]
        assert first["content"]["files"][0]["digest"] != second["content"]["files"][0]["digest"]
        assert (third["state"], "answers 404" in third["reason"]) == ("failed", True)


DRAW = """\
---
kind: action
name: draw
type: python
entrypoint: draw.py:draw
repeat: safe
"""
CODE = """\
from PIL import Image

def draw(colour: str) -> str:
    \"\"\"Draw a picture.\"\"\"
    if colour == "nothing":
        return "/etc/passwd"
    Image.new("RGB", (400, 400), colour).save("{folder}/media/drawn.jpg")
    return "media/drawn.jpg"
"""


@asynccontextmanager
async def drawing(folder: Path, colour: str) -> AsyncIterator[tuple[Graph, Caller]]:
    """What is posted is drawn by an action."""
    async with living(folder) as (made, graph, caller):
        made.write("draw.py", CODE.replace("{folder}", str(made.folder)))
        made.edit("agents.d/tifa.yaml", "context: []", "context: []\nactions: [draw]")
        make = f"make: {{ action: draw, arguments: {{ colour: {colour} }} }}"
        made.edit("agents.d/tifa.yaml", "pick: { from: media/*.jpg }", make)
        made.write("agents.d/draw.yaml", DRAW.removeprefix("---\n"))
        await caller.post("/config/reload", {})
        yield graph, caller


@pytest.mark.parametrize("colour", ["navy", "{ generate: Which colour? }"])
async def test_an_action_makes_the_picture(colour: str, tmp_path: Path) -> None:
    async with drawing(tmp_path, colour) as (graph, caller):
        shown = await until(caller, await run(caller), "done", "failed")

        assert shown["post"]["reason"] == ""
        assert shown["post"]["content"]["files"][0]["source"] == "media/drawn.jpg"
        assert [post.caption for post in graph.feed()] == ["Good morning, Bergen"]


@pytest.mark.parametrize(
    ("colour", "reason"), [("no colour", "has made nothing"), ("nothing", "is no file in the pro")]
)
async def test_what_an_action_has_not_made_is_not_posted(colour: str, reason: str, tmp_path: Path) -> None:
    async with drawing(tmp_path, colour) as (graph, caller):
        slot = await slot_ends(caller, await run(caller))

        assert (slot["state"], reason in slot["reason"]) == ("failed", True), slot["reason"]
        assert graph.feed() == []


async def test_what_may_still_be_published_and_whose_the_token_is_can_be_asked(tmp_path: Path) -> None:
    async with living(tmp_path) as (_, graph, caller):
        limits, token = await caller.get("/clients/tifa.gram/limits"), await caller.get("/clients/tifa.gram/token")

        assert (limits["used"], limits["total"]) == (0, graph.rules.quota_total)
        assert token["account"] == graph.account.username
        assert graph.account.token not in str(token)


# --- what is said to it


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[tuple[Graph, Caller]]:
    """With a picture on the feed, and the host told of what is said below it."""
    async with demo(folder) as (made, graph), running_host(made) as opened, calling(made.data) as caller:
        await until(caller, await run(caller), "done")
        hook = f"{opened.address}/hooks/tifa.gram"
        assert not await graph.hooks.subscribe(hook, "guessed")
        assert await graph.hooks.subscribe(hook, "asked-for")
        yield graph, caller


def answers(graph: Graph) -> list[str]:
    """What the account has answered to what is said below its post."""
    return [each.text for each in graph.comments(graph.feed()[0]) if each.parent]


async def test_a_comment_is_answered_once_however_often_it_is_told(tmp_path: Path) -> None:
    async with listening(tmp_path) as (graph, _):
        await graph.comment(graph.feed()[0], "anna", "lovely")
        delivery = graph.hooks.deliveries[-1]
        await eventually(lambda: len(answers(graph)) == 1)
        await graph.hooks.replay(delivery)
        await graph.comment(graph.feed()[0], "bo", "so lovely")

        await eventually(lambda: len(answers(graph)) == 2)
        assert delivery.answers == [200, 200]


async def test_a_wrong_signature_and_an_old_time_are_refused(tmp_path: Path) -> None:
    async with listening(tmp_path) as (graph, _):
        entry = {
            "id": graph.account.id,
            "time": 1_700_000_000,
            "field": "comments",
            "value": {"id": "1", "text": "lovely"},
        }
        old = await graph.hooks.deliver({"object": "instagram", "entry": [entry]})
        forged = await graph.hooks.deliver({"object": "instagram", "entry": [entry]}, secret="another")

        assert (old.answers, forged.answers) == ([403], [403])
        assert answers(graph) == []


async def test_a_direct_message_is_answered_to_whom_it_is_from(tmp_path: Path) -> None:
    async with listening(tmp_path) as (graph, _):
        await graph.message("anna", "lovely")

        await eventually(lambda: bool(graph.journal.find("POST", "/messages")))


# --- approved where people are asked


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[tuple[Graph, Caller, MadeClient]]:
    """Drafts are asked about in a room."""
    MadeClient.living.clear()
    async with demo(folder, approval="required") as (made, graph):
        made.write("agents.d/chat.yaml", "kind: client\ntype: carrier.testing.clients:MadeClient\nagent: tifa\n")
        made.edit(
            "agents.d/tifa.yaml", "context: []", "context: []\napprovals: { room: chat/ops, by: { users: [boss] } }"
        )
        async with running_host(made), calling(made.data) as caller:
            yield graph, caller, MadeClient.living[-1]


def answer(client: MadeClient, text: str) -> None:
    client.heard.put_nowait(Message("chat", f"said-{text}", "chat/ops", "chat:boss", text, sender_name="Boss"))


async def test_a_post_is_approved_by_the_number_it_is_asked_about_under(tmp_path: Path) -> None:
    async with asking(tmp_path) as (graph, caller, client):
        slot = await run(caller)
        await client.until(sent=1)
        (asked,) = client.sent
        answer(client, f"approve {asked.asks}")
        shown = await until(caller, slot, "done")

        assert "Good morning, Bergen" in asked.text
        assert "#bergen" in asked.text
        assert [post.caption for post in graph.feed()] == ["Good morning, Bergen"]
        assert "approved by Boss" in [step["note"] for step in shown["steps"]]


async def test_a_number_of_an_earlier_version_approves_nothing_and_the_new_one_does(tmp_path: Path) -> None:
    async with asking(tmp_path) as (graph, caller, client):
        slot = await run(caller)
        await client.until(sent=1)
        await caller.post(f"/posts/{slot}/edit", {"caption": "Good evening"})
        await client.until(sent=2)
        first, second = client.sent
        with pytest.raises(Refusal, match="expired already"):
            await caller.post(f"/approvals/{first.asks}", {"decision": "approve"})
        await caller.post(f"/approvals/{second.asks}", {"decision": "approve"})
        await until(caller, slot, "done")

        assert [post.caption for post in graph.feed()] == ["Good evening"]


async def test_a_post_is_refused_by_its_number_and_one_approved_otherwise_waits_no_more(tmp_path: Path) -> None:
    async with asking(tmp_path) as (graph, caller, client):
        refused = await run(caller)
        await client.until(sent=1)
        answer(client, f"refuse {client.sent[0].asks}")
        await until(caller, refused, "rejected")
        approved = await run(caller)
        draft = (await until(caller, approved, "draft"))["post"]
        await caller.post(f"/posts/{approved}/approve", {"digest": draft["digest"]})
        await until(caller, approved, "done")

        assert (await slot_ends(caller, refused))["state"] == "skipped"
        assert len(graph.feed()) == 1
        assert (await caller.get("/approvals"))["approvals"] == []


# --- what only a person can mend


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for long whether a post is live."""
    monkeypatch.setattr("carrier.runtime.becoming.LOOKING", 0)
    monkeypatch.setattr("carrier.runtime.becoming.PAUSES", (0.05, 0.05))


@asynccontextmanager
async def telling(folder: Path, **more: str) -> AsyncIterator[tuple[Project, Graph, Caller, MadeClient]]:
    """Somebody is told what goes wrong."""
    MadeClient.living.clear()
    async with demo(folder, **more) as (made, graph):
        made.write("agents.d/chat.yaml", "kind: client\ntype: carrier.testing.clients:MadeClient\nagent: tifa\n")
        made.edit("agents.d/tifa.yaml", "context: []", "context: []\nnotify: chat/ops")
        made.edit("agents.d/tifa.yaml", "listen:", "poll: 100ms\n    listen:")
        async with running_host(made), calling(made.data) as caller:
            yield made, graph, caller, MadeClient.living[-1]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["reset", "commit_then_reset"])
async def test_whether_a_post_is_live_is_asked_and_said(fault: Any, tmp_path: Path) -> None:
    async with telling(tmp_path) as (made, graph, caller, client):
        graph.script(Action(do=fault), "POST", "/media_publish$")
        graph.script(Action(do="status_lag", seconds=3600), "POST", "/media_publish$")
        slot = await run(caller)
        await until(caller, slot, "unconfirmed")
        await client.until(sent=1)
        seen = ["--published", "--media", graph.feed()[0].id] if graph.feed() else ["--retry"]
        await command(made, "posts", "resolve", slot, *seen)
        await until(caller, slot, "done")

        assert "nobody can say whether it is live" in client.sent[0].text
        assert len(graph.feed()) == 1
        assert [comment.text for comment in graph.comments(graph.feed()[0])] == ["#bergen"]


async def test_what_failed_is_begun_anew_when_somebody_says_so(tmp_path: Path) -> None:
    async with telling(tmp_path) as (made, graph, caller, _):
        graph.script(Action(do="error", code=36003, subcode=2207009, message="the ratio"), "POST", "/media$")
        slot = await run(caller)
        await until(caller, slot, "failed")
        await command(made, "posts", "retry", slot)
        await until(caller, slot, "done")

        assert len(graph.feed()) == 1


async def test_a_token_that_has_ended_is_told_once_with_what_helps_and_posts_wait(tmp_path: Path) -> None:
    async with telling(tmp_path) as (_, graph, caller, client):
        graph.spoil(graph.account)
        await client.until(sent=1)
        order = {"files": ["media/1.jpg"]}
        first, second = [(await caller.post("/posts", order))["post"]["id"] for _ in range(2)]
        await client.until(sent=2)
        async with asyncio.timeout(SECONDS):
            while not (shown := (await caller.get(f"/posts/{second}"))["post"])["stuck"]:  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)

        assert "tifa.gram is not let in any more" in client.sent[0].text
        assert "sign in anew and give it the new `access_token`" in client.sent[0].text
        assert f"The post {first} of tifa.gram waits" in client.sent[1].text
        assert (len(client.sent), shown["state"]) == (2, "approved")


async def test_a_version_that_has_ended_is_told_in_the_room_for_it(tmp_path: Path) -> None:
    async with telling(tmp_path) as (made, _, caller, client):
        made.edit("agents.d/tifa.yaml", "endpoint:", "graph_version: v20.0\n    endpoint:")
        await caller.post("/config/reload", {})
        await client.until(sent=1)

        assert "the Graph API v20.0 has ended, and answers as v21.0" in client.sent[0].text


async def test_one_occurrence_has_a_caption_of_its_own(tmp_path: Path) -> None:
    async with living(tmp_path) as (_, _, caller):
        slot = (await caller.post("/schedules/tifa.daily/edit", {"slot": "next", "text": "A happy new year"}))["slot"]
        calendar = (await caller.get("/schedules/calendar", days="366"))["days"]
        await caller.post("/schedules/tifa.daily/skip", {"slot": "next"})

        assert "A happy new year" in next(day["note"] for day in calendar if day["schedule"] == "tifa.daily")
        assert (await slot_ends(caller, slot))["state"] == "skipped"
