"""Providers and evaluators of the operator's own, as documents and in place: what an agent has of them."""

import shutil
from pathlib import Path

import pytest

from carrier.api.calling import calling
from carrier.config.catalog import Catalog, load
from carrier.runtime import knowledge
from carrier.testing.hosts import running_host
from carrier.testing.projects import SMALL, Project, project, write
from carrier.types.agents import Knowledge
from carrier.types.memory import Goal
from carrier.types.parts import PartDefinition, PartUse

FILES: dict[str, str | bytes] = {
    **SMALL,
    "templates/bar.j2": "You have {{ stock | join }}.",
    "templates/bare.j2": "You are {{ agent.name }}.",
    "actions/bar.yaml": """
kind: provider
name: stock
type: python
entrypoint: actions/bar.py:levels
timeout: 2s
---
kind: evaluator
name: tone
type: judge
question: Is it kind?
on_fail: revise
attempts: 3
""",
    "actions/bar.py": "def levels(turn):\n    return ['rum']\n\ndef calm(turn, text):\n    return 'fool' not in text\n",
    "agents.d/mira.yaml": """
character: { bio: x }
templates: { chat: bar.j2 }
context: [stock]
evaluators: [no_secrets, tone]
""",
}


def loaded(folder: Path, **files: str) -> Catalog:
    return load(write(folder, {**FILES, **{name.replace("__", "/"): text for name, text in files.items()}}), {})


def with_mira(folder: Path, text: str) -> Catalog:
    return load(
        write(
            folder,
            {**FILES, "agents.d/mira.yaml": f"templates: {{ chat: bare.j2 }}\n{text}\ncharacter: {{ bio: x }}\n"},
        ),
        {},
    )


def definition(use: PartUse) -> PartDefinition:
    assert use.definition, f"{use.name} is built in"
    return use.definition


def told(catalog: Catalog) -> list[str]:
    return [str(problem) for problem in catalog.problems]


def test_what_a_document_defines_is_used_by_its_name(tmp_path: Path) -> None:
    catalog = loaded(tmp_path)

    assert told(catalog) == []
    mira = catalog.agents["mira"]
    stock, (secrets, tone) = definition(mira.context[0]), mira.evaluators
    assert (stock.name, stock.type, stock.entrypoint, stock.timeout) == (
        "stock", "python", "actions/bar.py:levels", 2.0,
    )  # fmt: skip
    assert stock.code == FILES["actions/bar.py"]
    assert secrets == PartUse("no_secrets")
    assert (definition(tone).question, definition(tone).passes, definition(tone).attempts) == ("Is it kind?", 0.7, 3)


def test_an_agent_lays_its_own_words_over_a_part(tmp_path: Path) -> None:
    catalog = with_mira(
        tmp_path, "context: [stock: { timeout: 9s }]\nevaluators: [tone: { pass: 0.9, on_fail: block }]"
    )

    mira = catalog.agents["mira"]
    tone = definition(mira.evaluators[0])
    assert told(catalog) == []
    assert definition(mira.context[0]).timeout == 9.0
    assert (tone.passes, tone.on_fail, tone.question, tone.attempts) == (0.9, "block", "Is it kind?", 3)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("evaluators: [tone: { passs: 0.9 }]", "agents.d/mira.yaml:2:22: CAR011 unknown key 'passs'"),
        ("evaluators: [tone: { pass: 9 }]", "agents.d/mira.yaml:2:28: CAR013 pass: this has to be at most 1"),
        (
            "evaluators: [tone: { question: ~, name: x }]",
            "agents.d/mira.yaml:2:35: CAR011 'name' is said where tone is",
        ),
        ("context: [stock: { entrypoint: 'x.py:y' }]", "agents.d/mira.yaml:2:20: CAR011 'entrypoint' is said where"),
        ("evaluators: [tones]", "agents.d/mira.yaml:2:14: CAR023 unknown evaluator 'tones'; did you mean 'tone'?"),
        ("context: [stocks]", "agents.d/mira.yaml:2:11: CAR024 unknown provider 'stocks'; did you mean 'stock'?"),
        (
            "evaluators: [a: { type: python, entrypoint: 'actions/bar.py:clam' }]",
            "agents.d/mira.yaml:2:45: CAR032 bar.py",
        ),
    ],
)
def test_what_is_wrong_with_a_use_is_told_where_it_stands(tmp_path: Path, written: str, problem: str) -> None:
    catalog = with_mira(tmp_path, written)

    (found,) = told(catalog)
    assert found.startswith(problem)
    assert "mira" not in catalog.agents


