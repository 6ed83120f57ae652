"""A post goes out once, or it is said why not: whatever the platform answers, and wherever the process dies."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from carrier.assemble import open_darkroom
from carrier.errors import LedgerError
from carrier.ledger import posts as rows
from carrier.ledger import slots
from carrier.posting import Posting
from carrier.runtime import becoming
from carrier.runtime.editing import Editing
from carrier.testing.graph import EVERY_FAULT, Action
from carrier.testing.posting import CLIENT, Died, Fuse, Fused, Trial, trial
from carrier.types.posts import Post


class DiesAtTheComment(Fused):
    """A publisher whose process ends when a comment was written."""

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name) if name == "comment" else getattr(self._real, name)


REPEATS = ("same_id", "error_2207008", "duplicate")
MINE = "Good morning"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Trial]:
    async with trial(tmp_path) as made:
        yield made


def live(here: Trial) -> int:
    """How often it is to be seen; what others have posted does not count."""
    return len([post for post in here.graph.feed() if post.caption == MINE and not post.decoy])


async def test_a_picture_goes_out_once_with_each_step_on_disk(here: Trial) -> None:
    await here.add()

    post = await here.until_over()

    assert (post.state, live(here), here.orders()) == ("done", 1, 1)
    assert post.media == here.graph.feed()[0].id
    assert post.permalink.startswith(here.graph.url)
    steps = await here.ledger.read(partial(rows.steps, id=post.id))
    assert [step.state for step in steps] == [
        "approved", "uploading", "uploading", "creating", "preparing", "ordered", "published", "done",
    ]  # fmt: skip
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert here.host.removed == ["one.jpg"]


async def test_a_carousel_is_told_of_only_when_all_its_pictures_are_ready(here: Trial) -> None:
    here.graph.rule(image_seconds=30)
    files = tuple(here.picture(f"{n}.jpg") for n in range(3))
    await here.add(here.content(kind="carousel", files=files))

    post = await here.until_over()

    assert (post.state, live(here)) == ("done", 1)
    assert len(here.graph.containers()) == 4


async def test_the_first_comment_is_written_once(here: Trial) -> None:
    await here.add(here.content(first_comment="#bergen"))
    here.graph.script(Action(do="commit_then_reset"), "POST", "/comments$")

    post = await here.until_over()

    assert post.state == "done"
    assert [comment.text for comment in here.graph.comments(here.graph.feed()[0])] == ["#bergen"]
    assert post.comment == here.graph.comments(here.graph.feed()[0])[0].id


# --- sent, instead of fetched


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Trial]:
    async with trial(tmp_path, login="facebook") as made:
        yield made


async def test_a_reel_is_sent_where_the_login_allows_it_and_needs_no_media_host(sending: Trial) -> None:
    await sending.add(sending.content(kind="reel", files=(sending.video(),)))

    post = await sending.until_over()

    assert (post.state, live(sending), sending.orders()) == ("done", 1, 1)
    assert post.hosted == ()
    assert sending.host.removed == []
    assert sending.graph.feed()[0].files[0].body == (sending.folder / "one.mp4").read_bytes()


async def test_what_broke_off_goes_on_where_it_ended(sending: Trial) -> None:
    sending.graph.script(Action(do="cut", bytes=20_000), "POST", "ig-api-upload")
    await sending.add(sending.content(kind="reel", files=(sending.video(more=3_000_000),)))

    post = await sending.until_over()

    assert (post.state, live(sending)) == ("done", 1)
    assert sum("ig-api-upload" in entry.path for entry in sending.graph.journal.entries) == 2
    assert sending.graph.feed()[0].files[0].body == (sending.folder / "one.mp4").read_bytes()


async def test_the_cover_of_a_reel_that_is_sent_is_fetched(sending: Trial) -> None:
    await sending.add(sending.content(kind="reel", files=(sending.video(),), cover=sending.picture()))

    post = await sending.until_over()

    assert (post.state, sending.host.removed) == ("done", ["one.jpg"])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 9))
async def test_a_process_that_dies_while_a_reel_is_sent_leaves_one_or_says_so(
    at: int, after: bool, sending: Trial
) -> None:
    sending.graph.rule(repeat="duplicate")
    await sending.add(sending.content(kind="reel", files=(sending.video(),)))

    post = await sending.until_over(fuse=Fuse(at, after))

    assert live(sending) <= 1
    assert post.state == ("done" if live(sending) else "unconfirmed")


# --- whatever the platform answers


async def check(here: Trial, fault: str, repeat: str, fuse: Fuse | None = None) -> Post:
    """A post through a fault of the order to publish; what has to hold of any."""
    here.graph.rule(repeat=repeat)
    if fault:
        here.graph.script(EVERY_FAULT[fault], "POST", "/media_publish$")
    await here.add()
    post = await here.until_over(fuse=fuse)
    assert live(here) <= 1
    assert here.orders() <= 1 + ("error" in fault and not fault.startswith("commit") and live(here))
    assert post.state in ("done", "unconfirmed", "failed", "missed")
    assert not (post.state in ("failed", "missed") and live(here))
    if post.media:
        assert post.media in {each.id for each in here.graph.feed() if not each.decoy}
    return post


@pytest.mark.parametrize("fault", ["", *EVERY_FAULT])
async def test_no_answer_to_the_order_makes_two_posts_or_hides_one(fault: str, here: Trial) -> None:
    post = await check(here, fault, "duplicate")

    if live(here):
        assert post.state == "done"
    else:
        assert post.state == "unconfirmed"
        assert here.told == [post]


COMMITTED = [name for name in EVERY_FAULT if name.startswith("commit")] + ["late_commit", "status_lag"]


@pytest.mark.parametrize("fault", COMMITTED)
async def test_what_is_live_is_found_out_whatever_was_answered(fault: str, here: Trial) -> None:
    post = await check(here, fault, "duplicate")

    assert (post.state, post.media) == ("done", here.graph.feed()[0].id)


async def test_a_post_of_somebody_elses_with_the_same_words_is_never_taken_for_it(here: Trial) -> None:
    here.graph.script(EVERY_FAULT["same_caption_decoy"], "POST", "/media_publish$")
    here.graph.script(EVERY_FAULT["commit_then_reset"], "POST", "/media_publish$")

    post = await check(here, "", "same_id")

    assert (post.state, post.media) == ("done", "")
    assert "cannot be told" in post.reason


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 8))
async def test_a_process_that_dies_anywhere_leaves_one_post_or_says_so(at: int, after: bool, here: Trial) -> None:
    fuse = Fuse(at, after)

    post = await check(here, "", "duplicate", fuse)

    assert post.state == ("done" if live(here) else "unconfirmed")


def combinations() -> list[tuple[str, str, int, bool]]:
    return list(product(["", *EVERY_FAULT], REPEATS, range(9), (False, True)))


@pytest.mark.parametrize("case", random.Random(7).sample(combinations(), 20), ids=str)
async def test_faults_and_deaths_together_make_no_second_post(case: tuple[str, str, int, bool], here: Trial) -> None:
    fault, repeat, at, after = case

    await check(here, fault, repeat, Fuse(at, after))


@pytest.mark.torture
@pytest.mark.parametrize("case", combinations(), ids=str)
async def test_every_fault_with_every_death_makes_no_second_post(case: tuple[str, str, int, bool], here: Trial) -> None:
    fault, repeat, at, after = case

    await check(here, fault, repeat, Fuse(at, after))


# --- what waits, and what is over


async def test_nothing_is_told_to_the_platform_when_the_day_is_used_up(here: Trial) -> None:
    here.graph.rule(quota_total=0)
    await here.add(expires=here.ledger.clock.tick() + 7200 * 1_000_000)

    post = await here.until_over()

    assert (post.state, here.graph.containers()) == ("missed", [])


async def test_a_post_whose_time_has_passed_is_missed_without_a_call(here: Trial) -> None:
    await here.add(expires=1)

    post = await here.until_over()

    assert post.state == "missed"
    assert here.graph.journal.entries == []
    assert here.told == [post]


async def test_a_token_that_is_good_for_nothing_waits_for_a_new_one_and_is_told_once(here: Trial) -> None:
    here.graph.spoil(here.graph.account)
    # In between it cannot be asked for a moment.
    here.graph.script(Action(do="reset"), "GET", "/content_publishing_limit$", nth=5)
    day = 86400 * 1_000_000
    await here.add(expires=here.ledger.clock.tick() + day)
    await here.until_over(most=4 * 3600)

    assert [told.stuck for told in here.told] == [True]
    here.graph.renew(here.graph.account)

    assert (await here.until_over()).state == "done"


async def test_a_file_that_was_changed_after_it_was_approved_does_not_go_out(here: Trial) -> None:
    content = here.content()
    await here.add(content)
    here.picture(size=(500, 500))

    post = await here.until_over()

    assert (post.state, live(here)) == ("failed", 0)
    assert "one.jpg is not what it was" in post.reason


async def test_what_the_platform_will_never_take_fails_at_once_with_its_words(here: Trial) -> None:
    await here.add(here.content(caption="x" * 2300))

    post = await here.until_over()

    assert post.state == "failed"
    assert "The caption was too long" in post.reason
    assert len(here.graph.journal.find("POST", "/media")) == 1


async def test_two_at_work_on_one_post_order_it_once(here: Trial) -> None:
    await here.add()

    post = await here.post()
    first, second = here.posting(), here.posting()
    for _ in range(10):
        await first.work()
        await second.work()

    assert (await here.post()).state == "done"
    assert (live(here), here.orders()) == (1, 1)
    assert await here.ledger.write(partial(rows.advance, clock=here.ledger.clock, post=post)) is None


async def test_an_order_without_a_trace_is_repeated_only_where_the_operator_says_so(here: Trial) -> None:
    here.resend = True
    here.graph.script(EVERY_FAULT["reset"], "POST", "/media_publish$")
    await here.add()

    post = await here.until_over()

    assert (post.state, live(here), here.orders()) == ("done", 1, 2)


async def test_no_token_is_ever_in_an_address(here: Trial) -> None:
    await here.add(here.content(first_comment="#bergen"))
    await here.until_over()

    assert here.graph.account.token not in repr(here.graph.journal.entries)
    assert all("access_token" not in repr(entry) for entry in here.graph.journal.entries)


# --- no way out, no second one


async def test_an_order_that_was_refused_leaves_a_post_that_can_be_begun_anew(here: Trial) -> None:
    here.graph.script(Action(do="error", code=9, subcode=2207042), "POST", "/media_publish$", times=99)
    await here.add()

    post = await here.until_over()

    assert (post.state, live(here), post.ordered) == ("missed", 0, 0)


@pytest.mark.parametrize("refusal", [(-2, 2207020), (190, 463), (9, 2207042)])
async def test_a_second_order_that_is_refused_says_nothing_of_the_first(refusal: tuple[int, int], here: Trial) -> None:
    here.resend = True
    here.graph.script(Action(do="status_lag", seconds=7200), "POST", "/media_publish$")
    here.graph.script(EVERY_FAULT["commit_then_reset"], "POST", "/media_publish$")
    code, subcode = refusal
    here.graph.script(Action(do="error", code=code, subcode=subcode), "POST", "/media_publish$", nth=2, times=99)
    await here.add()

    post = await here.until_over()

    assert (post.state, live(here), here.orders()) == ("unconfirmed", 1, 2)
    assert "; it may be http" in post.reason


async def test_an_order_whose_container_cannot_be_read_any_more_is_told_to_somebody(here: Trial) -> None:
    here.graph.script(EVERY_FAULT["commit_then_reset"], "POST", "/media_publish$")
    await here.add()
    posting = here.posting()
    while (await here.post()).state != "ordered":
        here.graph.advance(1)
        await posting.work()
    here.graph.script(Action(do="error", code=100, message="not like this"), "GET", "^[0-9]+$", times=9999)

    post = await here.until_over()

    assert (post.state, "not like this" in post.reason) == ("unconfirmed", True)


async def test_an_account_that_is_taken_for_spam_is_left_alone_for_long(here: Trial) -> None:
    here.graph.script(Action(do="error", code=4, subcode=2207051), "POST", "/media$", times=None)
    await here.add()
    post = await here.until_over()

    assert (post.state, here.told[0].stuck) == ("missed", True)
    assert len(here.graph.journal.find("POST", "/media")) <= 2


@pytest.mark.parametrize("subcode", [2207053, 2207003])
async def test_a_container_that_is_lost_to_a_fault_of_the_platform_is_made_anew(subcode: int, here: Trial) -> None:
    here.graph.script(Action(do="spoilt", subcode=subcode), "POST", "/media$")
    await here.add()

    post = await here.until_over()

    assert (post.state, live(here), len(here.graph.containers())) == ("done", 1, 2)


async def test_what_passes_is_waited_out_while_there_is_time_and_told_once(here: Trial) -> None:
    here.graph.script(Action(do="error", http=500, code=2, is_transient=True), "POST", "/media$", times=20)
    await here.add()

    post = await here.until_over()

    assert (post.state, live(here), post.stuck) == ("done", 1, False)
    assert [(told.state, told.stuck) for told in here.told] == [("creating", True)]


async def test_what_does_not_pass_in_time_is_missed_with_its_reason(here: Trial) -> None:
    here.graph.script(Action(do="error", http=500, code=2, is_transient=True), "POST", "/media$", times=None)
    await here.add()

    post = await here.until_over()

    assert (post.state, live(here)) == ("missed", 0)
    assert post.reason.startswith("its time had passed before it could go out: ")
    assert "POST" in post.reason
    assert [told.state for told in here.told] == ["creating", "missed"]


async def test_a_post_whose_steps_follow_one_another_can_still_be_dropped(here: Trial) -> None:
    darkroom = open_darkroom(here.folder, here.folder)
    editing = Editing(here.ledger, darkroom, lambda: None, lambda name: None, lambda *_: None, lambda name: None)
    await here.add(state="preparing")

    async def step() -> None:
        while (post := await here.post()).state == "preparing":
            newer = replace(post, reason=f"{post.version} times looked at")
            await here.ledger.write(partial(rows.advance, clock=here.ledger.clock, post=newer))

    stepping = [asyncio.create_task(step()) for _ in range(5)]
    async with asyncio.timeout(10):
        while (await here.post()).version < 10:
            pass
        dropped = await editing.reject("morning@1", "anna")
        await asyncio.gather(*stepping)

    assert (dropped.state, await here.post()) == ("rejected", dropped)


async def test_a_post_whose_client_is_not_here_goes_out_soon_after_it_is(here: Trial) -> None:
    posting = here.posting()
    outlet, posting.outlet = posting.outlet, lambda name: None
    await here.add()
    due = await posting.work()
    posting.outlet = outlet

    assert due is not None
    assert due - here.ledger.clock.tick() <= 60 * 1_000_000
    assert (await here.until_over()).state == "done"


async def test_a_media_host_that_cannot_even_be_made_fails_its_post_alone(here: Trial) -> None:
    def broken(name: str) -> Any:
        raise RuntimeError("no such module")

    posting = here.posting()
    posting.outlet = broken
    await here.add()
    await posting.work()

    assert ((await here.post()).state, (await here.post()).reason) == ("failed", "RuntimeError: no such module")


async def test_a_comment_that_may_have_been_written_is_looked_for_only_when_it_would_be_listed(here: Trial) -> None:
    here.graph.rule(image_seconds=0)
    await here.add(here.content(first_comment="#bergen"))
    posting = here.posting()
    made = posting.outlet(CLIENT)
    assert made
    dying = replace(made, publisher=DiesAtTheComment(made.publisher, Fuse(1, after=True)))
    posting.outlet = lambda name: dying
    with pytest.raises(Died):
        await posting.work()
    written = len(here.graph.comments(here.graph.feed()[0]))
    due = await here.posting().work()

    assert written == 1
    assert due is not None
    assert due - here.ledger.clock.tick() > 50 * 1_000_000
    assert here.graph.journal.find("GET", "/comments") == []


async def test_a_platform_that_says_for_how_long_it_takes_no_calls_is_asked_after_that(here: Trial) -> None:
    here.graph.script(Action(do="usage", call_count=100, eta=5), "POST", "/media$")
    here.graph.script(Action(do="error", code=80002), "POST", "/media$")
    await here.add()
    await here.posting().work()

    post = await here.post()

    assert post.wakes - here.ledger.clock.tick() <= 301 * 1_000_000


@pytest.mark.parametrize(("reason", "state"), [("", "rejected"), ("run by anna", "done")])
async def test_what_was_approved_stays_here_while_its_schedule_is_paused(reason: str, state: str, here: Trial) -> None:
    slot = slots.Slot("morning@1", "morning", "tifa", "waiting for approval", 0, 0, 0, "post", reason=reason)
    await here.ledger.write(partial(slots.begin, name="morning", timing="", cursor=0))
    await here.ledger.write(partial(slots.file, clock=here.ledger.clock, filed=slots.Filed(slot)))
    await here.ledger.write(partial(slots.pause, name="morning", by="bo"))
    await here.add(slot="morning@1")

    post = await here.until_over()

    assert (post.state, post.reason) == (state, "" if reason else "paused by bo")


# --- by a clock that may be wrong


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is looked at all the time."""
    monkeypatch.setattr("carrier.posting.LOOK", 0.01)


