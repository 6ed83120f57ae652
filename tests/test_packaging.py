"""What is shipped: the wheel holds the whole package, and its version is the one the changelog tells of."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

import carrier

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with ZipFile(next(folder.glob("*.whl"))) as wheel:
        yield wheel


def test_the_wheel_holds_each_file_of_the_package_and_no_other(wheel: ZipFile) -> None:
    files = {str(path.relative_to(ROOT)) for path in ROOT.glob("carrier/**/*") if path.is_file()}

    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert shipped == {name for name in files if "__pycache__" not in name}


def test_the_wheel_brings_the_command_and_the_licences(wheel: ZipFile) -> None:
    about = {name.partition(".dist-info/")[2]: name for name in wheel.namelist() if ".dist-info/" in name}

    assert wheel.read(about["entry_points.txt"]).decode().split() == (
        ["[console_scripts]", "carrier-host", "=", "carrier.cli:main"]
    )
    assert {"licenses/LICENSE", "licenses/carrier/memory/minilm/NOTICE"} <= about.keys()


def test_the_changelog_tells_of_this_version() -> None:
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == carrier.__version__


def test_each_dependency_is_locked_at_a_version_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"]["dev"])]
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))

    refused = [str(need) for need in declared if not need.specifier.contains(locked.get(need.name.lower(), "0"))]

    assert refused == []
