"""What a change would do, told before it is done, and where each value of an object came from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carrier.config.catalog import Catalog, load
from carrier.config.planning import Plan, plan
from carrier.config.showing import names, show
from carrier.config.timing import next_times, told
from carrier.testing.projects import SMALL, write
from carrier.types.schedules import Schedule

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def running(tmp_path: Path) -> Catalog:
    return load(write(tmp_path), {})


def planned(running: Catalog, files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Plan:
    write(running.root, files)
    return plan(running, load(running.path, environment or {}, running), NOW)


def told_of(plan: Plan) -> list[str]:
    return [f"{step.what} {step.kind} {step.name}" for step in plan.steps]


# --- steps ----------------------------------------------------------------------------------------------------------


def test_where_nothing_runs_everything_is_made(running: Catalog) -> None:
    assert told_of(plan(None, running, NOW)) == [
        "create host demo",
        "create agent hello",
        "create agent tifa",
        "create action roll_dice",
    ]


def test_where_nothing_differs_nothing_is_planned(running: Catalog) -> None:
    found = planned(running, {"agents.d/tifa.yaml": f"# a comment\n{SMALL['agents.d/tifa.yaml']!s}"})

    assert found.steps == ()
    assert found.running == found.wanted == running.revision


CLIENT = "kind: client\nname: door\ntype: console\nagent: tifa\n"


@pytest.mark.parametrize(
    ("files", "steps", "reason", "change"),
    [
        ({"agents.d/hello.yaml": "character: { bio: x }\n"}, ["update agent hello"], "agents.d/hello.yaml changed",
         ("character.bio", ["Greets everyone and keeps it short."], ["x"])),
        ({"actions/dice.py": "def roll() -> int:\n    return 6\n"}, ["update agent tifa", "update action roll_dice"],
         "actions/dice.py changed", ("actions.roll_dice.digest", "425a3c9f9339", "dc4c4e8d4a4f")),
        ({"agents.d/new.yaml": "character: { bio: x }\n"}, ["create agent new"], "agents.d/new.yaml", None),
        ({"agents.d/door.yaml": CLIENT}, ["create client door"], "agents.d/door.yaml", None),
        ({"carrier.yaml": "name: demo\ntimezone: Europe/Oslo\nserver: { port: 9000 }\n"}, ["update host demo"],
         "carrier.yaml changed", ("server.port", 8000, 9000)),
        ({"carrier.yaml": "name: demo\ntimezone: Europe/Oslo\nembeddings: { use: none }\n"}, ["restart host demo"],
         "embeddings: with the next start of the host", ("embeddings", "builtin", "none")),
    ],
    ids=["character", "code", "agent", "client", "port", "embeddings"],
)  # fmt: skip
def test_a_change_is_told_field_by_field_with_its_reason(
    running: Catalog, files: dict[str, str], steps: list[str], reason: str, change: tuple[str, object, object] | None
) -> None:
    found = planned(running, files)

    assert told_of(found) == steps
    assert found.steps[0].reasons[0] == reason
    changes = [(each.path, each.old) for each in found.steps[0].changes]
    assert changes == ([change[:2]] if change else [])


def test_what_is_removed_and_what_waits_is_told_with_its_reason(running: Catalog) -> None:
    parked = "kind: client\nname: door\ntype: console\nagent: tifa\nprompt: ${PROMPT_OF_A_TEST}\n"
    write(running.root, {"agents.d/door.yaml": parked})
    opened = load(running.path, {"PROMPT_OF_A_TEST": "?"}, running)
    (running.root / "agents.d/hello.yaml").unlink()

    found = planned(opened, {})

    assert [(step.what, step.name, step.reasons) for step in found.steps] == [
        ("remove", "hello", ("agents.d/hello.yaml is gone",)),
        ("remove", "door", ("PROMPT_OF_A_TEST is not set",)),
    ]


def test_a_changed_client_is_started_again(running: Catalog) -> None:
    write(running.root, {"agents.d/door.yaml": CLIENT})
    opened = load(running.path, {}, running)

    found = planned(opened, {"agents.d/door.yaml": f"{CLIENT}prompt: '$ '\n"})

    assert told_of(found) == ["restart client door"]
    assert [(each.path, each.old, each.new) for each in found.steps[0].changes] == [("settings.prompt", None, "$ ")]


def test_what_is_the_host_s_business_starts_no_client_again(running: Catalog) -> None:
    write(running.root, {"agents.d/door.yaml": CLIENT})
    opened = load(running.path, {}, running)

    found = planned(opened, {"agents.d/door.yaml": f"{CLIENT.replace('tifa', 'hello')}gather: 2s\n"})

    assert told_of(found) == ["update client door"]
    assert [(each.path, each.old, each.new) for each in found.steps[0].changes] == [
        ("agent", "tifa", "hello"),
        ("rules.gather", 0.0, 2.0),
    ]


def test_no_secret_is_told(running: Catalog) -> None:
    host = "name: demo\ntimezone: Europe/Oslo\nmodels: { large: { use: openai/gpt-5, api_key: '${A_KEY}' } }\n"
    write(running.root, {"carrier.yaml": host})
    before = load(running.path, {"A_KEY": "sk-0123456789"}, running)

    found = planned(before, {}, {"A_KEY": "sk-9876543210"})

    assert {(each.old, each.new) for step in found.steps for each in step.changes} == {("***", "*** (another)")}
    assert "0123456789" not in repr(found)
    assert "9876543210" not in repr(found)


def test_what_a_broken_file_would_change_is_not_planned(running: Catalog) -> None:
    found = planned(running, {"agents.d/tifa.yaml": "character: {", "agents.d/hello.yaml": "character: { bio: x }\n"})

    assert told_of(found) == ["update agent hello"]
    assert [problem.code for problem in found.problems] == ["CAR004"]


# --- times ----------------------------------------------------------------------------------------------------------


def test_each_schedule_tells_its_next_three_times(running: Catalog) -> None:
    text = "character: { bio: x }\nschedules: { morning: { cron: 30 8 * * mon-fri, task: Look around. } }\n"

    found = planned(running, {"agents.d/clock.yaml": text})

    times = ("2026-11-23T08:30+01:00", "2026-11-24T08:30+01:00", "2026-11-25T08:30+01:00")
    assert found.schedules == {"clock.morning": times}
    assert found.steps[-1].next_times == times


@pytest.mark.parametrize(
    ("schedule", "now", "times"),
    [
        # A time that does not exist comes once, after the gap; one that exists twice comes once.
        ({"cron": "30 2 * * *"}, "2026-03-28T12:00+01:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ({"cron": "30 2 * * *"}, "2026-10-24T12:00+02:00", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        ({"cron": "@daily"}, "2026-11-21T12:00+01:00", ["2026-11-22T00:00+01:00", "2026-11-23T00:00+01:00"]),
        ({"at": "2026-12-24T09:00"}, "2026-11-21T12:00+01:00", ["2026-12-24T09:00+01:00"]),
        ({"at": "2026-11-20T09:00"}, "2026-11-21T12:00+01:00", []),
        ({"every": 21600.0}, "2026-11-21T12:00+01:00", ["2026-11-21T18:00+01:00", "2026-11-22T00:00+01:00"]),
    ],
)
def test_times_follow_the_clock_of_their_zone(schedule: dict[str, object], now: str, times: list[str]) -> None:
    made = Schedule("s", "tifa", timezone="Europe/Oslo", **schedule)  # type: ignore[arg-type]

    assert [each.isoformat(timespec="minutes") for each in next_times(made, datetime.fromisoformat(now), 2)] == times


def test_a_cron_line_is_told_in_words() -> None:
    assert told("30 8 * * mon-fri") == "At 08:30 on Monday through Friday"


# --- where values come from -----------------------------------------------------------------------------------------

BASE = """\
enabled: false
memory: { recall: 3 }
actions: [ignore]
---
name: one
extends: base
actions: [inherited, roll_dice]
character:
  bio: Keeps the bar.
