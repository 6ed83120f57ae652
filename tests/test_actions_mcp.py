"""The tools of an MCP server are actions; whatever the server does, a call ends in words, and the host goes on."""

import asyncio
import json
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mcp.types import Tool

from carrier.actions.mcp.listing import listed, wrong_schema
from carrier.actions.mcp.servers import Times, pause_after, servers
from carrier.actions.mcp.splitting import Endless, Line, Splitter, answers
from carrier.actions.mcp.toolbox import McpToolbox
from carrier.config.models.mcp import McpAction
from carrier.errors import ActionError, InDoubt
from carrier.interfaces import Action, ChangingToolbox
from carrier.testing import mcp_server
from carrier.testing.hosts import until
from carrier.testing.mcp_server import HttpServer, mcp_http_server
from carrier.testing.turns import TurnMaker
from carrier.types.agents import ActionDefinition

SCRIPT = (sys.executable, mcp_server.__file__)
TOKEN = "tok-1234567890"
QUICK = Times(handshake=10, first_pause=0.01, calm=0.01)
FAULTY = "faulty"


@pytest.fixture(autouse=True)
def impatient(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("carrier.actions.mcp.process.PATIENCE", 0.2)


def toolbox(folder: Path, *flags: str, times: Times = QUICK, timeout: float = 5.0, **settings: Any) -> McpToolbox:
    if "url" not in settings:
        settings = {"command": [*SCRIPT, *flags], **settings}
    written = McpAction.model_validate({"name": FAULTY, "type": "mcp", **settings})
    definition = ActionDefinition(
        FAULTY, "mcp", folder=folder, timeout=timeout, repeat=written.repeat, settings=written
    )
    return McpToolbox(definition, TurnMaker().given(), times=times)


@asynccontextmanager
async def opened(*boxes: McpToolbox) -> AsyncIterator[Mapping[str, Action]]:
    """The actions of the first."""
    try:
        first, *_ = [await box.open() for box in boxes]
        yield first
    finally:
        await asyncio.gather(*(box.close() for box in boxes))
        assert servers().running == {}


async def call(actions: Mapping[str, Action], tool: str, **arguments: Any) -> str:
    return str(await actions[f"{FAULTY}/{tool}"](TurnMaker().turn(), **arguments))


async def failure(actions: Mapping[str, Action], tool: str, **arguments: Any) -> ActionError:
    with pytest.raises(ActionError) as failed:
        await call(actions, tool, **arguments)
    return failed.value


@dataclass
class Heard:
    """Keeps what a toolbox tells of its changes."""

    names: list[list[str]] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, actions: Mapping[str, Action]) -> None:
        self.names.append(sorted(actions))
        self.told.set()


@asynccontextmanager
async def following(pid: int) -> AsyncIterator[Any]:
    """Waits for the end of a process, whoever its parent is."""
    descriptor = os.pidfd_open(pid)

    async def ended(seconds: float = 5.0) -> bool:
        ready, _, _ = await asyncio.to_thread(select.select, [descriptor], [], [], seconds)
        return bool(ready)

    try:
        yield ended
    finally:
        os.close(descriptor)


# --- tools as actions ----------------------------------------------------------------------------------------


