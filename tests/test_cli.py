"""The command: what it prints, for people and for scripts, and the code it ends with."""

import asyncio
import gc
import json
import logging
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from carrier import __version__
from carrier.api.calling import calling
from carrier.cli import main
from carrier.cli.planning import plan_text
from carrier.cli.showing import shown_text
from carrier.lock import locked
from carrier.testing.hosts import PROGRAM, HostProcess, host_process, running_host
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: demo
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
server: { port: 0 }
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
---
kind: script
name: tifa
rules:
  - say: "you said: {{ text }}"
""",
    "agents.d/hello.yaml": "character: { bio: Greets everyone. }\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@dataclass(frozen=True)
class Outcome:
    code: object
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", FILES)


@pytest.fixture
def carrier(files: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command `carrier-host`, for this project."""
    interval = sys.getswitchinterval()

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["carrier-host", "--config", str(files.config), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Outcome(ended.value.code or 0, *capfd.readouterr())

    yield run
    # What a start sets for its process.
    gc.enable()
    sys.setswitchinterval(interval)
    logging.getLogger("carrier").setLevel(logging.NOTSET)


def test_the_version(carrier: Command) -> None:
    assert carrier("--version") == Outcome(0, f"{__version__}\n", "")


def test_a_command_that_is_none_is_refused_with_how_to_ask(carrier: Command) -> None:
    outcome = carrier("frobnicate")

    assert outcome.code == 2
    assert "No such command 'frobnicate'" in outcome.err


# --- check -----------------------------------------------------------------------------------------------------


def test_files_without_a_mistake_are_counted(carrier: Command) -> None:
    outcome = carrier("check")

    assert (outcome.code, outcome.err) == (0, "")
    assert re.fullmatch(r"2 agents, no clients, 5 files: no errors, no warnings \(\d+\.\d\d s\)\n", outcome.out)


def test_a_mistake_is_told_with_its_line_and_a_caret_and_the_code_is_1(carrier: Command, files: Project) -> None:
    files.write("agents.d/hello.yaml", "character: { bio: Greets everyone. }\nmodle: large\n")

    outcome = carrier("check")

    first, excerpt, caret, *_ = outcome.out.splitlines()
    assert outcome.code == 1
    assert first.startswith("agents.d/hello.yaml:2:1: CAR011 unknown key 'modle'; did you mean 'model'?")
    assert (excerpt, caret) == ("   2 | modle: large", "     | ^")
    assert "1 error, no warnings" in outcome.out


def test_a_warning_is_no_error_unless_the_check_is_strict(carrier: Command, files: Project) -> None:
    files.write("agents.d/more.yaml.txt", "name: more\n")

    assert (carrier("check").code, carrier("check", "--strict").code) == (0, 1)


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("json", '{\n  "problems": [\n    {\n      "file": "agents.d/hello.yaml",\n      "line": 1,'),
        ("github", "::error file="),
        ("sarif", '{\n  "$schema": "https://json.schemastore.org/sarif-2.1.0.json"'),
    ],
)
def test_a_check_tells_a_machine_in_its_own_form(carrier: Command, files: Project, form: str, begins: str) -> None:
    files.write("agents.d/hello.yaml", "modle: large\n")

    outcome = carrier("check", "--format", form)

    assert (outcome.code, outcome.out.startswith(begins)) == (1, True)


TWO = """\
name: roll_dice
type: python
entrypoint: "actions/dice.py:roll"
examples:
  - { user: Roll, call: { sides: 6 } }
  - { user: Roll twice, call: { sides: many, twice: true } }
"""
ROLL = "def roll(sides: int = 6) -> int:\n    return 4\n"


def test_examples_are_held_against_what_a_function_takes(carrier: Command, files: Project) -> None:
    files.write("actions/dice.yaml", TWO)
    files.write("actions/dice.py", ROLL)

    outcome = carrier("check")

    assert outcome.code == 1
    assert outcome.out.startswith("actions/dice.yaml:6:")
    assert "CAR013 examples: wrong arguments" in outcome.out
    assert "1 error, no warnings" in outcome.out


