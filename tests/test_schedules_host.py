"""Schedules in a running host: they come and go with its files, are controlled through its API, and are told of."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from carrier.api.calling import Caller, Refusal, calling
from carrier.api.serving import Opened
from carrier.scheduler.timers import Timers
from carrier.testing.clients import MadeClient
from carrier.testing.hosts import running_host, until
from carrier.testing.ledgers import FullLedger
from carrier.testing.projects import Project, project
from carrier.testing.schedules import LittleScheduler, schedule

FILES = {
    "carrier.yaml": """\
name: demo
timezone: Europe/Oslo
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
server: { port: 0 }
notify: chat/ops
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
approvals: { room: chat/ops, by: { users: [boss] } }
schedules:
  night: { cron: 0 20 * * *, say: { room: chat/garden, text: { generate: Wish a good night. } } }
  goals: { every: 6h, task: { file: goals.j2 } }
---
kind: script
name: tifa
rules:
  - { when: good night, say: Sleep well. }
  - { when: goal, say: I took a step. }
""",
    "agents.d/chat.yaml": "kind: client\ntype: carrier.testing.clients:MadeClient\nagent: tifa\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
    "templates/goals.j2": "Read goal {{ schedule }}.\n",
}


@pytest.fixture
def files(tmp_path: Path) -> Project:
    MadeClient.living.clear()
    return project(tmp_path / "demo", FILES)


@pytest.fixture
async def opened(files: Project) -> AsyncIterator[Opened]:
    async with running_host(files) as opened:
        yield opened


@pytest.fixture
async def caller(files: Project, opened: Opened) -> AsyncIterator[Caller]:
    async with calling(files.data) as caller:
        await until(lambda: len(opened.host.calendar.scheduler.standing) == 2)
        yield caller


def client() -> MadeClient:
    return MadeClient.living[-1]


async def slots(caller: Caller, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await caller.get(f"/schedules/{name}/slots"))["slots"]
    return found


async def state(caller: Caller, name: str) -> str:
    listed = (await caller.get("/schedules"))["schedules"]
    return next(str(each["state"]) for each in listed if each["name"] == name)


# --- run ------------------------------------------------------------------------------------------------------------


async def test_what_is_run_now_is_written_by_the_agent_s_model_and_sent(caller: Caller) -> None:
    done = await caller.post("/schedules/tifa.night/run", {"by": "anna"})
    await client().until(sent=1)

    (sent,) = client().sent
    (slot,) = await slots(caller, "tifa.night")
    assert (sent.room, sent.text, sent.reply_to) == ("chat/garden", "Sleep well.", "")
    assert (slot["id"], slot["state"], slot["reason"]) == (done["slot"], "done", "run by anna")


async def test_a_task_is_answered_in_its_own_room_and_sent_nowhere(caller: Caller, opened: Opened) -> None:
    await caller.post("/schedules/tifa.goals/run", {})
    await opened.host.inbox.idle()

    lines = (await caller.get("/tifa/history", roomId="x"))["lines"]
    (slot,) = await slots(caller, "tifa.goals")
    assert (slot["state"], slot["text"]) == ("done", "Read goal tifa.goals.")
    assert lines == client().sent == []


async def test_a_schedule_s_words_wait_for_approval_in_the_room_for_it(caller: Caller, files: Project) -> None:
    files.edit("agents.d/tifa.yaml", "cron: 0 20 * * *,", "cron: 0 20 * * *, approval: required,")
    await caller.post("/config/reload", {})

    await caller.post("/schedules/tifa.night/run", {})
    await client().until(sent=1)
    (waiting,) = (await caller.get("/approvals"))["approvals"]
    await caller.post(f"/approvals/{waiting['id']}", {"decision": "approve", "by": "Boss"})
    await client().until(sent=2)

    asked, said = client().sent
    assert (asked.room, said.room, said.text) == ("chat/ops", "chat/garden", "Sleep well.")
    assert "Sleep well." in asked.text


# --- files ----------------------------------------------------------------------------------------------------------


async def test_schedules_come_change_and_go_with_their_files(caller: Caller, files: Project, opened: Opened) -> None:
    files.edit("agents.d/tifa.yaml", "  goals:", "  noon: { cron: 0 12 * * *, task: Rest. }\n  goals:")
    await until(lambda: len(opened.host.calendar.scheduler.standing) == 3)
    files.write("templates/goals.j2", "Read goal number one.\n")
    await caller.post("/config/reload", {})
    await caller.post("/schedules/tifa.goals/run", {})
    changed = await slots(caller, "tifa.goals")
    files.edit("agents.d/tifa.yaml", "  noon: { cron: 0 12 * * *, task: Rest. }\n", "")
    await until(lambda: len(opened.host.calendar.scheduler.standing) == 2)

    assert changed[0]["text"] == "Read goal number one."
    with pytest.raises(Refusal, match=r"no schedule is called 'tifa\.noon'"):
        await caller.post("/schedules/tifa.noon/run", {})


async def test_a_host_that_stops_takes_nothing_in(opened: Opened) -> None:
    await opened.host.drain()

    assert not await opened.host.calendar.scheduler.look()
    assert opened.host.calendar.scheduler.stopping


async def test_files_that_cannot_be_applied_are_told_of_once(caller: Caller, files: Project) -> None:
    files.edit("agents.d/tifa.yaml", "bio:", "boi:")
    for _ in range(2):
        await caller.post("/config/reload", {})
    await client().until(sent=1)
    files.edit("agents.d/tifa.yaml", "boi:", "bio:")
    await caller.post("/config/reload", {})
    files.edit("agents.d/tifa.yaml", "bio:", "boi:")
    await caller.post("/config/reload", {})
    await client().until(sent=2)

    assert {sent.room for sent in client().sent} == {"chat/ops"}
    assert client().texts[0] == client().texts[1]
    assert (
        client()
        .texts[0]
        .startswith("demo: not all that the files say could be applied: agents.d/tifa.yaml:1:14: CAR011")
    )


# --- the API --------------------------------------------------------------------------------------------------------


async def test_schedules_are_listed_with_their_next_times(caller: Caller) -> None:
    listed = (await caller.get("/schedules"))["schedules"]

    goals, night = listed
    assert (night["name"], night["when"], night["does"], night["state"]) == (
        "tifa.night", "0 20 * * *", "say chat/garden", "runs",
    )  # fmt: skip
    assert [at[11:16] for at in night["next"]] == ["20:00"] * 3
    assert (goals["when"], goals["does"], len(goals["next"])) == ("every 6h", "task", 3)


async def test_a_paused_one_says_by_whom_until_it_is_resumed(caller: Caller, opened: Opened) -> None:
    await caller.post("/schedules/tifa.night/pause", {"by": "anna"})
    await until(lambda: bool(opened.host.calendar.scheduler.standing["tifa.night"].paused))
    paused = await state(caller, "tifa.night")
    metrics = (await caller.client.get("/metrics")).text
    await caller.post("/schedules/tifa.night/resume", {})
    await until(lambda: not opened.host.calendar.scheduler.standing["tifa.night"].paused)

    assert paused == "paused by anna"
    assert 'carrier_schedules{state="paused"} 1' in metrics
    assert await state(caller, "tifa.night") == "runs"


async def test_one_occurrence_is_skipped_or_written_anew_and_the_calendar_tells(caller: Caller) -> None:
    skipped = (await caller.post("/schedules/tifa.night/skip", {"by": "anna"}))["slot"]
    following = (await caller.get("/schedules"))["schedules"][1]["next"][1][:16]
    edited = (await caller.post("/schedules/tifa.night/edit", {"slot": following, "text": "Gone fishing."}))["slot"]

    days = (await caller.get("/schedules/calendar", days="3"))["days"]
    notes = [entry["note"] for entry in days if entry["schedule"] == "tifa.night"]
    assert skipped != edited
    assert notes[:2] == ["skipped: skipped by anna", "written by the operator: Gone fishing."]
    assert {slot["id"]: slot["state"] for slot in await slots(caller, "tifa.night")} == {
        skipped: "skipped", edited: "planned",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "code", "about"),
    [
        ("/schedules/tifa.nigth/run", {}, 404, "there are tifa.goals, tifa.night"),
        ("/schedules/tifa.night/dance", {}, 404, "there are pause, resume, run, skip, edit"),
        ("/schedules/tifa.night/resume", {}, 409, "not paused"),
        ("/schedules/tifa.night/skip", {"slot": "2026-01-01T00:00"}, 422, "does not come up"),
        ("/schedules/tifa.night/edit", {"text": " "}, 422, "write what is to be said"),
        ("/schedules/tifa.night/edit", {"txt": "Hi"}, 422, "txt"),
        ("/schedules/tifa.night/run", {"by": ""}, 422, "by"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_what_helps(
    caller: Caller, path: str, body: dict[str, str], code: int, about: str
) -> None:
    answer = await caller.client.post(path, json=body)

    assert answer.status_code == code
    assert about in answer.text


async def test_what_is_not_there_has_no_history(caller: Caller) -> None:
    assert (await caller.client.get("/schedules/nothing/slots")).status_code == 404
    assert (await caller.client.get("/schedules/tifa.night/slots?limit=0")).status_code == 422
    assert (await caller.client.get("/schedules/calendar?days=x")).status_code == 422


async def test_a_clock_that_is_said_to_be_right_is_trusted(caller: Caller) -> None:
    assert await caller.post("/schedules/clock", {}) == {"held": ""}


async def test_status_tells_how_schedules_stand(caller: Caller) -> None:
    now = await caller.get("/status")

    assert [(each["name"], each["state"], each["troubled"]) for each in now["schedules"]] == [
        ("tifa.goals", "runs", False), ("tifa.night", "runs", False),
    ]  # fmt: skip
    assert now["held"] == ""


# --- its life -------------------------------------------------------------------------------------------------------


async def test_a_timer_wakes_at_each_slot_and_one_that_is_dropped_no_more() -> None:
    woken = asyncio.Event()

    async def wake() -> None:
        woken.set()

    timers = Timers(wake)
    try:
        await timers.follow({})
        await timers.follow({"often": schedule("often", every=1.0), "past": schedule("past", at="2020-01-01T00:00")})
        await timers.follow({"often": schedule("often", every=1.0, jitter=0.5)})
        async with asyncio.timeout(10):
            await woken.wait()
        await timers.follow({})
    finally:
        timers.close()


async def test_a_ledger_that_takes_nothing_makes_schedules_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = FullLedger(tmp_path / "ledger.db")
    little = LittleScheduler(ledger)
    little.add(schedule())
    ledger.full = True
    life = asyncio.create_task(little.scheduler.run())
    try:
        await ledger.refused.wait()
        await until(lambda: "schedules have to wait" in caplog.text)

        assert not life.done()
    finally:
        life.cancel()
        await asyncio.wait([life])
        ledger.full = False
        await ledger.close()
