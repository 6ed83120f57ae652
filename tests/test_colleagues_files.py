"""Colleagues as files name them: what may be written, what is told, and how a running host lives with it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from carrier.api.calling import Caller, Refusal, calling
from carrier.api.serving import Opened
from carrier.config.catalog import Catalog, load
from carrier.testing.hosts import running_host, until
from carrier.testing.projects import Project, project
from carrier.trying import trials, tried

FILES = {
    "carrier.yaml": "name: demo\nmodels: { large: auto }\nembeddings: { use: none }\nserver: { port: 0 }\n",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
actions: [ignore, schedule_message: { most: 3 }]
delegates: [cid]
handoffs: [billing]
---
kind: script
name: tifa
rules:
  - { when: deep, call: { ask/cid: { question: "{{ text }}" } } }
  - { after: ask/cid, say: "He says so: {{ result }}" }
  - { when: bill, call: { hand_to/billing: { summary: "{{ text }}" } } }
  - { when: remind, call: { schedule_message: { in: 1h, text: The oven! } } }
  - { after: schedule_message, say: I will. }
  - { say: "Tifa heard {{ text }}" }
""",
    "agents.d/cid.yaml": """\
description: Knows the sea.
character: { bio: Sails. }
---
kind: script
name: cid
rules: [{ say: 1308 m }]
""",
    "agents.d/billing.yaml": """\
character: { bio: Counts. }
handoffs: [tifa]
---
kind: script
name: billing
rules:
  - { when: thanks, call: { hand_to/tifa: { summary: It is settled. } } }
  - { when: bill, say: Let me see your bill., delay: 100ms }
  - { say: "Billing heard {{ text }}" }
""",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
}


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", FILES)


def told(files: Project, text: str) -> list[str]:
    """What is told of a file that is new."""
    files.write("agents.d/x.yaml", text)
    return [str(problem) for problem in load(files.config, {}).problems]


# --- what may be written ---------------------------------------------------------------------------------------------


def test_an_agent_has_an_action_for_each_agent_that_it_names(files: Project) -> None:
    catalog = load(files.config, {})

    assert catalog.problems == ()
    names = [action.name for action in catalog.agents["tifa"].actions]
    assert names == ["ignore", "schedule_message", "ask/cid", "hand_to/billing"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("delegates: [cdi]\n", "x.yaml:2:13: CAR025 unknown agent 'cdi'; did you mean 'cid'?"),
        ("handoffs: [biling]\n", "x.yaml:2:12: CAR025 unknown agent 'biling'; did you mean 'billing'?"),
        ("delegates: [x]\n", "x.yaml:2:13: CAR046 'x' names itself"),
        ("actions: [send_message]\n", "CAR012 'rooms' is missing"),
        ("actions: [send_message: { rooms: [] }]\n", "CAR013 rooms: name the rooms that it may speak in"),
        ("actions: [send_message: { rooms: [tifa] }]\n", "CAR013 rooms: a room is client/room"),
        ("actions: [send_message: { rooms: [chta/ops] }]\n", "CAR037 unknown client 'chta'"),
        ("actions: [ignore: { rooms: [api/ops] }]\n", "CAR011 unknown key 'rooms'"),
        ("actions: [set_goal: { whose: [everybody] }]\n", "CAR013"),
        ("actions: [set_goal: { whose: [] }]\n", "CAR013 whose: name whose goals it may set"),
        ("permissions: { ask: [hand_to/cid] }\n", "no action matches 'hand_to/cid'"),
    ],
)
def test_what_cannot_be_is_told(files: Project, text: str, expected: str) -> None:
    found = told(files, "character: { bio: x }\n" + text)

    assert any(expected in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "delegates: [tifa]\nhandoffs: [tifa, billing]\n",
        "delegates: [tifa]\npermissions: { ask: [ask/tifa], deny: [hand_to/*] }\n",
        'actions: ["*"]\n',
        "actions: [send_message: { rooms: [api/ops] }, set_goal: { whose: [agent] }, schedule_message]\n",
    ],
    ids=["a circle of two agents is none", "permissions", "all", "settings"],
)
def test_what_may_be_is_fine(files: Project, text: str) -> None:
    assert told(files, "character: { bio: x }\n" + text) == []