def test_what_stands_in_place_is_its_agents_own_and_comes_before_others_of_the_name(tmp_path: Path) -> None:
    own = "evaluators: [tone: { type: python, entrypoint: 'actions/bar.py:calm', stage: message }]"
    catalog = with_mira(tmp_path, own)
    other = load(write(tmp_path, {"agents.d/other.yaml": "character: { bio: x }\nevaluators: [tone]\n"}), {}, catalog)

    assert (told(catalog), told(other)) == ([], [])
    assert definition(other.agents["mira"].evaluators[0]).entrypoint == "actions/bar.py:calm"
    assert definition(other.agents["mira"].evaluators[0]).name == "tone"
    assert definition(other.agents["other"].evaluators[0]).type == "judge"


def test_a_part_of_the_operators_own_stands_in_for_one_that_is_built_in(tmp_path: Path) -> None:
    catalog = with_mira(tmp_path, "evaluators: [no_secrets: { type: judge, question: Is it public? }]")

    assert definition(catalog.agents["mira"].evaluators[0]).question == "Is it public?"


def test_a_broken_part_is_no_reason_to_use_the_built_in_of_its_name(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, **{"actions__more.yaml": "kind: evaluator\nname: no_secrets\ntype: judge\n"})

    assert [problem.code for problem in catalog.problems] == ["CAR012"]
    assert "mira" not in catalog.agents


@pytest.mark.parametrize("name", ["actions/bar.py", "actions/bar.yaml"])
def test_a_change_of_a_part_or_its_code_changes_the_agents_that_use_it_and_no_others(tmp_path: Path, name: str) -> None:
    first = loaded(tmp_path)
    here = Project(tmp_path)
    here.edit(name, "'rum'" if name.endswith("py") else "kind?", "'gin'" if name.endswith("py") else "warm?")

    second = load(here.config, {}, first)

    changed = [name for name in first.agents if first.agents[name] != second.agents[name]]
    assert changed == ["mira"]
    assert first.agents["mira"].revision != second.agents["mira"].revision
    assert tmp_path / "actions/bar.py" in second.rests["agent", "mira"]


def test_nothing_changes_where_nothing_did(tmp_path: Path) -> None:
    first = loaded(tmp_path)

    assert load(tmp_path / "carrier.yaml", {}, first).agents["mira"] is first.agents["mira"]


@pytest.mark.parametrize("gone", ["the document", "its name", "its code"])
def test_an_agent_whose_evaluator_is_gone_keeps_its_last_version(tmp_path: Path, gone: str) -> None:
    first = loaded(tmp_path)
    here = Project(tmp_path)
    match gone:
        case "the document":
            here.remove("actions/bar.yaml")
        case "its name":
            here.edit("actions/bar.yaml", "name: tone", "name: tune")
        case "its code":
            here.remove("actions/bar.py")

    second = load(here.config, {}, first)

    assert second.problems
    assert second.agents["mira"] == first.agents["mira"]


def test_a_broken_edit_of_its_code_keeps_the_last_version(tmp_path: Path) -> None:
    first = loaded(tmp_path)
    here = Project(tmp_path)
    here.edit("actions/bar.py", "def levels", "def lev(els")

    second = load(here.config, {}, first)

    assert [problem.code for problem in second.problems] == ["CAR032"]
    assert second.agents["mira"] == first.agents["mira"]
    assert second.stale("agent", "mira")


# --- what an agent knows, is after and reads ---------------------------------------------------------------------


