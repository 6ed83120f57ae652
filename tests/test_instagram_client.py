"""The Instagram client beside its posts: what it hears and looks for, what it answers, and how its token stays good."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from carrier.assemble import open_outlet
from carrier.clients.instagram.client import Instagram
from carrier.config.models.instagram import InstagramSettings
from carrier.errors import ActionError, CannotLook, LedgerError, Passing, PostError, Refused, Unauthorized
from carrier.interfaces import Given, Turn
from carrier.testing.clients import Delivered
from carrier.testing.films import Film
from carrier.testing.graph import APP_SECRET, Graph, local_graph
from carrier.testing.graph.faults import Action
from carrier.types.talk import Line, Message, Outgoing

DAY = 86400.0


@dataclass
class Here:
    """An account with a post on its feed, and what its client was told."""

    graph: Graph
    folder: Path
    delivered: Delivered
    client: Instagram
    login: str
    told: list[str] = field(default_factory=list)
    """What the operator was told."""
    all: list[Instagram] = field(default_factory=list)

    def made(self, **settings: Any) -> Instagram:
        account = self.graph.account
        written = {
            "login": self.login, "account_id": account.id, "access_token": account.token, "app_secret": APP_SECRET,
            "endpoint": {"graph": self.graph.url}, "listen": ["comments", "mentions", "messages"], **settings,
        }  # fmt: skip
        given = Given(
            _nothing,
            set,
            lambda: datetime.fromtimestamp(self.graph.world.clock.now(), UTC),
            data=self.folder,
            tell=self._tell,
        )
        self.all.append(Instagram("gram", InstagramSettings.model_validate(written), given))
        return self.all[-1]

    async def _tell(self, client: str, text: str) -> None:
        self.told.append(f"{client}: {text}")

    @property
    def post(self) -> Any:
        return self.graph.feed()[0]

    async def heard(self) -> Sequence[Message]:
        """What it makes of the last thing that a webhook told."""
        delivery = self.graph.hooks.deliveries[-1]
        return await self.client.hear(delivery.body, {"x-hub-signature-256": delivery.signature})

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """One that looks again and again, from now on."""
        life = asyncio.create_task(self.made(poll=0.05).run(self.delivered))
        try:
            await self.until(lambda: "gram/polled" in self.delivered.places)
            yield
        finally:
            life.cancel()
            await asyncio.wait([life])

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


async def _nothing(turn: Turn, most: int) -> list[Line]:
    return []


def answer(message: Message, text: str = "Thank you!") -> Outgoing:
    return Outgoing("one", "gram", message.room, text, "tifa", message.platform_id)


@pytest.fixture(params=["instagram"])
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Here]:
    from PIL import Image

    (tmp_path / "media").mkdir()
    picture = BytesIO()
    Image.new("RGB", (400, 400), "teal").save(picture, "JPEG")
    (tmp_path / "media" / "1.jpg").write_bytes(picture.getvalue())
    async with local_graph(login=request.param, media=tmp_path / "media", standing=True) as graph:
        made = Here(graph, tmp_path / "data", Delivered(), None, request.param)  # type: ignore[arg-type]
        made.client = made.made()
        container = await made.client.publisher.create({"image_url": f"{graph.url}/media/1.jpg"})
        await made.client.publisher.publish(container)
        # Nobody listens there, and it is kept all the same.
        graph.hooks.callback_url = "http://127.0.0.1:1/"
        await made.client._subscribe()
        yield made
        for client in made.all:
            await client._graph.close()


both = pytest.mark.parametrize("here", ["instagram", "facebook"], indirect=True)


# --- what it hears


@both
async def test_a_comment_is_told_with_its_place_and_answered_below_it(here: Here) -> None:
    comment = await here.graph.comment(here.post, "anna", "lovely")
    [message] = await here.heard()
    id = await here.client.send(answer(message))

    assert (message.room, message.platform_id, message.sender_name) == (
        f"gram/media:{here.post.id}",
        comment.id,
        "anna",
    )
    assert [(each.id, each.parent) for each in here.graph.comments(here.post)] == [(comment.id, None), (id, comment)]


@pytest.mark.parametrize("resend", [False, True])
async def test_an_order_is_given_again_only_where_the_client_says_so(resend: bool, here: Here) -> None:
    host = {"type": "folder", "folder": str(here.folder), "public_url": "https://example.com"}
    outlet = open_outlet(here.made(resend=resend, media_host=host), here.folder)

    assert outlet
    assert outlet.resend is resend


@both
async def test_a_mention_is_read_through_the_account_and_answered_there(here: Here) -> None:
    mention = await here.graph.mention("anna", "ask @tifa")
    [message] = await here.heard()
    await here.client.send(answer(message))

    assert (message.text, message.room) == ("ask @tifa", f"gram/mentions:{mention.post.id}")
    assert [each.text for each in here.graph.comments(mention.post)] == ["ask @tifa", "Thank you!"]


async def test_a_mention_that_cannot_be_read_now_has_to_be_told_again(here: Here) -> None:
    await here.graph.mention("anna", "ask @tifa")
    here.graph.script(Action(do="error", http=500, code=2, is_transient=True), "GET")

    with pytest.raises(Passing):
        await here.heard()
    assert len(await here.heard()) == 1


async def test_a_mention_that_is_gone_again_is_nothing(here: Here) -> None:
    mention = await here.graph.mention("anna", "ask @tifa")
    del here.graph.world.nodes[mention.id]

    assert list(await here.heard()) == []


# --- what it looks for


async def test_what_was_said_is_found_without_a_webhook_and_told_from_then_on(here: Here) -> None:
    await here.graph.comment(here.post, "anna", "before anybody looked")
    here.graph.advance(5)
    async with here.looking():
        first = await here.graph.comment(here.post, "anna", "lovely")
        await here.until(lambda: here.delivered.all)
        reply = await here.graph.comment(here.post, "bo", "so it is", first)
        mine = await here.client.send(answer(here.delivered.all[0]))
        await here.graph.message("anna", "hello")
        await here.until(lambda: {"lovely", "so it is", "hello"} <= {each.text for each in here.delivered.all})

    told = {each.platform_id: each for each in here.delivered.all}
    assert mine not in told
    assert told[reply.id].reply_to == first.id
    assert "before anybody looked" not in {each.text for each in here.delivered.all}
    assert [each.room.partition(":")[0] for each in told.values() if each.direct] == ["gram/messages"]


async def test_what_was_said_while_nobody_looked_is_found_afterwards(here: Here) -> None:
    async with here.looking():
        pass
    here.graph.advance(600)
    await here.graph.comment(here.post, "anna", "anybody there?")
    async with here.looking():
        await here.until(lambda: here.delivered.all)

    assert here.delivered.all[0].text == "anybody there?"


async def test_what_was_found_is_not_lost_to_an_error_that_comes_after_it(here: Here) -> None:
    container = await here.client.publisher.create({"image_url": f"{here.graph.url}/media/1.jpg"})
    await here.client.publisher.publish(container)
    newest, older = here.graph.feed()
    async with here.looking():
        here.graph.script(Action(do="error", http=500, code=2), "GET", f"{older.id}/comments$", times=2)
        await here.graph.comment(newest, "anna", "lovely")
        await here.graph.comment(older, "bo", "so lovely")
        await here.until(lambda: len({each.platform_id for each in here.delivered.all}) == 2)


async def test_what_could_not_be_taken_in_is_looked_for_again(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(message: Message, cursor: str = "") -> None:
        raise LedgerError("the disk is full")

    client = here.made(poll=0.05)
    await here.client.token()
    here.delivered.places["gram/polled"] = str(here.graph.world.clock.now() - 1)
    await here.graph.comment(here.post, "anna", "lovely")
    with monkeypatch.context() as broken:
        broken.setattr(Delivered, "__call__", lambda self, message, cursor="": full(message))
        with pytest.raises(ExceptionGroup):
            await client.run(here.delivered)
    life = asyncio.create_task(client.run(here.delivered))
    await here.until(lambda: here.delivered.all)
    life.cancel()
    await asyncio.wait([life])


# --- what it says and does


async def test_a_message_outside_of_its_window_is_refused_and_the_account_goes_on(here: Here) -> None:
    await here.graph.message("anna", "hello")
    [message] = await here.heard()
    await here.client.send(answer(message))
    here.graph.advance(DAY + 60)

    with pytest.raises(Refused, match="outside of allowed window"):
        await here.client.send(answer(message))


async def test_what_the_app_may_not_do_is_refused_and_the_account_goes_on(here: Here) -> None:
    await here.graph.comment(here.post, "anna", "lovely")
    [message] = await here.heard()
    here.graph.account.permissions.clear()

    with pytest.raises(Refused, match="permission"):
        await here.client.send(answer(message))


async def test_a_token_that_is_good_for_nothing_ends_the_client_and_says_what_to_do(here: Here) -> None:
    here.graph.spoil(here.graph.account)

    with pytest.raises(Unauthorized, match="sign in anew"):
        await here.made().run(here.delivered)


@both
async def test_a_token_that_ends_while_nothing_happens_is_noticed_within_a_day(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carrier.clients.instagram.client.DAY", 0.01)
    life = asyncio.create_task(here.client.run(here.delivered))
    await here.until(lambda: here.graph.journal.find("POST", "subscribed_apps")[1:])
    here.graph.script(Action(do="error", http=500, code=2, is_transient=True), "GET")
    here.graph.spoil(here.graph.account)
    async with asyncio.timeout(10):
        await asyncio.wait([life])

    [error] = life.exception().exceptions  # type: ignore[union-attr]
    assert isinstance(error, Unauthorized)


async def test_an_answer_that_may_stand_there_is_looked_for_when_it_would_be_listed(here: Here) -> None:
    await here.graph.comment(here.post, "anna", "lovely")
    [message] = await here.heard()
    here.graph.script(Action(do="commit_then_reset"), "POST", "/replies$")

    with pytest.raises(ConnectionError):
        await here.client.send(answer(message))
    with pytest.raises(Passing) as later:
        await here.client.find(answer(message))
    assert 50 < later.value.retry_after <= 60
    assert await here.made().find(answer(message)) == here.graph.comments(here.post)[-1].id


async def test_an_answer_to_a_reply_is_looked_for_where_instagram_puts_it(here: Here) -> None:
    first = await here.graph.comment(here.post, "anna", "lovely")
    await here.graph.comment(here.post, "bo", "so it is", first)
    [message] = await here.heard()

    id = await here.client.send(answer(message))

    assert await here.client.find(answer(message)) == id


async def test_whether_a_direct_message_arrived_cannot_be_looked_up(here: Here) -> None:
    await here.graph.message("anna", "hello")
    [message] = await here.heard()

    with pytest.raises(CannotLook):
        await here.client.find(answer(message))


async def test_a_comment_is_hidden_and_deleted(here: Here) -> None:
    spam = await here.graph.comment(here.post, "spam", "buy")
    [message] = await here.heard()

    await here.client.act("instagram/hide", message, {})
    assert spam.hidden
    await here.client.act("instagram/delete", message, {})
    assert here.graph.comments(here.post) == []
    with pytest.raises(ActionError):
        await here.client.act("instagram/delete", message, {})


async def test_a_client_that_has_ended_answers_and_keeps_no_connection(here: Here) -> None:
    here.graph.spoil(here.graph.account)
    ended = here.made()
    with pytest.raises(Unauthorized):
        await ended.run(here.delivered)
    with pytest.raises(Unauthorized):
        await ended.token()

    assert ended._graph._client is None


@pytest.mark.parametrize(("minutes", "seconds"), [(5, 300), (0, 3600)])
async def test_an_account_that_has_used_its_calls_makes_no_more_for_as_long_as_it_is_told(
    minutes: int, seconds: int, here: Here
) -> None:
    here.graph.script(Action(do="usage", call_count=91, eta=minutes), "GET")
    await here.client.token()
    before = len(here.graph.journal.entries)

    with pytest.raises(Passing, match="asked for a pause") as error:
        await here.client.token()
    assert seconds - 30 < (error.value.retry_after or 0) <= seconds
    assert len(here.graph.journal.entries) == before


async def test_a_direct_message_can_be_neither_hidden_nor_deleted(here: Here) -> None:
    await here.graph.message("anna", "hello")
    [message] = await here.heard()

    with pytest.raises(ActionError, match="only below posts"):
        await here.client.act("instagram/hide", message, {})


# --- its token


async def renewed(here: Here, days: float) -> None:
    here.graph.advance(days * DAY)
    life = asyncio.create_task(here.client.run(here.delivered))
    await here.client.ready.wait()
    await here.until(lambda: here.graph.journal.find("POST", "subscribed_apps")[1:] or life.done())
    await asyncio.wait([life], timeout=0.2)
    life.cancel()
    await asyncio.wait([life])


async def test_a_token_is_renewed_in_time_kept_encrypted_and_taken_up_after_a_restart(here: Here) -> None:
    configured = here.graph.account.token
    here.client._tokens.open()
    await renewed(here, days=2)
    after, kept = here.graph.account.token, [*here.folder.rglob("*.token")]

    assert after != configured
    assert len(kept) == 1
    assert after.encode() not in kept[0].read_bytes()
    assert kept[0].stat().st_mode & 0o077 == 0
    here.graph.account.token = configured
    again = here.made()
    again._tokens.open()
    assert again._tokens.token.value == after


async def test_a_token_that_was_just_got_is_not_renewed(here: Here) -> None:
    here.client._tokens.open()
    before = here.graph.account.token

    await renewed(here, days=0.5)

    assert here.graph.account.token == before


async def test_another_token_in_the_file_begins_anew(here: Here) -> None:
    here.client._tokens.open()
    await renewed(here, days=2)
    other = here.graph.renew(here.graph.account)
    again = here.made()
    again._tokens.open()

    assert again._tokens.token.value == other


async def test_the_old_token_stays_until_the_new_one_was_accepted(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    before = here.client._tokens.token.value
    here.client._tokens.open()
    here.graph.script(Action(do="error", http=400, code=190, subcode=467), "GET", "^me$", nth=2)

    await renewed(here, days=2)

    assert here.client._tokens.token.value == before
    assert "the renewed token is not accepted" in caplog.text


async def test_a_token_that_nears_its_end_and_cannot_be_renewed_is_told_at_each_stage_once(here: Here) -> None:
    here.client._tokens.open()
    await renewed(here, days=2)
    here.graph.script(Action(do="error", http=500, code=2), "GET", "refresh_access_token", times=None)
    told = []
    for days in (40, 8, 1, 6):
        await renewed(here, days=days)
        told.append(len(here.told))

    assert told == [0, 1, 1, 2]
    assert "gram: the access token of gram ends in 12 days, and cannot be renewed" in here.told[0]
    assert "get a new one for `access_token`" in here.told[0]


@pytest.mark.parametrize(("version", "told"), [("v25.0", 0), ("v20.0", 1), ("v21.0", 1)])
async def test_a_version_that_ends_is_told_once(version: str, told: int, here: Here) -> None:
    client = here.made(graph_version=version, poll=0.0)
    for _ in range(2):
        await client._ask_who()
        await client._look_at_version()

    assert len(here.told) == told
    assert all("`graph_version`" in each for each in here.told)


async def test_what_is_not_answered_says_what_happened_on_the_way(here: Here) -> None:
    client = here.made()
    client._graph.read_seconds = 0.05
    here.graph.script(Action(do="hang"), "GET")

    with pytest.raises(Passing, match="no answer: ReadTimeout"):
        await client.token()


async def test_a_client_that_ends_while_a_connection_opens_keeps_none(here: Here) -> None:
    graph = here.made()._graph
    opening = asyncio.create_task(graph._kept())
    await asyncio.sleep(0)
    await graph.close()

    assert await opening is not None
    assert (graph._client, await graph._kept()) == (None, None)


async def test_a_token_that_meta_repeats_in_an_error_is_told_nobody(here: Here) -> None:
    token = here.graph.account.token
    here.graph.script(Action(do="error", code=190, message=f"Malformed access token {token}"), "GET")

    with pytest.raises(Unauthorized) as error:
        await here.client.token()
    assert token not in str(error.value)
    assert "Malformed access token …" in str(error.value)


@pytest.mark.parametrize("here", ["facebook"], indirect=True)
async def test_what_an_upload_has_used_up_counts(here: Here) -> None:
    publisher, file = here.client.publisher, here.folder.parent / "media" / "1.mp4"
    Film()(file)
    container = await publisher.create({"media_type": "REELS", "upload_type": "resumable"})
    here.graph.script(Action(do="usage", call_count=95, eta=5), "POST", "ig-api-upload")
    await publisher.send(container, file)

    with pytest.raises(PostError, match="asked for a pause"):
        await publisher.container(container)
