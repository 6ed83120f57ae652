"""An HTTP action asks what its file says, with arguments that stay in their place, and tells what came of it."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator
from starlette.responses import JSONResponse, Response

from carrier.actions.answers import Selection
from carrier.actions.http import HttpAction
from carrier.config.models import model_for
from carrier.errors import ActionError, InDoubt
from carrier.interfaces import Turn
from carrier.registry import UnknownPart
from carrier.templates import address, value
from carrier.testing.http_server import HttpServer, http_server
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, little_host
from carrier.testing.turns import MESSAGE, TurnMaker
from carrier.types.agents import ActionDefinition
from carrier.types.talk import Message

SECRET = "hunter2222"


pytestmark = pytest.mark.asyncio(loop_scope="module")
"""One server serves them all: each would wait a moment for the end of its own."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[HttpServer]:
    async with http_server() as server:
        yield server


@pytest.fixture
def server(running: HttpServer) -> HttpServer:
    running.asked.clear()
    running.answers.clear()
    return running


def action(server: HttpServer | str, path: str = "/", timeout: float = 5.0, **words: Any) -> HttpAction:
    """An action of that path; `request__json=…` is a word of its request."""
    url, name = (server, ()) if isinstance(server, str) else (server.url, (server.address,))
    request = {key.removeprefix("request__"): each for key, each in words.items() if key.startswith("request__")}
    others = {key: each for key, each in words.items() if not key.startswith("request__")}
    written = {"name": "weather", "type": "http", "network": name, **others, "request": {"url": url + path, **request}}
    model = model_for("action", "http")
    assert model
    block: Any = model.model_validate(written)
    definition = ActionDefinition(
        "weather", "http", "The weather", timeout=timeout, repeat=block.repeat, settings=block, folder=Path()
    )
    return HttpAction(definition, TurnMaker(secrets=("c4nary-secret",)).given())


async def run(made: HttpAction, **arguments: Any) -> str:
    return str(await made(TurnMaker().turn(), **arguments))


async def failure(made: HttpAction, **arguments: Any) -> str:
    with pytest.raises(ActionError) as failed:
        await run(made, **arguments)
    return str(failed.value)


CITY = {"city": {"type": "string"}}


# --- what is asked -------------------------------------------------------------------------------------------


async def test_parameters_are_a_json_schema() -> None:
    made = action(
        "https://api.example.com",
        parameters={
            "city": {"description": "Where", "minLength": 1},
            "days": {"type": "integer", "default": 3, "minimum": 1},
            "places": {"type": "array", "items": {"type": "object", "properties": {"name": {}}}, "default": []},
        },
    )

    Draft202012Validator.check_schema(dict(made.parameters))
    name = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    assert made.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where", "minLength": 1},
            "days": {"type": "integer", "default": 3, "minimum": 1},
            "places": {"type": "array", "items": {**name, "additionalProperties": False}, "default": []},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


async def test_arguments_stand_in_every_part_of_a_request(server: HttpServer) -> None:
    made = action(
        server,
        "/v1/{{ city }}?lang={{ city | upper }}",
        parameters={
            **CITY,
            "days": {"type": "integer", "default": 3},
            "tags": {"type": "array", "default": ["a", "b"]},
        },
        request__method="POST",
        request__query={"days": "{{ days }}", "tags": "{{ tags }}", "none": "{{ none }}", "fixed": 1},
        request__headers={"X-City": "in {{ city }}", "Authorization": f"Bearer {SECRET}"},
        request__json={"days": "{{ days }}", "text": "{{ days }} days", "list": ["{{ tags }}"], "kept": None},
    )

    await run(made, city="köln")

    asked = server.asked[0]
    assert asked.target == "/v1/k%C3%B6ln?lang=K%C3%96LN&days=3&tags=a&tags=b&fixed=1"
    assert asked.headers["x-city"].encode("latin-1").decode() == "in köln"
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.json == {"days": 3, "text": "3 days", "list": [["a", "b"]]} | {"kept": None}


@pytest.mark.parametrize(
    ("words", "body", "kind"),
    [
        ({"request__form": {"q": "{{ city }}", "n": 1}}, b"q=a%26b&n=1", "application/x-www-form-urlencoded"),
        (
            {"request__body": "<c>{{ city }}</c>", "request__headers": {"Content-Type": "text/xml"}},
            b"<c>a&b</c>",
            "text/xml",
        ),
        ({"request__json": "{{ city }}"}, b'"a&b"', "application/json"),
    ],
    ids=["form", "body", "json"],
)
async def test_a_body_is_sent_as_what_it_is(server: HttpServer, words: dict[str, Any], body: bytes, kind: str) -> None:
    await run(action(server, parameters=CITY, request__method="POST", **words), city="a&b")

    assert (server.asked[0].body, server.asked[0].headers["content-type"]) == (body, kind)