def test_an_agent_knows_its_own_files_and_its_characters(tmp_path: Path) -> None:
    catalog = load(
        write(
            tmp_path,
            {
                **FILES,
                "docs/a.md": "a",
                "docs/b.md": "b",
                "agents.d/mira.yaml": """
templates: { chat: bare.j2 }
knowledge: [docs/a.md]
goals: { launch: { description: Open the bar, steps: [paint] } }
model: { use: scripted/default, params: { max_input_tokens: 9000, top_p: 0.5 } }
character: { bio: x, knowledge: [docs/b.md, { text: Rum is a drink. }, docs/a.md] }
""",
            },
        ),
        {},
    )

    mira = catalog.agents["mira"]
    assert told(catalog) == []
    assert mira.knowledge == Knowledge(tmp_path, ("docs/b.md", "docs/a.md"), ("Rum is a drink.",))
    assert mira.goals == (Goal("launch", "Open the bar", ("paint",)),)
    assert (mira.model.window, mira.model.params) == (9000, {"max_input_tokens": 9000, "top_p": 0.5})
    assert catalog.agents["tifa"].knowledge == Knowledge()


def test_a_judge_has_its_own_template_where_the_agent_names_one(tmp_path: Path) -> None:
    mira = str(FILES["agents.d/mira.yaml"])
    named = mira.replace("chat: bar.j2", "chat: bar.j2, judge: judge.j2")
    template = {"templates__judge.j2": "{{ question }}"}

    plain = loaded(tmp_path / "plain", **template)
    own = loaded(tmp_path / "own", **{"agents.d__mira.yaml": named}, **template)

    assert (told(plain), told(own)) == ([], [])
    assert [each.agents["mira"].templates.get("judge") for each in (plain, own)] == [None, "judge.j2"]


def test_the_templates_that_ship_take_an_agent_without_memories(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent.parent / "templates", tmp_path / "templates")
    agent = "character: { bio: x }\ncontext: [character, recent_messages, time]\n"

    catalog = load(write(tmp_path, {"carrier.yaml": "name: demo\n", "agents.d/mira.yaml": agent}), {})

    assert told(catalog) == []


# --- alive -----------------------------------------------------------------------------------------------------

SCRIPT = """
kind: script
name: mira
rules:
  - for: tone
    when: '> damn'
    say: '{"score": 0, "reason": "it swears"}'
  - for: tone
    say: '{"score": 1}'
  - when: 'it swears'
    say: Oh well.
  - when: 'lost'
    say: damn
  - given: '(?P<drink>rum|gin)'
    say: "{{ drink }}?"
"""


async def test_they_live_with_their_agent_and_follow_their_files(tmp_path: Path) -> None:
    mira = str(FILES["agents.d/mira.yaml"]).replace(
        "tone]", "tone, calm: { type: python, entrypoint: 'actions/bar.py:calm', stage: message }]"
    )
    here = project(tmp_path, {**FILES, "agents.d/mira.yaml": mira, "agents.d/mira-script.yaml": SCRIPT})
    async with running_host(here) as opened, calling(here.data) as caller:

        async def said(text: str) -> object:
            return (await caller.post("/mira/message", {"text": text}))["text"]

        assert await said("A drink") == "rum?"
        assert await said("I lost") == "Oh well."
        assert await said("You fool") == "I would rather not say that."
        here.edit("actions/bar.py", "'rum'", "'gin'")
        await opened.host.reload()
        assert await said("A drink") == "gin?"


READER = """
templates: { chat: known.j2 }
knowledge: [docs/*.md]
character: { bio: x }
---
kind: script
name: reader
rules:
  - given: 'from (?P<land>\\w+)'
    say: "{{ land }}"
  - say: nobody knows
"""


async def test_a_document_is_known_as_soon_as_it_is_saved_and_forgotten_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge, "PAUSE", 0.0)
    known = "{% for each in knowledge %}{{ each.memory.text }}{% endfor %}"
    here = project(tmp_path, {**FILES, "agents.d/reader.yaml": READER, "templates/known.j2": known})
    async with running_host(here) as opened, calling(here.data) as caller:

        async def said() -> object:
            return (await caller.post("/reader/message", {"text": "Where is the rum from?"}))["text"]

        assert await said() == "nobody knows"
        here.write("docs/rum.md", "The rum is from Cuba.")
        assert await said() == "Cuba"
        await opened.host.memories.settled()  # type: ignore[attr-defined]
        here.write("docs/rum.md", "The rum is from Jamaica, since June.")
        assert await said() == "Jamaica"
        here.remove("docs/rum.md")
        assert await said() == "nobody knows"
