"""The schemas in `schemas/`: made of the models, and true to what is read."""

import json
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from carrier.config.models import KINDS
from carrier.config.reading import natural, read
from carrier.config.schema import main, schemas, texts

ROOT = Path(__file__).parent.parent
SHIPPED = sorted(path for folder in ("agents.d", "actions") for path in (ROOT / folder).rglob("*.yaml"))


@cache
def validator(name: str) -> Draft202012Validator:
    files = {f"{each}.schema.json": Resource.from_contents(schema) for each, schema in schemas().items()}
    return Draft202012Validator(schemas()[name], registry=Registry().with_resources(files.items()))


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "schemas").iterdir()))
def test_the_schema_in_the_repository_is_the_one_the_models_make(name: str) -> None:
    assert (ROOT / "schemas" / name).read_text() == texts()[name], "run python -m carrier.config.schema"


def test_every_kind_has_a_schema_and_nothing_else_does(tmp_path: Path) -> None:
    main(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in (ROOT / "schemas").iterdir()
    )
    assert set(schemas()) == {"host", "document", "media_host", *KINDS}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_file_names_its_schema_and_keeps_to_it(path: Path) -> None:
    kinds = {"agents.d": "document", "actions": "action"}
    name = kinds[path.relative_to(ROOT).parts[0]]

    first = path.read_text().split("\n")[0]

    assert first == f"# yaml-language-server: $schema=../schemas/{name}.schema.json"
    for document in read(path.read_bytes(), path.name).documents:
        assert list(validator(name).iter_errors(natural(document.data))) == []


def test_the_shipped_host_keeps_to_its_schema() -> None:
    (document,) = read((ROOT / "carrier.yaml").read_bytes(), "carrier.yaml").documents

    assert list(validator("host").iter_errors(natural(document.data))) == []


@pytest.mark.parametrize(
    ("document", "right"),
    [
        ({"character": {"bio": "x"}}, True),
        ({"character": "tifa", "x-note": {"any": "thing"}}, True),
        ({"evaluators": ["no_secrets", {"facts": {"every": 4}}]}, True),
        ({"memory": {"recent": "${RECENT:-32}"}}, True),
        ({"kind": "client", "type": "discord", "token": "${TOKEN}", "access": {"guilds": [1]}}, True),
        ({"kind": "client", "type": "shop.till:Till", "drawer": 3}, True),
        ({"kind": "action", "type": "mcp", "command": ["a"], "tools": ["get_*"]}, True),
        ({"kind": "script", "rules": [{"for": "facts", "say": ["a", "b"]}]}, True),
        ({"charcter": "tifa"}, False),
        ({"memory": {"recent": "many"}}, False),
        ({"kind": "client"}, False),
        ({"kind": "client", "type": "discord", "guilds": [1]}, False),
        ({"kind": "client", "type": "telepathy"}, False),
        ({"kind": "action", "type": "mcp", "entrypoint": "a:b"}, False),
        ({"kind": "wizard"}, False),
        ({"kind": "script", "rules": [{"fail": "badly"}]}, False),
    ],
)
def test_an_editor_is_told_what_the_host_would_say(document: dict[str, object], right: bool) -> None:
    assert validator("document").is_valid(document) is right


def test_the_schemas_are_json_of_the_dialect_they_name() -> None:
    for text in texts().values():
        Draft202012Validator.check_schema(json.loads(text))
