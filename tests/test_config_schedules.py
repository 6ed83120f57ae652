"""Schedules as files say them: whose they are, what they say where, and who is told when they fail."""

# A row of a table stays a line.
# ruff: noqa: E501

from pathlib import Path

import pytest

from carrier.config.catalog import Catalog, load
from carrier.testing.projects import SMALL, write
from carrier.types.schedules import Schedule

AGENT = "character: { bio: x }\n"
CHAT = "kind: client\nname: chat\ntype: carrier.testing.clients:MadeClient\nrooms: { garden: 12, ops: 34 }\n"


def loaded(folder: Path, files: dict[str, str | bytes], last: Catalog | None = None) -> Catalog:
    return load(write(folder, {**SMALL, "agents.d/chat.yaml": CHAT, **files}), {}, last)


def found(folder: Path, text: str, name: str = "x.hi", **files: str | bytes) -> Schedule:
    catalog = loaded(folder, {"agents.d/x.yaml": AGENT + text, **files})
    assert [each for each in catalog.problems if each.severity == "error"] == []
    return catalog.schedules[name]


def test_a_schedule_in_place_is_its_agent_s_and_knows_its_room(tmp_path: Path) -> None:
    text = (
        "schedules: { hi: { cron: '@daily', say: { room: chat/garden, text: Hello. }, jitter: 10m, catch_up: once } }\n"
    )

    schedule = found(tmp_path, text)

    assert (schedule.agent, schedule.room, schedule.timezone) == ("x", "chat/12", "Europe/Oslo")
    assert (schedule.jitter, schedule.catch_up, schedule.grace, schedule.overlap) == (600.0, "once", 3600.0, "skip")
    assert schedule.wording
    assert (schedule.wording.sources["words"].source, schedule.wording.generated) == ("Hello.", False)


def test_a_task_has_no_room_and_generated_words_say_so(tmp_path: Path) -> None:
    task = found(tmp_path, "schedules: { hi: { every: 6h, task: Look around. } }\n")
    written = found(tmp_path, "schedules: { hi: { every: 6h, say: { room: chat/1, text: { generate: Greet. } } } }\n")

    assert (task.room, task.wording and task.wording.generated) == ("", False)
    assert written.wording
    assert written.wording.generated


def test_words_in_a_file_come_with_what_they_include_and_rest_on_it(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "agents.d/x.yaml": AGENT + "schedules: { hi: { every: 6h, task: { file: plan.j2 } } }\n",
        "templates/plan.j2": "{% include 'who.j2' %}, plan {{ slot.date() }}.\n",
        "templates/who.j2": "{{ agent.name }}",
    }
    before = loaded(tmp_path, files)
    schedule = before.schedules["x.hi"]

    after = loaded(tmp_path, {**files, "templates/who.j2": "You, {{ agent.name }}"}, before)

    assert schedule.wording
    assert set(schedule.wording.sources) == {"plan.j2", "who.j2"}
    assert after.schedules["x.hi"] != schedule
    assert after.schedules["x.hi"].revision != schedule.revision
    assert tmp_path / "templates/who.j2" in after.rests["schedule", "x.hi"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("", "", ""), ""),
        (("", "", "notify: chat/ops\n"), "chat/34"),
        (("", "notify: chat/garden\n", "notify: chat/ops\n"), "chat/12"),
        (("notify: chat/56", "notify: chat/garden\n", "notify: chat/ops\n"), "chat/56"),
    ],
)
def test_its_own_room_is_told_else_its_agent_s_else_the_host_s(
    tmp_path: Path, said: tuple[str, str, str], expected: str
) -> None:
    own, agent, host = said
    text = f"{agent}schedules: {{ hi: {{ every: 6h, task: Look., {own} }} }}\n"

    catalog = loaded(tmp_path, {"agents.d/x.yaml": AGENT + text, "carrier.yaml": f"name: demo\n{host}"})

    assert catalog.schedules["x.hi"].notify == expected
    assert catalog.host.notify == ("chat/34" if host else "")


def test_who_is_told_follows_what_a_client_calls_its_rooms(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"agents.d/x.yaml": AGENT, "carrier.yaml": "name: demo\nnotify: chat/ops\n"}
    before = loaded(tmp_path, files)

    after = loaded(tmp_path, {**files, "agents.d/chat.yaml": CHAT.replace("34", "56")}, before)

    assert (before.agents["x"].notify, before.host.notify) == ("chat/34", "chat/34")
    assert (after.agents["x"].notify, after.host.notify) == ("chat/56", "chat/56")


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("s.yaml", "kind: schedule\nevery: 1h\ntask: Look.\n", "s.yaml:1:1: CAR025 nobody has this schedule; write `agent:`"),
        ("s.yaml", "kind: schedule\nagent: tiffa\nevery: 1h\ntask: Look.\n", "s.yaml:2:8: CAR025 unknown agent 'tiffa'; "
         "did you mean 'tifa'?"),
        ("s.yaml", "kind: schedule\nagent: tifa\nevery: 1h\ntask: 'It is {{ time }}.'\n", "s.yaml:4:7: CAR031 nothing is "
         "called 'time' here; there are agent, schedule, slot"),
        ("s.yaml", "kind: schedule\nagent: tifa\nevery: 1h\ntask: { file: time.j2 }\n", "templates/time.j2:1:10: CAR031 "
         "nothing is called 'time' here; there are agent, schedule, slot"),
        ("schedule.yaml", CHAT.replace("name: chat", "name: schedule"), "schedule.yaml:2:7: CAR016 'schedule' is the "
         "name of where tasks have their rooms; choose another"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(tmp_path: Path, file: str, text: str, problem: str) -> None:
    problems = [str(each).removeprefix("agents.d/") for each in loaded(tmp_path, {f"agents.d/{file}": text}).problems]

    assert problem in problems


def test_a_schedule_whose_words_are_broken_keeps_its_last_good_ones(tmp_path: Path) -> None:
    before = loaded(tmp_path, {"agents.d/x.yaml": AGENT + "schedules: { hi: { every: 6h, task: Look. } }\n"})

    after = loaded(
        tmp_path, {"agents.d/x.yaml": AGENT + "schedules: { hi: { every: 6h, task: { file: no.j2 } } }\n"}, before
    )

    assert after.problems
    assert after.schedules["x.hi"] == before.schedules["x.hi"]
