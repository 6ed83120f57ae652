"""Events are written once a batch and counted while the host goes on writing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from carrier.analytics import ActionCount, EventLog, Stats, stats

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def event(number: int, day: int = 21, **other: Any) -> dict[str, Any]:
    at = int(datetime(2026, 11, day, 10, 0, tzinfo=UTC).timestamp() * 1e6) + number
    return {
        "id": f"turn-{number}",
        "at": at,
        "agent": "tifa",
        "room": "api/@anna",
        "client": "api",
        "kind": "chat",
        "model": "scripted/tifa",
        "tokens_in": 100,
        "tokens_out": 10,
        "cost": 0.25,
        "ms": {"queue": 1.0, "total": float(number)},
        "actions": [],
        "outcome": "answered",
        "revision": "r1",
        "error": "",
        **other,
    }


def test_a_day_is_counted_by_agent(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    log.append([event(number) for number in range(1, 101)])
    log.append([event(101, agent="aerith", outcome="failed", ms=None, cost=None), event(102, day=20)])

    found = stats(tmp_path / "events", now=NOW)

    assert [(day.day, day.agent, day.messages) for day in found.days] == [
        ("2026-11-20", "tifa", 1),
        ("2026-11-21", "aerith", 1),
        ("2026-11-21", "tifa", 100),
    ]
    _, aerith, tifa = found.days
    assert (tifa.answered, tifa.silent, tifa.failed, tifa.dead) == (100, 0, 0, 0)
    assert (tifa.tokens_in, tifa.tokens_out, tifa.cost) == (10_000, 1_000, 25.0)
    assert (tifa.p50, tifa.p95, tifa.p99) == pytest.approx((50.5, 95.05, 99.01))
    assert (aerith.failed, aerith.cost, aerith.p99) == (1, 0.0, 0.0)


def test_steps_stand_in_the_order_of_the_loop(tmp_path: Path) -> None:
    EventLog(tmp_path).append([event(1, ms={"total": 9, "generate": 5, "queue": 1}), event(2, ms={"queue": 3})])

    steps = stats(tmp_path, now=NOW).steps

    assert [(step.step, step.p50) for step in steps] == [("queue", 2.0), ("generate", 5.0), ("total", 9.0)]


def test_actions_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    rolled = {"name": "roll_dice", "status": "done"}
    EventLog(tmp_path).append(
        [event(1, actions=[rolled, rolled]), event(2, actions=[rolled, {"name": "roll_dice", "status": "failed"}])]
    )

    assert stats(tmp_path, now=NOW).actions == (
        ActionCount("2026-11-21", "tifa", "roll_dice", "done", 3),
        ActionCount("2026-11-21", "tifa", "roll_dice", "failed", 1),
    )


def test_a_batch_that_is_repeated_after_a_crash_counts_once(tmp_path: Path) -> None:
    for _ in range(2):
        EventLog(tmp_path).append([event(1), event(2)])

    (day,) = stats(tmp_path, now=NOW).days

    assert (day.messages, day.tokens_in) == (2, 200)


def test_a_torn_line_costs_nothing_but_itself(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append([event(1), event(2)])
    file = tmp_path / "2026-11-21.jsonl"
    file.write_bytes(file.read_bytes()[:-60])

    torn = stats(tmp_path, now=NOW)
    log.append([event(3)])
    mended = stats(tmp_path, now=NOW)

    assert [day.messages for day in torn.days] == [1]
    assert [day.messages for day in mended.days] == [2]


def test_only_the_days_and_the_agent_that_are_asked_for_count(tmp_path: Path) -> None:
    EventLog(tmp_path).append([event(1), event(2, day=20), event(3, day=14), event(4, agent="o'hara; --")])

    assert [day.day for day in stats(tmp_path, days=1, agent="tifa", now=NOW).days] == ["2026-11-21"]
    assert len(stats(tmp_path, agent="tifa", now=NOW).days) == 2
    assert [day.agent for day in stats(tmp_path, agent="o'hara; --", now=NOW).days] == ["o'hara; --"]


def test_without_events_there_is_nothing_to_count(tmp_path: Path) -> None:
    assert stats(tmp_path / "missing") == Stats()


def test_events_of_a_later_version_are_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    EventLog(tmp_path).append([event(1, colour="red", ms={"later": 1, "total": 5})])

    assert stats(tmp_path, now=NOW).days[0].p50 == 5.0
