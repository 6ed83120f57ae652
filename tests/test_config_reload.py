"""Reading again: what stays equal, what changes, and what keeps its last good version."""

from pathlib import Path

import pytest

from carrier.config.catalog import Catalog, load
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
        ("actions/dice.yaml", b"name: roll_dice\nentrypiont: x\n", "CAR012"),
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

    assert changed(before, after) == set()
    assert "cloud" not in after.agents
    assert [problem.file for problem in after.problems] == ["templates/time.j2"]


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