@asynccontextmanager
async def running(posting: Posting) -> AsyncIterator[None]:
    life = asyncio.create_task(posting.run())
    try:
        yield
    finally:
        life.cancel()
        await asyncio.wait([life])


async def until(here: Trial, *states: str, id: str = "morning@1") -> None:
    async with asyncio.timeout(10):
        while (await here.post(id)).state not in states:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("quick")
async def test_a_post_whose_time_comes_while_the_machine_sleeps_goes_out_when_it_wakes(here: Trial) -> None:
    at = here.ledger.clock.now() + 7200 * 1_000_000
    await here.add(due=at, expires=at + 3600 * 1_000_000)
    posting = here.posting()
    async with running(posting):
        await posting.work()
        here.graph.advance(7201)
        await until(here, "preparing", "done")


@pytest.mark.usefixtures("quick")
async def test_a_clock_that_is_wrong_for_a_while_makes_nothing_go_out_and_nothing_missed(here: Trial) -> None:
    times = [0]
    here.ledger.clock._now = lambda: int(here.graph.world.clock.now() * 1e6) + times[0]
    at = here.ledger.clock.now() + 7200 * 1_000_000
    await here.add(state="draft", due=at, expires=at)
    posting, looks = here.posting(), [0]

    def held() -> bool:
        looks[0] += 1
        return times[0] > 0

    posting.held = held
    async with running(posting), asyncio.timeout(10):
        for wrong in (10 * 86400 * 1_000_000, 0):
            times[0], looks[0] = wrong, 0
            here.ledger.clock.tick()
            while looks[0] < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert (await here.post()).state == "draft"


