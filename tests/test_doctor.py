"""`doctor`: what this machine lacks for a host is found, told with what helps, and without the value of any key."""

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carrier.cli import app, doctor
from carrier.cli.doctor import Finding, examine
from carrier.cli.project import Project as Settings
from carrier.config.schema import main as write_schemas
from carrier.lock import locked
from carrier.testing.hosts import running_host
from carrier.testing.openai_server import openai_server
from carrier.testing.projects import Project, project
from carrier.types.models import Choice

FILES = {
    "carrier.yaml": "name: demo\nmodels: { large: scripted/default, small: scripted/default }\n"
    "embeddings: { use: none }\nserver: { port: 0 }\ntimezone: Europe/Oslo\n",
    "agents.d/tifa.yaml": "description: ${GREETING:-none}\ncharacter: { bio: Keeps the bar. }\n"
    "# ${OF_NO_CONCERN}\nx-plain: $${NO_VARIABLE}\n",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@pytest.fixture
def files(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", FILES)


def found(files: Project, **environment: str) -> dict[str, Finding]:
    return {finding.about: finding for finding in examine(Settings(files.config, environment))}


def test_a_machine_that_is_ready_has_no_problem(files: Project) -> None:
    findings = found(files)

    assert [str(finding) for finding in findings.values() if finding.state == "problem"] == []
    assert findings.keys() >= {
        *("packages", "files", "GREETING", "lock", "port", "data", "disk", "descriptors", "text", "clock", "schemas"),
        *("model large", "model small"),
    }
    assert "Europe/Oslo" in findings["clock"].says


def test_people_get_a_table_scripts_get_json_and_a_problem_is_code_1(files: Project) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["--config", str(files.config), "doctor", *arguments])
        return result.exit_code, result.output

    assert run()[0] == 0
    files.write("agents.d/tifa.yaml", "modle: large\n")
    code, out = run("--json")

    findings = {finding["about"]: finding for finding in json.loads(out)}
    assert code == 1
    assert findings["files"]["state"] == "problem"
    assert "carrier-host check" in findings["files"]["remedy"]
    assert "problem  files" in run()[1]


# --- what is installed ------------------------------------------------------------------------------------------------


def test_a_package_of_another_version_is_told_with_how_to_get_the_right_one() -> None:
    needed = [
        "pydantic>=99",
        "no-such-package>=1",
        "typer>=0.1",
        "uvloop>=99; sys_platform == 'nowhere'",
        "python>=3.99",
    ]

    wrong = {finding.about: finding for finding in doctor.unsuitable(needed)}

    assert wrong.keys() == {"pydantic", "no-such-package", "python"}
    assert wrong["pydantic"].remedy == "pip install 'pydantic>=99'"
    assert wrong["no-such-package"].says == "not installed, and Carrier needs >=1"


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_told_by_where_it_is_set_and_never_by_its_value(files: Project) -> None:
    files.write(
        "agents.d/clients.yaml",
        "kind: client\nname: a\ntype: console\nprompt: ${IN_ENVIRONMENT}\n---\n"
        "kind: client\nname: b\ntype: console\nprompt: ${IN_FILE}\n---\n"
        "kind: client\nname: c\ntype: console\nprompt: ${NOWHERE}\n",
    )
    files.write(".env", "IN_FILE=hidden-in-file\n")

    findings = found(files, IN_ENVIRONMENT="hidden-in-environment", OPENAI_API_KEY="hidden-key")

    told = {
        name: findings[name].says for name in ("IN_ENVIRONMENT", "IN_FILE", "NOWHERE", "GREETING", "OPENAI_API_KEY")
    }
    assert told == {
        "IN_ENVIRONMENT": "set in the environment",
        "IN_FILE": "set in .env",
        "NOWHERE": "not set",
        "GREETING": "not set; its file has a value for that",
        "OPENAI_API_KEY": "set in the environment",
    }
    assert (findings["NOWHERE"].state, findings["GREETING"].state) == ("warning", "ok")
    assert not {"OF_NO_CONCERN", "NO_VARIABLE"} & findings.keys()
    assert "hidden" not in str(findings)


# --- port and lock ----------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_told_with_who_has_it(files: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        finding = doctor.port("127.0.0.1", number)

    assert finding.state == "problem"
    assert finding.says.startswith(f"127.0.0.1:{number}: address already in use, held by ")
    assert finding.says.endswith(f"(pid {os.getpid()})")
    assert "server: { port: … }" in finding.remedy


def test_a_host_that_runs_here_is_told_by_its_pid_and_may_have_its_port(files: Project) -> None:
    with locked(files.data):
        findings = found(files)

    assert findings["lock"].says == f"a host runs here (pid {os.getpid()})"
    assert "port" not in findings


async def test_a_living_host_stands_in_nobody_s_way(files: Project) -> None:
    async with running_host(files):
        findings = await asyncio.to_thread(found, files)

    assert [str(finding) for finding in findings.values() if finding.state == "problem"] == []


# --- disk and limits --------------------------------------------------------------------------------------------------


def test_a_data_folder_that_cannot_be_written_to_is_a_problem(tmp_path: Path) -> None:
    folder = Path("/proc/self")  # not even root may write there

    assert doctor.data_folder(folder).state == "problem"
    assert doctor.data_folder(tmp_path / "not" / "yet").state == "ok"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (doctor.watches(10, 8192), "ok"),
        (doctor.watches(5000, 8192), "warning"),
        (doctor.descriptors(1024, 4096), "ok"),
        (doctor.descriptors(-1, -1), "ok"),
        (doctor.descriptors(256, 4096), "warning"),
    ],
)
def test_limits_of_the_system_that_are_low_are_told_with_how_to_raise_them(finding: Finding, state: str) -> None:
    assert finding.state == state
    assert (finding.remedy == "") == (state == "ok")