@pytest.mark.parametrize(
    ("argument", "target"),
    [
        ("a/b", "/v1/a%2Fb/now?q=a%2Fb"),
        ("a?x=1&y=2", "/v1/a%3Fx%3D1%26y%3D2/now?q=a%3Fx%3D1%26y%3D2"),
        ("#top", "/v1/%23top/now?q=%23top"),
        ("@evil.test", "/v1/%40evil.test/now?q=%40evil.test"),
        ("a%2Fb", "/v1/a%252Fb/now?q=a%252Fb"),
        ("a\rHost: evil.test", "/v1/a%0DHost%3A%20evil.test/now?q=a%0DHost%3A%20evil.test"),
        ("{{ 7 * 7 }}", "/v1/%7B%7B%207%20%2A%207%20%7D%7D/now?q=%7B%7B%207%20%2A%207%20%7D%7D"),
        ("...", "/v1/.../now?q=..."),
    ],
)
async def test_no_argument_adds_a_step_or_a_parameter_to_an_address(
    server: HttpServer, argument: str, target: str
) -> None:
    await run(action(server, "/v1/{{ city }}/now?q={{ city }}", parameters=CITY), city=argument)

    assert server.asked[0].target == target


@pytest.mark.parametrize("argument", [".", "..", "../admin", "a/../../admin", "..\\admin", "%2e%2e", "%2e%2e%2fadmin"])
async def test_no_argument_is_a_step_to_another_folder(server: HttpServer, argument: str) -> None:
    made = action(server, "/v1/{{ city }}/now", parameters=CITY)

    assert "step to another folder" in await failure(made, city=argument)
    assert server.asked == []


@pytest.mark.parametrize(
    "argument", ["evil.test/", "evil.test#", "evil.test:80/", "user@evil.test", "127.0.0.1", "evil.test\\"]
)
async def test_an_argument_in_the_host_cannot_lead_elsewhere(argument: str) -> None:
    made = action("https://{{ city }}", "/x", parameters=CITY, network=["*.example.com"])
    below = action("https://{{ city }}.example.com", "/x", parameters=CITY, network=["api.example.com"])

    for each in (made, below):
        assert "weather was" in await failure(each, city=argument)


async def test_a_header_holds_no_line_breaks(server: HttpServer) -> None:
    made = action(server, parameters=CITY, request__headers={"X-City": "{{ city }}"})

    assert "X-City may hold no line breaks" in await failure(made, city="a\r\nX-Admin: 1")
    assert server.asked == []


async def test_a_template_keeps_the_type_of_a_lone_expression() -> None:
    values = {"n": 3, "items": [1], "none": None}

    kept = [value(text)(values) for text in ("{{ n }}", "{{- items -}}", "{{ none }}", "{{ n + 1 }}", "{{ n, n }}")]
    assert kept == [3, [1], None, 4, (3, 3)]
    assert [value(text)(values) for text in ("{{ n }}{{ n }}", " {{ n }} days", "{# #}{{ n }}")] == [
        "33",
        " 3 days",
        "3",
    ]
    assert address("{% raw %}{{{% endraw %}/{{ n }}{% if n %}/x{% endif %}")(values) == "{{/3/x"


@pytest.mark.parametrize(
    ("url", "words", "reason"),
    [
        ("https://api.example.com/{{ town }}", {}, "`request.url` speaks of town, which is no parameter"),
        ("https://api.example.com/", {"request__json": {"a": ["{{ b }}"]}}, r"`request.json.a.0` speaks of b"),
        ("https://api.example.com/{{ city", {}, "weather: "),
        ("https://api.example.com/{{ city | urlencode }}", {}, "is left out here"),
        ("http://api.example.com/", {}, "http without s"),
        ("https://api.example.com/", {"network": ["other.example.com"]}, "none of the hosts"),
        ("https://user:word@api.example.com/", {}, "no user and password"),
        ("https://api.example.com/", {"network": ["127.1"]}, "is no host"),
        ("https://api.example.com/", {"result": {"select": "a..b"}}, "is no path into an answer"),
        ("https://api.example.com/", {"request__headers": {"X-Token": "{{ c4nary-secret"}}, "X-Token is no template"),
    ],
)
async def test_what_can_never_work_is_told_when_it_is_made(url: str, words: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnknownPart, match=reason) as failed:
        action(url, "", parameters=CITY, **words)

    assert "c4nary" not in str(failed.value)


# --- what is told --------------------------------------------------------------------------------------------