async def test_each_tool_is_an_action_with_its_schema(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        echo = actions["faulty/echo"]

        assert sorted(actions) == sorted(f"faulty/{name}" for name in mcp_server.TOOLS)
        assert (echo.name, echo.description) == ("faulty/echo", "It is echo.")
        assert echo.parameters == mcp_server.TEXT
        assert await call(actions, "echo", text="Grüße") == "Grüße"


async def test_patterns_choose_and_one_that_matches_nothing_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(toolbox(tmp_path, tools=["e*", "delete_*"])) as actions:
        assert sorted(actions) == ["faulty/echo", "faulty/endless", "faulty/env", "faulty/everything"]

    assert "faulty: tools: delete_* matches no tool; there are echo, fail, refuse" in caplog.text


async def test_a_tool_that_says_it_destroys_has_consequences(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        destroying = [name for name, action in actions.items() if getattr(action, "consequential", False)]

    assert destroying == ["faulty/delete"]


@pytest.mark.parametrize(
    ("tool", "said", "expected"),
    [
        ("echo", {}, "safe"),
        ("die_again", {}, "keyed"),
        ("fail", {}, "never"),
        ("echo", {"repeat": "never"}, "never"),
        ("fail", {"repeat": "safe"}, "safe"),
    ],
    ids=["read-only", "idempotent", "neither", "said otherwise", "said to be safe"],
)
async def test_what_a_tool_says_of_itself_counts_unless_the_file_says_otherwise(
    tmp_path: Path, tool: str, said: dict[str, Any], expected: str
) -> None:
    async with opened(toolbox(tmp_path, **said)) as actions:
        assert actions[f"faulty/{tool}"].repeat == expected


async def test_an_argument_may_have_any_name(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        assert await call(actions, "echo", text="yes", turn=1, self=2, name=3) == "yes"


async def test_what_is_no_text_is_told_in_words(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        assert (await call(actions, "everything")).splitlines() == [
            "words",
            "[image, image/png, 3 bytes: not shown]",
            "[audio, audio/wav, 30 KB: not shown]",
            "[resource notes: file:///notes.txt]",
            "[resource file:///a.txt]",
            "inside",
            "[resource file:///b.bin, x/y, 3 bytes: not shown]",
        ]
        assert await call(actions, "structured") == '{"degrees": 7}'


async def test_a_long_result_is_cut(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        assert (await call(actions, "huge", size=1_000_000)).endswith("x … (cut off: 1,000,000 characters)")


async def test_an_error_of_the_tool_is_told_to_the_model(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        assert str(await failure(actions, "fail", text="no such city")) == "faulty/fail failed: no such city"
        refused = await failure(actions, "refuse")

    assert (str(refused), type(refused)) == ("faulty/refuse failed: not today", ActionError)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("sampling/createMessage", "Sampling not supported"),
        ("elicitation/create", "Elicitation not supported"),
        ("roots/list", "List roots not supported"),
    ],
)
async def test_what_a_server_asks_for_is_refused_politely(tmp_path: Path, question: str, answer: str) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        assert answer in await call(actions, "ask", text=question)


# --- its process ---------------------------------------------------------------------------------------------


async def test_a_server_is_started_once_for_all_and_stopped_with_its_last_user(tmp_path: Path) -> None:
    first, second = toolbox(tmp_path), toolbox(tmp_path, tools=["pid"])
    actions, others = await first.open(), await second.open()
    pid = await call(actions, "pid")

    assert await call(others, "pid") == pid
    async with following(int(pid)) as ended:
        await first.close()
        assert await call(others, "pid") == pid
        await second.close()
        assert await ended(0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


async def test_other_settings_are_another_server(tmp_path: Path) -> None:
    one, other = toolbox(tmp_path), toolbox(tmp_path, env={"COLOUR": "red"})
    async with opened(one, other):
        assert await call(one.actions, "pid") != await call(other.actions, "pid")


async def test_it_sees_its_own_variables_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    monkeypatch.setenv("LANG", "C")

    async with opened(toolbox(tmp_path, env={"COLOUR": "red"})) as actions:
        seen = json.loads(await call(actions, "env"))

    assert sorted(seen.keys() - {"LC_CTYPE"}) == ["COLOUR", "HOME", "LANG", "PATH"]


async def test_its_secrets_are_told_to_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(toolbox(tmp_path, env={"SERVICE_TOKEN": TOKEN})) as actions:
        results = [
            await call(actions, "env"),
            await call(actions, "noise", text=f"my token is {TOKEN}"),
            str(await failure(actions, "fail", text=TOKEN)),
        ]
        await until(lambda: "faulty says: my token is [secret]" in caplog.text)

    assert '"SERVICE_TOKEN": "[secret]"' in results[0]
    assert not [text for text in [*results, caplog.text, repr(servers())] if TOKEN in text]


async def test_what_it_writes_to_stderr_stands_in_the_log_line_by_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with opened(toolbox(tmp_path)) as actions:
        await call(
            actions, "noise", text="ready\x1b[2J\rERROR forged\n" + "many words " * 100 + "\n" + "\n".join("x" * 200)
        )
        await until(lambda: caplog.text.count("faulty says") == 50)

    lines = [record.getMessage() for record in caplog.records if "says" in record.getMessage()]
    assert lines[0] == "faulty says: ready [2J ERROR forged"
    assert lines[1].endswith(" …")
    assert max(map(len, lines)) < 600


async def test_a_server_that_will_not_end_is_killed_with_all_it_has_started(tmp_path: Path) -> None:
    box = toolbox(tmp_path, "--stubborn")
    actions = await box.open()
    pids = [int(await call(actions, tool)) for tool in ("pid", "leave_child")]

    async with following(pids[0]) as ended, following(pids[1]) as child_ended:
        await box.close()
        assert await ended(1)
        assert await child_ended(1)


async def test_a_host_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from tests.test_actions_mcp import call, toolbox\n"
        "async def main():\n"
        "    actions = await toolbox(Path(sys.argv[2]), '--stubborn').open()\n"
        "    print(await call(actions, 'pid'), flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parent.parent
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(root), str(tmp_path), stdout=subprocess.PIPE, cwd=root
    )
    assert host.stdout
    pid = int(await host.stdout.readline())

    async with following(pid) as ended:
        host.send_signal(signal.SIGKILL)
        await host.wait()
        assert await ended()


async def test_an_agent_that_is_stopped_while_it_waits_for_a_server_leaves_none_behind(tmp_path: Path) -> None:
    before = children()
    opening = asyncio.create_task(toolbox(tmp_path, "--silent").open())
    await until(lambda: children() != before)

    async with following(*(children() - before)) as ended:
        opening.cancel()
        await asyncio.wait([opening])
        assert await ended(0)
    assert servers().running == {}


def children() -> set[int]:
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def test_an_event_loop_that_ends_leaves_no_server_behind(tmp_path: Path) -> None:
    async def forget() -> int:
        return int(await call(await toolbox(tmp_path, "--stubborn").open(), "pid"))

    pid = asyncio.run(forget())

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# --- servers that fail -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "expected", "reason"),
    [
        ("die", InDoubt, "it ended with code 3"),
        ("die_harmless", ActionError, "it ended with code 3"),
        ("die_again", ActionError, "it ended with code 3"),
    ],
)
async def test_a_call_under_way_when_a_server_dies_is_in_doubt_unless_it_may_come_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tool: str, expected: type, reason: str
) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        before = await call(actions, "pid")
        error = await failure(actions, tool)
        meanwhile = await failure(actions, "fail", text="-")
        await until(lambda: caplog.text.count("it is started again") == 1)
        await until(servers_are_up)

        assert type(error) is expected
        assert str(error) == f"faulty/{tool} was called, and its result is not known: {reason}"
        assert type(meanwhile) is ActionError
        assert str(meanwhile) == f"faulty/fail was not run, for its server is not running: {reason}"
        assert await call(actions, "pid") != before


async def test_a_call_under_way_when_its_server_is_let_go_of_is_in_doubt(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        calling = asyncio.create_task(failure(actions, "hang"))
        await call(actions, "echo", text="behind it")

    assert type(await calling) is InDoubt


def servers_are_up() -> bool:
    return all(server.up for server in servers().running.values())


def test_the_pauses_between_its_starts_grow() -> None:
    pauses = [pause_after(failures, Times()) for failures in range(1, 12)]

    assert [0.4 <= pauses[0] <= 0.5, 0.8 <= pauses[1] <= 1, 1.6 <= pauses[2] <= 2] == [True] * 3
    assert 48 <= pauses[10] <= 60


@pytest.mark.parametrize(
    ("flags", "settings", "reason"),
    [
        (("--dies",), {}, "it ended with code 3"),
        (("--silent",), {}, "it did not answer within 0.3 s"),
        ((), {"command": ["no-such-command-anywhere"]}, "there is no command 'no-such-command-anywhere'"),
        ((), {"url": "http://127.0.0.1:1/mcp"}, "it cannot be reached: "),
        ((), {"url": "http://169.254.169.254/mcp"}, "it may not be reached: "),
    ],
    ids=["dies", "silent", "no command", "nobody there", "forbidden"],
)
async def test_an_agent_starts_without_the_tools_of_a_server_that_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, flags: tuple[str, ...], settings: dict[str, Any], reason: str
) -> None:
    async with opened(toolbox(tmp_path, *flags, times=Times(handshake=0.3, first_pause=60), **settings)) as actions:
        assert actions == {}

    assert f"faulty: {reason}" in caplog.text
    assert "it is started again in" in caplog.text


async def test_the_tools_of_a_server_that_comes_late_are_told(tmp_path: Path) -> None:
    command = tmp_path / "server"
    box, heard = toolbox(tmp_path, command=["./server", "stdio"]), Heard()
    box.changed = heard
    changing: ChangingToolbox = box
    async with opened(box) as actions:
        assert actions == {}
        script = f"#!/bin/sh\nexec {' '.join(SCRIPT)}\n"
        (tmp_path / "new").write_text(script)
        (tmp_path / "new").chmod(0o755)
        (tmp_path / "new").rename(command)
        await asyncio.wait_for(heard.told.wait(), 5)

        assert len(heard.names[0]) == len(mcp_server.TOOLS)
        assert await call(await changing.open(), "echo", text="here") == "here"


async def test_a_server_that_knows_only_the_old_handshake_gets_it_the_next_time(tmp_path: Path) -> None:
    box, heard = toolbox(tmp_path, "--old"), Heard()
    box.changed = heard
    async with opened(box):
        await asyncio.wait_for(heard.told.wait(), 5)

        assert await call(box.actions, "echo", text="at last") == "at last"


async def test_a_changed_list_is_followed(tmp_path: Path) -> None:
    box, heard = toolbox(tmp_path, tools=["grow*"]), Heard()
    async with opened(box) as actions:
        box.changed = heard
        await call(actions, "grow")
        await asyncio.wait_for(heard.told.wait(), 5)

        assert heard.names == [["faulty/grow", "faulty/grown_0"]]
        assert sorted(box.actions) == heard.names[0]


@pytest.mark.parametrize(
    ("tool", "expected"), [("hang", InDoubt), ("hang_harmless", ActionError)], ids=["in doubt", "harmless"]
)
async def test_a_call_has_a_time_limit_and_the_server_lives_on(tmp_path: Path, tool: str, expected: type) -> None:
    async with opened(toolbox(tmp_path, timeout=0.1)) as actions:
        pid = await call(actions, "pid")
        error = await failure(actions, tool)

        assert type(error) is expected
        assert str(error) == f"faulty/{tool} did not answer within 0.1 s"
        assert await call(actions, "pid") == pid


async def test_garbage_on_its_stdout_is_logged_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        assert await call(actions, "garbage") == "after all"

    assert "faulty writes what is no message: {'not': json}" in caplog.text
    assert "\x1b" not in caplog.text


async def test_an_answer_of_100_mb_is_not_read_and_the_server_lives_on(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        pid = await call(actions, "pid")
        error = await failure(actions, "huge", size=100_000_000)

        assert type(error) is InDoubt
        assert "its answer is too long: 100,000,0" in str(error)
        assert await call(actions, "pid") == pid


async def test_a_message_without_end_ends_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carrier.actions.mcp.process.Splitter", lambda **_: Splitter(2**20, 2**23))
    async with opened(toolbox(tmp_path)) as actions:
        pid = int(await call(actions, "pid"))
        async with following(pid) as ended:
            assert "it wrote a message without end" in str(await failure(actions, "endless"))
            assert await ended()


async def test_an_answer_that_is_no_result_is_an_error(tmp_path: Path) -> None:
    async with opened(toolbox(tmp_path)) as actions:
        assert str(await failure(actions, "wrong")) == "faulty/wrong answered with what is no result"


@pytest.mark.parametrize(
    ("flags", "lists"),
    [
        ("tools that are none", [{"name": 7}]),
        ("no list", {"a": 1}),
    ],
    ids=["no tools", "no list"],
)
async def test_a_list_that_is_none_is_said_and_asked_for_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, flags: str, lists: Any
) -> None:
    (tmp_path / "tools.json").write_text(json.dumps(lists))

    async with opened(toolbox(tmp_path, f"--lists={tmp_path / 'tools.json'}", times=Times(first_pause=60))) as actions:
        assert actions == {}

    assert "faulty: what it says of itself is wrong: " in caplog.text


# --- what it says of its tools ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}, ""),
        ({"properties": {"a": {"anyOf": [{}, {"type": "null"}]}, "b": {"$ref": "#/properties/a/anyOf/1"}}}, ""),
        ({"type": "object", "properties": {"$ref": {"type": "string"}, "pattern": {"type": "object"}}}, ""),
        ({"type": "object", "properties": {"child": {"$ref": "#"}}}, ""),
        ({}, ""),
        ({"type": "array"}, "of the type 'array'"),
        ({"type": "object", "properties": {"a": {"type": "strnig"}}}, "'strnig'"),
        ({"type": "object", "properties": []}, "[] is not of type 'object'"),
        ({"type": "object", "$ref": "http://169.254.169.254/latest"}, "leads nowhere"),
        ({"type": "object", "properties": {"a": {"$ref": "other.json#/a"}}}, "leads nowhere"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}, "leads nowhere"),
        ({"$dynamicRef": "#"}, "leads nowhere"),
        ({"$ref": "#"}, "without end"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "without end"),
        ({"properties": {"a": {"allOf": [{"not": {"$ref": "#/properties/a"}}]}}}, "without end"),
        ({"$defs": {"30": {}, **{f"{n}": {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(30)}}}, "end"),
        ({"type": "object", "description": "x" * 100_001}, "more than 100,000 characters"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_checked_is_found(schema: dict[str, Any], reason: str) -> None:
    found = wrong_schema(schema)

    assert reason in found
    assert bool(found) == bool(reason)


def test_tools_that_cannot_be_called_are_left_out_and_the_others_stay() -> None:
    names = ["good", "good", "no name", "x" * 129, "wrong", "deep"]
    deep: dict[str, Any] = {}
    for _ in range(3_000):
        deep = {"not": deep}
    schemas: dict[str, dict[str, Any]] = {"wrong": {"type": "string"}, "deep": {"type": "object", "not": deep}}
    tools = [Tool(name=name, input_schema=schemas.get(name, {"type": "object"})) for name in names]

    found, problems = listed(tools, lambda text: text)

    assert [tool.name for tool in found] == ["good"]
    assert [problem[:30] for problem in problems] == [
        "good is listed twice",
        "'no name' is no name for a too",
        f"'{'x' * 29}",
        "wrong has parameters that cann",
        "deep has parameters that canno",
    ]


def test_a_pattern_that_could_take_for_ever_is_left_to_the_server() -> None:
    properties = {"a": {"type": "string", "pattern": "(a+)+$"}, "b": {"type": "string", "pattern": "^[a-z]+$"}}
    tool = Tool(name="t", description="A\x1b[2J\nB", input_schema={"type": "object", "properties": properties})

    ((found,), _) = listed([tool], lambda text: text)

    assert found.parameters["properties"] == {"a": {"type": "string"}, "b": properties["b"]}
    assert found.description == "A[2J\nB"


# --- what it writes, cut into lines -----------------------------------------------------------------------------


def lines(*pieces: bytes) -> Iterator[Line]:
    splitter = Splitter(longest=10, endless=1_000)
    for piece in pieces:
        yield from splitter.feed(piece)


def test_lines_are_found_however_they_come() -> None:
    assert [line.text for line in lines(b"ab", b"c\nde\n\n", b"f", b"\ng")] == [b"abc", b"de", b"", b"f"]


def test_of_a_line_that_is_too_long_its_ends_are_kept() -> None:
    (long, short) = lines(b'{"id":1,' + b"x" * 300, b"y" * 300, b'"id":7}\nz\n')

    assert (long.text, long.size, short.text) == (b"", 615, b"z")
    assert (long.head[:9], long.tail[-8:]) == (b'{"id":1,x', b'y"id":7}')


def test_a_line_without_end_is_read_no_further() -> None:
    with pytest.raises(Endless):
        list(lines(*[b"x" * 100] * 11))


@pytest.mark.parametrize(
    ("head", "tail", "whose"),
    [
        (b'{"jsonrpc":"2.0","id":5,"result":{"id":6', b"", 5),
        (b'{"id": 5, "result"', b"", 5),
        (b'{"result":{"id":6', b'"jsonrpc":"2.0","id":5}', 5),
        (b'{"result":{"id":6', b'"id":5,"jsonrpc":"2.0"}\r', 5),
        (b'{"result":{"id":6', b'"id":5}}', None),
        (b'{"method":"x"', b'"params":{}}', None),
    ],
)
def test_whom_a_long_answer_is_for_is_read_from_its_ends_alone(head: bytes, tail: bytes, whose: int | None) -> None:
    assert answers(Line(b"", 10**9, head, tail)) == whose


# --- over HTTP ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def over_http(folder: Path, **settings: Any) -> AsyncIterator[tuple[HttpServer, Mapping[str, Action]]]:
    async with mcp_http_server() as server, opened(toolbox(folder, url=server.url, **settings)) as actions:
        yield server, actions


async def test_a_server_elsewhere_is_called_over_http_with_its_headers(tmp_path: Path) -> None:
    async with over_http(tmp_path, headers={"Authorization": f"Bearer {TOKEN}"}) as (server, actions):
        assert await call(actions, "echo", text="far away") == "far away"
        assert {headers["authorization"] for headers in server.headers} == {f"Bearer {TOKEN}"}
        assert str(await failure(actions, "fail", text=TOKEN)) == "faulty/fail failed: [secret]"


@pytest.mark.parametrize(
    ("tool", "expected", "reason"),
    [
        ("die", InDoubt, "it answers 502 Bad Gateway"),
        ("die_harmless", ActionError, "it answers 502 Bad Gateway"),
        ("refuse", ActionError, "it answers 401 Unauthorized"),
        ("garbage", InDoubt, "its answer broke off"),
        ("huge", InDoubt, "its answer is longer than 4,194,304 bytes"),
        ("wrong", ActionError, "Unexpected content type: text/html"),
        ("grow", ActionError, "not followed"),
    ],
)
async def test_what_goes_wrong_with_one_request_is_lost_with_it_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tool: str, expected: type, reason: str
) -> None:
    async with over_http(tmp_path) as (server, actions):
        error = await failure(actions, tool, **({"size": 1} if tool == "huge" else {}))

        assert type(error) is expected
        assert reason in str(error)
        assert server.called == [tool]
        assert await call(actions, "echo", text="on") == "on"
    assert "it is started again" not in caplog.text
    assert "secret page" not in str(error) + caplog.text


async def test_a_session_that_is_gone_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with over_http(tmp_path) as (server, actions):
        server.session = "second"
        error = await failure(actions, "echo", text="lost")
        await until(lambda: "it is started again" in caplog.text)
        await until(servers_are_up)

        assert (str(error), type(error)) == ("faulty/echo failed: no such session", ActionError)
        assert await call(actions, "echo", text="again") == "again"


async def test_a_server_that_went_away_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with mcp_http_server() as server:
        box = toolbox(tmp_path, url=server.url)
        actions = await box.open()
    try:
        error = await failure(actions, "fail", text="-")
        await until(lambda: "it is started again" in caplog.text)

        assert type(error) is ActionError
        assert "faulty/fail failed: it cannot be reached" in str(error)
    finally:
        await box.close()


# --- servers of others --------------------------------------------------------------------------------------------

NEWEST = """
from mcp.server.mcpserver import Context, MCPServer
server = MCPServer("newest")

@server.tool()
def add(a: int, b: int) -> int:
    return a + b

@server.tool()
async def learn(context: Context) -> str:
    server.add_tool(lambda: "new", name="learned", description="New.")
    await context.notify_tools_changed()
    return "done"

server.run()
"""


async def test_the_newest_form_of_the_protocol_is_spoken(tmp_path: Path) -> None:
    (tmp_path / "newest.py").write_text(NEWEST)
    box, heard = toolbox(tmp_path, command=[sys.executable, "newest.py"]), Heard()
    async with opened(box) as actions:
        box.changed = heard

        assert await call(actions, "add", a=1, b=2) == "3"
        assert await call(actions, "learn") == "done"
        await asyncio.wait_for(heard.told.wait(), 5)
        assert await call(box.actions, "learned") == "new"


async def test_mcp_server_time_tells_the_time(tmp_path: Path) -> None:
    pytest.importorskip("mcp_server_time", reason="mcp-server-time is not installed")

    async with opened(toolbox(tmp_path, command=[sys.executable, "-m", "mcp_server_time"])) as actions:
        told = await call(actions, "convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo")
        wrong = await failure(actions, "get_current_time", timezone="Mars/Olympus")

    assert "T21:00:00+09:00" in told
    assert "Mars/Olympus" in str(wrong)


EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
LOOPBACK = """
const net = require("node:net"), listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest.filter((each) => typeof each === "function"));
};
"""


@cache
def everything() -> str:
    """Where the reference server lies, fetched from the registry the first time; skips where that cannot be done."""
    npx = shutil.which("npx")
    if not npx:
        pytest.skip("node is not installed")
    command = [npx, "--yes", "--package", EVERYTHING, "--", "sh", "-c", "command -v mcp-server-everything"]
    impatient = {**os.environ, "npm_config_fetch_retries": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True, env=impatient)
    except subprocess.SubprocessError as error:
        pytest.skip(f"{EVERYTHING} cannot be fetched: {error}")
    return os.path.realpath(done.stdout.strip())


async def test_the_reference_server_works_over_stdio(tmp_path: Path) -> None:
    script = await asyncio.to_thread(everything)

    async with opened(toolbox(tmp_path, command=["node", script, "stdio"])) as actions:
        await the_reference_server_works(actions)


async def test_the_reference_server_works_over_http(tmp_path: Path, unused_tcp_port: int) -> None:
    script = await asyncio.to_thread(everything)
    (tmp_path / "loopback.cjs").write_text(LOOPBACK)
    node = await asyncio.create_subprocess_exec(
        "node", "--require", str(tmp_path / "loopback.cjs"), script, "streamableHttp",
        env={**os.environ, "PORT": str(unused_tcp_port)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert node.stderr
        async with asyncio.timeout(10):
            while b"listening" not in await node.stderr.readline():
                assert node.returncode is None
        async with opened(toolbox(tmp_path, url=f"http://localhost:{unused_tcp_port}/mcp")) as actions:
            await the_reference_server_works(actions)
    finally:
        node.kill()
        await node.wait()


async def the_reference_server_works(actions: Mapping[str, Action]) -> None:
    assert await call(actions, "echo", message="Hello") == "Echo: Hello"
    assert await call(actions, "get-sum", a=2, b=3) == "The sum of 2 and 3 is 5."
    assert "[image, image/png, " in await call(actions, "get-tiny-image")
    assert '"temperature"' in await call(actions, "get-structured-content", location="Chicago")
    assert "faulty/echo" in actions
    assert type(await failure(actions, "get-sum", a="x", b=3)) is ActionError