def test_a_raised_limit_is_one_that_may_be_had() -> None:
    assert doctor.descriptors(256, 4096).remedy == "raise it: ulimit -n 4096"


# --- clock, schemas ---------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_is_told() -> None:
    assert doctor.clock("UTC", 1.0, 1.1).state == "ok"
    assert "jumped by -3599.0 s" in doctor.clock("UTC", -3598.0, 1.0).says


def test_schemas_of_another_version_are_told_with_the_command_that_renews_them(tmp_path: Path) -> None:
    assert doctor.schemas(tmp_path / "none").state == "ok"

    write_schemas(tmp_path / "schemas")
    assert doctor.schemas(tmp_path / "schemas").state == "ok"

    (tmp_path / "schemas/agent.schema.json").write_text("{}")
    assert doctor.schemas(tmp_path / "schemas").remedy == "carrier-host schema --write schemas"


# --- models -----------------------------------------------------------------------------------------------------------


async def look_at(use: str, base_url: str = "", has_key: bool = False, **environment: str) -> Finding:
    return await doctor.model(Choice(use, "the configuration names it", base_url), has_key, environment, online=False)


async def test_a_server_on_this_machine_is_looked_for() -> None:
    async with openai_server() as server:
        answers = await look_at("openai/some", server.url)
    gone = await look_at("openai/some", server.url)

    assert (answers.state, gone.state) == ("ok", "problem")
    assert "nothing answers at 127.0.0.1:" in gone.says


async def test_a_vendor_s_model_needs_its_key_and_is_not_asked() -> None:
    without, with_key = await look_at("anthropic/some"), await look_at("anthropic/some", ANTHROPIC_API_KEY="k")
    own = await look_at("anthropic/some", has_key=True)

    assert (without.state, with_key.state, own.state) == ("problem", "ok", "ok")
    assert without.remedy == "set ANTHROPIC_API_KEY in .env or in the environment"
    assert "api.anthropic.com was not asked, --online does" in with_key.says


async def test_a_script_needs_nobody() -> None:
    assert (await look_at("scripted/tifa")).state == "ok"
