"""What is said once, for many: defaults, families, environments, and parts in place."""

# A row of a table stays a line.
# ruff: noqa: E501

from pathlib import Path

import pytest

from carrier.config.catalog import Catalog, load
from carrier.config.layers import laid
from carrier.config.reading import natural, read
from carrier.errors import CarrierError
from carrier.testing.projects import SMALL, write


def merged(*texts: str) -> object:
    return natural(laid([read(text.encode(), f"{number}.yaml").documents[0] for number, text in enumerate(texts)]).data)


@pytest.mark.parametrize(
    ("weak", "strong", "expected"),
    [
        ("{ a: 1 }", "{ b: 2 }", {"a": 1, "b": 2}),
        ("{ a: 1 }", "{ a: 2 }", {"a": 2}),
        ("{ a: { b: 1, c: 1 } }", "{ a: { c: 2, d: 2 } }", {"a": {"b": 1, "c": 2, "d": 2}}),
        ("{ a: [1, 2] }", "{ a: [3] }", {"a": [3]}),
        ("{ a: [1, 2] }", "{ a: [inherited, 3] }", {"a": [1, 2, 3]}),
        ("{ a: [1, 2] }", "{ a: [0, inherited, 3] }", {"a": [0, 1, 2, 3]}),
        ("{ b: 1 }", "{ a: [inherited, 3] }", {"b": 1, "a": [3]}),
        ("{ a: [1] }", "{ a: ['inherited', 3] }", {"a": ["inherited", 3]}),
        ("{ a: 1, b: 2 }", "{ a: ~ }", {"b": 2}),
        ("{ a: { b: 1, c: 1 } }", "{ a: { b: ~ } }", {"a": {"c": 1}}),
        ("{ a: { b: 1 } }", "{ a: x }", {"a": "x"}),
        ("{ a: x }", "{ a: { b: 1 } }", {"a": {"b": 1}}),
        ("{ permissions: { deny: [a] } }", "{ permissions: { deny: [b] } }", {"permissions": {"deny": ["a", "b"]}}),
        ("{ permissions: { deny: [a] } }", "{ permissions: { deny: [] } }", {"permissions": {"deny": ["a"]}}),
        ("{ permissions: { deny: [a] } }", "{ permissions: { deny: ~ } }", {"permissions": {"deny": ["a"]}}),
        ("{ permissions: { ask: [a], otherwise: deny } }", "{ permissions: ~ }", {"permissions": {"ask": ["a"]}}),
        ("{ permissions: { ask: [a] } }", "{ permissions: { ask: [inherited, b] } }", {"permissions": {"ask": ["a", "b"]}}),
        ("{ permissions: { ask: [a] } }", "{ permissions: { ask: b } }", {"permissions": {"ask": ["a", "b"]}}),
        ("{ permissions: { otherwise: ask } }", "{ permissions: { otherwise: ~ } }", {"permissions": {}}),
        ("{ deny: [a] }", "{ deny: [b] }", {"deny": ["b"]}),
    ],
)  # fmt: skip
def test_a_layer_over_another(weak: str, strong: str, expected: object) -> None:
    assert merged(weak, strong) == expected


def test_each_value_keeps_its_place() -> None:
    documents = [read(text, file).documents[0] for text, file in ((b"a: [x]\nb: 1\n", "w.yaml"), (b"\n\na: [y, inherited]\n", "s.yaml"))]  # fmt: skip

    found = laid(documents)

    assert (found.values[("a",)].file, found.values[("a",)].line) == ("s.yaml", 3)
    assert (found.values[("a", 1)].file, found.values[("a", 1)].line) == ("w.yaml", 1)
    assert (found.values[("b",)].file, found.values[("b",)].line) == ("w.yaml", 2)
    assert found.file == "s.yaml"


# --- in a project ------------------------------------------------------------------------------------------------


def loaded(folder: Path, files: dict[str, str | bytes], environment: dict[str, str] | None = None) -> Catalog:
    return load(write(folder, {**SMALL, **files}), environment or {})


def test_the_hosts_defaults_lie_under_every_document_of_their_kind(tmp_path: Path) -> None:
    host = "defaults: { agent: { memory: { recent: 5 }, limits: { steps: 3 } } }\n"

    catalog = loaded(tmp_path, {"carrier.yaml": host, "agents.d/hello.yaml": "character: { bio: x }\nlimits: { steps: 9 }\n"})  # fmt: skip

    assert catalog.problems == ()
    assert catalog.agents["tifa"].memory.recent == catalog.agents["hello"].memory.recent == 5
    assert (catalog.agents["tifa"].limits.steps, catalog.agents["hello"].limits.steps) == (3, 9)


def test_a_document_extends_another_which_may_be_a_base_only(tmp_path: Path) -> None:
    text = """\
enabled: false
display_name: The guide
character: { bio: Shows the town., topics: [stairs] }
actions: [ignore]
---
name: guide-bergen
extends: guide
character: { topics: [rain] }
actions: [inherited, roll_dice]
---
name: guide-voss
extends: guide-bergen
character: { bio: ~ }
"""

    catalog = loaded(tmp_path, {"agents.d/guide.yaml": text})

    assert catalog.problems == ()
    assert "guide" not in catalog.agents
    bergen, voss = catalog.agents["guide-bergen"], catalog.agents["guide-voss"]
    assert bergen.character.bio == ("Shows the town.",)
    assert bergen.character.topics == voss.character.topics == ("rain",)
    assert bergen.character.display_name == "Guide Bergen"
    assert [action.name for action in voss.actions] == ["ignore", "roll_dice"]
    assert voss.character.bio == ()