def test_code_that_cannot_be_imported_for_its_examples_is_told(carrier: Command, files: Project) -> None:
    files.write("actions/dice.yaml", TWO)
    files.write("actions/dice.py", "import dicelib\n\ndef roll(sides: int) -> int:\n    return dicelib.roll()\n")

    outcome = carrier("check")

    assert outcome.out.startswith("actions/dice.yaml:3:13: CAR033 actions/dice.py:roll: ModuleNotFoundError")


def test_what_code_prints_spoils_no_report(carrier: Command, files: Project) -> None:
    files.write("actions/dice.yaml", TWO)
    files.write("actions/dice.py", f"print('hello')\n{ROLL}")

    outcome = carrier("check", "--format", "json")

    assert [each["code"] for each in json.loads(outcome.out)["problems"]] == ["CAR013"]
    assert outcome.err == "hello\n"


def test_a_request_that_would_never_be_sent_is_told(carrier: Command, files: Project) -> None:
    files.write("actions/till.yaml", "name: till\ntype: http\nrequest: { url: 'http://127.0.0.1:9' }\n")

    outcome = carrier("check")

    assert "actions/till.yaml:3:10: CAR033 till: http without s is spoken only with hosts" in outcome.out


def test_code_without_examples_is_not_run_by_a_check(carrier: Command, files: Project) -> None:
    files.write("actions/dice.yaml", TWO.partition("examples")[0])
    files.write("actions/dice.py", f"raise SystemExit\n{ROLL}")

    assert carrier("check").code == 0


