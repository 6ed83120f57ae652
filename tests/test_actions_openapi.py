"""Each operation of an OpenAPI document is an action, with one JSON Schema and arguments that go where it says."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from carrier.actions.openapi import OpenApiToolbox
from carrier.actions.openapi_document import SCHEMA_NODES, Unusable, operations, read
from carrier.config.models import model_for
from carrier.errors import ActionError
from carrier.interfaces import Action
from carrier.registry import UnknownPart
from carrier.testing.http_server import HttpServer, http_server
from carrier.testing.turns import TurnMaker
from carrier.types.agents import ActionDefinition

pytestmark = pytest.mark.asyncio(loop_scope="module")

PETS = """
openapi: 3.0.3
info: { title: Pets, version: 1.0.0 }
servers: [{ url: "https://{region}.example.com/v1", variables: { region: { default: eu } } }]
paths:
  /pets:
    get:
      operationId: listPets
      summary: All pets
      parameters:
        - { name: limit, in: query, description: How many, schema: { type: integer, default: 20, maximum: 100 } }
        - { name: tag, in: query, schema: { type: array, items: { type: string } } }
        - { name: ids, in: query, explode: false, schema: { type: array, items: { type: integer } } }
        - { name: filter, in: query, style: deepObject, schema: { type: object } }
        - { name: X-Trace, in: header, schema: { type: string } }
        - { name: Authorization, in: header, required: true, schema: { type: string } }
        - { name: session, in: cookie, schema: { type: string } }
    post:
      operationId: create pet!
      description: Adds one
      requestBody: { $ref: "#/components/requestBodies/Pet" }
  /pets/{id}/photos/{name}:
    parameters:
      - { $ref: "#/components/parameters/Id" }
      - { name: name, in: path, schema: { type: string } }
    get: {}
    put:
      operationId: putPhoto
      requestBody: { required: true, content: { image/png: {} } }
  /form:
    post:
      operationId: form
      requestBody: { content: { application/x-www-form-urlencoded: { schema: { type: object } } } }
components:
  parameters:
    Id: { name: id, in: path, required: true, schema: { type: string, pattern: "^(a+)+$" } }
  requestBodies:
    Pet:
      required: true
      content: { application/json: { schema: { $ref: "#/components/schemas/Pet" } } }
  schemas:
    Pet:
      type: object
      required: [name, id]
      properties:
        id: { type: integer, readOnly: true }
        name: { type: string, nullable: true, example: Rex }
        age: { type: number, minimum: 0, exclusiveMinimum: true }
        born: { type: string, default: 2020-01-01 }
        parent: { $ref: "#/components/schemas/Pet" }
        tags: { type: array, items: { $ref: "#/components/schemas/Tag~1x" } }
    Tag/x: { enum: [good, bad] }
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[HttpServer]:
    async with http_server() as server:
        yield server


@pytest.fixture
def server(running: HttpServer) -> HttpServer:
    running.asked.clear()
    return running


def toolbox(document: str = PETS, folder: Path = Path(), name: str = "pets.yaml", **words: Any) -> OpenApiToolbox:
    model = model_for("action", "openapi")
    assert model
    block: Any = model.model_validate({"name": "pets", "type": "openapi", "document": name, **words})
    definition = ActionDefinition("pets", "openapi", folder=folder, repeat=block.repeat, code=document, settings=block)
    return OpenApiToolbox(definition, TurnMaker().given())


async def opened(server: HttpServer, **words: Any) -> Mapping[str, Action]:
    return await toolbox(server=server.url + "/v1", network=[server.address], **words).open()


async def run(action: Action, **arguments: Any) -> Any:
    Draft202012Validator(dict(action.parameters)).validate(arguments)
    return json.loads(str(await action(TurnMaker().turn(), **arguments)))


# --- what there is -------------------------------------------------------------------------------------------


async def test_each_operation_is_an_action(caplog: pytest.LogCaptureFixture) -> None:
    actions = await toolbox().open()

    assert list(actions) == ["pets/listPets", "pets/create_pet", "pets/get_pets_id_photos_name", "pets/form"]
    assert [action.description for action in actions.values()][:3] == [
        "All pets",
        "Adds one",
        "GET /pets/{id}/photos/{name}",
    ]
    assert [action.repeat for action in actions.values()] == ["safe", "never", "safe", "never"]
    assert "putPhoto is left out: its body is image/png" in caplog.text


