"""Agents that are tested: what passes, what is told of what does not, and what a test may say."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from carrier.cli import main
from carrier.config.catalog import Catalog, load
from carrier.errors import CarrierError, UnknownAgent
from carrier.testing.projects import Project, project
from carrier.trying import Miss, Missed, Tried, trials, tried

ROOT = Path(__file__).parent.parent

FILES = {
    "carrier.yaml": """\
name: demo
models: { large: auto, other: scripted/other, down: scripted/down }
embeddings: { use: none }
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the bar. }
actions: [ignore, roll_dice]
evaluators: [no_secrets: { on_found: hold }, facts: { every: 1 }]
memory: { scope: agent }
words: { failed: Sorry., held: Not that. }
---
kind: script
name: tifa
rules:
  - { for: facts, when: '^(?P<who>[^:\\n]+): my name is (?P<name>\\w+)', say: "{{ who }}: is called {{ name }}" }
  - { for: facts, say: "" }
  - { when: nothing, call: { ignore: {} } }
  - { when: secret, say: sk-0123456789abcdefghij }
  - { when: dice, call: { roll_dice: { sides: 6 } } }
  - { after: roll_dice, say: "{{ result }} it is" }
  - { when: who, given: 'my name is (?P<name>\\w+)', say: "You are {{ name }}." }
  - { when: break, fail: bad_request }
  - { when: odd, say: '{{ "\\x1b[31mred" }}' }
  - { when: slow, say: Here., delay: 10s }
  - { say: "I heard {{ user }}: {{ text }}" }