def test_a_mistake_of_carrier_s_own_does_not_look_like_one_in_the_files(
    carrier: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr("carrier.config.catalog.load", broken)

    outcome = carrier("check")

    assert outcome.code == 2
    assert "RuntimeError: a mistake" in outcome.err


def test_on_a_terminal_there_is_colour_and_elsewhere_none(files: Project) -> None:
    files.write("agents.d/hello.yaml", "modle: large\n")

    shown = on_a_terminal("--config", str(files.config), "check")

    assert "\x1b[31mCAR011\x1b[0m" in shown
    assert re.sub(r"\x1b\[[\d;]*m", "", shown).startswith("agents.d/hello.yaml:1:1: CAR011 unknown key 'modle'")


def test_on_a_terminal_a_table_keeps_to_its_width(files: Project) -> None:
    shown = re.sub(r"\x1b\[[\d;]*m", "", on_a_terminal("--config", str(files.config), "doctor"))

    assert max(map(len, shown.splitlines())) <= 80
    assert re.search(r"^ok +lock +no host runs here", shown, re.MULTILINE)


def on_a_terminal(*arguments: str) -> str:
    """What the command writes where somebody looks at it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "carrier", *arguments]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    )
    os.close(theirs)
    written = b""
    with suppress(OSError):  # a terminal's way to say that nobody writes any more
        while piece := os.read(ours, 65536):
            written += piece
    process.wait()
    os.close(ours)
    return written.decode()


def test_the_environment_s_files_lie_over_the_others(carrier: Command, files: Project) -> None:
    files.write("carrier.dev.yaml", "nmae: dev\n")

    plain, chosen = carrier("check"), carrier("--env", "dev", "check")

    assert (plain.code, chosen.code) == (0, 1)
    assert chosen.out.startswith("carrier.dev.yaml:1:1: CAR011")


def test_a_project_without_a_carrier_yaml_is_told_where_it_should_be(carrier: Command, files: Project) -> None:
    files.remove("carrier.yaml")

    checked, started = carrier("check"), carrier()

    assert checked.code == started.code == 1
    assert checked.out.startswith("carrier.yaml:1:1: ")
    assert started.err.startswith("carrier.yaml:1:1: ")


# --- starting --------------------------------------------------------------------------------------------------


def test_a_second_host_in_one_folder_is_refused_with_the_pid_of_the_first(carrier: Command, files: Project) -> None:
    with locked(files.data):
        outcome = carrier()

    assert outcome.code == 2
    assert f"a host is already running here (pid {os.getpid()})" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_port_that_is_taken_is_told_with_what_helps(carrier: Command, files: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        files.edit("carrier.yaml", "port: 0", f"port: {port}")
        outcome = carrier()

    assert outcome.code == 2
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use)" in outcome.err
    assert "server: { port: … }" in outcome.err


# --- talking to one that runs ----------------------------------------------------------------------------------


def test_without_a_host_there_is_no_status(carrier: Command) -> None:
    outcome = carrier("status")

    assert outcome.code == 2
    assert "no host runs on" in outcome.err


async def test_a_host_s_status_for_people_and_for_scripts(carrier: Command, files: Project) -> None:
    async with running_host(files):
        text = await asyncio.to_thread(carrier, "status")
        for_scripts = await asyncio.to_thread(carrier, "status", "--json")

    now = json.loads(for_scripts.out)
    assert now.keys() == {
        *("name", "version", "agents", "clients", "muted", "parked", "broken", "absent"),
        *("problems", "reloaded_at", "memory", "stopping", "revision", "last_reload", "degraded", "restart"),
        *("models", "waits", "handovers", "schedules", "held"),
    }
    assert [agent["name"] for agent in now["agents"]] == ["hello", "tifa"]
    assert text.out.startswith(f"demo: Carrier {__version__}, files read at ")
    assert "scripted/tifa" in text.out


async def test_the_address_of_a_host_that_was_killed_is_nobody_s(carrier: Command, files: Project) -> None:
    async with running_host(files) as opened:
        address = opened.address
    (files.data / "address").write_text(address)

    outcome = await asyncio.to_thread(carrier, "status")

    assert (outcome.code, outcome.err) == (2, f"carrier-host: no host runs on {files.data}\n")


async def test_the_prompt_of_the_host_that_runs(carrier: Command, files: Project) -> None:
    async with running_host(files):
        outcome = await asyncio.to_thread(carrier, "render", "tifa", "What now?", "--user", "anna")
        greeted = await asyncio.to_thread(carrier, "render", "tifa")
        unknown = await asyncio.to_thread(carrier, "render", "cloud", "What now?")

    assert outcome == Outcome(0, "You are tifa.\n\n--- conversation ---\nuser: What now?\n", "")
    assert greeted.out.endswith("user: hello\n")
    assert unknown.code == 2
    assert unknown.err == "carrier-host: no agent is called 'cloud'; there are hello, tifa\n"


def test_a_prompt_without_a_host_takes_one_that_lives_as_long(carrier: Command, files: Project) -> None:
    outcome = carrier("render", "tifa", "What now?")

    assert (outcome.code, outcome.out.splitlines()[0]) == (0, "You are tifa.")
    assert "no host runs here: one is started for as long as this takes" in outcome.err
    assert not (files.data / "address").exists()


# --- approvals -------------------------------------------------------------------------------------------------

ASKS = """\
character: { bio: Keeps the till. }
actions: [greet]
permissions: { ask: [greet] }
---
kind: script
name: tifa
rules:
  - { after: greet, say: "{{ result }}" }
  - { when: 'greet (?P<who>\\w+)', call: { greet: { who: "{{ who }}" } } }
"""


async def test_what_waits_is_listed_and_decided(carrier: Command, files: Project) -> None:
    files.write("agents.d/tifa.yaml", ASKS)
    files.write("actions/greet.yaml", 'name: greet\ntype: python\nentrypoint: "actions/greet.py:greet"\n')
    files.write("actions/greet.py", 'def greet(who: str) -> str:\n    return f"Hei, {who}."\n')
    async with running_host(files) as opened, calling(files.data) as caller:
        nothing = await asyncio.to_thread(carrier, "approvals")
        for who in ("anna", "eve"):
            await caller.post("/tifa/message", {"text": f"greet {who}"})
        listed = await asyncio.to_thread(carrier, "approvals")
        approved = await asyncio.to_thread(carrier, "approve", "1", "--arguments", '{"who": "Ann"}')
        refused = await asyncio.to_thread(carrier, "refuse", "2")
        again = await asyncio.to_thread(carrier, "approve", "2")
        wrong = await asyncio.to_thread(carrier, "approve", "1", "--arguments", "{")
        missing = await asyncio.to_thread(carrier, "refuse", "17")
        await opened.host.inbox.idle()
        lines = [line["text"] for line in (await caller.get("/tifa/history"))["lines"]]

    assert nothing.out == "nothing waits for approval\n"
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["#", "state"],
        ["2", "pending"],
        ["1", "pending"],
    ]
    assert (approved.code, approved.out) == (0, '#1 is edited: greet {"who": "Ann"}\n')
    assert (refused.code, refused.out) == (0, '#2 is refused: greet {"who": "eve"}\n')
    assert (again.code, again.err) == (2, "carrier-host: #2 is refused by the operator already\n")
    assert (wrong.code, missing.code) == (2, 2)
    assert "Hei, Ann." in lines
    assert "Hei, eve." not in lines


# --- rooms -----------------------------------------------------------------------------------------------------


async def test_a_room_is_muted_and_answered_again_and_the_status_tells(carrier: Command, files: Project) -> None:
    client = "type: carrier.testing.clients:MadeClient\nagent: tifa\nrooms: { garden: g1 }\ndry_run: true\n"
    files.write("agents.d/dc.yaml", f"kind: client\n{client}")
    async with running_host(files):
        muted = await asyncio.to_thread(carrier, "mute", "dc/garden")
        for_a_while = await asyncio.to_thread(carrier, "mute", "dc/7", "--for", "2h", "--by", "anna")
        status = await asyncio.to_thread(carrier, "status")
        outcomes = [await asyncio.to_thread(carrier, "unmute", "dc/g1") for _ in range(2)]
        wrong = [await asyncio.to_thread(carrier, "mute", room) for room in ("dcc/garden", "dc", "api/@anna")]
        no_time = await asyncio.to_thread(carrier, "mute", "dc/7", "--for", "soon")

    assert muted.out == "dc/g1 is muted until it is unmuted\n"
    assert for_a_while.out.startswith("dc/7 is muted until 20")
    assert re.search(r"muted +dc/g1 +until it is unmuted +by the operator", status.out)
    assert re.search(r"muted +dc/7 +until 20.+ +by anna", status.out)
    assert re.search(r"dc .*running, dry run", status.out)
    assert [outcome.out for outcome in outcomes] == ["dc/g1 is answered again\n", "dc/g1 was not muted\n"]
    assert [outcome.code for outcome in (*wrong, no_time)] == [2, 2, 2, 2]
    assert wrong[0].err == "carrier-host: 'dcc/garden' is no room here: a room is client/room, and there is dc\n"
    assert "90s, 10m, 2h" in no_time.err


ARRANGES = """\
character: { bio: Keeps the bar. }
actions: [schedule_message]
handoffs: [hello]
---
kind: script
name: tifa
rules:
  - { when: bill, call: { hand_to/hello: { summary: A bill. } } }
  - { when: remind, call: { schedule_message: { in: 1h, text: The oven! } } }
  - { say: "you said: {{ text }}" }
"""


async def test_what_agents_arranged_is_listed_and_ended(carrier: Command, files: Project) -> None:
    files.write("agents.d/tifa.yaml", ARRANGES)
    files.write("agents.d/hello.yaml", "character: { bio: Greets. }\nmodel: scripted/default\n")
    async with running_host(files), calling(files.data) as caller:
        nothing = [await asyncio.to_thread(carrier, command) for command in ("handovers", "later")]
        for text in ("remind me", "my bill"):
            await caller.post("/tifa/message", {"text": text, "userId": "anna"})
        listed = [await asyncio.to_thread(carrier, command) for command in ("handovers", "later", "status")]
        [waiting] = json.loads((await asyncio.to_thread(carrier, "later", "--json")).out)
        ended = await asyncio.to_thread(carrier, "handovers", "--end", "api/@anna")
        cancelled = await asyncio.to_thread(carrier, "later", "--cancel", waiting["id"])
        again = await asyncio.to_thread(carrier, "later", "--cancel", waiting["id"])

    assert [each.out for each in nothing] == ["no conversation is handed over\n", "nothing is to be said later\n"]
    assert [each.out.count("api/@anna") for each in listed] == [1, 1, 1]
    assert "The oven!" in listed[1].out
    assert ended.out == "api/@anna: tifa answers again\n"
    assert (cancelled.code, cancelled.out) == (0, f"{waiting['id']} is not said\n")
    assert (again.code, again.err) == (2, f"carrier-host: nothing of the id '{waiting['id']}' waits\n")


# --- reload, plan ----------------------------------------------------------------------------------------------


async def test_a_reload_tells_what_came_of_it_and_a_problem_is_code_1(carrier: Command, files: Project) -> None:
    async with running_host(files):
        clean = await asyncio.to_thread(carrier, "reload")
        files.write("agents.d/hello.yaml", "modle: large\n")
        wrong = await asyncio.to_thread(carrier, "reload")
        status = await asyncio.to_thread(carrier, "status")

    assert (clean.code, re.fullmatch(r"revision \w+: applied\n", clean.out) is not None) == (0, True)
    assert wrong.code == 1
    assert wrong.out.startswith("agents.d/hello.yaml:1:1: CAR011 ")
    assert "on an older version than their files say: hello" in status.out


async def test_a_plan_says_what_the_running_host_would_change_field_by_field(carrier: Command, files: Project) -> None:
    async with running_host(files) as opened:
        same = await asyncio.to_thread(carrier, "plan")
        running = opened.host.catalog.revision
        # Of all changes this one is not applied before it can be planned.
        files.edit("carrier.yaml", "server:", "limits: { turns_at_once: 32 }\nserver:")
        await asyncio.to_thread(carrier, "reload")
        new = await asyncio.to_thread(carrier, "plan")

    assert same == Outcome(0, f"nothing would change: revision {running}\n", "")
    assert new.code == 0
    assert new.out.startswith("! restart host demo (limits: with the next start of the host")
    assert "\n    limits.turns_at_once: 64 -> 32\n" in new.out
    assert "\n1 to restart: revision " in new.out


def test_without_a_host_a_plan_is_what_a_start_would_do(carrier: Command) -> None:
    outcome = carrier("plan", "--json")

    planned = json.loads(outcome.out)
    assert (outcome.code, outcome.err) == (0, "no host runs here: this is what a start would do\n")
    assert ("create", "agent", "tifa") in [(step["what"], step["kind"], step["name"]) for step in planned["steps"]]


def test_a_plan_reads_as_signs_objects_fields_reasons_and_times() -> None:
    def step(what: str, kind: str, name: str, **more: object) -> dict[str, object]:
        return {"what": what, "kind": kind, "name": name, "changes": [], "reasons": [], "next_times": [], **more}

    bio = {"path": "character.bio", "old": "Keeps the bar.", "new": "Keeps the peace."}
    long = {"path": "character.lore", "old": None, "new": "a" * 200}
    planned = {
        "running": "1a",
        "wanted": "2b",
        "steps": [
            step("update", "agent", "tifa", changes=[bio, long], reasons=["agents.d/tifa.yaml changed"]),
            step("restart", "client", "discord", changes=[{"path": "token", "old": "***", "new": "*** (another)"}]),
            step("create", "schedule", "tifa.morning", next_times=["2026-12-24T09:00+01:00", "2026-12-25T09:00+01:00"]),
            step("remove", "agent", "bob"),
        ],
        "schedules": {"tifa.evening": ["2026-12-24T20:00+01:00"], "tifa.morning": []},
        "problems": [],
    }

    assert plan_text(planned).splitlines() == [
        "~ update agent tifa (agents.d/tifa.yaml changed)",
        '    character.bio: "Keeps the bar." -> "Keeps the peace."',
        f'    character.lore: "{"a" * 78}…',
        "! restart client discord",
        '    token: "***" -> "*** (another)"',
        "+ create schedule tifa.morning",
        "    next: 2026-12-24T09:00+01:00, 2026-12-25T09:00+01:00",
        "- remove agent bob",
        "= schedule tifa.evening",
        "    next: 2026-12-24T20:00+01:00",
        "1 to create, 1 to update, 1 to restart, 1 to remove: revision 1a -> 2b",
    ]


# --- show, schema, explain -------------------------------------------------------------------------------------


def test_an_object_is_shown_as_yaml_with_the_place_of_each_value(carrier: Command) -> None:
    outcome = carrier("show", "agent", "tifa")

    shown = yaml.safe_load(outcome.out)
    assert outcome.code == 0
    assert shown["character"]["bio"] == ["Keeps the bar."]
    assert re.search(r"^memory:\n  recent: 32 +# built-in$", outcome.out, re.MULTILINE)
    assert re.search(r"Keeps the bar\. +# agents\.d/tifa\.yaml:1$", outcome.out, re.MULTILINE)
    assert {value["origin"] for value in json.loads(carrier("show", "agent", "tifa", "--json").out)} >= {"built-in"}


def test_names_are_listed_and_a_wrong_one_is_told_with_them(carrier: Command) -> None:
    assert carrier("show", "agent") == Outcome(0, "hello\ntifa\n", "")
    assert carrier("show", "agent", "cloud") == (
        Outcome(2, "", "carrier-host: no agent is called 'cloud'; there are hello, tifa\n")
    )
    assert carrier("show", "wizard").err.startswith("carrier-host: 'wizard' is no kind to show; there are host, agent")


def test_a_shown_value_is_written_so_that_it_reads_back_the_same() -> None:
    values = {
        "name": "tifa",
        "x[0]": "007",
        "x[1].a": "two\nlines",
        "x[1].b": ["on", 1.5, None],
        "x[2][0]": "#tag",
        "deep.er.still": "yes: no",
    }

    text = shown_text([{"path": path, "value": value, "origin": "here:1"} for path, value in values.items()])

    assert yaml.safe_load(text) == {
        "name": "tifa",
        "x": ["007", {"a": "two\nlines", "b": ["on", 1.5, None]}, ["#tag"]],
        "deep": {"er": {"still": "yes: no"}},
    }
    assert len({line.index("# here:1") for line in text.splitlines() if "# here:1" in line}) == 1


def test_a_schema_is_printed_and_all_are_written(carrier: Command, tmp_path: Path) -> None:
    printed = json.loads(carrier("schema", "agent").out)
    carrier("schema", "--write", str(tmp_path / "schemas"))

    assert printed == json.loads((tmp_path / "schemas/agent.schema.json").read_text())
    assert json.loads(carrier("schema").out)["title"] == "Document"
    assert carrier("schema", "wizard").err.startswith("carrier-host: there is no schema 'wizard'; there are ")


def test_a_code_is_explained(carrier: Command) -> None:
    outcome = carrier("explain", "car021")

    assert (outcome.code, outcome.out.startswith("## CAR021: an unknown action")) == (0, True)
    assert carrier("explain", "CAR999").code == 2


# --- fmt -------------------------------------------------------------------------------------------------------


def test_files_are_laid_out_once_and_a_check_writes_nothing(carrier: Command, files: Project) -> None:
    path = files.folder / "agents.d/hello.yaml"
    path.write_text("character: { bio: Greets everyone. }\nname: hello   # her name\n")
    path.chmod(0o640)

    checked, before = carrier("fmt", "--check"), path.read_text()
    done, again = carrier("fmt"), carrier("fmt")

    assert (checked.code, before.startswith("character")) == (1, True)
    assert "hello.yaml: would be laid out" in checked.out
    assert done.code == 0
    assert path.read_text() == "name: hello   # her name\ncharacter: { bio: Greets everyone. }\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert again == Outcome(0, "", "")


def test_a_file_that_cannot_be_read_is_left_as_it_is_and_the_others_are_laid_out(
    carrier: Command, files: Project
) -> None:
    files.write("agents.d/hello.yaml", "character: {\n")
    files.write("agents.d/tifa.yaml", "character:\n    bio: Keeps the bar.\n")

    outcome = carrier("fmt")

    assert outcome.code == 1
    assert "hello.yaml: left as it is: it has problems" in outcome.err
    assert (files.folder / "agents.d/tifa.yaml").read_text() == "character:\n  bio: Keeps the bar.\n"


def test_only_the_files_that_are_named_are_laid_out(carrier: Command, files: Project) -> None:
    files.write("agents.d/tifa.yaml", "model: large\nname: tifa\n")
    files.write("agents.d/hello.yaml", "model: large\nname: hello\n")

    carrier("fmt", str(files.folder / "agents.d/tifa.yaml"))

    assert (files.folder / "agents.d/tifa.yaml").read_text() == "name: tifa\nmodel: large\n"
    assert (files.folder / "agents.d/hello.yaml").read_text() == "model: large\nname: hello\n"


# --- signals, completion ---------------------------------------------------------------------------------------


async def test_sighup_has_the_files_read_again(files: Project) -> None:
    async with host_process(files) as host, host.call() as caller:
        before = (await caller.get("/status"))["last_reload"]["at"]
        host.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(10):
            while (await caller.get("/status"))["last_reload"]["at"] == before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_broken_carrier_yaml_is_refused_unless_the_last_good_one_is_asked_for(files: Project) -> None:
    async with running_host(files):
        pass
    files.write("carrier.yaml", "name: [\n")

    refused = await HostProcess.start(files)
    code, said = await refused.ended(), refused.printed
    async with host_process(files, (*PROGRAM, "--last-good")) as host, host.call() as caller:
        now = await caller.get("/status")

    assert (code, said.startswith("carrier.yaml:2:1: CAR004 ")) == (1, True)
    assert now["name"] == "demo"


def test_the_shell_completes_names_of_agents(files: Project) -> None:
    files.write("agents.d/more/many.yaml", "kind: client\nname: no\ntype: console\n---\nname: terra\n---\nx-a: 1\n")
    words = f"carrier-host --config {files.config} chat t"
    asked = {"_CARRIER_HOST_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "4"}

    program = [sys.executable, "-c", "from carrier.cli import app; app(prog_name='carrier-host')"]
    done = subprocess.run(program, env={**os.environ, **asked}, capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["terra", "tifa"]


# --- stats -----------------------------------------------------------------------------------------------------


def test_before_the_first_turn_there_is_nothing_to_count(carrier: Command) -> None:
    assert carrier("stats") == Outcome(0, "no turns yet\n", "")
    assert json.loads(carrier("stats", "--json").out) == {"days": [], "steps": [], "actions": [], "posts": []}


async def test_turns_are_counted_by_agent_and_day(carrier: Command, files: Project) -> None:
    async with running_host(files) as opened:
        headers = {"authorization": f"Bearer {opened.token}"}
        async with httpx.AsyncClient(base_url=opened.address, headers=headers, trust_env=False) as door:
            for agent in ("tifa", "tifa", "hello"):
                assert (await door.post(f"/{agent}/message", json={"text": "Hello"})).status_code == 200

    counted = json.loads((await asyncio.to_thread(carrier, "stats", "--json")).out)
    one = json.loads((await asyncio.to_thread(carrier, "stats", "--json", "--agent", "tifa")).out)
    text = (await asyncio.to_thread(carrier, "stats")).out

    assert [(day["agent"], day["messages"], day["answered"]) for day in counted["days"]] == [
        ("hello", 1, 1),
        ("tifa", 2, 2),
    ]
    assert [day["agent"] for day in one["days"]] == ["tifa"]
    assert {step["step"] for step in counted["steps"]} >= {"queue", "compose", "generate", "total"}
    assert text.splitlines()[0].split()[:3] == ["day", "agent", "messages"]