async def test_parameters_are_one_schema_of_all_that_a_model_may_say() -> None:
    actions = await toolbox().open()

    for action in actions.values():
        Draft202012Validator.check_schema(dict(action.parameters))
    listing, creating, photo, _ = (dict(action.parameters) for action in actions.values())
    assert list(listing["properties"]) == ["limit", "tag", "ids", "filter", "X-Trace"]  # type: ignore[call-overload]
    assert listing["properties"]["limit"] == {  # type: ignore[index]
        "type": "integer",
        "default": 20,
        "maximum": 100,
        "description": "How many",
    }
    assert listing["required"] == []
    assert creating == {
        "type": "object",
        "properties": {
            "body": {
                "type": "object",
                "properties": {
                    "name": {"type": ["string", "null"]},
                    "age": {"type": "number", "minimum": 0, "exclusiveMinimum": 0},
                    "born": {"type": "string", "default": "2020-01-01"},
                    "parent": {},
                    "tags": {"type": "array", "items": {"enum": ["good", "bad"]}},
                },
                "required": ["name"],
            }
        },
        "required": ["body"],
        "additionalProperties": False,
    }
    # A pattern that can take very long is not looked for.
    assert photo["properties"] == {"id": {"type": "string"}, "name": {"type": "string"}}
    assert photo["required"] == ["id", "name"]


async def test_patterns_choose_operations_and_one_that_finds_none_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        actions = await toolbox(operations=["list*", "delete*"]).open()

    assert list(actions) == ["pets/listPets"]
    assert "no operation is called delete*; there are listPets, create_pet" in caplog.text


async def test_a_header_that_is_sent_anyway_is_asked_of_nobody() -> None:
    actions = await toolbox(headers={"x-trace": "mine"}).open()

    assert "X-Trace" not in actions["pets/listPets"].parameters["properties"]  # type: ignore[operator]


# --- what is asked -------------------------------------------------------------------------------------------


async def test_arguments_go_where_the_document_says(server: HttpServer) -> None:
    actions = await opened(server, headers={"Authorization": "Bearer hunter2222"})

    arguments = {"limit": 5, "tag": ["a&b", "c"], "ids": [1, 2], "filter": {"x]&y": "1", "z": True}, "X-Trace": "t"}
    told = await run(actions["pets/listPets"], **arguments)

    asked = server.asked[0]
    assert asked.target == "/v1/pets?limit=5&tag=a%26b&tag=c&ids=1%2C2&filter%5Bx%5D%26y%5D=1&filter%5Bz%5D=true"
    assert (asked.headers["x-trace"], asked.headers["authorization"]) == ("t", "Bearer hunter2222")
    assert told["headers"]["authorization"] == "[secret]"


async def test_a_body_is_sent_as_the_document_wants_it(server: HttpServer) -> None:
    actions = await opened(server)

    await run(actions["pets/create_pet"], body={"name": "Rex", "tags": ["good"]})
    await run(actions["pets/form"], body={"a": "b&c", "n": 1})

    assert server.asked[0].json == {"name": "Rex", "tags": ["good"]}
    assert server.asked[1].body == b"a=b%26c&n=1"


async def test_an_argument_stays_in_its_segment(server: HttpServer) -> None:
    photo = (await opened(server))["pets/get_pets_id_photos_name"]

    await run(photo, id="a/b?c#d", name="{id}")

    assert server.asked[0].target == "/v1/pets/a%2Fb%3Fc%23d/photos/%7Bid%7D"


@pytest.mark.parametrize("id", ["", ".", "..", "../..", "..\\x", "%2e%2e"])
async def test_no_argument_is_empty_or_a_step_to_another_folder(server: HttpServer, id: str) -> None:
    photo = (await opened(server))["pets/get_pets_id_photos_name"]

    with pytest.raises(ActionError, match="was not called"):
        await photo(TurnMaker().turn(), id=id, name="x")

    assert server.asked == []


async def test_what_went_wrong_is_told_in_words(server: HttpServer) -> None:
    document = yaml.safe_dump({"openapi": "3.1.0", "paths": {"/status/418": {"get": {"operationId": "brew"}}}})
    brew = (await toolbox(document, server=server.url, network=[server.address]).open())["pets/brew"]

    with pytest.raises(ActionError, match="pets/brew answered 418"):
        await brew(TurnMaker().turn())


