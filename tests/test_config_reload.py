"""Reading again: what stays equal, what changes, and what keeps its last good version."""

import os
import sys
from pathlib import Path

import pytest

from carrier.config.catalog import Catalog, Refused, load
from carrier.config.keeping import keep
from carrier.testing.projects import SMALL, write


@pytest.fixture
def before(tmp_path: Path) -> Catalog:
    catalog = load(write(tmp_path), {})
    assert catalog.problems == ()
    return catalog


def again(last: Catalog, files: dict[str, str | bytes], environment: dict[str, str] | None = None) -> Catalog:
    write(last.root, files)
    return load(last.path, environment or {}, last)


def changed(before: Catalog, after: Catalog) -> set[str]:
    """The agents that are not what they were; that their revisions tell the same is asserted."""
    names = {*before.agents, *after.agents}
    differ = {name for name in names if before.agents.get(name) != after.agents.get(name)}
    revisions = [{name: agent.revision for name, agent in each.agents.items()} for each in (before, after)]
    assert differ == {name for name in names if revisions[0].get(name) != revisions[1].get(name)}
    return differ


# --- equality ------------------------------------------------------------------------------------------------


def test_the_same_files_are_the_same_catalog(before: Catalog) -> None:
    assert again(before, {}) == before
    assert load(before.path, {}) == before


def test_the_same_files_in_another_place_have_the_same_revision(before: Catalog, tmp_path: Path) -> None:
    moved = load(write(tmp_path / "elsewhere"), {})

    assert moved.revision == before.revision
    assert moved.agents["tifa"].revision == before.agents["tifa"].revision


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"agents.d/tifa.yaml": f"# a comment\n{SMALL['agents.d/tifa.yaml']!s}"}, set()),
        ({"agents.d/hello.yaml": "character: { bio: Greets nobody. }\n"}, {"hello"}),
        ({"agents.d/cloud.yaml": "character: { bio: x }\n"}, {"cloud"}),
        ({"templates/unused.j2": "x"}, set()),
        ({"templates/time.j2": "Now: {{ time }}"}, {"tifa", "hello"}),
        ({"actions/dice.py": "def roll() -> int:\n    return 6\n"}, {"tifa"}),
        ({"carrier.yaml": "name: demo\ntimezone: Europe/Oslo\nserver: { port: 9 }\n"}, set()),
        ({"carrier.yaml": "name: demo\ntimezone: Asia/Tokyo\n"}, {"tifa", "hello"}),
        ({"agents.d/s.yaml": "kind: script\nname: tifa\nrules: [{ say: Hm. }]\n"}, {"tifa"}),
    ],
    ids=["comment", "character", "new", "unused", "included", "code", "port", "zone", "script"],
)
def test_a_change_reaches_those_who_use_what_changed_and_no_others(
    before: Catalog, files: dict[str, str | bytes], expected: set[str]
) -> None:
    after = again(before, files)

    assert after.problems == ()
    assert changed(before, after) == expected


def test_a_template_of_its_own_changes_its_user_only(before: Catalog) -> None:
    own: dict[str, str | bytes] = {
        "agents.d/hello.yaml": "character: { bio: x }\ntemplates: { chat: hello.j2 }\n",
        "templates/hello.j2": "Hello.",
    }
    first = again(before, own)

    second = again(first, {"templates/hello.j2": "Hello!"})

    assert changed(first, second) == {"hello"}


def test_another_secret_is_another_revision_that_does_not_tell_it(before: Catalog) -> None:
    host: dict[str, str | bytes] = {
        "carrier.yaml": 'models: { large: { use: openai/gpt-5, api_key: "${KEY:-none}" } }\n'
    }
    first = again(before, host, {"KEY": "first-secret"})

    second = again(first, {}, {"KEY": "second-secret"})

    assert changed(first, second) == {"tifa", "hello"}