def test_all_actions_are_not_those_that_reach_elsewhere(files: Project) -> None:
    told(files, 'character: { bio: x }\nactions: ["*"]\n')

    names = {action.name for action in load(files.config, {}).agents["x"].actions}
    assert "schedule_message" in names
    assert "send_message" not in names


def test_a_room_goes_by_the_operators_name_and_is_meant_by_its_id(files: Project) -> None:
    told(
        files,
        "character: { bio: x }\nactions: [send_message: { rooms: [dc/ops] }]\nclients:\n"
        "  dc: { type: console, rooms: { ops: 1180000000000000001 } }\n",
    )

    [action] = load(files.config, {}).agents["x"].actions
    assert action.settings == {"rooms": {"dc/ops": "x.dc/1180000000000000001"}}


@pytest.mark.parametrize("name", ["ask", "hand_to"])
def test_no_other_action_takes_their_names(files: Project, name: str) -> None:
    found = told(files, f"kind: action\nname: {name}\ntype: mcp\nurl: https://a.example\n")

    assert any(f"x.yaml:2:7: CAR016 '{name}' is the name of" in line for line in found), found


async def test_what_agents_do_for_one_another_can_be_tested(files: Project) -> None:
    files.write(
        "agents.d/test.yaml",
        """\
kind: test
name: tifa
timeout: 5s
cases:
  asks:
    turns: [{ say: how deep is it?, expect: { actions: [ask/cid], text: 1308 } }]
  hands over and takes back:
    turns:
      - { say: my bill is wrong, expect: { actions: [hand_to/billing: { summary: my bill is wrong }], text: ^Let me } }
      - { say: why?, expect: { actions: [], text: Billing heard why } }
      - { say: thanks, expect: { actions: [hand_to/tifa], text: Tifa heard thanks } }
      - { say: bye, expect: { actions: [], text: Tifa heard bye } }
""",
    )
    catalog = load(files.config, {})
    assert catalog.problems == ()

    found = await tried(trials(catalog), lambda each: None)

    assert [each for each in found if not each.ok] == []


def test_a_test_that_expects_an_action_of_nobody_is_told(files: Project) -> None:
    case = "kind: test\nname: tifa\ncases: { a: { turns: [{ say: x, expect: { actions: [ask/cdi] } }] } }\n"

    assert any("CAR021 unknown action 'ask/cdi'; did you mean 'ask/cid'?" in line for line in told(files, case))


# --- read again ------------------------------------------------------------------------------------------------------


def again(last: Catalog) -> Catalog:
    return load(last.path, {}, last)


def test_a_colleague_that_changes_leaves_who_asks_it_as_it_is(files: Project) -> None:
    before = load(files.config, {})
    files.edit("agents.d/cid.yaml", "Knows the sea.", "Knows the sky.")

    after = again(before)

    assert after.agents["cid"] != before.agents["cid"]
    assert after.agents["tifa"] is before.agents["tifa"]


def test_a_colleague_that_goes_and_comes_back_is_asked_while_it_is_there(files: Project) -> None:
    before, text = load(files.config, {}), FILES["agents.d/cid.yaml"]
    files.remove("agents.d/cid.yaml")
    without = again(before)
    files.write("agents.d/cid.yaml", text)
    back = again(without)

    assert "ask/cid" not in [action.name for action in without.agents["tifa"].actions]
    assert back.agents["tifa"] == before.agents["tifa"]


def test_a_room_that_has_another_id_now_is_meant_by_it(files: Project) -> None:
    files.write("agents.d/x.yaml", "character: { bio: x }\nactions: [send_message: { rooms: [dc/ops] }]\n")
    files.write("agents.d/dc.yaml", "kind: client\ntype: console\nrooms: { ops: 118 }\n")
    before = load(files.config, {})
    files.edit("agents.d/dc.yaml", "118", "119")

    [action] = again(before).agents["x"].actions
    assert action.settings == {"rooms": {"dc/ops": "dc/119"}}


# --- in a running host -----------------------------------------------------------------------------------------------


@pytest.fixture
async def opened(files: Project) -> AsyncIterator[Opened]:
    async with running_host(files) as opened:
        yield opened