@pytest.mark.usefixtures("quick")
async def test_a_ledger_that_could_not_be_written_for_a_moment_keeps_no_post_waiting(
    here: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carrier.posting.LEDGER_PAUSE", 0.01)
    advance, broken = rows.advance, [True, True]

    def failing(*given: Any, **named: Any) -> Post | None:
        if broken:
            broken.pop()
            raise LedgerError("the disk is full")
        return advance(*given, **named)

    monkeypatch.setattr("carrier.ledger.posts.advance", failing)
    await here.add()
    async with running(here.posting()):
        await until(here, "preparing", "done")
    assert not broken


async def test_a_client_whose_host_hangs_keeps_no_other_waiting(here: Trial) -> None:
    class Hangs:
        async def put(self, file: Path, media_type: str) -> None:
            await asyncio.Event().wait()

    posting = here.posting()
    made = posting.outlet(CLIENT)
    assert made
    hanging = replace(made, host=Hangs())  # type: ignore[arg-type]
    posting.outlet = lambda name: hanging if name == "other" else made
    await here.add(id="other@1", client="other")
    async with running(posting):
        await until(here, "uploading", id="other@1")
        await here.add()
        here.graph.advance(1)
        posting.wake.set()
        await until(here, "preparing", "done")


# --- the same, with a client that tries again as most do


@pytest.mark.parametrize("fault", ["commit_then_reset", "commit_then_error_2_transient", "commit_then_hang"])
async def test_a_client_that_gives_the_order_again_posts_twice(fault: str, here: Trial, monkeypatch: Any) -> None:
    def naive(post: Post, reason: str, now: int) -> Post:
        return becoming.waiting(replace(post, state="creating", parts=(), container=""), 5, reason, now)

    monkeypatch.setattr(becoming, "look_later", naive)
    here.graph.script(EVERY_FAULT[fault], "POST", "/media_publish$")
    await here.add()
    await here.until_over()

    assert live(here) == 2


async def test_files_that_were_used_are_known_by_what_they_hold(here: Trial) -> None:
    content = here.content()
    await here.add(content)

    used = await here.ledger.read(partial(rows.used, client=CLIENT))

    assert set(used) == {content.files[0].digest}