def test_inherited_keeps_what_is_built_in(tmp_path: Path) -> None:
    text = "character: { bio: x, topics: [inherited, rain, 'inherited'] }\nactions: [inherited, roll_dice]\n"

    cloud = loaded(tmp_path, {"agents.d/cloud.yaml": text}).agents["cloud"]

    assert [action.name for action in cloud.actions] == ["ignore", "roll_dice"]
    assert cloud.character.topics == ("rain", "inherited")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("extends: nobody\ncharacter: { bio: x }\n", "1:10: CAR034 no agent to extend is called 'nobody'"),
        ("extends: tiffa\ncharacter: { bio: x }\n", "1:10: CAR034 no agent to extend is called 'tiffa'; did you mean 'tifa'?"),
        ("extends: x\ncharacter: { bio: x }\n", "1:10: CAR035 'x' would extend itself"),
        ("extends: y\ncharacter: { bio: x }\n---\nname: y\nextends: x\n", "1:10: CAR035 'x' would extend itself"),
    ],
)  # fmt: skip
def test_a_family_without_a_beginning_is_told(tmp_path: Path, text: str, place: str) -> None:
    catalog = loaded(tmp_path, {"agents.d/x.yaml": text})

    assert str(catalog.problems[0]).startswith(f"agents.d/x.yaml:{place}")
    assert "x" not in catalog.agents


def test_a_mistake_in_a_base_is_told_where_it_stands(tmp_path: Path) -> None:
    text = "enabled: false\nmemory: { recnet: 5 }\n---\nname: one\nextends: base\ncharacter: { bio: x }\n"

    catalog = loaded(tmp_path, {"agents.d/base.yaml": text})

    assert {str(each) for each in catalog.problems} == {
        "agents.d/base.yaml:2:11: CAR011 unknown key 'recnet'; did you mean 'recent'?"
    }


def test_a_mistake_in_the_defaults_is_told_once_where_it_stands(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, {"carrier.yaml": "defaults:\n  agent: { memroy: { recent: 5 } }\n"})

    assert [str(each)[:28] for each in catalog.problems] == ["carrier.yaml:2:12: CAR011 un"]


def test_a_wide_base_does_not_multiply(tmp_path: Path) -> None:
    wide = "\n".join(f"x-{number}: {number}" for number in range(3000))
    many = "\n".join(f"x-{number}: {number}" for number in range(1500))
    heirs = "".join(f"---\nname: heir{number}\nextends: many\ncharacter: {{ bio: x }}\n" for number in range(60))
    files: dict[str, str | bytes] = {
        "agents.d/wide.yaml": f"enabled: false\n{wide}\n",
        "agents.d/x.yaml": "extends: wide\ncharacter: { bio: x }\n",
        "agents.d/many.yaml": f"enabled: false\n{many}\n{heirs}",
    }

    catalog = loaded(tmp_path, files)

    assert {(each.file, each.code) for each in catalog.problems} == {
        ("agents.d/x.yaml", "CAR008"),
        ("agents.d/many.yaml", "CAR008"),
    }
    assert sorted(catalog.agents) == ["hello", "tifa"]


# --- environments --------------------------------------------------------------------------------------------------


def test_an_environment_lies_over_the_host(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "carrier.yaml": "name: demo\nserver: { host: 127.0.0.1, port: 8000 }\n",
        "carrier.dev.yaml": "server: { port: 9000 }\ndefaults: { agent: { memory: { recent: 1 } } }\n",
        ".env": "A=1\nB=1\n",
        ".env.dev": "B=2\n",
    }

    plain, dev = loaded(tmp_path, files), loaded(tmp_path, files, {"CARRIER_ENV": "dev"})

    assert (plain.host.server.port, dev.host.server.port, dev.host.name) == (8000, 9000, "demo")
    assert (plain.agents["tifa"].memory.recent, dev.agents["tifa"].memory.recent) == (32, 1)
    assert (dev.environment["A"], dev.environment["B"], plain.environment["B"]) == ("1", "2", "1")
    assert tmp_path / "carrier.dev.yaml" in dev.watched


def test_a_mistake_in_an_environment_is_told_in_its_file(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, {"carrier.dev.yaml": "server: { prot: 9000 }\n"}, {"CARRIER_ENV": "dev"})

    assert [str(each)[:34] for each in catalog.problems] == ["carrier.dev.yaml:1:11: CAR011 unkn"]
    assert catalog.host.server.port == 8000


@pytest.mark.parametrize("name", ["prod", "../dev", "DEV", "a b"])
def test_an_environment_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CarrierError, match="environment"):
        loaded(tmp_path, {}, {"CARRIER_ENV": name})


# --- in place --------------------------------------------------------------------------------------------------------


def test_what_can_be_named_can_be_written_in_place(tmp_path: Path) -> None:
    text = """\
character: { bio: x }
clients: { door: { type: console } }
actions:
  - roll_dice
  - throw: { type: python, entrypoint: "actions/dice.py:roll" }
"""

    catalog = loaded(tmp_path, {"agents.d/cloud.yaml": text})

    assert catalog.problems == ()
    assert catalog.clients["cloud.door"].agent == "cloud"
    assert [action.name for action in catalog.agents["cloud"].actions] == ["roll_dice", "throw"]
    assert "cloud.throw" in catalog.actions


def test_a_mistake_in_a_part_in_place_is_told_where_it_stands(tmp_path: Path) -> None:
    text = "character: { bio: x, boi: y }\nclients:\n  door: { type: console, promtp: x }\n"

    catalog = loaded(tmp_path, {"agents.d/cloud.yaml": text})

    assert [str(each)[:34] for each in catalog.problems] == [
        "agents.d/cloud.yaml:1:22: CAR011 u",
        "agents.d/cloud.yaml:3:26: CAR011 u",
    ]
    assert "cloud" not in catalog.agents
    assert "cloud.door" not in catalog.clients