model: { use: openai/gpt-5, api_key: "${A_KEY}" }
"""


def test_each_value_tells_where_it_came_from(tmp_path: Path) -> None:
    files = {**SMALL, "carrier.yaml": "defaults: { agent: { memory: { recent: 7 } } }\n", "agents.d/base.yaml": BASE}
    catalog = load(write(tmp_path, files), {"A_KEY": "sk-0123456789"})

    found = {each.path: (each.value, each.origin) for each in show(catalog, "agent", "one")}

    assert found["name"] == ("one", "agents.d/base.yaml:5")
    assert found["memory.recent"] == (7, "carrier.yaml:1")
    assert found["memory.recall"] == (3, "agents.d/base.yaml:2")
    assert found["memory.scope"] == ("room", "built-in")
    assert found["actions[0]"] == ("ignore", "agents.d/base.yaml:3")
    assert found["actions[1]"] == ("roll_dice", "agents.d/base.yaml:7")
    assert found["character.bio[0]"] == ("Keeps the bar.", "agents.d/base.yaml:9")
    assert found["model.api_key"] == ("***", "agents.d/base.yaml:10")
    assert "0123456789" not in repr(found)


def test_what_is_not_there_cannot_be_shown(running: Catalog) -> None:
    assert names(running, "agent") == ("hello", "tifa")
    with pytest.raises(KeyError):
        show(running, "agent", "nobody")