---
kind: script
name: other
rules: [{ say: from the other script }]
---
kind: script
name: down
rules: [{ fail: unavailable }]
""",
    "agents.d/hello.yaml": "character: { bio: Greets everyone. }\n",
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": "def roll(sides: int = 6) -> int:\n    return 4\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n{{ memories }}\n",
    "templates/facts.j2": "\n",
}

HEAD = "kind: test\nname: tifa\ntimeout: 5s\ncases:\n"


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", FILES)


def read(files: Project, **cases: str) -> Catalog:
    """The project with a test of Tifa that has these cases."""
    files.write(
        "agents.d/test.yaml", HEAD + "".join(f"  {name}: {{ turns: [{turns}] }}\n" for name, turns in cases.items())
    )
    catalog = load(files.config, {})
    assert catalog.problems == ()
    return catalog


async def of(catalog: Catalog, model: str = "") -> Tried:
    """What came of the only case."""
    (found,) = await tried(trials(catalog, (), model), lambda each: None)
    return found


# --- the shipped agents -----------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path: Path) -> Project:
    folder = tmp_path / "shipped"
    folder.mkdir()
    shutil.copy(ROOT / "carrier.yaml", folder)
    for part in ("agents.d", "actions", "templates"):
        shutil.copytree(ROOT / part, folder / part)
    return Project(folder)


async def test_the_shipped_agents_pass_their_tests_offline(shipped: Project) -> None:
    todo = trials(load(shipped.config, {"OPENAI_API_KEY": "a key that nobody may use"}))

    found = await tried(todo, lambda each: None)

    assert {each.agent for each in found} == {"tifa", "assistantbot"}
    assert [each for each in found if not each.ok] == []
    assert {each.model for each in found} == {"scripted/tifa", "scripted/assistantbot"}


async def test_a_spoilt_template_breaks_the_test_of_the_agent_that_is_told_by_it(shipped: Project) -> None:
    shipped.edit("templates/chat.j2", "Mood: calm", "Calm")

    found = await tried(trials(load(shipped.config, {}), ["tifa"]), lambda each: None)

    (failed,) = [each for each in found if not each.ok]
    assert failed.case == "is in the mood that her template gives her"
    assert failed.missed
    assert "Calm, the evening is young." in failed.missed.prompt


# --- what is expected -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "turn",
    [
        "{ say: hi }",
        "{ say: hi, expect: { text: [heard, '^i .*hi$'], not_text: bye, outcome: answered, actions: [] } }",
        "{ say: nothing, expect: { outcome: silent, actions: [ignore] } }",
        "{ say: nothing }",
        "{ say: secret, expect: { outcome: held, text: ^Not that } }",
        "{ say: break, expect: { outcome: failed, text: Sorry } }",
        "{ say: dice, expect: { actions: [roll_dice], text: 4 it is } }",
        "{ say: dice, expect: { actions: [roll_dice: { sides: 6 }] } }",
        "{ say: my name is Anna, as: anna, expect: { stored: is called anna } }",
    ],
)
async def test_what_comes_as_it_is_expected_passes(files: Project, turn: str) -> None:
    found = await of(read(files, case=turn))

    assert (found.ok, found.missed, found.error) == (True, None, "")


@pytest.mark.parametrize(
    ("turn", "miss"),
    [
        ("{ say: hi, expect: { text: bye } }", Miss("text", "bye", "I heard user: hi")),
        ("{ say: hi, expect: { not_text: HEARD } }", Miss("not_text", "HEARD", "I heard user: hi")),
        ("{ say: nothing, expect: { outcome: answered } }", Miss("outcome", "answered", "silent")),
        ("{ say: secret }", Miss("outcome", "answered or silent", "held")),
        ("{ say: break }", Miss("outcome", "answered or silent", "failed")),
        ("{ say: dice, expect: { actions: [] } }", Miss("actions", "none", "roll_dice(sides=6)")),
        ("{ say: hi, expect: { actions: [roll_dice] } }", Miss("actions", "roll_dice()", "none")),
        (
            "{ say: dice, expect: { actions: [roll_dice: { sides: 20 }] } }",
            Miss("actions", "roll_dice(sides=20)", "roll_dice(sides=6)"),
        ),
        (
            "{ say: dice, expect: { actions: [roll_dice: { dice: ~ }] } }",
            Miss("actions", "roll_dice(dice=None)", "roll_dice(sides=6)"),
        ),
        ("{ say: hi, expect: { stored: hi } }", Miss("stored", "hi", "nothing")),
        (
            "{ say: my name is Anna, expect: { stored: Bob } }",
            Miss("stored", "Bob", "is called Anna"),
        ),
    ],
)
async def test_what_does_not_come_as_it_is_expected_is_told(files: Project, turn: str, miss: Miss) -> None:
    found = await of(read(files, case=turn))

    assert not found.ok
    assert found.missed
    assert found.missed.misses == (miss,)


async def test_the_first_turn_that_is_not_as_expected_ends_the_case(files: Project) -> None:
    turns = "{ say: hi }, { say: ho, as: bob, expect: { text: bye } }, { say: break }"

    found = await of(read(files, case=turns))

    assert found.missed
    assert found.missed.prompt.startswith("You are tifa.\n")
    assert found.missed.prompt.endswith("user: hi\nassistant: I heard user: hi\nbob: ho")
    assert found.missed == Missed(2, "bob", "ho", (Miss("text", "bye", "I heard bob: ho"),), found.missed.prompt)


async def test_why_a_turn_failed_is_told_with_its_case_and_with_no_other(files: Project) -> None:
    catalog = read(files, breaks="{ say: break }", holds="{ say: hi }")

    broken, whole = await tried(trials(catalog), lambda each: None)

    assert [line for line in broken.log if "not accepted" in line]
    assert whole.log == ()


async def test_a_turn_has_no_more_time_than_its_test_gives_it(files: Project) -> None:
    catalog = read(files, case="{ say: slow }")
    files.edit("agents.d/test.yaml", "5s", "200ms")

    found = await of(load(files.config, catalog.environment))

    assert found.missed
    assert found.missed.misses == (Miss("outcome", "answered or silent", "failed"),)
    assert found.seconds < 5


async def test_a_case_knows_of_no_other_and_leaves_nothing_behind(files: Project) -> None:
    catalog = read(files, first="{ say: my name is Anna }, { say: who, expect: { text: Anna } }", then="{ say: who }")

    first, then = await tried(trials(catalog), lambda each: None)

    assert (first.ok, then.ok) == (True, True)
    assert not files.data.exists()
    (missed,) = await tried(trials(read(files, then="{ say: who, expect: { text: Anna } }")), lambda each: None)
    assert not missed.ok


async def test_an_agent_that_does_not_come_to_life_is_an_error_and_the_others_are_tried(files: Project) -> None:
    files.write("actions/dice.py", "raise RuntimeError('no dice')\n\n\ndef roll() -> int:\n    return 4\n")
    files.write("agents.d/hello-test.yaml", "kind: test\nname: hello\ncases: { greets: { turns: [{ say: hi }] } }\n")

    greets, case = await tried(trials(read(files, case="{ say: hi }")), lambda each: None)

    assert greets.ok
    assert "no dice" in case.error


async def test_different_agents_are_tried_side_by_side(files: Project) -> None:
    files.edit("agents.d/tifa.yaml", "delay: 10s", "delay: 1s")
    files.write(
        "agents.d/zoe.yaml",
        "character: { bio: Quick. }\n---\nkind: test\nname: zoe\ncases: { a: { turns: [{ say: hi }] } }\n",
    )
    ended: list[str] = []

    found = await tried(trials(read(files, slow="{ say: slow }")), lambda each: ended.append(each.agent))

    assert ended == ["zoe", "tifa"]
    assert [each.agent for each in found] == ["tifa", "zoe"]


# --- which model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("", "scripted/tifa"),
        ("own", "scripted/tifa"),
        ("other", "scripted/other"),
        ("scripted/other", "scripted/other"),
    ],
)
async def test_a_model_is_the_script_unless_another_is_named(
    files: Project, monkeypatch: pytest.MonkeyPatch, model: str, expected: str
) -> None:
    monkeypatch.setattr("carrier.models.choosing.OPENAI_LIKE", ())
    catalog = load(files.config, {"OLLAMA_HOST": "127.0.0.1:1"})
    files.write("agents.d/test.yaml", HEAD + "  case: { turns: [{ say: hi }] }\n")

    found = await of(load(files.config, catalog.environment), model)

    assert (found.ok, found.model) == (True, expected)


async def test_a_test_may_name_its_model_and_the_command_overrules_it(files: Project) -> None:
    files.write("agents.d/test.yaml", f"model: down\n{HEAD}  case: {{ turns: [{{ say: hi }}] }}\n")
    catalog = load(files.config, {})

    assert not (await of(catalog)).ok
    assert (await of(catalog, "other")).ok


def test_what_is_not_there_is_not_tried(files: Project) -> None:
    catalog = read(files, case="{ say: hi }")

    with pytest.raises(UnknownAgent):
        trials(catalog, ["tofa"])
    with pytest.raises(CarrierError, match="no test of hello; a document of kind test is one"):
        trials(catalog, ["tifa", "hello"])
    with pytest.raises(CarrierError, match="no model is called 'huge'; there are large, other, down, own"):
        trials(catalog, ["tifa"], "huge")
    files.remove("agents.d/test.yaml")
    with pytest.raises(CarrierError, match="no test of any agent"):
        trials(load(files.config, {}))


# --- the document -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("agent: tofa", "2:8: CAR025 unknown agent 'tofa'; did you mean 'tifa'?"),
        ("name: tofa", "2:7: CAR025 unknown agent 'tofa'; did you mean 'tifa'?"),
        ("agent: tifa\nmodel: othr", "3:8: CAR022 unknown model 'othr'; did you mean 'other'?"),
        (
            "agent: tifa\ncases: { a: { turns: [{ say: x, expect: { actions: [rol_dice] } }] } }",
            "3:53: CAR021 unknown action 'rol_dice'; did you mean 'roll_dice'?",
        ),
        (
            "agent: tifa\ncases: { a: { turns: [{ say: x, expect: { text: 'a(' } }] } }",
            "3:49: CAR013 text: this is no regular expression: missing ), unterminated subpattern at position 1",
        ),
        ("agent: tifa\ncases: {}", "3:8: CAR013 cases: a test has at least one case"),
        (
            "agent: tifa\ncases: { a: { turns: [{ say: x, expects: {} }] } }",
            "3:33: CAR011 unknown key 'expects'; did you mean 'expect'?",
        ),
    ],
)
def test_what_is_wrong_in_a_test_is_told_where_it_stands(files: Project, text: str, problem: str) -> None:
    whole = text if "cases" in text else f"{text}\ncases: {{ a: {{ turns: [{{ say: x }}] }} }}"
    files.write("agents.d/test.yaml", f"kind: test\n{whole}\n")

    assert [str(each) for each in load(files.config, {}).problems] == [f"agents.d/test.yaml:{problem}"]


@pytest.mark.parametrize("action", ["ignore", "roll_dice/any_tool", "flip", "flip: { times: 2 }"])
def test_an_action_may_be_built_in_a_tool_of_another_or_an_agent_s_own(files: Project, action: str) -> None:
    own = 'actions: [ignore, { flip: { type: python, entrypoint: "actions/dice.py:roll" } }]'
    files.edit("agents.d/tifa.yaml", "actions: [ignore, roll_dice]", own)
    files.edit("agents.d/tifa.yaml", "roll_dice:", "ignore:")
    files.edit("agents.d/tifa.yaml", "sides: 6", "")

    read(files, case=f"{{ say: x, expect: {{ actions: [{action}] }} }}")


def test_a_test_changes_nothing_that_runs(files: Project) -> None:
    before = load(files.config, {})

    after = read(files, case="{ say: hi }")

    assert (after.revision, after.agents) == (before.revision, before.agents)
    assert {name: test.agent for name, test in after.tests.items()} == {"tifa": "tifa"}


# --- the command ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    code: object
    out: str
    err: str


@pytest.fixture
def command(
    files: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["carrier-host", "--config", str(files.config), "test", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Outcome(ended.value.code or 0, *capfd.readouterr())

    return run


CASES: Mapping[str, str] = {
    "greets": "{ say: hi }",
    "rolls": "{ say: dice, expect: { text: '\\x1b|five' } }",
}


def test_the_command_tells_each_case_and_what_came(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, **CASES)

    outcome = command("tifa")

    lines = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (1, "")
    assert lines[0].startswith("ok      tifa: greets (")
    assert lines[1].startswith("failed  tifa: rolls (")
    assert lines[2:5] == [
        "    turn 1, user: dice",
        "      text expected: \\x1b|five",
        "               came: 4 it is",
    ]
    assert lines[-1].startswith("1 passed, 1 failed (")
    assert "You are tifa." not in outcome.out


def test_what_a_model_says_does_nothing_to_a_terminal(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, case="{ say: odd, expect: { text: bye } }")

    outcome = command("--verbose")

    assert "came: red" in outcome.out
    assert "\x1b" not in outcome.out


def test_the_command_shows_what_the_model_was_told(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, **CASES)

    assert "      You are tifa." in command("--verbose").out.splitlines()


def test_the_command_ends_with_0_when_all_pass(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, case="{ say: hi }")

    assert command().code == 0


def test_the_command_tells_a_script_the_same(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, **CASES)

    told = json.loads(command("--json").out)

    assert (told["passed"], told["failed"]) == (1, 1)
    assert [(each["case"], each["ok"]) for each in told["cases"]] == [("greets", True), ("rolls", False)]
    assert told["cases"][1]["missed"]["misses"] == [{"what": "text", "expected": "\\x1b|five", "came": "4 it is"}]


def test_the_command_writes_junit_s_xml(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, **CASES, odd="{ say: odd, expect: { text: bye } }")
    report = files.folder / "reports" / "tests.xml"

    command("--junit", str(report))

    root = ElementTree.parse(report).getroot()
    (suite,) = root
    assert (root.tag, suite.get("name"), suite.get("tests"), suite.get("failures")) == ("testsuites", "tifa", "3", "2")
    greets, rolls, odd = suite
    assert (greets.get("classname"), greets.get("name"), len(greets)) == ("tifa.tifa", "greets", 0)
    assert rolls[0].tag == "failure"
    assert "came: 4 it is" in str(rolls[0].text)
    assert "came: red" in str(odd[0].text)


def test_the_command_tries_nothing_where_files_are_wrong(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, case="{ say: hi }")
    files.write("agents.d/hello.yaml", "charcter: { bio: x }\n")

    outcome = command()

    assert (outcome.code, outcome.out) == (2, "")
    assert "unknown key 'charcter'" in outcome.err


def test_the_command_refuses_an_agent_that_is_not_there(files: Project, command: Callable[..., Outcome]) -> None:
    read(files, case="{ say: hi }")

    assert command("tofa") == Outcome(2, "", "carrier-host: no agent is called 'tofa'; there are hello, tifa\n")