@pytest.fixture
async def caller(files: Project, opened: Opened) -> AsyncIterator[Caller]:
    async with calling(files.data) as caller:
        yield caller


async def say(caller: Caller, text: str, key: str = "", agent: str = "tifa") -> dict[str, Any]:
    headers = {"idempotency-key": key} if key else {}
    answer = await caller.client.post(f"/{agent}/message", json={"text": text, "userId": "anna"}, headers=headers)
    body: dict[str, Any] = answer.json()
    return body


async def test_who_asks_the_first_agent_gets_the_answer_of_the_other(caller: Caller, opened: Opened) -> None:
    first = await say(caller, "my bill is wrong", "k1")
    second = await say(caller, "why?", "k2")
    repeated = [await say(caller, "my bill is wrong", "k1"), await say(caller, "why?", "k2")]
    of_the_first = await caller.get(f"/turns/{first['turn'].replace('@billing', '@tifa')}")
    another = await say(caller, "how deep?", agent="cid")

    assert (first["agent"], first["text"]) == ("billing", "Let me see your bill.")
    assert first["actions"] == [{"name": "hand_to/billing", "status": "done"}]
    assert (second["agent"], second["text"]) == ("billing", "Billing heard why?")
    assert repeated == [first, second]
    assert of_the_first == first
    assert (another["agent"], another["text"]) == ("cid", "1308 m")


async def test_a_stream_goes_on_with_the_other_agent(caller: Caller) -> None:
    events = [event async for event in caller.stream("/tifa/message", {"text": "my bill is wrong"})]

    assert "".join(data["text"] for name, data in events if name == "delta").startswith("Let me see your")
    assert (events[-1][0], events[-1][1]["agent"]) == ("final", "billing")


async def test_one_who_asks_again_meanwhile_gets_it_too(caller: Caller, opened: Opened) -> None:
    asked = asyncio.create_task(say(caller, "my bill is wrong", "k1"))
    await until(lambda: bool(opened.host.handovers.lasting))

    again = await say(caller, "my bill is wrong", "k1")

    assert again["text"] == (await asked)["text"] == "Let me see your bill."


async def test_a_handover_outlives_the_host(files: Project) -> None:
    async with running_host(files), calling(files.data) as caller:
        await say(caller, "my bill is wrong")
    async with running_host(files), calling(files.data) as caller:
        assert (await say(caller, "why?"))["agent"] == "billing"


async def test_an_operator_sees_a_handover_and_ends_it(caller: Caller, opened: Opened) -> None:
    await say(caller, "my bill is wrong")
    [seen] = (await caller.get("/status"))["handovers"]
    [ended] = (await caller.post("/handovers/end", {"room": "api/@anna"}))["handovers"]

    assert seen == ended
    assert (seen["room"], seen["agent"], seen["answers"]) == ("api/@anna", "tifa", "billing")
    assert (await caller.get("/handovers"))["handovers"] == []
    assert (await say(caller, "hello"))["agent"] == "tifa"
    with pytest.raises(Refusal, match="nothing is handed over in 'api/@anna'"):
        await caller.post("/handovers/end", {"room": "api/@anna"})


async def test_an_operator_sees_what_is_to_be_said_later_and_takes_it_back(caller: Caller) -> None:
    assert (await say(caller, "remind me"))["text"] == "I will."
    [waiting] = (await caller.get("/later"))["later"]

    done = await caller.post(f"/later/{waiting['id']}/cancel", {})

    assert (waiting["agent"], waiting["room"], waiting["text"]) == ("tifa", "api/@anna", "The oven!")
    assert done == {"id": waiting["id"], "state": "cancelled"}
    assert (await caller.get("/later"))["later"] == []
    with pytest.raises(Refusal, match="waits"):
        await caller.post(f"/later/{waiting['id']}/cancel", {})


async def test_a_colleague_is_asked_as_its_file_says_now(caller: Caller, files: Project, opened: Opened) -> None:
    tifa = opened.host.agents["tifa"]
    files.edit("agents.d/cid.yaml", "1308 m", "over a mile")
    await opened.host.reload()

    assert "over a mile" in (await say(caller, "how deep?"))["text"]
    assert opened.host.agents["tifa"] is tifa