# --- last good ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        ("agents.d/tifa.yaml", b"character: { bio: new\n", "CAR004"),
        ("agents.d/tifa.yaml", b"", "CAR005"),
        ("agents.d/tifa.yaml", b"\x00\x01", "CAR002"),
        ("agents.d/tifa.yaml", b"a" * 2_000_000, "CAR003"),
        ("agents.d/tifa.yaml", b"character: { boi: new }\n", "CAR011"),
        ("agents.d/tifa.yaml", b"character: { bio: ${NOT_SET} }\n", "CAR004"),
        ("agents.d/tifa.yaml", b'character: { bio: "${NOT_SET}" }\n', "CAR010"),
        ("agents.d/tifa.yaml", b"character: { bio: new }\nactions: [wether]\n", "CAR021"),
        ("actions/dice.py", b"def roll(:\n", "CAR032"),
        ("actions/dice.yaml", b"name: roll_dice\nentrypoint: nowhere\n", "CAR032"),
        ("actions/dice.yaml", b"name: roll_dice\nentrypiont: x\n", "CAR011"),
    ],
)
def test_what_a_broken_file_says_stays_as_it_was(before: Catalog, file: str, content: bytes, code: str) -> None:
    after = again(before, {file: content, "agents.d/hello.yaml": "character: { bio: Still moves. }\n"})

    assert code in {problem.code for problem in after.problems}
    assert {problem.file for problem in after.problems} == {file}
    assert after.agents["tifa"] == before.agents["tifa"]
    assert after.agents["hello"].character.bio == ("Still moves.",)


def test_a_broken_template_leaves_its_users_as_they_were(before: Catalog) -> None:
    after = again(before, {"templates/time.j2": "{{ tiem }}", "agents.d/cloud.yaml": "character: { bio: x }\n"})

    assert changed(before, after) == {"cloud"}
    assert after.agents["cloud"].sources == before.agents["tifa"].sources
    assert [problem.file for problem in after.problems] == ["templates/time.j2"]
    assert after.stale("agent", "tifa")


def test_the_last_good_version_lasts_over_many_readings_and_ends_with_a_good_one(before: Catalog) -> None:
    broken = again(before, {"agents.d/tifa.yaml": "character: {"})
    for _ in range(3):
        broken = again(broken, {})

    mended = again(broken, {"agents.d/tifa.yaml": "character: { bio: Mended. }\n"})

    assert broken.agents["tifa"] == before.agents["tifa"]
    assert mended.problems == ()
    assert mended.agents["tifa"].character.bio == ("Mended.",)


def test_the_last_good_version_moves_with_what_it_names(before: Catalog) -> None:
    broken = again(before, {"agents.d/tifa.yaml": "character: {"})

    after = again(broken, {"templates/time.j2": "Now: {{ time }}"})

    assert after.agents["tifa"].sources["time.j2"].source == "Now: {{ time }}"


def test_a_broken_file_that_never_was_good_has_nothing(before: Catalog) -> None:
    after = again(before, {"agents.d/cloud.yaml": "character: {"})

    assert "cloud" not in after.agents
    assert changed(before, after) == set()


def test_a_removed_file_removes_what_it_said(before: Catalog) -> None:
    (before.root / "agents.d/hello.yaml").unlink()

    after = again(before, {})

    assert after.problems == ()
    assert list(after.agents) == ["tifa"]


def test_a_file_that_was_broken_and_is_removed_is_gone(before: Catalog) -> None:
    broken = again(before, {"agents.d/hello.yaml": "character: {"})
    (before.root / "agents.d/hello.yaml").unlink()

    after = again(broken, {})

    assert list(after.agents) == ["tifa"]


def test_a_renamed_agent_is_another_one(before: Catalog) -> None:
    after = again(before, {"agents.d/hello.yaml": "name: goodbye\ncharacter: { bio: x }\n"})

    assert sorted(after.agents) == ["goodbye", "tifa"]


def test_a_broken_carrier_yaml_leaves_the_host_as_it_was(before: Catalog) -> None:
    after = again(before, {"carrier.yaml": "name: [\n", "agents.d/hello.yaml": "character: { bio: Moves. }\n"})

    assert after.host == before.host
    assert changed(before, after) == {"hello"}


def test_a_removed_carrier_yaml_leaves_the_host_as_it_was(before: Catalog) -> None:
    before.path.unlink()

    after = again(before, {})

    assert (after.host, after.agents) == (before.host, before.agents)
    assert [problem.code for problem in after.problems] == ["CAR001"]


def test_of_two_with_one_name_the_first_is_kept(before: Catalog) -> None:
    after = again(before, {"agents.d/zoe.yaml": "name: tifa\ncharacter: { bio: An impostor. }\n"})

    (problem,) = after.problems
    assert str(problem).startswith("agents.d/zoe.yaml:1:7: CAR016 ")
    assert changed(before, after) == set()


