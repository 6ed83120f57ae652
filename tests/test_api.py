"""The HTTP door, through the real server on loopback: who may come in, what is refused, and what is answered."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import Connection, func, select
from starlette.responses import Response
from starlette.routing import Route

from carrier.api.app import make_app
from carrier.api.calling import calling
from carrier.api.guards import Guard
from carrier.api.serving import Opened, listening
from carrier.api.tokens import TOKEN, own_token
from carrier.errors import CarrierError
from carrier.ledger.tables import messages
from carrier.runtime import inbox as inbox_module
from carrier.testing.hosts import running_host, until
from carrier.testing.projects import project

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = {
    "carrier.yaml": """\
name: demo
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
limits: { message_chars: 100, upload: 2MB }
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
---
kind: script
name: tifa
rules:
  - when: slow
    say: at last
    delay: 150ms
  - when: bill
    say: "the bill is {{ text | length }} long"
  - say: "you said: {{ text }}"
""",
    "agents.d/quiet.yaml": "character: { bio: Says nothing. }\nrespond: never\n",
    "agents.d/broken.yaml": "character: { bio: Cannot count. }\ntemplates: { chat: broken.j2 }\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/broken.j2": "Hello,\n{{ 1 // (message.text | length - message.text | length) }}\n",
    "templates/facts.j2": "\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    async with running_host(project(tmp_path_factory.mktemp("api") / "demo", FILES)) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(opened: Opened) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {opened.token}"}
    async with httpx.AsyncClient(base_url=opened.address, headers=headers, trust_env=False) as client:
        yield client


def patient(opened: Opened, seconds: float) -> httpx.AsyncClient:
    """A door of the same host at which a caller waits this long."""
    app = make_app(opened.host, opened.token, patience=seconds)
    headers = {"authorization": f"Bearer {opened.token}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", headers=headers)


@dataclass(frozen=True)
class Refused:
    status: int
    field: str
    error: str


def refused(answer: httpx.Response) -> Refused:
    body = answer.json()
    return Refused(answer.status_code, body.get("field", ""), body["error"])


async def stored(opened: Opened) -> int:
    count: int = await opened.host.ledger.read(lambda it: it.execute(select(func.count(messages.c.id))).scalar_one())
    return count


# --- who may come in -------------------------------------------------------------------------------------------


async def test_every_route_needs_the_token(opened: Opened) -> None:
    app = make_app(opened.host, opened.token)
    # Who speaks at a hook is known by a signature.
    routes = [route for route in app.routes if isinstance(route, Route) and not route.path.startswith("/hooks/")]
    assert len(routes) > 10
    async with httpx.AsyncClient(base_url=opened.address, trust_env=False) as stranger:
        for route in routes:
            path = route.path_format.format(agent="tifa", turn="x", id=1, name="x", what="run", client="x")
            for method in route.methods or ():
                for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {opened.token}"}):
                    answer = await stranger.request(method, path, headers=headers)
                    assert answer.status_code == 401, (method, path, headers)
        assert refused(await stranger.get("/nothing")).field == "Authorization"


async def test_a_page_that_calls_it_by_another_name_is_refused(door: httpx.AsyncClient) -> None:
    answer = await door.get("/health", headers={"host": "evil.example"})

    assert refused(answer) == Refused(421, "Host", "this host does not go by that name")
    assert (await door.get("/health", headers={"host": "LOCALHOST:1234"})).status_code == 200


async def test_the_token_is_made_once_and_its_owner_s_alone(tmp_path: Path) -> None:
    token, is_new = own_token(tmp_path)

    assert is_new
    assert own_token(tmp_path) == (token, False)
    assert stat.S_IMODE((tmp_path / TOKEN).stat().st_mode) == 0o600


async def test_an_empty_token_file_is_no_token(tmp_path: Path) -> None:
    (tmp_path / TOKEN).write_text("\n")

    token, is_new = own_token(tmp_path)

    assert is_new
    assert token
    assert own_token(tmp_path) == (token, False)


async def test_what_is_not_there_and_what_is_not_done_there_is_said_in_json(door: httpx.AsyncClient) -> None:
    assert refused(await door.get("/nothing/at/all")).status == 404
    assert refused(await door.get("/tifa/message")).status == 405


async def test_a_port_that_is_taken_is_named(opened: Opened) -> None:
    port = int(opened.address.rpartition(":")[2])

    with pytest.raises(CarrierError, match=rf"127\.0\.0\.1:{port} cannot be listened on.*port: …"):
        listening("127.0.0.1", port)


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "data", "files"])
async def test_a_message_is_answered_whatever_form_it_has(door: httpx.AsyncClient, form: str) -> None:
    fields = {"text": "Hello", "userId": f"anna-{form}", "userName": "Anna"}
    body: Mapping[str, Any] = {name: (None, value) for name, value in fields.items()} if form == "files" else fields

    answer = await door.post("/tifa/message", **{form: body})  # type: ignore[arg-type]

    assert answer.status_code == 200
    said = answer.json()
    assert (said["text"], said["agent"], said["outcome"]) == ("you said: Hello", "tifa", "answered")
    assert (said["room"], said["messages"]) == (f"api/@anna-{form}", [{"text": "you said: Hello"}])
    assert (said["actions"], said["model"]) == ([], "scripted/tifa")


async def test_an_agent_that_only_listens_is_silent(door: httpx.AsyncClient) -> None:
    answer = await door.post("/quiet/message", json={"text": "Hello"})

    assert (answer.status_code, answer.json()["outcome"], answer.json()["text"]) == (200, "silent", "")


async def test_the_text_of_a_file_stands_in_the_prompt(door: httpx.AsyncClient, opened: Opened) -> None:
    file = {"file": ("bill.txt", b"two beers", "text/plain")}

    prompt = (await door.post("/tifa/render", data={"text": "How much?"}, files=file)).json()["prompt"]
    answer = await door.post("/tifa/message", files=file)

    assert prompt.endswith("user: How much?\n\n[file bill.txt]\n> two beers")
    assert answer.json()["text"] == "the bill is 29 long"
    [kept, *_] = sorted((opened.host.settings.data / "uploads").iterdir())
    assert kept.read_bytes() == b"two beers"


async def test_of_a_file_that_is_no_text_the_prompt_has_the_name(door: httpx.AsyncClient) -> None:
    file = {"file": ("../../cat.png", b"\x89PNG\xff\0", "image/png")}

    prompt = (await door.post("/tifa/render", data={"text": "Nice?"}, files=file)).json()["prompt"]

    assert prompt.endswith("user: Nice?\n\n[file cat.png]")


async def test_a_file_up_to_the_limit_is_taken(door: httpx.AsyncClient) -> None:
    answer = await door.post("/tifa/message", data={"text": "Hi"}, files={"file": ("big", b"\xff" * 2_000_000)})

    assert answer.status_code == 200


async def test_the_prompt_can_be_looked_at_and_nothing_is_stored(door: httpx.AsyncClient, opened: Opened) -> None:
    before = await stored(opened)

    answer = await door.post("/tifa/render", json={"text": "What now?", "userName": "Anna", "userId": "render"})

    assert answer.json()["prompt"].splitlines() == ["You are tifa.", "", "--- conversation ---", "Anna: What now?"]
    assert await stored(opened) == before


async def test_a_template_that_fails_is_named_with_its_line(door: httpx.AsyncClient) -> None:
    answer = await door.post("/broken/render", json={"text": "Hello"})

    assert answer.status_code == 500
    assert answer.json()["error"].startswith("broken.j2:2: ")


async def test_what_was_said_last_in_a_room(door: httpx.AsyncClient) -> None:
    for text in ("one", "two"):
        await door.post("/tifa/message", json={"text": text, "roomId": "den", "userName": "Anna"})

    lines = (await door.get("/tifa/history", params={"roomId": "den", "limit": "3"})).json()

    assert lines["room"] == "api/den"
    assert [(line["own"], line["text"]) for line in lines["lines"]] == [
        (True, "you said: one"),
        (False, "two"),
        (True, "you said: two"),
    ]


async def test_how_things_stand(door: httpx.AsyncClient) -> None:
    health, agents, status = [(await door.get(path)).json() for path in ("/health", "/agents", "/status")]

    assert health == {"status": "ok", "agents": 3}
    assert [agent["name"] for agent in agents["agents"]] == ["broken", "quiet", "tifa"]
    assert (status["name"], status["stopping"], status["broken"], status["problems"]) == ("demo", False, {}, [])
    assert status["memory"]["embeddings"]


# --- refused ---------------------------------------------------------------------------------------------------


async def test_an_unknown_agent_is_refused_with_those_there_are(door: httpx.AsyncClient) -> None:
    for method, path in (("POST", "message"), ("POST", "render"), ("GET", "history")):
        answer = await door.request(method, f"/cloud/{path}", json={"text": "Hello"} if method == "POST" else None)

        assert refused(answer).status == 404
        assert answer.json()["field"] == "agent"
        assert answer.json()["agents"] == ["broken", "quiet", "tifa"]


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("request_", "status", "field"),
    [
        ({"content": b"", "headers": JSON}, 422, "body"),
        ({"content": b"{", "headers": JSON}, 422, "body"),
        ({"content": b"\xff\xfe", "headers": JSON}, 422, "body"),
        ({"content": b"[" * 100_000, "headers": JSON}, 422, "body"),
        ({"content": b"[]", "headers": JSON}, 422, "body"),
        ({"content": b"null", "headers": JSON}, 422, "body"),
        ({"json": {}}, 422, "text"),
        ({"json": {"text": " \n"}}, 422, "text"),
        ({"json": {"text": 5}}, 422, "text"),
        ({"json": {"text": None}}, 422, "text"),
        ({"json": {"text": ["Hello"]}}, 422, "text"),
        ({"content": rb'{"text": "Hello", "userId": "\ud83d"}', "headers": JSON}, 422, "userId"),
        ({"json": {"text": "Hello", "roomId": "a\0b"}}, 422, "roomId"),
        ({"json": {"text": "x" * 101}}, 422, "text"),
        ({"json": {"text": "Hello", "tetx": "?"}}, 422, "tetx"),
        ({"json": {"text": "Hello", "user_id": "?"}}, 422, "user_id"),
        ({"json": {"text": "Hello", "userId": ""}}, 422, "userId"),
        ({"json": {"text": "Hello", "userId": 7}}, 422, "userId"),
        ({"json": {"text": "Hello", "roomId": "x" * 201}}, 422, "roomId"),
        ({"data": {"text": "Hello", "colour": "red"}}, 422, "colour"),
        ({"data": {"text": "Hello", "file": "a.txt"}}, 422, "file"),
        ({"data": {"text": "Hello"}, "files": {"picture": ("a.png", b"x")}}, 422, "picture"),
        ({"data": {"text": "Hello"}, "files": {"file": ("a", b"x" * 2_000_001)}}, 422, "file"),
        ({"data": {"text": "Hello"}, "files": [("file", ("a", b"x")), ("file", ("b", b"x"))]}, 400, ""),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400, ""),
        ({"content": b"x" * 3_000_001, "headers": JSON}, 413, ""),
        ({"json": {"text": "Hello"}, "headers": {"idempotency-key": "k" * 201}}, 422, "Idempotency-Key"),
    ],
)
async def test_a_broken_message_is_refused_with_the_field_that_is_wrong(
    door: httpx.AsyncClient, opened: Opened, request_: dict[str, Any], status: int, field: str
) -> None:
    before = await stored(opened)

    answer = await door.post("/tifa/message", **request_)

    assert (refused(answer).status, refused(answer).field) == (status, field)
    assert refused(answer).error
    assert await stored(opened) == before


async def test_a_body_that_does_not_say_how_long_it_is_is_bounded_too(door: httpx.AsyncClient) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 1_000_000

    answer = await door.post("/tifa/message", content=long(), headers=JSON)

    assert refused(answer) == Refused(413, "", "at most 3000000 bytes are read")


async def test_characters_that_are_none_can_be_said(door: httpx.AsyncClient) -> None:
    body = rb'{"text": "a\u0000b \ud83d", "userId": "odd"}'

    answer = await door.post("/tifa/message", content=body, headers=JSON)

    assert answer.json()["text"].startswith("you said: a\N{REPLACEMENT CHARACTER}b ")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "many"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"userId": ""}, "userId"),
        ({"room": "den"}, "room"),
    ],
)
async def test_a_broken_question_is_refused_with_the_field_that_is_wrong(
    door: httpx.AsyncClient, query: dict[str, str], field: str
) -> None:
    answer = await door.get("/tifa/history", params=query)

    assert (refused(answer).status, refused(answer).field) == (422, field)


async def test_more_than_may_wait_is_refused(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "MOST_IN_A_LANE", 0)
    async with patient(opened, 5) as door:
        assert refused(await door.post("/tifa/message", json={"text": "Hello"})).status == 429


# --- once ------------------------------------------------------------------------------------------------------


async def test_the_same_key_gets_the_same_answer_and_another_message_under_it_is_refused(
    door: httpx.AsyncClient, opened: Opened
) -> None:
    key, before = {"idempotency-key": "once"}, await stored(opened)
    first, again = [await door.post("/tifa/message", json={"text": "Once"}, headers=key) for _ in range(2)]
    others: list[dict[str, Any]] = [
        {"json": {"text": "Twice"}},
        {"json": {"text": "Once", "userId": "ben"}},
        {"json": {"text": "Once", "roomId": "den"}},
        {"data": {"text": "Once"}, "files": {"file": ("a.txt", b"x")}},
    ]

    assert first.json() == again.json()
    assert await stored(opened) == before + 2
    for other in others:
        answer = await door.post("/tifa/message", headers=key, **other)
        assert (refused(answer).status, refused(answer).field) == (422, "Idempotency-Key"), other
    assert refused(await door.post("/quiet/message", json={"text": "Once"}, headers=key)).status == 422


async def test_two_at_once_under_one_key_share_one_turn(door: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "both"}
    answers = await asyncio.gather(*(door.post("/tifa/message", json={"text": "slow"}, headers=key) for _ in range(2)))

    assert [answer.json()["text"] for answer in answers] == ["at last", "at last"]


# --- long ------------------------------------------------------------------------------------------------------


async def test_who_cannot_wait_finds_the_answer_later(opened: Opened) -> None:
    async with patient(opened, 0.02) as door:
        key = {"idempotency-key": "later? 50% / #1"}
        answer = await door.post("/tifa/message", json={"text": "slow"}, headers=key)
        url = answer.json()["url"]
        at_once = await door.get(url)
        turn = answer.json()["turn"]
        with opened.host.watchers.watch(turn) as watcher:
            await watcher.ended
        later = await door.get(url)

    assert (answer.status_code, at_once.status_code, later.status_code) == (202, 202, 200)
    assert turn == "api:later? 50% / #1@tifa"
    assert later.json()["text"] == "at last"


async def test_a_turn_that_nobody_knows_is_not_found(door: httpx.AsyncClient) -> None:
    assert refused(await door.get("/turns/api:nobody@tifa")) == Refused(
        404, "turn", "there is no turn 'api:nobody@tifa'"
    )


# --- as it grows -----------------------------------------------------------------------------------------------


async def events(door: httpx.AsyncClient, text: str, agent: str = "tifa") -> list[tuple[str, dict[str, Any]]]:
    headers = {"accept": "text/event-stream"}
    answer = await door.post(f"/{agent}/message", json={"text": text, "userId": "stream"}, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for event in answer.text.replace("\r\n", "\n").strip().split("\n\n"):
        name, data = [line.partition(": ")[2] for line in event.splitlines()]
        found.append((name, json.loads(data)))
    return found


async def test_a_stream_shows_the_answer_as_it_grows_then_as_it_is(door: httpx.AsyncClient) -> None:
    *grown, (last, final) = await events(door, "grün and gray")

    assert {name for name, _ in grown} == {"delta"}
    assert len(grown) > 1
    assert "you said: grün and gray".startswith("".join(data["text"] for _, data in grown))
    assert (last, final["text"]) == ("final", "you said: grün and gray")


async def test_a_stream_of_silence_has_only_its_end(door: httpx.AsyncClient) -> None:
    [(name, final)] = await events(door, "Hello", agent="quiet")

    assert (name, final["outcome"]) == ("final", "silent")


async def test_a_stream_that_takes_too_long_says_where_the_answer_will_be(opened: Opened) -> None:
    async with patient(opened, 0.02) as door:
        [(name, data)] = await events(door, "slow")

    assert name == "pending"
    assert data["url"].startswith("/turns/api")
    await until(lambda: opened.host.inbox.lanes.running == 0)


async def test_a_broken_message_is_refused_before_a_stream_begins(door: httpx.AsyncClient) -> None:
    answer = await door.post("/tifa/message", json={"text": ""}, headers={"accept": "text/event-stream"})

    assert refused(answer).field == "text"


async def test_a_reader_that_leaves_half_way_does_not_keep_the_turn_from_its_end(
    door: httpx.AsyncClient, opened: Opened
) -> None:
    headers = {"accept": "text/event-stream", "idempotency-key": "left"}
    async with door.stream("POST", "/tifa/message", json={"text": "slow"}, headers=headers) as answer:
        assert answer.status_code == 200

    again = await door.post("/tifa/message", json={"text": "slow"}, headers={"idempotency-key": "left"})
    assert again.json()["text"] == "at last"
    await until(lambda: not opened.host.watchers.streaming("api:left@tifa"))


# --- the files -------------------------------------------------------------------------------------------------


async def test_the_files_are_read_and_applied_when_asked(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", FILES)
    async with running_host(files), calling(files.data) as caller:
        before = await caller.get("/status")
        files.write("agents.d/quiet.yaml", FILES["agents.d/quiet.yaml"].replace("nothing", "little"))
        done = await caller.post("/config/reload", {})
        after = await caller.get("/status")

        assert done == {"revision": after["revision"], "applied": True, "reason": "", "problems": []}
        assert after["revision"] != before["revision"]
        assert (after["last_reload"]["ok"], after["degraded"]) == (True, [])


async def test_a_plan_says_what_would_change_and_what_waits_for_a_restart(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", FILES)
    async with running_host(files), calling(files.data) as caller:
        assert (await caller.get("/config/plan"))["steps"] == []
        files.write("carrier.yaml", FILES["carrier.yaml"] + "data: elsewhere\n")
        await caller.post("/config/reload", {})

        [step] = (await caller.get("/config/plan"))["steps"]
        assert (step["what"], step["kind"]) == ("restart", "host")
        assert (await caller.get("/status"))["restart"] == ["data"]


async def test_what_is_wrong_with_the_files_is_told_and_which_agents_run_as_they_were(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", FILES)
    async with running_host(files) as opened, calling(files.data) as caller:
        files.write("agents.d/quiet.yaml", "charakter: { bio: Says nothing. }\n")

        found = (await caller.get("/config/problems"))["problems"]
        done = await caller.post("/config/reload", {})
        now = await caller.get("/status")

        assert {problem["file"] for problem in found} == {"agents.d/quiet.yaml"}
        assert done["applied"] is False
        assert done["problems"] == found
        assert now["degraded"] == ["quiet"]
        assert (now["last_reload"]["ok"], now["last_reload"]["reason"]) == (False, done["reason"])
        assert done["reason"].startswith("agents.d/quiet.yaml:1:1: ")
        assert opened.host.agents["quiet"].agent.respond == "never"


async def test_metrics_are_what_prometheus_reads(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", FILES)
    async with running_host(files), calling(files.data) as caller:
        answer = await caller.client.get("/metrics")
        good = metrics(answer.text)
        files.write("agents.d/quiet.yaml", "charakter: { bio: Says nothing. }\n")
        await caller.post("/config/reload", {})
        bad = metrics((await caller.client.get("/metrics")).text)

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert good["carrier_config_last_reload_successful"] == 1
    assert good["carrier_agents"] == 3
    assert good['carrier_clients{state="parked"}'] == good["carrier_waiting_messages"] == 0
    model = 'profile="large",model="scripted/tifa"'
    breaker = {state: good[f'carrier_model_breaker{{{model},state="{state}"}}'] for state in ("closed", "open")}
    assert (breaker, good["carrier_waiting_lanes"]) == ({"closed": 1, "open": 0}, 0)
    assert good[f"carrier_model_again_seconds{{{model}}}"] == good[f"carrier_model_requests{{{model}}}"] == 0
    assert (bad["carrier_config_last_reload_successful"], bad["carrier_degraded_objects"]) == (0, 1)
    succeeded = "carrier_config_last_reload_success_timestamp_seconds"
    assert bad[succeeded] == pytest.approx(good[succeeded], abs=5)


def metrics(text: str) -> dict[str, float]:
    """The samples; each has its help and type right before it."""
    told, samples = set(), {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            told.add(line.split()[2])
            assert line.endswith(" gauge")
        elif not line.startswith("# HELP "):
            name, value = line.rsplit(" ", 1)
            assert name.partition("{")[0] in told
            samples[name] = float(value)
    return samples


# --- stopping --------------------------------------------------------------------------------------------------


async def test_a_host_that_stops_finishes_what_it_began_and_takes_nothing_more(tmp_path: Path) -> None:
    async with running_host(project(tmp_path / "demo", FILES)) as opened:
        headers = {"authorization": f"Bearer {opened.token}"}
        async with httpx.AsyncClient(base_url=opened.address, headers=headers, trust_env=False) as door:
            begun = asyncio.create_task(door.post("/tifa/message", json={"text": "slow"}))
            await until(lambda: opened.host.inbox.lanes.running == 1)
            draining = asyncio.create_task(opened.host.drain())
            await until(lambda: opened.host.stopping)
            refusals = [await door.post("/tifa/message", json={"text": "Hello"}), await door.get("/health")]
            await draining

            assert [answer.status_code for answer in refusals] == [503, 503]
            assert (await begun).json()["text"] == "at last"
    assert not (opened.host.settings.data / "address").exists()


async def test_what_cannot_be_stored_is_not_acknowledged(tmp_path: Path) -> None:
    async with running_host(project(tmp_path / "demo", FILES)) as opened:
        async with patient(opened, 5) as door:
            await opened.host.ledger.write(read_only)
            answer = await door.post("/tifa/message", json={"text": "Hello"})

        assert refused(answer).status == 503
        assert "readonly" in refused(answer).error


def read_only(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA query_only=ON")


@pytest.mark.parametrize(("listens_on", "code"), [("127.0.0.1", 421), ("0.0.0.0", 200), ("::", 200)])
async def test_only_a_host_that_listens_everywhere_goes_by_any_name(listens_on: str, code: int) -> None:
    guarded = Guard(Response("here"), token="t", hosts=[listens_on], most_bytes=lambda: 100)
    transport = httpx.ASGITransport(guarded)

    async with httpx.AsyncClient(transport=transport, base_url="http://carrier.example") as client:
        answer = await client.get("/", headers={"Authorization": "Bearer t"})

    assert answer.status_code == code
