"""An editor that knows the schemas and a host that reads the files accept and refuse the same documents."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from carrier.config.explanations import EXPLANATIONS, PROJECT
from carrier.config.reading import Reading, natural, read
from tests.wrong_files import BASE, WRONG, Files, Wrong

SCHEMAS = Path(__file__).parent.parent / "schemas"

OF_A_DOCUMENT = frozenset({"CAR011", "CAR012", "CAR013", "CAR014", "CAR028"})
"""Codes of what a document shows by itself; the others are about YAML, names, templates, variables, files, machines."""

BEYOND_SCHEMAS: Mapping[str, tuple[str, ...]] = {
    "a file has one document": ("two hosts", "an overlay in two documents"),
    "the code that a name stands for says which settings there are": (
        "a setting misspelt",
        "a setting out of range",
        "a client's type of a stranger",
        "a client's unknown key",
    ),
    "a document that lies under others need not be whole": (
        "defaults with a key misspelt",
        "defaults that are wrong",
        "defaults of a wrong client",
        "an overlay's defaults",
    ),
    "two values are held against each other": (
        "two routes for one room",
        "a default out of its choices",
        "a jitter that is too long",
        "an example of a call that its parameters do not allow",
    ),
    "a clock and a calendar": (
        "a cron line's hour",
        "a cron line's weekday",
        "a cron line that never comes",
        "a date that is none",
        "a time zone there is not",
        "a time zone in short",
        "the host's time zone",
    ),
    "a pattern has rules of its own": (
        "an argument's bracket",
        "a pattern of lore that takes long",
        "a rule's pattern",
    ),
}
"""By the rule that JSON Schema cannot say, the mistakes that it therefore lets pass."""

LET_PASS = frozenset(name for names in BEYOND_SCHEMAS.values() for name in names)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_an_editor_refuses_what_the_host_refuses_unless_no_schema_can_say_it(wrong: Wrong) -> None:
    of_a_document = wrong.code in OF_A_DOCUMENT and is_yaml(wrong)

    assert bool(errors(wrong.files)) is (of_a_document and wrong.name not in LET_PASS)


def test_what_no_schema_can_say_is_among_the_mistakes() -> None:
    assert {wrong.name for wrong in WRONG if wrong.code in OF_A_DOCUMENT} >= LET_PASS


@pytest.mark.parametrize(
    "files",
    [BASE, PROJECT, *(each.right for each in EXPLANATIONS.values())],
    ids=["base", "project", *EXPLANATIONS],
)
def test_an_editor_accepts_what_the_host_accepts(files: Files) -> None:
    assert errors(files) == []


@pytest.mark.parametrize(
    "text",
    [
        "kind: client\nextends: bar\nagent: hello\n",
        "kind: client\ntype: discord\nenabled: false\n",
        "kind: schedule\nextends: evening\nevery: 2h\n",
        "kind: evaluator\nextends: tone\non_fail: replace\n",
        "kind: action\nextends: weather\nrequest: { url: https://example.com }\n",
        "kind: action\ntype: mcp\ncommand: ${SERVER}\n",
        "kind: action\ntype: http\nrequest: { url: 'https://example.com/${PLACE}/{{ city }}' }\n",
        "kind: action\ntype: http\nrequest: { url: 'https://${HOST}/now' }\n",
        "character: { bio: x }\nlimits: { turn: 0 }\napprovals: { expire: 0.5h }\n",
        "character: { bio: x }\nknowledge: ['${PLACE}/*.md', a..b/c.md, .hidden/x.md]\n",
    ],
)
def test_an_editor_leaves_to_others_what_may_stand_with_them(text: str) -> None:
    assert errors({"agents.d/x.yaml": text}) == []


def is_yaml(wrong: Wrong) -> bool:
    return not any(reading.problems for _, reading in readings(wrong.files))


def errors(files: Files) -> list[str]:
    """What an editor says of the documents, each held against the schema that its place asks for."""
    return [
        error.message
        for file, reading in readings(files)
        for document in reading.documents
        for error in validator(schema_of(file, document.data)).iter_errors(natural(document.data))
    ]


def readings(files: Files) -> Iterator[tuple[str, Reading]]:
    for file, content in files.items():
        if file.endswith(".yaml"):
            yield file, read(content if isinstance(content, bytes) else content.encode(), file)


def schema_of(file: str, data: Mapping[str, object]) -> str:
    if file.startswith("carrier."):
        return "host"
    return "action" if file.startswith("actions/") and "kind" not in data else "document"


@cache
def validator(name: str) -> Draft202012Validator:
    schemas = {path.name: json.loads(path.read_text()) for path in SCHEMAS.iterdir()}
    registry = Registry().with_resources((each, Resource.from_contents(schema)) for each, schema in schemas.items())
    return Draft202012Validator(schemas[f"{name}.schema.json"], registry=registry)
