"""When schedules come up: Vixie's rules, by the clock of a time zone with its gaps and its hours that come twice."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim

from carrier.config.models.times import cron_line
from carrier.config.timing import begins, moment_of, next_beginning, slot_id, slots, times_of_day
from carrier.testing.schedules import schedule

OSLO = ZoneInfo("Europe/Oslo")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=OSLO)

LINES = """\
* * * * *
*/5 * * * *
*/7 * * * *
0 * * * *
15,45 * * * *
0-10 * * * *
5-55/10 * * * *
59 * * * *
0 0 * * *
30 8 * * *
30 8,20 * * *
0 */2 * * *
0 */5 * * *
*/20 9-17 * * *
0 9-17/4 * * *
0 22-23 * * *
1,2,3 4,5,6 * * *
30 8 * * 1-5
30 8 * * mon-fri
0 9 * * 1
0 9 * * mon
0 9 * * 0
0 9 * * 7
0 9 * * sun
0 9 * * sat,sun
0 9 * * 6,7
0 9 * * 5-7
0 9 * * 0-2
0 9 * * */2
0 9 * * TUE
0 0 1 * *
0 0 15 * *
0 0 31 * *
0 0 1,15 * *
0 0 10-20 * *
0 0 */10 * *
0 0 28-31 * *
0 0 1 1 *
0 0 1 jan *
0 0 1 */3 *
0 0 1 2,8 *
0 0 * 6-8 *
0 0 29 2 *
0 12 24 12 *
0 9 13 * 5
0 9 13 * fri
0 9 1 * 1
0 9 1,15 * mon,thu
0 9 1-7 * 0
0 9 1-7 * 7
30 6 31 1,3,5 wed
0 0 1 1 0
15 10 * 3 tue
15 10 20 3 tue
0 23 * * 4
45 23 * 12 5
@hourly
@daily
@weekly
@monthly
@yearly
@midnight
""".splitlines()


def coming(count: int, since: datetime = NOON, **when: Any) -> list[datetime]:
    found = islice(slots(schedule(timezone="Europe/Oslo", **when), since), count)
    return [slot.astimezone(OSLO) for slot in found]


def told(times: list[datetime]) -> list[str]:
    return [f"{at:%m-%d %H:%M%z}" for at in times]


def test_there_are_sixty_lines_to_agree_on() -> None:
    assert len(set(LINES)) >= 60


@pytest.mark.parametrize("line", LINES)
def test_a_cron_line_comes_up_as_cronsim_says(line: str) -> None:
    expected = list(islice(CronSim(cron_line(line), NOON), 20))

    assert coming(20, cron=line) == expected


@pytest.mark.parametrize("line", LINES)
def test_a_cron_line_comes_up_as_croniter_says_by_a_clock_that_is_never_set(line: str) -> None:
    other = croniter(cron_line(line).lower(), NOON.astimezone(UTC), ret_type=datetime)
    expected = [other.get_next() for _ in range(20)]

    assert list(islice(slots(schedule(cron=line, timezone="UTC"), NOON), 20)) == expected


@pytest.mark.parametrize("weekday", ["0", "7", "sun"])
def test_a_week_may_begin_or_end_with_sunday(weekday: str) -> None:
    assert told(coming(2, cron=f"0 9 * * {weekday}")) == ["11-22 09:00+0100", "11-29 09:00+0100"]


def test_a_day_of_the_month_or_a_weekday_will_do() -> None:
    days = [at.day for at in coming(6, cron="0 9 13 * fri")]

    assert days == [27, 4, 11, 13, 18, 25]


@pytest.mark.parametrize(
    ("when", "since", "expected"),
    [
        # In the night of 29 March there is no time from 2 to 3 o'clock.
        ({"cron": "30 2 * * *"}, "2026-03-28T12:00+01:00", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        ({"cron": "15,45 2 * * *"}, "2026-03-28T12:00+01:00", ["03-29 03:00+0200", "03-30 02:15+0200"]),
        ({"cron": "0 2,3 * * *"}, "2026-03-29T00:00+01:00", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        ({"cron": "0 * * * *"}, "2026-03-29T00:30+01:00", ["03-29 01:00+0100", "03-29 03:00+0200"]),
        ({"at": "2026-03-29T02:30"}, "2026-03-01T12:00+01:00", ["03-29 03:00+0200"]),
        ({"every": 3600.0}, "2026-03-29T00:30+01:00", ["03-29 01:00+0100", "03-29 03:00+0200"]),
        # In the night of 25 October the time from 2 to 3 o'clock comes twice.
        ({"cron": "30 2 * * *"}, "2026-10-24T12:00+02:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ({"cron": "30 2 * * *"}, "2026-10-25T02:10+01:00", ["10-26 02:30+0100", "10-27 02:30+0100"]),
        ({"cron": "0 2,3 * * *"}, "2026-10-25T00:00+02:00", ["10-25 02:00+0200", "10-25 03:00+0100"]),
        ({"cron": "0 * * * *"}, "2026-10-25T01:30+02:00", ["10-25 02:00+0200", "10-25 02:00+0100"]),
        ({"at": "2026-10-25T02:30"}, "2026-10-01T12:00+02:00", ["10-25 02:30+0200"]),
        ({"at": "2026-10-25T02:30"}, "2026-10-25T02:10+01:00", []),
    ],
)  # fmt: skip
def test_a_time_that_is_left_out_or_comes_twice_comes_once(
    when: dict[str, Any], since: str, expected: list[str]
) -> None:
    assert told(coming(2, datetime.fromisoformat(since), **when)) == expected


def test_a_line_of_every_minute_goes_through_the_hour_that_comes_twice() -> None:
    since = datetime.fromisoformat("2026-10-25T01:59+02:00")

    found = list(islice(slots(schedule(cron="* * * * *"), since), 180))

    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=1)}


@pytest.mark.parametrize("zone", ["Europe/Oslo", "America/Havana", "Africa/Cairo", "Asia/Tokyo", "Australia/Lord_Howe"])
@pytest.mark.parametrize("line", ["0 * * * *", "30 0 * * *", "0,30 0-3 * * *", "15 2 * * sun"])
def test_moments_come_in_order_and_once_all_through_the_year(zone: str, line: str) -> None:
    since, days = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=365)

    found = list(slots(schedule(cron=line, timezone=zone), since, since + days))

    assert found == sorted(set(found))
    assert all(since < slot <= since + days for slot in found)


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (21600.0, ["11-21 18:00+0100", "11-22 00:00+0100"]),
        (600.0, ["11-21 12:10+0100", "11-21 12:20+0100"]),
        (604800.0, ["11-23 00:00+0100", "11-30 00:00+0100"]),
    ],
)
def test_an_interval_is_counted_from_a_monday_midnight_whoever_asks_and_when(every: float, expected: list[str]) -> None:
    assert told(coming(2, every=every)) == expected
    assert told(coming(2, NOON + timedelta(seconds=3), every=every)) == expected


def test_a_span_has_its_end_and_not_its_beginning() -> None:
    hourly = schedule(every=3600.0)

    assert list(slots(hourly, NOON, NOON + timedelta(hours=2))) == [
        NOON + timedelta(hours=1),
        NOON + timedelta(hours=2),
    ]


def test_an_interval_past_the_last_year_ends() -> None:
    assert [slot.year for slot in slots(schedule(every=1e11), NOON)] == [5192, 8361]


def test_a_slot_is_called_by_its_moment_and_not_by_the_clock() -> None:
    assert (
        slot_id("tifa.hello", NOON) == slot_id("tifa.hello", NOON.astimezone(UTC)) == "tifa.hello@2026-11-21T11:00:00Z"
    )


# --- jitter ---------------------------------------------------------------------------------------------------------


def test_jitter_is_the_same_each_time_and_another_for_each_slot() -> None:
    late = schedule(cron="0 8 * * *", jitter=600.0)
    found = list(islice(slots(late, NOON), 50))

    delays = [begins(late, slot) - slot for slot in found]

    assert delays == [begins(late, slot) - slot for slot in found]
    assert all(timedelta() <= delay < timedelta(minutes=10) for delay in delays)
    assert len(set(delays)) == 50
    assert max(delays) - min(delays) > timedelta(minutes=5)


def test_two_schedules_of_one_time_begin_apart() -> None:
    first, second = (schedule(name, cron="0 8 * * *", jitter=600.0) for name in ("a", "b"))
    slot = next(slots(first, NOON))

    assert begins(first, slot) != begins(second, slot)


def test_jitter_never_passes_the_next_slot() -> None:
    often = schedule(cron="* * * * *", jitter=3600.0)
    found = list(islice(slots(often, NOON), 100))

    begun = [begins(often, slot) for slot in found]

    assert begun == sorted(begun)
    assert all(begin - slot < timedelta(minutes=1) for begin, slot in zip(begun, found, strict=True))


def test_what_begins_next_may_have_come_up_before() -> None:
    late = schedule(cron="0 8 * * *", jitter=600.0)
    slot = next(slots(late, NOON))

    assert next_beginning(late, slot) == begins(late, slot)
    assert next_beginning(late, begins(late, slot)) == begins(late, slot + timedelta(days=1))
    assert next_beginning(schedule(at="2026-11-20T09:00"), NOON) is None


def test_times_of_the_day_come_in_order_by_the_clock_there() -> None:
    found = islice(times_of_day(["18:00", "8:00", "08:00"], "Europe/Oslo", NOON), 3)

    assert told([at.astimezone(OSLO) for at in found]) == ["11-21 18:00+0100", "11-22 08:00+0100", "11-22 18:00+0100"]


def test_a_moment_that_the_clock_leaves_out_comes_after_the_gap() -> None:
    assert moment_of("2026-03-29T02:30", "Europe/Oslo") == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize("written", ["9:00", "2026-02-30T09:00", "2026-02-01T09:00+01:00", ""])
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="day"):
        moment_of(written, "Europe/Oslo")