def test_a_variable_that_goes_away_leaves_its_users_as_they_were(before: Catalog) -> None:
    files: dict[str, str | bytes] = {"agents.d/hello.yaml": "description: ${CITY}\ncharacter: { bio: x }\n"}
    first = again(before, files, {"CITY": "Bergen"})

    second = again(first, {})

    assert [problem.code for problem in second.problems] == ["CAR010"]
    assert second.agents == first.agents


# --- what is no more -------------------------------------------------------------------------------------------


def test_who_names_an_action_that_was_removed_does_without_it_and_is_told_of(before: Catalog) -> None:
    (before.root / "actions/dice.yaml").unlink()

    after = load(before.path, {}, before)

    assert [action.name for action in after.agents["tifa"].actions] == ["ignore"]
    assert [str(each)[:27] for each in after.problems] == ["agents.d/tifa.yaml:2:19: CA"]


def test_who_names_an_action_that_was_removed_is_there_after_a_restart_too(before: Catalog) -> None:
    keep(before.accepted, before.host.data, before.root)
    (before.root / "actions/dice.yaml").unlink()

    assert [action.name for action in load(before.path, {}).agents["tifa"].actions] == ["ignore"]


# --- on disk ---------------------------------------------------------------------------------------------------

BROKEN = {
    "agents.d/tifa.yaml": "character: {",
    "actions/dice.py": "def roll(:\n",
    "actions/dice.yaml": "name: roll_dice\ntype: python\nentrypiont: x\n",
    "templates/time.j2": "{{ tiem }}",
    "agents.d/more.yaml": "name: [",
}


@pytest.mark.parametrize("file", BROKEN)
def test_a_restart_comes_up_as_it_was(before: Catalog, file: str) -> None:
    keep(before.accepted, before.host.data, before.root)
    write(before.root, {file: BROKEN[file]})

    restarted = load(before.path, {})

    assert restarted.agents == before.agents
    assert restarted.problems
    assert restarted.degraded == {before.root / file}


def test_what_was_kept_and_is_damaged_is_not_used(before: Catalog) -> None:
    keep(before.accepted, before.host.data, before.root)
    for kept in (before.host.data / "last-good").iterdir():
        if kept.name != "index.json":
            kept.write_bytes(b"character: { bio: from nowhere }")
    write(before.root, {"agents.d/tifa.yaml": "character: {"})

    assert sorted(load(before.path, {}).agents) == ["hello"]


@pytest.mark.parametrize("index", ["", "[]", "{", '{"agents.d/tifa.yaml": "../../../etc/passwd"}', '{"a": 1}', "null"])
def test_an_index_that_is_none_is_as_if_nothing_was_kept(before: Catalog, index: str) -> None:
    keep(before.accepted, before.host.data, before.root)
    (before.host.data / "last-good/index.json").write_text(index)
    write(before.root, {"agents.d/tifa.yaml": "character: {"})

    assert sorted(load(before.path, {}).agents) == ["hello"]


def test_what_is_kept_is_for_its_user_alone_and_has_no_variables_file(tmp_path: Path) -> None:
    catalog = load(write(tmp_path, {**SMALL, ".env": "API_TOKEN=0123456789"}), {})
    keep(catalog.accepted, catalog.host.data, catalog.root)

    kept = list((catalog.host.data / "last-good").iterdir())

    assert not [each for each in kept if b"0123456789" in each.read_bytes()]
    assert {each.stat().st_mode & 0o777 for each in kept} == {0o600}


def test_what_no_file_holds_any_more_is_not_kept(before: Catalog) -> None:
    keep(before.accepted, before.host.data, before.root)
    folder = before.host.data / "last-good"
    many = len(list(folder.iterdir()))
    (before.root / "agents.d/hello.yaml").unlink()
    after = load(before.path, {}, before)

    keep(after.accepted, after.host.data, after.root)

    assert len(list(folder.iterdir())) == many - 1


# --- what cannot be read ---------------------------------------------------------------------------------------


def test_a_link_that_is_turned_outward_keeps_what_it_led_to(before: Catalog, tmp_path: Path) -> None:
    (tmp_path.parent / "outside.yaml").write_text("character: { bio: from outside }\n")
    file = before.root / "agents.d/hello.yaml"
    file.unlink()
    file.symlink_to(tmp_path.parent / "outside.yaml")

    after = load(before.path, {}, before)

    assert after.agents == before.agents
    assert [(each.file, each.code) for each in after.problems] == [("agents.d/hello.yaml", "CAR029")]