DAYS = {"now": {"summary": "fair"}, "days": [{"high": 20}, {"high": 22}], "a-b": "é"}


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ("now.summary", "fair"),
        ("days[1].high", "22"),
        ("days[-1]", '{"high": 22}'),
        ("a-b", "é"),
        ("", '{"now": {"summary": "fair"}, "days": [{"high": 20}, {"high": 22}], "a-b": "é"}'),
    ],
)
async def test_the_part_that_was_asked_for_is_told(server: HttpServer, select: str, told: str) -> None:
    server.answers["/"] = [JSONResponse(DAYS)]

    assert await run(action(server, result={"select": select})) == told


@pytest.mark.parametrize(
    ("answer", "words", "reason"),
    [
        (JSONResponse(DAYS), {"select": "now.wind"}, "has no `now.wind`; there are summary"),
        (JSONResponse(DAYS), {"select": "days[7].high"}, "has no `days[7]`; there is no more"),
        (JSONResponse([1]), {"select": "now"}, "has no `now`"),
        (Response("plain", media_type="text/plain"), {"select": "now"}, "is no JSON"),
        (Response("{", media_type="application/json"), {}, "says that it is JSON, and is not"),
        (Response("[" * 100_000, media_type="application/json"), {}, "says that it is JSON, and is not"),
        (Response("[" * 700 + "]" * 700, media_type="application/json"), {}, "nested too deep"),
        (Response(b"\x89PNG\0", media_type="image/png"), {}, "is image/png, 5 bytes"),
    ],
)
async def test_an_answer_that_holds_nothing_of_the_kind_says_so(
    server: HttpServer, answer: Response, words: dict[str, Any], reason: str
) -> None:
    server.answers["/"] = [answer]

    assert reason in await failure(action(server, result=words))


async def test_a_long_answer_is_cut_off(server: HttpServer) -> None:
    server.answers["/"] = [Response("x" * 100, media_type="text/plain")]

    assert await run(action(server, result={"max_chars": 10})) == "x" * 10 + " … (cut off)"


@pytest.mark.parametrize(
    ("charset", "content", "told"),
    [
        ("latin-1", "é".encode("latin-1"), "é"),
        ("utf-16", "é".encode("utf-16"), "é"),
        ("nothing-known", "é".encode(), "é"),
        ("zlib", b"no bomb", "no bomb"),
        ("punycode", b"abc-", "abc-"),
    ],
)
async def test_a_charset_is_followed_only_where_it_is_one(
    server: HttpServer, charset: str, content: bytes, told: str
) -> None:
    answer = Response(content)
    answer.headers["content-type"] = f"text/plain; charset={charset}"
    server.answers["/"] = [answer]

    assert await run(action(server)) == told


async def test_an_empty_answer_is_told_by_its_status(server: HttpServer) -> None:
    server.answers["/"] = [Response(status_code=204)]

    assert await run(action(server)) == "204 No Content, and no more was said"
    assert await run(action(server, request__method="HEAD")) == "204 No Content, and no more was said"


@pytest.mark.parametrize("path", ["a..b", ".", "[x]", "a[", "[1]b", "a.[0]"])
async def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        Selection(path)


@pytest.mark.parametrize("path", ["/", "/status/401", "/status/500", "/status/200"])
async def test_no_secret_is_told_or_logged(server: HttpServer, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """The server repeats the headers it was sent."""
    headers = {"Authorization": f"Bearer {SECRET}", "X-Other": "c4nary-secret"}
    with caplog.at_level(logging.DEBUG):
        try:
            told = await run(action(server, path + "?key=c4nary-secret", request__headers=headers))
        except ActionError as error:
            told = str(error)

    assert "[secret]" in told
    assert not any(secret in told + caplog.text for secret in (SECRET, "c4nary"))


# --- what goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 404, 422, 429, 500, 503])
async def test_a_status_that_is_no_success_is_told_in_words(server: HttpServer, status: int) -> None:
    told = await failure(action(server, f"/status/{status}"))

    assert told.startswith(f"weather answered {status} ")
    assert told.endswith(": so it is: nobody")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/huge", "weather failed: the answer is longer than 5,242,880 bytes"),
        ("/bomb", "weather failed: the answer is longer than 5,242,880 bytes"),
        ("/to?url=http://evil.test/", "weather was stopped: evil.test:80 is none of the hosts it may speak to"),
        ("/to?url=file:///etc/passwd", "weather was stopped: only https is spoken, not 'file'"),
        ("/loop", "weather was stopped: it was sent on more than 3 times"),
    ],
)
async def test_what_may_not_be_taken_is_told_in_words(server: HttpServer, path: str, reason: str) -> None:
    server.answers["/loop"] = [Response(status_code=302, headers={"location": "/loop"})]

    assert reason in await failure(action(server, path))


