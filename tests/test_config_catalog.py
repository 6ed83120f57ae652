"""A project's files as the host sees them: what they become, and what is wrong with them."""

import random
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from carrier.config.catalog import Catalog, load
from carrier.config.diagnostics import CODES, rendering
from carrier.testing.projects import SMALL, write
from carrier.types.agents import ActionDefinition, Words
from carrier.types.characters import Example
from carrier.types.models import ScriptStep
from carrier.types.parts import PartUse


class Door:
    """A client of somebody else's."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        token: SecretStr
        guilds: tuple[str, ...] = ()
        retries: int = 3


DOOR = f"kind: client\nname: door\ntype: {__name__}:Door\nagent: tifa\n"


def loaded(folder: Path, files: dict[str, str | bytes], environment: dict[str, str] | None = None) -> Catalog:
    return load(write(folder, {**SMALL, **files}), environment or {})


def with_agent(folder: Path, text: str) -> Catalog:
    return loaded(folder, {"agents.d/x.yaml": text})


# --- what files become ---------------------------------------------------------------------------------------


def test_the_smallest_agent_is_one_small_file_and_has_its_name(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, {})

    hello = catalog.agents["hello"]
    assert catalog.problems == ()
    assert (hello.name, hello.character.name, hello.character.display_name) == ("hello", "hello", "Hello")
    assert hello.character.bio == ("Greets everyone and keeps it short.",)


def test_what_an_agent_does_not_say_has_a_default(tmp_path: Path) -> None:
    agent = loaded(tmp_path, {}).agents["hello"]

    assert [use.name for use in agent.context] == [
        "character", "recent_messages", "recent_actions", "memories", "knowledge", "goals", "time",
    ]  # fmt: skip
    assert agent.actions == (ActionDefinition("ignore", "built-in", entrypoint="carrier.actions.ignore:Ignore"),)
    assert agent.evaluators == (PartUse("no_secrets"),)
    assert agent.templates == {"chat": "chat.j2"}
    assert sorted(agent.sources) == ["chat.j2", "time.j2"]
    assert (agent.model.name, agent.model.use, agent.small.use) == ("large", "auto", "auto")
    assert (agent.limits.steps, agent.limits.turn, agent.memory.recent, agent.memory.recall) == (6, 300, 32, 8)
    assert agent.timezone == "Europe/Oslo"
    assert agent.words.failed
    assert agent.words.held


def test_several_documents_stand_in_one_file_each_with_its_kind(tmp_path: Path) -> None:
    text = """
    model: quick
    actions: [roll_dice]
    words: { failed: ~, held: No. }
    ---
    kind: character
    name: aerith
    display_name: Aerith Gainsborough
    system: [One., Two.]
    style: { chat: Short. }
    message_examples:
      - - { user: Hi, agent: Hello }
        - { user: Bye, agent: See you }
    ---
    kind: script
    name: garden
    rules:
      - say: Hm.
    """
    host = "models: { quick: scripted/garden, small: { use: openai/gpt-5, timeout: 5s, params: { seed: 7 } } }\n"

    catalog = loaded(tmp_path, {"agents.d/aerith.yaml": dedent(text), "carrier.yaml": host})

    agent = catalog.agents["aerith"]
    assert catalog.problems == ()
    assert agent.character.display_name == "Aerith Gainsborough"
    assert agent.character.system == "One.\nTwo."
    assert agent.character.style == {"chat": ("Short.",)}
    assert agent.character.message_examples == ((Example("Hi", "Hello"), Example("Bye", "See you")),)
    assert agent.words == Words("", "No.")
    assert (agent.model.use, list(agent.model.scripts)) == ("scripted/garden", ["garden"])
    assert (agent.small.use, agent.small.timeout, agent.small.params) == ("openai/gpt-5", 5.0, {"seed": 7})


def test_an_entry_of_a_list_may_have_settings_which_its_part_reads(tmp_path: Path) -> None:
    catalog = with_agent(tmp_path, "character: { bio: x }\nevaluators: [no_secrets, facts: { every: 4 }]\n")

    assert catalog.problems == ()
    assert catalog.agents["x"].evaluators == (PartUse("no_secrets"), PartUse("facts", {"every": 4}))
    assert catalog.agents["x"].templates == {"chat": "chat.j2", "facts": "facts.j2"}


def test_an_action_carries_a_digest_of_its_code(tmp_path: Path) -> None:
    before = loaded(tmp_path, {}).actions["roll_dice"]

    after = loaded(tmp_path, {"actions/dice.py": "async def roll() -> int:\n    return 6\n"}).actions["roll_dice"]

    assert (before.entrypoint, before.folder) == ("actions/dice.py:roll", tmp_path)
    assert before.digest != after.digest


def test_an_action_may_stand_in_an_installed_module(tmp_path: Path) -> None:
    action = 'name: dump\nentrypoint: "json.encoder:JSONEncoder"\n'

    assert loaded(tmp_path, {"actions/dump.yaml": action}).problems == ()


def test_no_code_is_run_while_a_project_is_read(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n\n\ndef roll() -> None: ...\n"

    catalog = loaded(tmp_path, {"actions/dice.py": code})

    assert catalog.problems == ()
    assert not (tmp_path / "ran").exists()


def test_the_host_says_where_things_are(tmp_path: Path) -> None:
    text = """
    name: bar
    timezone: Asia/Tokyo
    data: state
    folders: { agents: [people, more], templates: words }
    embeddings: { use: none }
    server: { host: 0.0.0.0, port: "${PORT:-9000}" }
    limits: { turns_at_once: 8, upload: 2MB }
    x-note: mine
    """
    files = {"carrier.yaml": text, "people/ann.yaml": "character: { bio: x }", "more/x": "", "words/chat.j2": "hi"}

    catalog = load(write(tmp_path, files), {})

    host = catalog.host
    assert catalog.problems == ()
    assert list(catalog.agents) == ["ann"]
    assert (host.name, host.timezone, host.data, host.embeddings) == ("bar", "Asia/Tokyo", tmp_path / "state", "none")
    assert (host.server.host, host.server.port) == ("0.0.0.0", 9000)
    assert (host.limits.turns_at_once, host.limits.upload) == (8, 2_000_000)
    assert tmp_path / "more" in catalog.watched
    assert tmp_path / ".env" in catalog.watched


def test_the_process_environment_wins_over_the_variables_file(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {".env": "BAR=from the file\nCITY=Bergen\n"}
    files["agents.d/x.yaml"] = "description: ${BAR} in ${CITY}\ncharacter: { bio: x }\n"

    catalog = loaded(tmp_path, files, {"BAR": "the bar"})

    assert catalog.agents["x"].description == "the bar in Bergen"
    assert (catalog.environment["BAR"], catalog.environment["CITY"]) == ("the bar", "Bergen")


def test_a_script_is_compiled_into_variants_of_steps(tmp_path: Path) -> None:
    text = """
    kind: script
    name: talk
    rules:
      - when: my name is (?P<name>\\w+)
        say: ["Hello {{ name }}", "Again, {{ name }}?"]
      - for: facts
        given: 'is called (?P<who>\\w+)'
        after: roll_dice
        call: { roll_dice: { sides: 007, note: "{{ who }}" } }
        delay: 250ms
      - sequence:
          - call: { roll_dice: }
          - fail: rate_limit
          - say: "{{ result }}"
            delay: 1s
      - fail: timeout
    """

    script = loaded(tmp_path, {"agents.d/talk.yaml": text}).scripts["talk"]

    first, second, third, last = script.rules
    assert first.when == ("my name is (?P<name>\\w+)",)
    assert first.steps == ((ScriptStep(say="Hello {{ name }}"),), (ScriptStep(say="Again, {{ name }}?"),))
    assert (second.purpose, second.after) == ("facts", "roll_dice")
    assert second.steps == ((ScriptStep(call="roll_dice", arguments={"sides": 7, "note": "{{ who }}"}, delay=0.25),),)
    assert [step.call or step.fail or step.say for step in third.steps[0]] == [
        "roll_dice",
        "rate_limit",
        "{{ result }}",
    ]
    assert third.steps[0][2].delay == 1.0
    assert last.steps == ((ScriptStep(fail="timeout"),),)


# --- clients and secrets ---------------------------------------------------------------------------------------


def test_a_client_has_the_settings_its_type_reads(tmp_path: Path) -> None:
    door = DOOR + "token: ${DOOR_TOKEN}\nguilds: [0170000000000000001]\nretries: 5\n"

    catalog = loaded(tmp_path, {"agents.d/door.yaml": door}, {"DOOR_TOKEN": "a-door-token"})

    settings = catalog.clients["door"].settings
    assert catalog.problems == ()
    assert settings == {"token": SecretStr("a-door-token"), "guilds": ["0170000000000000001"], "retries": 5}
    assert Door.Settings.model_validate(settings).guilds == ("0170000000000000001",)
    assert catalog.secrets == ("a-door-token",)
    assert "a-door-token" not in repr(catalog)


def test_a_client_whose_secret_is_not_set_is_parked_until_it_is(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"agents.d/door.yaml": DOOR + "token: ${DOOR_TOKEN:?from the developer portal}\n"}

    parked = loaded(tmp_path, files)
    running = load(parked.path, {"DOOR_TOKEN": "a-door-token"}, parked)
    parked_again = load(parked.path, {}, running)

    assert parked.problems == ()
    assert parked.parked == {"door": "DOOR_TOKEN is not set: from the developer portal"}
    assert "door" not in parked.clients
    assert (list(running.clients), running.parked) == (["door"], {})
    assert ("door" in parked_again.clients, list(parked_again.parked)) == (False, ["door"])


def test_a_secret_written_out_is_a_warning_and_kept_in_mind(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, {"agents.d/door.yaml": DOOR + "token: written-out\n"})

    (problem,) = catalog.problems
    assert str(problem).startswith("agents.d/door.yaml:5:8: CAR017 warning: ")
    assert catalog.clients["door"].settings["token"] == SecretStr("written-out")
    assert catalog.secrets == ("written-out",)


def test_no_problem_shows_a_secret(tmp_path: Path) -> None:
    text = "character: { bio: x }\nmodel: ${API_TOKEN}\nactions: [roll_dice, '${API_TOKEN}']\n"

    catalog = loaded(tmp_path, {"agents.d/x.yaml": text}, {"API_TOKEN": "sk-a-real-secret"})

    assert len(catalog.problems) == 2
    assert "sk-a-real-secret" not in str(catalog.problems)


# --- what is wrong with files --------------------------------------------------------------------------------

AGENT = "character: { bio: x }\n"
RULES = "kind: script\nrules:\n"


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("charcter: { bio: x }\n", "1:1: CAR011", "did you mean 'character'?"),
        ("character: { boi: x }\n", "1:14: CAR011", "did you mean 'bio'?"),
        (AGENT + "memory: { recnet: 3 }\n", "2:11: CAR011", "did you mean 'recent'?"),
        (AGENT + "x-note: mine\nnote: mine\n", "3:1: CAR011", "unknown key 'note'"),
        (AGENT + "respond: sometimes\n", "2:10: CAR013", "'addressed', 'always', 'decide' or 'never'"),
        (AGENT + "limits: { turn: 90 }\n", "2:17: CAR013", "90s, 10m"),
        (AGENT + "limits: { turn: soon }\n", "2:17: CAR013", "90s, 10m"),
        (AGENT + "limits: { steps: many }\n", "2:18: CAR013", "steps: "),
        (AGENT + "limits: { steps: 0 }\n", "2:18: CAR013", "at least 1"),
        (AGENT + "memory: 5\n", "2:9: CAR013", "a map of keys to values"),
        (AGENT + "enabled: maybe\n", "2:10: CAR013", "true or false"),
        (AGENT + "actions: roll_dice\n", "2:10: CAR013", "actions: "),
        (AGENT + "evaluators: [{ facts: 4 }]\n", "2:14: CAR013", "a name with settings"),
        (AGENT + "templates: { chat: ../chat.j2 }\n", "2:20: CAR013", "stays inside"),
        (AGENT + "name: Tifa Lockhart\n", "2:7: CAR013", "lower-case letters"),
        ("actions: []\n", "1:1: CAR020", "the agent 'x' has no character"),
        ("character: tyfa\n---\nkind: character\nname: tifa\n", "1:12: CAR020", "did you mean 'tifa'?"),
        (AGENT + "actions: [ignore,\n  rol_dice]\n", "3:3: CAR021", "did you mean 'roll_dice'?"),
        (AGENT + "model: larg\n", "2:8: CAR022", "did you mean 'large'?"),
        (AGENT + "evaluators: [no_secret]\n", "2:14: CAR023", "did you mean 'no_secrets'?"),
        (AGENT + "evaluators: [facts: { evry: 4 }]\n", "2:23: CAR011", "did you mean 'every'?"),
        (AGENT + "evaluators: [facts: { every: 0 }]\n", "2:30: CAR013", "every: "),
        (AGENT + "context: [charcter]\n", "2:11: CAR024", "did you mean 'character'?"),
        (AGENT + 'context: ["no.such.module:Part"]\n', "2:11: CAR024", "cannot be imported"),
        (AGENT + "templates: { chat: chta.j2 }\n", "2:20: CAR026", "did you mean 'chat.j2'?"),
        (AGENT + "description: ${NOT_SET}\n", "2:14: CAR010", "NOT_SET is not set"),
        (AGENT + "description: ${oh no}\n", "2:14: CAR015", "$${ is a plain ${"),
        ("kind: wizard\n", "1:7: CAR014", "agent, character, client"),
        ("kind: actoin\nname: y\n", "1:7: CAR014", "did you mean 'action'?"),
        (AGENT + "---\nkind: character\nbio: x\n", "3:1: CAR016", "write `name:`"),
        (AGENT + "---\nname: tifa\ncharacter: { bio: y }\n", "3:7: CAR016", "agents.d/tifa.yaml"),
        ("kind: client\ntype: discrod\n", "2:7: CAR028", "discord"),
        ("kind: client\n", "1:1: CAR012", "'type' is missing"),
        ("kind: client\ntype: console\nagnet: tifa\n", "3:1: CAR011", "did you mean 'agent'?"),
        ("kind: client\ntype: console\nagent: tyfa\n", "3:8: CAR025", "did you mean 'tifa'?"),
        ("kind: action\nentrypoint: dice\n", "2:13: CAR032", "write actions/dice.py:roll"),
        ("kind: action\nentrypoint: actions/dcie.py:roll\n", "2:13: CAR032", "there is no file actions/dcie.py"),
        ("kind: action\nentrypoint: actions/dice.py:rol\n", "2:13: CAR032", "did you mean 'roll'?"),
        ("kind: action\nentrypoint: no_such_module.at_all:f\n", "2:13: CAR032", "there is no module no_such_module"),
        ("kind: action\nentrypoint: json:dupms\n", "2:13: CAR032", "did you mean 'dumps'?"),
        ("kind: action\nentrypoint: ../dice.py:roll\n", "2:13: CAR032", "leads out of the project"),
        ("kind: script\nrules: []\n", "2:8: CAR013", "rules: "),
        (RULES + "  - when: (oops\n    say: x\n", "3:11: CAR013", "no regular expression"),
        (RULES + "  - say: x\n    call: { ignore: }\n", "4:5: CAR013", "exactly one of say, call, sequence, fail"),
        (RULES + "  - when: x\n", "3:5: CAR013", "not none"),
        (RULES + "  - say: ['{{ name }}']\n", "3:11: CAR031", "nothing is called 'name' here"),
        (RULES + "  - say: '{{ text '\n", "3:10: CAR030", "end of template"),
        (RULES + "  - call: { rol_dice: }\n", "3:13: CAR021", "did you mean 'roll_dice'?"),
        (RULES + "  - call: { roll_dice: { sides: '{{ n }}' } }\n", "3:33: CAR031", "'n'"),
        (RULES + "  - after: rol_dice\n    say: x\n", "3:12: CAR021", "did you mean 'roll_dice'?"),
        (RULES + "  - fail: badly\n", "3:11: CAR013", "'rate_limit'"),
        (RULES + "  - sequence: [{ say: x, fail: timeout }]\n", "3:26: CAR013", "exactly one of say, call, fail"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_helps(tmp_path: Path, text: str, place: str, part: str) -> None:
    (problem,) = with_agent(tmp_path, text).problems

    assert str(problem).startswith(f"agents.d/x.yaml:{place} ")
    assert part in str(problem)


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("nmae: demo\n", "1:1: CAR011", "did you mean 'name'?"),
        ("version: 2\n", "1:10: CAR013", "version: "),
        ("timezone: Europe/Olso\n", "1:11: CAR013", "did you mean 'Europe/Oslo'?"),
        ("models: { large: gpt-5 }\n", "1:18: CAR013", "openai/gpt-5"),
        ("models: { large: { use: auto, tiemout: 5s } }\n", "1:31: CAR011", "did you mean 'timeout'?"),
        ("models: { large: scripted/nobody }\n", "1:18: CAR027", "unknown script 'nobody'"),
        ("server: { port: 80000 }\n", "1:17: CAR013", "at most 65535"),
        ("limits: { upload: 10 }\n", "1:19: CAR013", "20MB"),
        ("folders: { agents: [/etc] }\n", "1:21: CAR013", "stays inside"),
        ("kind: agent\n", "1:7: CAR014", "not a document of kind 'agent'"),
        ("name: demo\n---\nname: other\n", "3:1: CAR014", "only one document"),
        ("models: { large: { use: openai/gpt-5, api_key: sk-123456 } }\n", "1:48: CAR017", "put it into .env"),
    ],
)
def test_what_is_wrong_with_the_host_is_told(tmp_path: Path, text: str, place: str, part: str) -> None:
    (problem,) = loaded(tmp_path, {"carrier.yaml": text}).problems

    assert str(problem).startswith(f"carrier.yaml:{place} ")
    assert part in str(problem)


@pytest.mark.parametrize(
    ("files", "start", "part"),
    [
        (
            {"templates/chat.j2": "{{ agent.name }}\n{{ tiem }}"},
            "templates/chat.j2:2:4: CAR031",
            "did you mean 'time'?",
        ),
        (
            {"templates/chat.j2": "{{ schedule }}"},
            "templates/chat.j2:1:4: CAR031",
            "there are actions, agent, character, facts, goals, ",
        ),
        ({"templates/time.j2": "\n\nIt is {{ tiem }}"}, "templates/time.j2:3:10: CAR031", "did you mean 'time'?"),
        ({"templates/chat.j2": "hi\n{% if %}"}, "templates/chat.j2:2:1: CAR030", "Expected an expression"),
        ({"templates/chat.j2": "{{ agent|shout }}"}, "templates/chat.j2:1:1: CAR030", "shout"),
        (
            {"templates/chat.j2": "\n{% include 'tme.j2' %}"},
            "templates/chat.j2:2:13: CAR026",
            "did you mean 'time.j2'?",
        ),
        ({"templates/chat.j2": "{% include agent.name %}"}, "templates/chat.j2:1:1: CAR030", "write out the name"),
        ({"actions/dice.py": "x = 1\ndef roll(:\n"}, "actions/dice.py:2:1: CAR032", "not Python"),
        ({"agents.d/y.yaml.txt": AGENT}, "agents.d/y.yaml.txt:1:1: CAR018 warning", "ends in .yaml or .yml"),
        ({"templates/x.j2.bak": ""}, "templates/x.j2.bak:1:1: CAR018 warning", "ends in .j2"),
        ({"agents.d/My Bot.yaml": AGENT}, "agents.d/My Bot.yaml:1:1: CAR016", "write `name:`"),
        ({"agents.d/y.yaml": b"\x00" * 10}, "agents.d/y.yaml:1:1: CAR002", "U+0000"),
        ({".env": "A=1\nwhat is this\n"}, ".env:2:1: CAR019", "NAME=value"),
    ],
)
def test_what_is_wrong_with_other_files_is_told_once(
    tmp_path: Path, files: dict[str, str | bytes], start: str, part: str
) -> None:
    (problem,) = loaded(tmp_path, files).problems

    assert str(problem).startswith(start)
    assert part in str(problem)


def test_a_template_that_is_no_text_is_told_at_its_file(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, {"templates/time.j2": b"\xff\xfe"})

    assert [(problem.file, problem.code) for problem in catalog.problems] == [("templates/time.j2", "CAR002")]
    assert catalog.agents == {}


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = "respond: sometimes\nactions: [wether]\ncontext: [tiem]\nmemroy: {}\ncharacter: nobody\n"

    catalog = loaded(tmp_path, {"agents.d/x.yaml": text, "agents.d/y.yaml": "a: b: c", "carrier.yaml": "nmae: x\n"})

    assert [f"{each.file}:{each.line} {each.code}" for each in catalog.problems] == [
        "agents.d/x.yaml:1 CAR013",
        "agents.d/x.yaml:2 CAR021",
        "agents.d/x.yaml:3 CAR024",
        "agents.d/x.yaml:4 CAR011",
        "agents.d/x.yaml:5 CAR020",
        "agents.d/y.yaml:1 CAR004",
        "carrier.yaml:1 CAR011",
    ]
    assert {each.code for each in catalog.problems} <= set(CODES)


def test_who_names_what_stands_in_a_broken_file_is_not_blamed(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "agents.d/tifa.yaml": "character: { boi: x }\n",
        "agents.d/door.yaml": "kind: client\ntype: console\nagent: tifa\n",
        "actions/dice.yaml": "name: roll_dice\nentrypoint: 'actions/dice.py:roll'\nrepeat: often\n",
        "agents.d/roller.yaml": "character: { bio: x }\nactions: [roll_dice]\n",
    }

    catalog = loaded(tmp_path, files)

    assert [problem.file for problem in catalog.problems] == ["actions/dice.yaml", "agents.d/tifa.yaml"]
    assert sorted(catalog.agents) == ["hello", "roller"]
    assert catalog.agents["roller"].actions == ()


def test_what_is_not_enabled_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "agents.d/hello.yaml": "enabled: false\ncharacter: { bio: x }\n",
        "agents.d/door.yaml": "kind: client\ntype: console\nagent: hello\n",
    }

    catalog = loaded(tmp_path, files)

    (problem,) = catalog.problems
    assert list(catalog.agents) == ["tifa"]
    assert "the agent 'hello' is not enabled" in str(problem)


def test_editors_leave_files_that_are_not_read(tmp_path: Path) -> None:
    left = (".tifa.yaml.swp", "tifa.yaml~", "#tifa.yaml#", ".#tifa.yaml", "4913", ".hidden.yaml", "tifa.yaml.tmp")

    catalog = loaded(tmp_path, {f"agents.d/{name}": "what: is this" for name in left})

    assert catalog.problems == ()


def test_subfolders_and_the_other_ending_are_read(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, {"agents.d/bar/cloud.yml": AGENT, "templates/deep/er.j2": "x"})

    assert catalog.problems == ()
    assert "cloud" in catalog.agents


def test_a_link_that_leads_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"evil.yaml": AGENT, "chat.j2": "x"})
    path = write(tmp_path / "inside")
    (tmp_path / "inside/agents.d/evil.yaml").symlink_to(tmp_path / "outside/evil.yaml")
    (tmp_path / "inside/agents.d/good.yaml").symlink_to("hello.yaml")

    catalog = load(path, {})

    (problem,) = catalog.problems
    assert str(problem).startswith("agents.d/evil.yaml:1:1: CAR029 ")
    assert sorted(catalog.agents) == ["good", "hello", "tifa"]


def test_a_project_without_its_carrier_yaml_is_a_problem_and_no_more(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, {}).problems

    assert str(problem).startswith("carrier.yaml:1:1: CAR001 ")


def test_no_file_whatever_it_holds_keeps_the_others_from_being_read(tmp_path: Path) -> None:
    chance = random.Random(4)
    write(tmp_path)
    for _ in range(300):
        name, content = chance.choice(sorted(SMALL.items()))
        write(tmp_path, {name: damaged(str(content), chance)})

        catalog = load(tmp_path, {}, chance.choice([None, load(tmp_path, {})]))

        assert all(problem.line > 0 and problem.column > 0 for problem in catalog.problems)
        assert rendering(catalog.problems, catalog.text).count(" CAR") == len(catalog.problems)
        write(tmp_path, {name: content})


def damaged(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 4)):
        start, length = chance.randint(0, len(text)), chance.randint(0, 12)
        text = text[:start] + chance.choice(HOSTILE) + text[start + length :]
    return text


HOSTILE = [
    *"{}[]:#&*!|>'\"%@`,?-~ \t\n0$\\<=\0é",
    "${",
    "${file:/dev/zero}",
    "{{",
    "}}",
    "{%",
    "---\n",
    "<<: ",
    "&a ",
    "*a",
]


def test_reading_the_configuration_imports_nothing_heavy() -> None:
    script = "import sys, carrier.config.catalog, carrier.config.watching; print(*sys.modules)"

    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert not {"litellm", "lancedb", "pyarrow", "duckdb", "watchfiles", "httpx"} & set(modules)


# --- models that stand in for each other -------------------------------------------------------------------------


def test_a_model_has_those_that_it_falls_back_on_and_its_limits(tmp_path: Path) -> None:
    host = """
    models:
      large: { use: openai/gpt-5, fallback: [spare, anthropic/claude-sonnet-5], limits: { requests: 1/s, at_once: 4 } }
      spare: { use: scripted/tifa, fallback: [small] }
      small: ollama/llama3.2
    """
    script = "kind: script\nname: tifa\nrules: [{ say: Hm. }]\n"

    catalog = loaded(tmp_path, {"carrier.yaml": host, "agents.d/s.yaml": script})

    model = catalog.agents["hello"].model
    assert catalog.problems == ()
    assert [(each.name, each.use) for each in model.fallback] == [
        ("spare", "scripted/tifa"),
        ("anthropic/claude-sonnet-5", "anthropic/claude-sonnet-5"),
    ]
    assert [each.use for each in model.fallback[0].fallback] == ["ollama/llama3.2"]
    assert list(model.fallback[0].scripts) == ["tifa"]
    assert (model.limits.requests, model.limits.tokens, model.limits.at_once) == (60.0, 0.0, 4)


@pytest.mark.parametrize(
    ("large", "spare", "expected"),
    [
        ("{ use: auto, fallback: [spaer] }", "auto", "CAR022 unknown model 'spaer'"),
        ("{ use: auto, fallback: [large] }", "auto", "CAR046 the model 'large' would fall back on itself"),
        ("{ use: auto, fallback: [spare] }", "{ use: auto, fallback: [large] }", "CAR046 the model"),
    ],
)
def test_models_that_fall_back_on_nobody_or_on_themselves_are_told(
    tmp_path: Path, large: str, spare: str, expected: str
) -> None:
    host = f"models: {{ large: {large}, spare: {spare} }}"

    problems = [str(each) for each in loaded(tmp_path, {"carrier.yaml": host}).problems]

    assert any(each.startswith(f"carrier.yaml:1:42: {expected}") for each in problems), problems