# --- documents that are no good ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "words", "reason"),
    [
        ("", {}, "the file is empty"),
        ("a: [", {}, "cannot be read"),
        ("{", {}, "cannot be read"),
        ("[1]", {}, "no OpenAPI document of version 3"),
        ("swagger: '2.0'", {}, "no OpenAPI document of version 3"),
        ("openapi: 3.1.0", {}, "describes no operation"),
        ("openapi: 3.1.0\npaths: { /a: { get: {} } }", {}, "where it is served: write `server`"),
        ("openapi: 3.1.0\npaths: { /a: { get: {} } }", {"server": "http://a.example"}, "http without s"),
        (
            "openapi: 3.1.0\npaths: { /a: { get: {} } }",
            {"server": "https://a.example", "network": "b.c"},
            "none of the",
        ),
        ("openapi: 3.1.0\npaths: { '/{a}': { get: {} } }", {"server": "https://a.example"}, "speaks of a, which is no"),
        ("openapi: 3.1.0\nx: &a [1]\ny: *a", {}, "aliases are not followed"),
        ("openapi: 3.1.0\nx: " + "[" * 200, {}, "more than 500,000 values, or 100 levels"),
        ('{"openapi": "3.1.0", "x": ' + "[" * 200_000, {}, "cannot be read"),
        ("openapi: 3.1.0\nx: '" + "x" * 6_000_000 + "'", {}, "more than 5,242,880 characters"),
    ],
)
async def test_a_document_that_cannot_be_used_says_why(document: str, words: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnknownPart, match=r"^pets") as failed:
        await toolbox(document or " ", **words).open()

    assert reason in str(failed.value)


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"parameters": [{"$ref": "https://evil.test/p.yaml"}]}, "leads out of the document"),
        ({"parameters": [{"$ref": "#/x/y"}]}, "leads nowhere"),
        ({"parameters": [{"$ref": "#/paths/~1a/get/parameters/0"}]}, "leads nowhere"),
        ({"requestBody": {"$ref": "#/components/loop"}}, "leads back to itself"),
        ({"parameters": [{"in": "query", "name": "f", "schema": {"type": "file"}}]}, "its schema is wrong"),
    ],
)
async def test_an_operation_that_cannot_be_used_is_left_out_alone(operation: dict[str, Any], reason: str) -> None:
    document = {"components": {"loop": {"$ref": "#/components/loop"}}, "servers": [{"url": "https://a.example"}]}
    paths = {"/a": {"get": {**operation, "operationId": "bad"}}, "/b": {"get": {"operationId": "good"}}}

    found, left_out = operations({**document, "paths": paths})

    assert list(found) == ["good"]
    assert reason in left_out["bad"]


async def test_a_schema_that_grows_without_end_is_cut() -> None:
    doubling = {
        f"S{n}": {"properties": {k: {"$ref": f"#/components/schemas/S{n + 1}"} for k in "ab"}} for n in range(40)
    }
    schema = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}
    document = {"components": {"schemas": doubling}, "paths": {"/a": {"post": {"requestBody": schema}}}}

    found, _ = operations(document, "https://a.example")

    assert len(json.dumps(found["post_a"].schema)) < SCHEMA_NODES * 60


async def test_a_document_outside_the_project_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret.yaml").write_text(PETS)
    (tmp_path / "project" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (tmp_path / "project" / "own.yaml").write_text(PETS)

    with pytest.raises(UnknownPart, match="not inside the project"):
        await toolbox("", tmp_path / "project", "link.yaml").open()
    assert "pets/listPets" in await toolbox("", tmp_path / "project", "own.yaml").open()


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["query", "#/a", "object"])
KEYS = st.sampled_from(
    [
        "$ref",
        "in",
        "name",
        "schema",
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "content",
        "application/json",
        "parameters",
        "requestBody",
        "get",
        "post",
        "servers",
        "url",
        "variables",
        "allOf",
        "nullable",
        "exclusiveMinimum",
        "minimum",
        "pattern",
        "default",
        "description",
        "operationId",
        "a",
    ]
)
JUNK = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))


@given(st.dictionaries(st.sampled_from(["/a", "/{a}", "/b"]), JUNK), JUNK)
async def test_whatever_stands_in_a_document_it_is_used_or_refused(paths: dict[str, Any], item: Any) -> None:
    document = {"openapi": "3.1.0", "a": item, "paths": {**paths, "/c": {"get": item, "post": item}}}
    try:
        found, _ = operations(read(json.dumps(document)), "https://a.example")
    except Unusable:
        return
    for operation in found.values():
        Draft202012Validator.check_schema(dict(operation.schema))