@pytest.mark.parametrize("path", ["/never", "/dawdle", "/cut"])
@pytest.mark.parametrize("repeat", ["never", "keyed", "safe"])
async def test_a_call_without_an_answer_is_in_doubt_unless_it_is_safe(
    server: HttpServer, path: str, repeat: str
) -> None:
    made = action(server, path, timeout=0.2, repeat=repeat, request__method="POST")

    with pytest.raises(ActionError) as failed:
        await run(made)

    assert isinstance(failed.value, InDoubt) == (repeat != "safe")
    assert len(server.asked) == 1


async def test_a_call_that_never_left_is_not_in_doubt() -> None:
    async with http_server() as gone:
        pass
    made = action(gone, request__method="POST")

    with pytest.raises(ActionError) as failed:
        await run(made)

    assert not isinstance(failed.value, InDoubt)
    assert str(failed.value) == "weather failed: it cannot be reached"


# --- again ---------------------------------------------------------------------------------------------------


def now(status: int) -> Response:
    return Response("x", status, {"retry-after": "0"})


async def test_it_is_tried_again_after_the_statuses_that_were_named(server: HttpServer) -> None:
    server.answers["/"] = [now(503), now(429), Response("well", media_type="text/plain")]

    assert await run(action(server, request__retry={"attempts": 3, "statuses": ["429", "5xx"]})) == "well"
    assert len(server.asked) == 3


async def test_it_is_not_tried_again_after_others_nor_more_often_than_it_may(server: HttpServer) -> None:
    server.answers["/"] = [now(503)]

    assert "503" in await failure(action(server, request__retry={"attempts": 2}))
    assert "503" in await failure(action(server, request__retry={"attempts": 5, "statuses": ["429"]}))
    assert "503" in await failure(action(server))
    assert len(server.asked) == 4


async def test_it_is_not_tried_again_when_it_is_told_to_wait_longer_than_it_can(server: HttpServer) -> None:
    server.answers["/"] = [Response("x", 429, {"retry-after": "3600"})]

    assert "429" in await failure(action(server, request__retry={"attempts": 5}))
    assert len(server.asked) == 1


@pytest.mark.parametrize(("repeat", "times"), [("never", 1), ("keyed", 2), ("safe", 2)])
async def test_only_what_may_be_repeated_is_sent_again_without_an_answer(
    server: HttpServer, repeat: str, times: int
) -> None:
    made = action(server, "/cut", repeat=repeat, request__method="POST", request__retry={"attempts": 2})

    await failure(made)

    keys = [asked.headers.get("idempotency-key") for asked in server.asked]
    assert len(keys) == times
    assert len(set(keys)) == 1


async def test_the_key_of_a_call_is_its_place_in_the_journal(server: HttpServer) -> None:
    made = action(server, repeat="keyed", request__method="POST")
    turns = [
        TurnMaker().turn(key="1@tifa/action/00/00"),
        TurnMaker().turn(key="1@tifa/action/00/00"),
        TurnMaker().turn(key="1@tifa/action/00/01"),
        TurnMaker().turn(key="1@tifa/action/00/00", message=replace(MESSAGE, at=2)),
    ]

    for turn in turns:
        await made(turn)

    first, again, other, later = [asked.headers["idempotency-key"] for asked in server.asked]
    assert first == again
    assert len({first, other, later}) == 3


async def test_a_call_that_was_cut_off_is_made_again_with_its_key(server: HttpServer, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    made = action(server, repeat="keyed", request__method="POST")

    async def pay(turn: Turn) -> object:
        told = await made(turn)
        if len(server.asked) == 1:
            raise Killed
        return told

    message = Message("chat", "1", "chat/a", "chat:anna", "Pay twice!", sender_name="Anna", to="tifa")
    async with little_host(tmp_path) as host:
        host.add(model=ListedModel(calls("pay")), actions=[Doing("pay", pay, "keyed")])
        with pytest.raises(Killed):
            await host.answer(message)
        host.add(model=ListedModel(calls("pay"), "Paid."), actions=[Doing("pay", pay, "keyed")])
        await host.answer(message)

    first, again, other = [asked.headers["idempotency-key"] for asked in server.asked]
    assert first == again != other


async def test_a_request_that_only_reads_is_safe_unless_its_file_says_otherwise() -> None:
    assert action("https://api.example.com").repeat == "safe"
    assert action("https://api.example.com", request__method="POST").repeat == "never"
    assert action("https://api.example.com", repeat="keyed").repeat == "keyed"
