"""`carrier-host schedules`: what comes by the clock, told and changed from the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carrier.cli import app
from carrier.testing.hosts import running_host, until
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: demo
timezone: Europe/Oslo
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
server: { port: 0 }
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
schedules:
  night: { cron: 0 20 * * *, say: { room: api/garden, text: Good night. } }
  often: { every: 90m, task: Look around. }
---
kind: script
name: tifa
rules: [{ say: Done. }]
""",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", FILES)


def schedules(files: Project, *arguments: str) -> str:
    """What the command prints; raises what it ended with."""
    result = CliRunner().invoke(
        app, ["--config", str(files.config), "schedules", *arguments], env={"TERMINAL_WIDTH": "200"}
    )
    if result.exception:
        raise result.exception
    return result.output


def test_where_no_host_runs_the_files_say_when_they_come_up(files: Project) -> None:
    head, night, often = schedules(files).splitlines()

    assert head.split() == ["schedule", "when", "does", "state", "next", "last"]
    assert night.startswith("tifa.night  0 20 * * * (Europe/Oslo)  say api/garden  no host runs  ")
    assert often.startswith("tifa.often  every 90m (Europe/Oslo)   task            no host runs  ")


def test_a_calendar_tells_the_coming_days_and_counts_what_comes_often(files: Project) -> None:
    text = schedules(files, "calendar", "--days", "3")

    days = [line for line in text.splitlines() if not line.startswith(" ")]
    assert len(days) in (3, 4)
    assert "  20:00  tifa.night  say api/garden" in text
    assert "times until" in text


def test_a_project_without_schedules_says_so(files: Project) -> None:
    files.edit("agents.d/tifa.yaml", "schedules:", "x-schedules:")

    assert schedules(files) == "no schedules\n"
    assert schedules(files, "calendar") == "nothing comes up\n"


def test_a_cron_line_is_explained_in_words_and_times(files: Project) -> None:
    words, *times = schedules(files, "explain", "30 8 * * 1-5").splitlines()
    tokyo = schedules(files, "explain", "@daily", "--timezone", "Asia/Tokyo")

    assert words == "At 08:30 on Monday through Friday (Europe/Oslo)"
    assert len(times) == 5
    assert all("08:30 +0" in time for time in times)
    assert "00:00 +0900" in tokyo


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["30 8 * *"], "five fields"),
        (["30 25 * * *"], "the hour '25'"),
        (["@often"], "@daily"),
        (["30 8 * * *", "--timezone", "Mars/Base"], "no time zone 'Mars/Base'"),
    ],
)
def test_what_cannot_be_explained_says_why(files: Project, arguments: list[str], reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        schedules(files, "explain", *arguments)


async def test_schedules_are_changed_in_the_running_host(files: Project) -> None:
    async def run(*arguments: str) -> str:
        return await asyncio.to_thread(schedules, files, *arguments)

    async with running_host(files) as opened:
        await until(lambda: len(opened.host.calendar.scheduler.standing) == 2)
        paused = await run("pause", "tifa.night", "--by", "anna")
        await until(lambda: bool(opened.host.calendar.scheduler.standing["tifa.night"].paused))
        listed = await run()
        resumed = await run("resume", "tifa.night")
        empty = await run("history", "tifa.night")
        ran = await run("run", "tifa.night")
        await opened.host.inbox.idle()
        skipped = await run("skip", "tifa.night")
        edited = await run("edit", "tifa.often", "--text", "Look behind you.")
        trusted = await run("trust-clock")
        history = json.loads(await run("history", "tifa.night", "--json"))["slots"]
        calendar = await run("calendar", "--days", "2")

    assert (paused, resumed, trusted) == ("tifa.night is paused\n", "tifa.night goes on\n", "schedules go on\n")
    assert "paused by anna" in listed
    assert empty == "tifa.night has not come up yet\n"
    assert ran.startswith("tifa.night@20")
    assert skipped.endswith("is skipped\n")
    assert edited.startswith("tifa.often@20")
    assert sorted(slot["state"] for slot in history) == ["done", "skipped"]
    assert "(skipped: skipped by the operator)" in calendar


def test_nothing_is_changed_where_no_host_runs(files: Project) -> None:
    with pytest.raises(Exception, match="no host runs"):
        schedules(files, "pause", "tifa.night")
