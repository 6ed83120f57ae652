"""`new`: a file that is right from its first line on, teaches its reader, and overwrites nothing."""

import json
import os
import re
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from carrier.cli import app
from carrier.config.catalog import load
from carrier.config.schema import texts
from carrier.errors import CarrierError
from carrier.testing.hosts import running_host
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": "name: demo\nmodels: { large: scripted/default, small: scripted/default }\n"
    "embeddings: { use: none }\nserver: { port: 0 }\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}
KEY = re.compile(r"^( *)# ((?:- )?[a-z_]+: .*|  - .*)$", re.MULTILINE)
"""A line that would be one more key, or what stands below one, without its `# `."""


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", FILES)


def new(files: Project, *arguments: str) -> list[str]:
    """What the command says it wrote, from the project's folder."""
    result = CliRunner().invoke(app, ["--config", str(files.config), "new", *arguments])
    if isinstance(result.exception, CarrierError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return [os.path.relpath(Path(line).absolute(), files.folder) for line in result.output.splitlines()]


def problems(files: Project, **environment: str) -> list[str]:
    return [str(problem) for problem in load(files.config, environment).problems]


async def test_a_new_agent_is_clean_and_answers(files: Project) -> None:
    assert new(files, "agent", "bob")[0] == "agents.d/bob.yaml"
    assert problems(files) == []

    async with running_host(files) as opened:
        headers = {"authorization": f"Bearer {opened.token}"}
        async with httpx.AsyncClient(base_url=opened.address, headers=headers, trust_env=False) as door:
            answer = await door.post("/bob/message", json={"text": "Hello"})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "answered")


@pytest.mark.parametrize("kind", ["agent", "character"])
def test_every_key_that_is_shown_may_be_used(files: Project, kind: str) -> None:
    path = files.folder / new(files, kind, "bob")[0]
    files.write("carrier.yaml", FILES["carrier.yaml"])

    text, shown = KEY.subn(r"\1\2", path.read_text())
    path.write_text(text)

    assert shown >= 10
    assert problems(files) == []


def test_the_keys_that_are_shown_with_what_counts_without_them_say_so_truly(files: Project) -> None:
    path = files.folder / new(files, "agent", "bob")[0]
    plain = load(files.config, {}).agents["bob"]

    names = "model|respond|context|actions|memory|limits"
    path.write_text(re.sub(rf"^# (?=(?:{names}): )", "", path.read_text(), flags=re.MULTILINE))

    assert load(files.config, {}).agents["bob"] == plain


async def test_a_new_action_is_clean_with_its_code_and_an_agent_may_use_it(files: Project) -> None:
    assert new(files, "action", "count")[:2] == ["actions/count.yaml", "actions/count.py"]
    files.write("agents.d/tifa.yaml", "character: { bio: Keeps the bar. }\nactions: [count]\n")

    assert problems(files) == []
    async with running_host(files) as opened:
        assert list(opened.host.agents) == ["tifa"]


def test_a_new_client_is_for_an_agent_that_there_is(files: Project) -> None:
    assert new(files, "client", "terminal")[0] == "agents.d/clients/terminal.yaml"

    assert problems(files) == []
    assert load(files.config, {}).clients["terminal"].agent == "tifa"


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("client", "d", "--type", "discord"), {"DISCORD_API_TOKEN": "x" * 60}),
        (("client", "i", "--type", "instagram"), {"INSTAGRAM_ACCOUNT_ID": "1", "INSTAGRAM_ACCESS_TOKEN": "x" * 60}),
        (("client", "w", "--type", "webhook"), {"WEBHOOK_SECRET": "x" * 60}),
        (("action", "weather", "--type", "http"), {}),
    ],
    ids=lambda each: "",
)
def test_a_file_of_each_type_is_right_with_and_without_its_variables(
    files: Project, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    new(files, *arguments)

    assert [problem for problem in problems(files, **variables) if "CAR050" not in problem] == []
    assert [problem for problem in problems(files) if "CAR050" not in problem] == []


def test_each_file_names_its_schema_and_a_project_without_schemas_gets_them(files: Project) -> None:
    made = {**{name: kind for kind in ("agent", "character", "client", "action") for name in new(files, kind, "bob")}}

    written = {
        name.partition("/")[2]: (files.folder / name).read_text() for name in made if name.startswith("schemas/")
    }
    assert written == texts()
    for name in (name for name in made if name.endswith(".yaml")):
        first = (files.folder / name).read_text().split("\n")[0]
        schema = (files.folder / name).parent / first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads(schema.read_text())["$schema"].startswith("https://json-schema.org/")


def test_a_file_that_is_there_stays_as_it_is(files: Project) -> None:
    before = (files.folder / "agents.d/tifa.yaml").read_text()

    with pytest.raises(CarrierError, match=r"tifa\.yaml is there already"):
        new(files, "agent", "tifa")

    assert (files.folder / "agents.d/tifa.yaml").read_text() == before


def test_a_name_that_another_file_has_taken_is_refused(files: Project) -> None:
    files.write("agents.d/bar.yaml", "name: bob\ncharacter: { bio: x }\n")

    with pytest.raises(CarrierError, match="another agent is called 'bob'"):
        new(files, "agent", "bob")

    assert not (files.folder / "agents.d/bob.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("agent", "Bob"), "'Bob' is no name"),
        (("agent", "../bob"), "is no name"),
        (("wizard", "bob"), "'wizard' is no kind to make; there are agent, character, client, action"),
        (("client", "bob", "--type", "irc"), "no client is of type 'irc'; there are console, discord"),
    ],
)
def test_what_cannot_be_made_is_refused_with_what_can(files: Project, arguments: tuple[str, ...], refusal: str) -> None:
    with pytest.raises(CarrierError, match=re.escape(refusal)):
        new(files, *arguments)


def test_no_line_is_wider_than_an_editor_shows() -> None:
    from carrier.cli import making

    shown = (
        making.AGENT,
        making.CHARACTER,
        making.DISCORD,
        making.INSTAGRAM,
        making.WEBHOOK,
        making.PYTHON,
        making.HTTP,
    )
    for text in shown:
        assert max(map(len, text.split("\n"))) <= 120