def test_a_folder_that_cannot_be_read_keeps_what_was_in_it(before: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with_more = again(before, {"agents.d/more/cloud.yaml": "character: { bio: x }\n"})
    closed, scan = str(before.root / "agents.d/more"), os.scandir

    def scandir(path: str) -> object:
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return scan(path)

    # The tests may run as root, whom no permission keeps out.
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "is_file", lambda path: str(path.parent) != closed and os.path.isfile(path))

    after = load(before.path, {}, with_more)

    assert "cloud" in after.agents
    assert ("agents.d/more", "CAR001") in {(each.file, each.code) for each in after.problems}


# --- many ----------------------------------------------------------------------------------------------------


def test_of_a_thousand_files_three_hundred_are_broken_and_seven_hundred_agents_run(tmp_path: Path) -> None:
    wrong = ("character: {", "character: { boi: x }\n", "actions: [wether]\ncharacter: { bio: x }\n")
    files = {f"agents.d/a{number}.yaml": "character: { bio: x }\n" for number in range(700)}
    files |= {f"agents.d/b{number}.yaml": wrong[number % 3] for number in range(300)}
    path = write(
        tmp_path, {**SMALL, "agents.d/tifa.yaml": "enabled: false\n", "agents.d/hello.yaml": "enabled: false\n"}
    )

    catalog = load(write(path.parent, files), {})

    assert len(catalog.agents) == 700
    assert {problem.file for problem in catalog.problems} == {f"agents.d/b{number}.yaml" for number in range(300)}


# --- refused ---------------------------------------------------------------------------------------------------


def test_what_was_refused_counts_as_it_last_was_until_it_changes(before: Catalog) -> None:
    file = before.root / "actions/dice.py"
    changed_once = again(before, {"actions/dice.py": "def roll() -> int:\n    return 5\n"})
    refusal = Refused(file, changed_once.digests[file], "RuntimeError: a bug")

    refused = load(before.path, {}, before, [refusal])
    again_refused = load(before.path, {}, refused, [refusal])
    write(before.root, {"actions/dice.py": "def roll() -> int:\n    return 6\n"})
    mended = load(before.path, {}, again_refused, [refusal])

    assert refused.agents == again_refused.agents == before.agents
    assert [str(each) for each in refused.problems] == ["actions/dice.py:1:1: CAR033 RuntimeError: a bug"]
    assert "return 6" in mended.actions["roll_dice"].code
    assert mended.problems == ()


def test_what_was_refused_at_the_first_start_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path)
    file = tmp_path / "actions/dice.py"

    catalog = load(path, {}, None, [Refused(file, load(path, {}).digests[file], "no")])

    assert catalog.actions == {}
    assert sorted(catalog.agents) == ["hello", "tifa"]


# --- never wider -----------------------------------------------------------------------------------------------


def test_an_edit_that_breaks_a_file_takes_nothing_from_its_last_version(before: Catalog) -> None:
    strict = again(before, {"agents.d/tifa.yaml": "character: { bio: x }\nevaluators: [no_secrets]\nactions: []\n"})

    broken = again(strict, {"agents.d/tifa.yaml": "character: { bio: x }\nevaluators: []\nactions: [roll_dcie]\n"})

    assert broken.agents["tifa"] == strict.agents["tifa"]


def test_an_agent_does_not_go_on_without_an_evaluator_that_is_no_more(before: Catalog) -> None:
    gate = "from pydantic import BaseModel\nclass Gate:\n    class Settings(BaseModel): ...\n"
    (before.root / "gates_of_a_test.py").write_text(gate)
    sys.path.insert(0, str(before.root))
    try:
        text = "character: { bio: x }\nevaluators: ['gates_of_a_test:Gate']\n"
        held = again(before, {"agents.d/tifa.yaml": text})
        assert held.problems == ()
    finally:
        sys.path.remove(str(before.root))
        del sys.modules["gates_of_a_test"]

    assert load(held.path, {}, held).agents["tifa"].evaluators == held.agents["tifa"].evaluators
    keep(held.accepted, held.host.data, held.root)
    assert "tifa" not in load(held.path, {}).agents
