"""What comes up by the clock is taken in once and in time, or its record says why not; time passes when it is told."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carrier.config.timing import begins
from carrier.errors import Conflict, UnknownAgent, UnknownSchedule, UnknownSlot
from carrier.ledger import slots
from carrier.ledger.tables import inbox, messages, outbox, schedules
from carrier.testing.schedules import START, LittleScheduler, VirtualWall, little_scheduler, schedule, words

HOUR = timedelta(hours=1)


@pytest.fixture
def wall() -> VirtualWall:
    return VirtualWall()


@pytest.fixture
async def little(tmp_path: Path, wall: VirtualWall) -> AsyncIterator[LittleScheduler]:
    async with little_scheduler(tmp_path, wall) as little:
        yield little


async def until(little: LittleScheduler, hours: float) -> None:
    """So many hours after the start, with the work of each slot done when it came up."""
    await little.at(START + hours * HOUR, working=True)


# --- taken in -------------------------------------------------------------------------------------------------------


async def test_a_slot_is_its_record_the_cursor_and_the_order_for_its_work(little: LittleScheduler) -> None:
    little.add(schedule(wording=words("It is {{ slot.strftime('%H:%M') }}, says {{ agent.name }}.")))

    await little.at(START + HOUR)

    (slot,) = await little.slots()
    (message,) = await rows(little, messages)
    (waiting,) = await rows(little, inbox)
    (line,) = await rows(little, schedules)
    assert (slot.id, slot.state, slot.text) == ("tifa.hello@2026-11-21T12:00:00Z", "due", "It is 13:00, says tifa.")
    assert slot.message == message.id == waiting.message
    assert (message.room, message.kind, message.text) == ("chat/garden", "schedule", "It is 13:00, says tifa.")
    assert (waiting.agent, waiting.room, waiting.state) == ("tifa", "chat/garden", "waiting")
    assert line.cursor == slot.due_at
    assert [taken.message.id for taken in little.taken] == [message.id]


async def rows(little: LittleScheduler, table: Any) -> list[Any]:
    return await little.ledger.read(lambda connection: list(connection.execute(select(table))))


async def test_a_task_has_a_room_of_its_own(little: LittleScheduler) -> None:
    little.add(schedule("tifa.goals", room="", wording=words("Read the goals.")))

    await little.at(START + HOUR)

    (taken,) = little.taken
    assert (taken.message.client, taken.message.room) == ("schedule", "schedule/tifa.goals")


async def test_what_has_only_just_come_counts_from_then_on(little: LittleScheduler) -> None:
    little.add(schedule(catch_up="all"), schedule("tifa.late", at="2026-11-21T11:59", catch_up="all"))

    await little.look()

    assert await little.slots() == await little.slots("tifa.late") == []


async def test_what_comes_once_comes_once(little: LittleScheduler) -> None:
    little.add(schedule(at="2026-11-21T14:00"))

    await until(little, 48)

    assert await little.states() == ["done 13:00"]


async def test_one_whose_words_are_not_whole_stands_still(little: LittleScheduler) -> None:
    little.add(replace(schedule(room=""), wording=None))

    await little.at(START + 5 * HOUR)

    assert await little.slots() == []
    assert await rows(little, schedules) == []


async def test_words_that_cannot_be_rendered_have_failed_and_no_words_are_skipped(little: LittleScheduler) -> None:
    little.add(
        schedule("tifa.broken", wording=words("{{ nothing }}")),
        schedule("tifa.weekdays", wording=words("{% if slot.isoweekday() < 6 %}Work!{% endif %}")),
    )

    await little.at(START + HOUR)

    ((broken,), (quiet,)) = await little.slots("tifa.broken"), await little.slots("tifa.weekdays")
    assert (broken.state, quiet.state) == ("failed", "skipped")
    assert "'nothing' is undefined" in broken.reason
    assert little.taken == []


# --- missed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "away", "expected"),
    [
        ({}, 5.5, ["missed 13:00", "missed 14:00", "missed 15:00", "missed 16:00"]),
        ({}, 5.01, ["missed 13:00", "missed 14:00", "missed 15:00", "due 16:00"]),
        ({"catch_up": "once", "grace": 7200.0}, 5.5, ["missed 13:00", "missed 14:00", "skipped 15:00", "due 16:00"]),
        ({"catch_up": "once", "grace": 600.0}, 5.5, ["missed 13:00", "missed 14:00", "missed 15:00", "missed 16:00"]),
        ({"catch_up": "all", "grace": 7200.0}, 5.5, ["missed 13:00", "missed 14:00", "due 15:00", "due 16:00"]),
        ({"catch_up": "all", "grace": 36000.0}, 5.5, ["due 13:00", "due 14:00", "due 15:00", "due 16:00"]),
    ],
)
async def test_what_was_missed_is_caught_up_as_declared(
    little: LittleScheduler, more: dict[str, Any], away: float, expected: list[str]
) -> None:
    little.add(schedule(**more))
    await until(little, 1)

    little.wall.passes(START + away * HOUR)
    await little.look()

    assert (await little.states())[1:] == expected


async def test_at_most_ten_are_caught_up_and_those_before_share_a_record(little: LittleScheduler) -> None:
    little.add(schedule(every=60.0, catch_up="all", grace=86400.0))
    await little.look()

    little.wall.passes(START + 10 * HOUR)
    await little.look()

    first, *others = await little.slots()
    assert (first.state, first.covers, first.id) == ("missed", 590, "tifa.hello@2026-11-21T11:01:00Z")
    assert [slot.state for slot in others] == ["due"] * 10
    assert len(little.taken) == 10


async def test_caught_up_once_leaves_no_trouble_behind(little: LittleScheduler) -> None:
    little.add(schedule(every=60.0, catch_up="once", grace=86400.0, notify="chat/ops"))
    await little.look()

    little.wall.passes(START + HOUR)
    await little.look()

    assert {slot.state for slot in await little.slots()} == {"skipped", "due"}
    assert await little.notices() == []


# --- files come and go ----------------------------------------------------------------------------------------------


async def test_other_words_keep_the_cursor_and_other_times_begin_anew(little: LittleScheduler) -> None:
    little.add(schedule(catch_up="all", grace=86400.0))
    await until(little, 1)
    little.wall.passes(START + 3.5 * HOUR)

    little.add(schedule(catch_up="all", grace=86400.0, wording=words("Goodbye.")))
    await little.look()
    texts = await little.works()
    little.wall.passes(START + 5.5 * HOUR)
    little.add(schedule(catch_up="all", grace=86400.0, every=1800.0))
    await little.look()

    assert texts == ["Goodbye.", "Goodbye."]
    assert await little.states() == ["done 12:00", "done 13:00", "done 14:00"]
    await until(little, 6)
    assert (await little.states())[3:] == ["done 17:00"]


async def test_one_that_no_file_says_any_more_is_forgotten_and_begins_anew(little: LittleScheduler) -> None:
    little.add(schedule(catch_up="all", grace=86400.0))
    await until(little, 1)

    gone = little.schedules.pop("tifa.hello")
    await until(little, 3)
    little.add(gone)
    await until(little, 3.5)
    await until(little, 4)

    assert await little.states() == ["done 12:00", "done 15:00"]


async def test_without_its_agent_it_stands_still_and_catches_up_as_declared(little: LittleScheduler) -> None:
    little.add(schedule(catch_up="once", grace=86400.0))
    await until(little, 1)

    agent = little.agents.pop("tifa")
    await until(little, 3.5)
    there = await little.states()
    little.agents["tifa"] = agent
    await until(little, 3.6)

    assert there == ["done 12:00"]
    assert await little.states() == ["done 12:00", "skipped 13:00", "done 14:00"]


# --- overlap and jitter ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", ["due 12:00", "skipped 13:00", "skipped 14:00"]),
        ("wait", ["due 12:00", "due 13:00", "due 14:00"]),
    ],
)
async def test_one_that_comes_up_before_the_last_is_done_is_skipped_or_waits(
    little: LittleScheduler, overlap: str, expected: list[str]
) -> None:
    little.add(schedule(overlap=overlap))

    await little.at(START + 3 * HOUR)

    assert await little.states() == expected
    await little.works()
    await until(little, 4)
    assert (await little.states())[-1] == "done 15:00"


async def test_no_more_than_ten_wait(little: LittleScheduler) -> None:
    little.add(schedule(overlap="wait", every=600.0))

    await little.at(START + 2 * HOUR)

    assert [state.split()[0] for state in await little.states()] == ["due"] * 10 + ["skipped"] * 2


async def test_a_slot_begins_when_its_jitter_says_also_after_a_restart(tmp_path: Path, wall: VirtualWall) -> None:
    late = schedule(cron="0 14 * * *", jitter=600.0)
    slot = START + 2 * HOUR
    begin = begins(late, slot)
    assert slot < begin

    async with little_scheduler(tmp_path, wall) as little:
        little.add(late)
        await little.at(begin - timedelta(microseconds=1))
        assert await little.slots() == []
    async with little_scheduler(tmp_path, wall) as little:
        little.add(late)
        await little.at(begin)

        assert await little.states() == ["due 13:00"]
        assert wall.at == begin


# --- the clock ------------------------------------------------------------------------------------------------------


async def test_a_clock_that_is_set_back_has_nothing_done_twice(little: LittleScheduler) -> None:
    little.add(schedule())
    await until(little, 3)

    little.wall.is_set(START + 0.5 * HOUR)
    await until(little, 5)

    assert await little.states() == ["done 12:00", "done 13:00", "done 14:00", "done 15:00", "done 16:00"]


async def test_a_clock_that_jumps_over_a_day_holds_everything_until_it_is_right_again(little: LittleScheduler) -> None:
    little.add(schedule(catch_up="all", grace=86400.0 * 90))
    await until(little, 1)

    little.wall.is_set(START + timedelta(days=60))
    await little.look()
    held = little.scheduler.held
    little.wall.is_set(START + 2 * HOUR)
    await little.look()

    assert held == "the clock jumped from 2026-11-21 12:00 UTC to 2027-01-20 11:00 UTC"
    assert little.scheduler.held == ""
    assert await little.states() == ["done 12:00", "due 13:00"]


async def test_somebody_may_say_that_a_clock_that_jumped_is_right(little: LittleScheduler) -> None:
    little.add(schedule())
    await until(little, 1)
    little.wall.is_set(START + timedelta(days=60))
    await little.look()

    await little.controls.trust_clock()
    await little.look()

    assert little.scheduler.held == ""
    assert (await little.slots())[-1].state == "due"


async def test_a_machine_that_slept_has_not_jumped(little: LittleScheduler) -> None:
    little.add(schedule())
    await until(little, 1)

    little.wall.passes(START + timedelta(days=60))
    await little.look()

    assert little.scheduler.held == ""


async def test_a_cursor_in_the_future_holds_everything(tmp_path: Path, wall: VirtualWall) -> None:
    wall.is_set(START + timedelta(days=60))
    async with little_scheduler(tmp_path, wall) as little:
        little.add(schedule())
        await little.at(wall.at + HOUR)
        await little.works()
    wall.is_set(START)

    async with little_scheduler(tmp_path, wall) as little:
        little.add(schedule())
        await little.at(START + 2 * HOUR)
        held = little.scheduler.held
        await little.controls.trust_clock()
        await until(little, 3)

        assert held == "the clock says 2026-11-21 13:00 UTC, but slots up to 2027-01-20 12:00 UTC were taken in already"
        assert await little.states() == ["done 14:00", "done 12:00"]


# --- told of --------------------------------------------------------------------------------------------------------


async def test_an_incident_is_told_of_once_and_anew_when_all_was_well_in_between(little: LittleScheduler) -> None:
    little.add(schedule(notify="chat/ops"))

    for hour, ending in enumerate(["done", "failed", "failed", "done", "failed", "skipped", "failed"], start=1):
        await little.at(START + hour * HOUR)
        await little.works(ending, f"reason {hour}")  # type: ignore[arg-type]
    await little.look()

    assert await little.notices() == [
        "chat/ops: The schedule tifa.hello failed for 2026-11-21T13:00:00Z: reason 2",
        "chat/ops: The schedule tifa.hello failed for 2026-11-21T16:00:00Z: reason 5",
    ]
    assert little.told_to_send == ["chat", "chat"]
    assert little.scheduler.standing["tifa.hello"].troubled


async def test_what_was_missed_at_once_is_told_of_at_once(little: LittleScheduler) -> None:
    little.add(schedule(notify="chat/ops"))
    await little.look()

    little.wall.passes(START + 30.5 * HOUR)
    await little.look()

    (notice,) = await little.notices()
    assert notice.startswith(
        "chat/ops: The schedule tifa.hello was missed 30 times, the last for 2026-11-22T17:00:00Z: "
    )


@pytest.mark.parametrize("room", ["", "api/ops"])
async def test_where_nobody_can_be_told_the_log_says_it(
    little: LittleScheduler, caplog: pytest.LogCaptureFixture, room: str
) -> None:
    little.add(schedule(notify=room))
    await little.at(START + HOUR)

    with caplog.at_level(logging.WARNING):
        await little.works("failed", "no model")
        await little.look()

    assert "The schedule tifa.hello failed for 2026-11-21T12:00:00Z: no model" in caplog.text
    assert await rows(little, outbox) == []


# --- tried again ----------------------------------------------------------------------------------------------------


async def test_what_failed_is_tried_again_later_each_time_and_told_when_no_try_is_left(little: LittleScheduler) -> None:
    little.add(schedule(cron="0 13 * * *", notify="chat/ops", retries=2))
    await little.at(START + HOUR)
    tried = [START + HOUR]
    for minutes in (1, 2):
        await little.works("failed", "no model")
        before = len(little.taken)
        await little.at(little.wall.at + timedelta(minutes=minutes, seconds=-1))
        assert (len(little.taken), await little.notices()) == (before, [])
        await little.at(little.wall.at + timedelta(seconds=2))
        tried.append(little.wall.at)
        assert [taken.message.text for taken in little.taken] == ["Hello."]
    await little.works("failed", "still no model")
    await little.look()

    (slot,) = await little.slots()
    assert (slot.state, slot.tries, len(tried)) == ("failed", 2, 3)
    assert await little.notices() == [
        "chat/ops: The schedule tifa.hello failed for 2026-11-21T12:00:00Z: still no model"
    ]


async def test_words_that_could_not_be_rendered_are_those_of_the_time_they_can_be(little: LittleScheduler) -> None:
    little.add(schedule(cron="0 13 * * *", retries=1, wording=words("{{ nothing }}")))
    await little.at(START + HOUR)
    little.add(schedule(cron="0 13 * * *", retries=1, wording=words("Mended.")))
    await little.at(START + HOUR + timedelta(minutes=2))

    assert [taken.message.text for taken in little.taken] == ["Mended."]


async def test_what_was_tried_again_and_done_is_not_told(little: LittleScheduler) -> None:
    little.add(schedule(cron="0 13 * * *", notify="chat/ops", retries=1))
    await little.at(START + HOUR)
    await little.works("failed", "no model")
    await little.at(START + HOUR + timedelta(minutes=2), working=True)

    assert (await little.states(), await little.notices()) == (["done 12:00"], [])


async def test_nothing_is_tried_again_that_could_not_begin_any_more(little: LittleScheduler) -> None:
    little.add(schedule(cron="0 13 * * *", notify="chat/ops", retries=3, grace=30.0))
    await little.at(START + HOUR)
    little.wall.passes(START + HOUR + timedelta(seconds=30))
    await little.works("failed", "no model")
    await little.look()

    assert len(await little.notices()) == 1
    assert little.taken == []


# --- where it is to be quiet ----------------------------------------------------------------------------------------


async def test_nothing_is_said_by_the_clock_in_a_room_that_is_muted(little: LittleScheduler) -> None:
    little.add(schedule(), schedule("tifa.elsewhere", room="chat/hall"))
    little.muted["chat/garden"] = "anna"
    await until(little, 1)
    little.muted.clear()
    await until(little, 2)

    assert await little.states() == ["skipped 12:00", "done 13:00"]
    assert (await little.slots())[0].reason == "chat/garden is muted by anna"
    assert await little.states("tifa.elsewhere") == ["done 12:00", "done 13:00"]


# --- what an operator does ------------------------------------------------------------------------------------------


async def test_a_paused_one_takes_nothing_in_until_it_is_resumed(tmp_path: Path, wall: VirtualWall) -> None:
    async with little_scheduler(tmp_path, wall) as little:
        little.add(schedule(catch_up="all", grace=86400.0))
        await until(little, 1)
        await little.controls.pause("tifa.hello", "anna")
        await until(little, 3)
    async with little_scheduler(tmp_path, wall) as little:
        little.add(schedule(catch_up="all", grace=86400.0))
        await until(little, 5.5)
        assert little.scheduler.standing["tifa.hello"].paused == "anna"

        await little.controls.resume("tifa.hello")
        await until(little, 6)

        (_, passed, _) = await little.slots()
        assert await little.states() == ["done 12:00", "skipped 13:00", "done 17:00"]
        assert (passed.reason, passed.covers) == ("paused by anna", 4)
        with pytest.raises(Conflict, match="not paused"):
            await little.controls.resume("tifa.hello")


async def test_one_can_be_run_now_and_its_times_stay(little: LittleScheduler) -> None:
    little.add(schedule())
    await until(little, 1.5)

    id = await little.controls.run_now("tifa.hello", "anna")
    with pytest.raises(Conflict, match="at work already"):
        await little.controls.run_now("tifa.hello", "anna")
    await until(little, 2)

    assert id == "tifa.hello@2026-11-21T12:30:00Z"
    assert await little.states() == ["done 12:00", "done 12:30", "done 13:00"]
    assert (await little.slots())[1].reason == "run by anna"


async def test_a_look_that_began_before_it_was_paused_takes_nothing_in(little: LittleScheduler) -> None:
    little.add(schedule())
    await little.look()
    line = (await little.ledger.read(slots.book)).lines["tifa.hello"]
    await little.controls.pause("tifa.hello", "anna")
    batch = slots.Batch("tifa.hello", line.cursor, line.cursor + 1, (), 1)
    await little.ledger.write(partial(slots.take_up, clock=little.ledger.clock, batch=batch))

    assert (await little.ledger.read(slots.book)).lines["tifa.hello"].cursor == line.cursor


async def test_one_that_is_run_before_the_first_look_is_not_taken_back_by_it(little: LittleScheduler) -> None:
    little.add(schedule(approval=True))
    little.wall.passes(START + 0.5 * HOUR)

    id = await little.controls.run_now("tifa.hello", "anna")
    little.wall.passes(START + 0.6 * HOUR)
    await little.look()
    little.add(schedule(approval=True, every=1800.0))
    await little.look()

    assert [(slot.id, slot.state) for slot in await little.slots()] == [(id, "preparing")]


async def test_one_occurrence_can_be_skipped(little: LittleScheduler) -> None:
    little.add(schedule())
    await little.look()

    ids = [await little.controls.skip("tifa.hello", when, "anna") for when in ("2026-11-21T15:00", "next")]
    await until(little, 4)

    assert ids == ["tifa.hello@2026-11-21T14:00:00Z", "tifa.hello@2026-11-21T12:00:00Z"]
    assert await little.states() == ["skipped 12:00", "done 13:00", "skipped 14:00", "done 15:00"]


async def test_one_occurrence_can_have_words_of_its_own(little: LittleScheduler) -> None:
    little.add(schedule())
    await little.look()

    await little.controls.edit("tifa.hello", "2026-11-21T14:00", "{{ Merry }}", "anna")
    await little.controls.edit("tifa.hello", "2026-11-21T13:00:00Z", "Closed today.", "bo")
    said = []
    for hour in range(1, 4):
        await little.at(START + hour * HOUR)
        said += await little.works()

    assert said == ["Hello.", "Closed today.", "Hello."]
    assert (await little.slots())[1].reason == "written by bo"


@pytest.mark.parametrize("when", ["2026-11-21T14:30", "2026-11-21T11:00", "tomorrow", ""])
async def test_only_a_slot_that_is_yet_to_come_can_be_changed(little: LittleScheduler, when: str) -> None:
    little.add(schedule())
    await little.look()

    with pytest.raises(UnknownSlot, match="next is 2026-11-21T13:00"):
        await little.controls.skip("tifa.hello", when, "anna")
    with pytest.raises(UnknownSlot):
        await little.controls.edit("tifa.hello", when, "Hi", "anna")


async def test_what_is_not_there_cannot_be_controlled(little: LittleScheduler) -> None:
    little.add(schedule())
    agent = little.agents.pop("tifa")

    with pytest.raises(UnknownSchedule, match=r"there are tifa\.hello"):
        await little.controls.pause("tifa.hallo", "anna")
    with pytest.raises(UnknownAgent):
        await little.controls.run_now("tifa.hello", "anna")
    assert agent


# --- several at once ------------------------------------------------------------------------------------------------


async def test_two_on_one_ledger_take_each_slot_in_once(
    tmp_path: Path, wall: VirtualWall, little: LittleScheduler
) -> None:
    async with little_scheduler(tmp_path, wall) as other:
        for each in (little, other):
            each.add(schedule(overlap="wait"))
            await each.look()
        for hour in range(1, 9):
            wall.passes(START + hour * HOUR)
            for each in (little, other) if hour % 2 else (other, little):
                await each.look()

    texts = [taken.message.id for each in (little, other) for taken in each.taken]
    assert len(texts) == len(set(texts)) == len(await little.slots()) == 8
    assert little.taken
    assert other.taken


async def test_a_look_at_many_schedules_asks_the_ledger_once(little: LittleScheduler) -> None:
    little.add(*(schedule(f"tifa.s{number}", cron=f"{number % 60} 3 * * *") for number in range(200)))
    await little.look()

    assert not await little.scheduler.look()
    assert len(little.scheduler.standing) == 200
